#include "engine/seccomp_profile.h"

#include "base/json.h"
#include "base/str.h"
#include "engine/seccomp_table.h"
#include "runtime/capabilities.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#define PROFILE_MAX_BYTES (4u << 20)

static bool row_applies(const struct seccomp_row *row, uint64_t caps)
{
    enum seccomp_row_arch native = seccomp_native_row();
    if (row->arch == SECCOMP_ROW_NOT_S390 ? native == SECCOMP_ROW_S390
                                          : row->arch != SECCOMP_ROW_ANY && row->arch != native)
        return false;
    if (row->caps != 0 && (row->caps & caps) == 0)
        return false;
    return (row->unless_caps & caps) == 0;
}

static int add_names(json_t *list, const char *names)
{
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        /* The table is ours: no need to check its letters. */
        if (json_array_append_new(list, json_stringn_nocheck(p, n)) < 0)
            return -ENOMEM;
        p += n + (p[n] == ' ');
    }
    return 0;
}

/* One rule of the specification, around @names, which is shared by the rules of a row. */
static int add_rule(json_t *rules, json_t *names, json_t *action, const struct seccomp_row *row,
                    const uint32_t *value)
{
    _cleanup_json_ json_t *rule = json_object();
    if (!rule || json_object_set_nocheck(rule, "names", names) < 0 ||
        json_object_set_nocheck(rule, "action", action) < 0)
        return -ENOMEM;
    if (row->errno_ret &&
        json_object_set_new_nocheck(rule, "errnoRet", json_integer(row->errno_ret)) < 0)
        return -ENOMEM;
    if (value) {
        /* For MASKED_EQ, value is the mask, and valueTwo, what is left of the argument, is zero. */
        json_t *args = json_pack("[{s:i,s:I,s:s}]", "index", (int)row->arg, "value",
                                 (json_int_t)*value, "op", row->op);
        if (json_object_set_new_nocheck(rule, "args", args) < 0)
            return -ENOMEM;
    }
    return json_array_append(rules, rule) < 0 ? -ENOMEM : 0;
}

