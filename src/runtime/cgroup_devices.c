#include "runtime/cgroup_devices.h"

#include "base/json.h"
#include "base/str.h"

#include <string.h>

#define MAX_RULES 1024            /* what the BPF verifier has been seen to take */
#define MAX_MAJOR ((1 << 12) - 1) /* the kernel's dev_t */
#define MAX_MINOR ((1 << 20) - 1)

#define ACC_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* In every container (OCI config-linux "Default Devices"), whatever its list says; nodes may be
 * made of any device, as using them is another matter. */
static const struct device_rule always[] = {
    {true, 'c', DEVICE_ANY, DEVICE_ANY, BPF_DEVCG_ACC_MKNOD},
    {true, 'b', DEVICE_ANY, DEVICE_ANY, BPF_DEVCG_ACC_MKNOD},
    {true, 'c', 1, 3, ACC_ALL},            /* null */
    {true, 'c', 1, 5, ACC_ALL},            /* zero */
    {true, 'c', 1, 7, ACC_ALL},            /* full */
    {true, 'c', 1, 8, ACC_ALL},            /* random */
    {true, 'c', 1, 9, ACC_ALL},            /* urandom */
    {true, 'c', 5, 0, ACC_ALL},            /* tty */
    {true, 'c', 5, 1, ACC_ALL},            /* console */
    {true, 'c', 5, 2, ACC_ALL},            /* ptmx */
    {true, 'c', 136, DEVICE_ANY, ACC_ALL}, /* pts/N */
};

static bool is_all(const struct device_rule *r)
{
    return r->type == 'a';
}