static int add_row(json_t *rules, json_t *allow, const struct seccomp_row *row)
{
    _cleanup_json_ json_t *names = json_array();
    _cleanup_json_ json_t *refuse = row->errno_ret ? json_string_nocheck("SCMP_ACT_ERRNO") : NULL;
    if (!names || add_names(names, row->names) < 0)
        return -ENOMEM;
    json_t *action = row->errno_ret ? refuse : allow;
    if (row->n_values == 0)
        return add_rule(rules, names, action, row, NULL);
    for (size_t i = 0; i < row->n_values; i++) {
        int r = add_rule(rules, names, action, row, &row->values[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The rows without a condition on arguments, and allowing, are one rule: less to write into the
 * bundle, to read and to digest. */
static bool row_is_plain(const struct seccomp_row *row)
{
    return row->n_values == 0 && row->errno_ret == 0;
}

static int add_rows(json_t *rules, uint64_t caps)
{
    static const struct seccomp_row plain = {0};
    _cleanup_json_ json_t *allow = json_string_nocheck("SCMP_ACT_ALLOW");
    _cleanup_json_ json_t *names = json_array();
    if (!allow || !names)
        return -ENOMEM;
    for (size_t i = 0; i < seccomp_rows_n; i++) {
        const struct seccomp_row *row = &seccomp_rows[i];
        if (!row_applies(row, caps))
            continue;
        int r = row_is_plain(row) ? add_names(names, row->names) : add_row(rules, allow, row);
        if (r < 0)
            return r;
    }
    return add_rule(rules, names, allow, &plain, NULL);
}

static json_t *native_arches(void)
{
    _cleanup_json_ json_t *list = json_array();
    for (size_t i = 0; seccomp_native_arches[i]; i++) {
        if (json_array_append_new(list, json_string_nocheck(seccomp_native_arches[i])) < 0)
            return NULL;
    }
    return TAKE_PTR(list);
}

int seccomp_profile_default(uint64_t caps, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *rules = json_array();
    _cleanup_json_ json_t *profile =
        json_pack("{s:s,s:i}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet", EPERM);
    if (!rules || !profile || add_rows(rules, caps) < 0 ||
        (seccomp_native_arches[0] &&
         json_object_set_new_nocheck(profile, "architectures", native_arches()) < 0) ||
        json_object_set_nocheck(profile, "syscalls", rules) < 0)
        return err_nomem(e);
    *ret = TAKE_PTR(profile);
    return 0;
}

/* "4.8" to two numbers. Returns what follows them, or NULL when it does not begin so. */
static const char *read_version(const char *text, unsigned long *ret_major,
                                unsigned long *ret_minor)
{
    char *end;
    *ret_major = strtoul(text, &end, 10);
    if (end == text || *end != '.')
        return NULL;
    const char *second = end + 1;
    *ret_minor = strtoul(second, &end, 10);
    return end == second ? NULL : end;
}

/* "4.8" against the running kernel's "6.1.0-13-amd64". */
static int kernel_at_least(const char *want, bool *ret, struct err *e)
{
    unsigned long major, minor, have_major = 0, have_minor = 0;
    const char *rest = want ? read_version(want, &major, &minor) : NULL;
    if (!rest || *rest)
        return err_set(e, EINVAL, "minKernel \"%s\" is not of the form 4.8", want ? want : "");
    struct utsname u;
    if (uname(&u) < 0 || !read_version(u.release, &have_major, &have_minor))
        return err_set(e, EIO, "cannot tell the kernel's version");
    *ret = have_major > major || (have_major == major && have_minor >= minor);
    return 0;
}

/* Whether one of @list is there: a capability of @caps, or this architecture. */
static int any_cap(const json_t *list, uint64_t caps, bool *ret, struct err *e)
{
    *ret = false;
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        int n = name ? capability_by_name(name) : -1;
        if (n < 0)
            return err_set(e, EINVAL, "unknown capability \"%s\"", name ? name : "");
        *ret |= (caps >> n & 1) != 0;
    }
    return 0;
}

static bool all_caps(const json_t *list, uint64_t caps)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        if ((caps >> capability_by_name(json_string_value(item)) & 1) == 0)
            return false;
    }
    return true;
}

static bool any_arch(const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        if (str_eq(json_string_value(item), seccomp_native_name))
            return true;
    }
    return false;
}

/* Docker's conditions: all of "includes" hold (of its capabilities, all; of its architectures,
 * one), and nothing of "excludes". An empty list is no condition. */
static int rule_applies(const json_t *rule, uint64_t caps, bool *ret, struct err *e)
{
    const json_t *in_caps = json_at(rule, "includes.caps"),
                 *in_arch = json_at(rule, "includes.arches");
    const json_t *out_caps = json_at(rule, "excludes.caps");
    bool ignored = false, excluded = false, recent = true;
    int r = any_cap(in_caps, caps, &ignored, e);
    if (r == 0)
        r = any_cap(out_caps, caps, &excluded, e);
    const json_t *min = json_at(rule, "includes.minKernel");
    if (r == 0 && min && !str_eq(json_string_value(min), ""))
        r = kernel_at_least(json_string_value(min), &recent, e);
    bool too_recent = false;
    min = json_at(rule, "excludes.minKernel");
    if (r == 0 && min && !str_eq(json_string_value(min), ""))
        r = kernel_at_least(json_string_value(min), &too_recent, e);
    if (r < 0)
        return r;
    *ret = all_caps(in_caps, caps) && (json_array_size(in_arch) == 0 || any_arch(in_arch)) &&
           recent && !excluded && !too_recent && !any_arch(json_at(rule, "excludes.arches"));
    return 0;
}

/* A rule of the file without what the specification does not have. */
static int plain_rule(const json_t *rule, json_t **ret, struct err *e)
{
    static const char *const keys[] = {"names", "action", "errnoRet", "args"};
    _cleanup_json_ json_t *plain = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(rule, keys[i]);
        if (value && !json_is_null(value) && json_object_set(plain, keys[i], value) < 0)
            return err_nomem(e);
    }
    json_t *name = json_object_get(rule, "name");
    if (name && json_string_length(name) > 0) {
        if (json_object_get(plain, "names") && json_array_size(json_object_get(plain, "names")))
            return err_set(e, EINVAL, "a rule has both \"name\" and \"names\"");
        json_t *names = json_array();
        if (json_array_append(names, name) < 0 || json_object_set_new(plain, "names", names) < 0)
            return err_nomem(e);
    }
    if (!plain)
        return err_nomem(e);
    *ret = TAKE_PTR(plain);
    return 0;
}

static int choose_rules(const json_t *from, uint64_t caps, json_t *into, struct err *e)
{
    if (from && !json_is_null(from) && !json_is_array(from))
        return err_set(e, EINVAL, "\"syscalls\" must be a list");
    size_t i;
    json_t *rule;
    json_array_foreach (from, i, rule) {
        if (!json_is_object(rule))
            return err_set(e, EINVAL, "a rule of \"syscalls\" must be an object");
        bool applies;
        json_t *plain = NULL;
        int r = rule_applies(rule, caps, &applies, e);
        if (r == 0 && applies) {
            r = plain_rule(rule, &plain, e);
            if (r == 0 && json_array_append_new(into, plain) < 0)
                return err_nomem(e);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* From archMap the entry of this machine: itself and its relatives. */
static int choose_arches(const json_t *file, json_t *profile, struct err *e)
{
    json_t *plain = json_object_get(file, "architectures");
    const json_t *map = json_object_get(file, "archMap");
    if (json_array_size(plain) > 0 && json_array_size(map) > 0)
        return err_set(e, EINVAL, "both \"architectures\" and \"archMap\" are given");
    if (json_array_size(plain) > 0)
        return json_object_set(profile, "architectures", plain) < 0 ? err_nomem(e) : 0;

    size_t i;
    json_t *entry;
    json_array_foreach (map, i, entry) {
        json_t *arch = json_object_get(entry, "architecture");
        if (!seccomp_native_arches[0] || !str_eq(json_string_value(arch), seccomp_native_arches[0]))
            continue;
        _cleanup_json_ json_t *list = json_array();
        json_t *sub = json_object_get(entry, "subArchitectures");
        if (json_array_append(list, arch) < 0 ||
            (json_is_array(sub) && json_array_extend(list, sub) < 0) ||
            json_object_set(profile, "architectures", list) < 0)
            return err_nomem(e);
        return 0;
    }
    return 0;
}

static int from_file(const json_t *file, uint64_t caps, json_t **ret, struct err *e)
{
    if (!json_is_object(file) || !json_str(file, "defaultAction"))
        return err_set(e, EINVAL, "there is no \"defaultAction\"");

    static const char *const keys[] = {"defaultAction", "defaultErrnoRet", "flags", "listenerPath",
                                       "listenerMetadata"};
    _cleanup_json_ json_t *profile = json_object();
    _cleanup_json_ json_t *rules = json_array();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(file, keys[i]);
        if (value && !json_is_null(value) && json_object_set(profile, keys[i], value) < 0)
            return err_nomem(e);
    }
    int r = choose_arches(file, profile, e);
    if (r == 0)
        r = choose_rules(json_object_get(file, "syscalls"), caps, rules, e);
    if (r < 0)
        return r;
    if (json_object_set(profile, "syscalls", rules) < 0)
        return err_nomem(e);
    *ret = TAKE_PTR(profile);
    return 0;
}

int seccomp_profile_load(const char *path, uint64_t caps, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *file = NULL;
    int r = json_read(AT_FDCWD, path, PROFILE_MAX_BYTES, &file, e);
    if (r == 0)
        r = from_file(file, caps, ret, e);
    return r < 0 ? err_wrap(e, "seccomp profile \"%s\"", path) : 0;
}