static int append(struct device_rules *rules, struct device_rule rule)
{
    /* Nothing before "all" counts any more. */
    if (is_all(&rule))
        rules->n = 0;
    struct device_rule *more = realloc(rules->v, (rules->n + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    rules->v = more;
    more[rules->n++] = rule;
    return 0;
}

static int parse_number(const json_t *rule, const char *key, int32_t max, int32_t *ret,
                        struct err *e)
{
    const json_t *j = json_object_get(rule, key);
    long long n = json_is_integer(j) ? json_integer_value(j) : DEVICE_ANY;
    if ((j && !json_is_null(j) && !json_is_integer(j)) || n < DEVICE_ANY || n > max)
        return err_set(e, EINVAL, "\"linux.resources.devices\": %s must be 0 to %d, or -1 for any",
                       key, max);
    *ret = (int32_t)n;
    return 0;
}

static int parse_access(const char *text, uint32_t *ret, struct err *e)
{
    uint32_t access = 0;
    for (const char *p = text; *p; p++) {
        uint32_t bit = *p == 'r'   ? BPF_DEVCG_ACC_READ
                       : *p == 'w' ? BPF_DEVCG_ACC_WRITE
                       : *p == 'm' ? BPF_DEVCG_ACC_MKNOD
                                   : 0;
        if (!bit)
            return err_set(e, EINVAL, "\"linux.resources.devices\": access must be of r, w and m");
        access |= bit;
    }
    /* None at all is all. */
    *ret = access ? access : ACC_ALL;
    return 0;
}

static int parse_rule(const json_t *j, struct device_rule *ret, struct err *e)
{
    if (!json_is_boolean(json_object_get(j, "allow")))
        return err_set(e, EINVAL, "\"linux.resources.devices\": a rule has no \"allow\"");
    const char *type = json_str(j, "type");
    if (type && (strlen(type) > 1 || !strchr("abcup", *type)))
        return err_set(e, EINVAL, "\"linux.resources.devices\": unknown type \"%s\"", type);

    *ret = (struct device_rule){.allow = json_bool(j, "allow", false)};
    ret->type = !type || !*type ? 'a' : *type == 'u' ? 'c' : *type;
    int r = parse_number(j, "major", MAX_MAJOR, &ret->major, e);
    if (r == 0)
        r = parse_number(j, "minor", MAX_MINOR, &ret->minor, e);
    const char *access = json_str(j, "access");
    if (r == 0)
        r = parse_access(access ? access : "", &ret->access, e);
    return r;
}

/* v1 takes "a" as everything, whatever numbers follow it; so a part of it becomes two rules. */
static int append_parsed(struct device_rules *rules, struct device_rule rule)
{
    bool part = rule.major != DEVICE_ANY || rule.minor != DEVICE_ANY || rule.access != ACC_ALL;
    if (rule.type != 'a' || !part)
        return rule.type == 'p' ? 0 : append(rules, rule);
    rule.type = 'b';
    int r = append(rules, rule);
    rule.type = 'c';
    return r < 0 ? r : append(rules, rule);
}

int device_rules_parse(const json_t *list, struct device_rules *ret, struct err *e)
{
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(e, EINVAL, "\"linux.resources.devices\" must be a list");
    if (json_array_size(list) > MAX_RULES)
        return err_set(e, E2BIG, "\"linux.resources.devices\" has more than %d rules", MAX_RULES);

    _cleanup_device_rules_ struct device_rules rules = {0};
    const struct device_rule all = {false, 'a', DEVICE_ANY, DEVICE_ANY, ACC_ALL};
    if (append(&rules, all) < 0)
        return err_nomem(e);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        struct device_rule rule;
        int r = parse_rule(item, &rule, e);
        if (r < 0)
            return r;
        if (append_parsed(&rules, rule) < 0)
            return err_nomem(e);
    }
    /* Where everything is allowed at the end, more would say nothing. */
    bool all_allowed = rules.n == 1 && rules.v[0].allow;
    for (size_t k = 0; !all_allowed && k < ARRAY_LEN(always); k++) {
        if (append(&rules, always[k]) < 0)
            return err_nomem(e);
    }
    *ret = rules;
    rules = (struct device_rules){0};
    return 0;
}

void device_rules_release(struct device_rules *rules)
{
    free(rules->v);
    *rules = (struct device_rules){0};
}

/* --- v1 ---------------------------------------------------------------------------------- */

static void number(int32_t n, char buf[12])
{
    if (n == DEVICE_ANY)
        snprintf(buf, 12, "*");
    else
        snprintf(buf, 12, "%d", n);
}

void device_rule_line(const struct device_rule *rule, char *buf, size_t size)
{
    if (is_all(rule)) {
        snprintf(buf, size, "a");
        return;
    }
    char major[12], minor[12];
    number(rule->major, major);
    number(rule->minor, minor);
    snprintf(buf, size, "%c %s:%s %s%s%s", rule->type, major, minor,
             rule->access & BPF_DEVCG_ACC_READ ? "r" : "",
             rule->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
             rule->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

static bool overlap(const struct device_rule *a, const struct device_rule *b)
{
    return a->type == b->type && (a->access & b->access) &&
           (a->major == b->major || a->major == DEVICE_ANY || b->major == DEVICE_ANY) &&
           (a->minor == b->minor || a->minor == DEVICE_ANY || b->minor == DEVICE_ANY);
}

int device_rules_check_v1(const struct device_rules *rules, struct err *e)
{
    bool by_default = rules->v[0].allow; /* the first rule is always "all" */
    for (size_t i = 1; i < rules->n; i++) {
        const struct device_rule *taken = &rules->v[i];
        if (taken->allow != by_default)
            continue;
        for (size_t k = 1; k < i; k++) {
            const struct device_rule *given = &rules->v[k];
            if (given->allow == by_default || !overlap(given, taken) ||
                (given->major == taken->major && given->minor == taken->minor))
                continue;
            char a[64], b[64];
            device_rule_line(given, a, sizeof(a));
            device_rule_line(taken, b, sizeof(b));
            return err_set(
                e, ENOTSUP,
                "cannot set \"linux.resources.devices\": \"%s %s\" after \"%s %s\" cannot "
                "be expressed (cgroup v1)",
                taken->allow ? "allow" : "deny", b, given->allow ? "allow" : "deny", a);
        }
    }
    return 0;
}
