#include "cli/ps_filter.h"

#include "cli/filter.h"
#include "engine/networks.h"
#include "image/image.h"

#include <regex.h>
#include <string.h>

/* One filter on one container. */
typedef bool test(const struct engine *en, const json_t *d, const char *value);

static bool is_match(const char *pattern, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* A pattern, of the name with or without its slash. */
static bool by_name(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    const char *name = json_str(d, "Name");
    return is_match(value, name) || is_match(value, name + 1);
}

static bool by_id(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    return is_match(value, json_str(d, "Id"));
}

static bool by_status(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    return str_eq(json_str(d, "State.Status"), value);
}

static bool by_label(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    const char *equals = strchrnul(value, '=');
    _cleanup_free_ char *key = strndup(value, (size_t)(equals - value));
    const json_t *label = key ? json_object_get(json_at(d, "Config.Labels"), key) : NULL;
    return label && (!*equals || str_eq(json_string_value(label), equals + 1));
}

static bool by_ancestor(const struct engine *en, const json_t *d, const char *value)
{
    if (str_eq(json_str(d, "Config.Image"), value))
        return true;
    _cleanup_image_ struct image image = {0};
    return image_find(en->root_fd, value, &image, NULL) == 0 &&
           str_eq(json_str(d, "Image"), image.id);
}

static bool by_exited(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    long long code = -1;
    return str_to_int64(value, 0, 255, &code) == 0 && by_status(NULL, d, "exited") &&
           json_int(d, "State.ExitCode", 0) == code;
}

/* A network by its name or the beginning of its ID. */
static bool by_network(const struct engine *en, const json_t *d, const char *value)
{
    const json_t *networks = json_at(d, "NetworkSettings.Networks");
    const char *mode = json_str(d, "HostConfig.NetworkMode");
    if (str_eq(mode, value) || json_object_get(networks, value))
        return true;
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    return networks_find(en, value, &n, NULL) == 0 &&
           (str_eq(mode, n.name) || json_object_get(networks, n.name));
}

static bool by_health(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    const char *status = json_str(d, "State.Health.Status");
    return str_eq(status ? status : "none", value);
}

/* "PORT[-PORT]" before what *ret_rest is set to. */
static bool read_ports(const char *text, unsigned long *ret_first, unsigned long *ret_last,
                       const char **ret_rest)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *ret_first = *ret_last = strtoul(text, &end, 10);
    if (end[0] == '-' && end[1] >= '0' && end[1] <= '9')
        *ret_last = strtoul(end + 1, &end, 10);
    *ret_rest = end;
    return *ret_first <= 65535 && *ret_last <= 65535;
}

/* "80", "80/udp", "8000-8010/tcp": whether the ports' object has one of them. */
static bool has_port(const json_t *ports, const char *value)
{
    unsigned long first, last;
    const char *rest;
    if (!read_ports(value, &first, &last, &rest))
        return false;
    for (unsigned long port = first; port <= last; port++) {
        _cleanup_free_ char *key = str_printf("%lu/%s", port, *rest == '/' ? rest + 1 : "tcp");
        if (key && json_object_get(ports, key))
            return true;
    }
    return false;
}

static bool by_expose(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    return has_port(json_at(d, "Config.ExposedPorts"), value);
}

static bool by_publish(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    return has_port(json_at(d, "HostConfig.PortBindings"), value);
}

/* A volume by its name, or any mount by its destination. */
static bool by_volume(const struct engine *en, const json_t *d, const char *value)
{
    (void)en;
    size_t i;
    json_t *m;
    json_array_foreach (json_at(d, "Mounts"), i, m)
        if (str_eq(json_str(m, "Name"), value) || str_eq(json_str(m, "Destination"), value))
            return true;
    return false;
}

/* Below 0: it was created before the container that @value names; 0: it is that one. */
static int compare_age(const struct engine *en, const json_t *d, const char *value)
{
    _cleanup_record_ struct container_record other = CONTAINER_RECORD_INIT;
    const char *when = json_str(d, "Created");
    if (record_find(en, value, &other, NULL) < 0 || !when)
        return 0;
    const char *then = json_str(other.document, "Created");
    return then ? strcmp(when, then) : 0;
}

static bool by_before(const struct engine *en, const json_t *d, const char *value)
{
    return compare_age(en, d, value) < 0;
}

static bool by_since(const struct engine *en, const json_t *d, const char *value)
{
    return compare_age(en, d, value) > 0;
}

static const struct filter {
    const char *key; /* with its equals sign */
    test *passes;
    bool every;     /* all of its values must pass, not one of them */
    bool wants_all; /* also what does not run */
} known[] = {
    {"name=", by_name, false, false},       {"id=", by_id, false, false},
    {"status=", by_status, false, true},    {"label=", by_label, true, false},
    {"exited=", by_exited, false, true},    {"ancestor=", by_ancestor, false, false},
    {"network=", by_network, false, false}, {"volume=", by_volume, false, false},
    {"before=", by_before, false, false},   {"since=", by_since, false, false},
    {"health=", by_health, false, false},   {"expose=", by_expose, false, false},
    {"publish=", by_publish, false, false},
};

static const struct filter *find_filter(const char *text, const char **ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const char *value = str_after(text, known[i].key);
        if (value) {
            *ret_value = value;
            return &known[i];
        }
    }
    return NULL;
}

static bool is_health(const char *word)
{
    static const char *const all[] = {"none", "starting", "healthy", "unhealthy"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (str_eq(word, all[i]))
            return true;
    return false;
}

/* "PORT[-PORT][/PROTOCOL]" */
static bool is_ports(const char *word)
{
    unsigned long first, last;
    const char *rest;
    if (!read_ports(word, &first, &last, &rest))
        return false;
    return *rest == '\0' || str_eq(rest, "/tcp") || str_eq(rest, "/udp") || str_eq(rest, "/sctp");
}

static bool is_status(const char *word)
{
    static const char *const all[] = {"created",  "running", "paused", "restarting",
                                      "removing", "exited",  "dead"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (str_eq(word, all[i]))
            return true;
    return false;
}

int ps_filter_check(const struct engine *en, const struct option_list *filters, struct err *e)
{
    for (size_t i = 0; i < filters->n; i++) {
        const char *value = NULL;
        const struct filter *f = find_filter(filters->v[i], &value);
        long long code;
        if (!f || (f->passes == by_status && !is_status(value)) ||
            (f->passes == by_health && !is_health(value)) ||
            ((f->passes == by_expose || f->passes == by_publish) && !is_ports(value)) ||
            (f->passes == by_exited && str_to_int64(value, 0, 255, &code) < 0))
            return filter_invalid(filters->v[i], e);
        if (f->passes != by_before && f->passes != by_since)
            continue;
        _cleanup_record_ struct container_record other = CONTAINER_RECORD_INIT;
        int r = record_find(en, value, &other, e);
        if (r < 0)
            return r;
    }
    return 0;
}

bool ps_filter_passes(const struct engine *en, const struct option_list *filters, const json_t *d)
{
    bool wanted[ARRAY_LEN(known)] = {false}, passed[ARRAY_LEN(known)] = {false};
    for (size_t i = 0; i < filters->n; i++) {
        const char *value = NULL;
        const struct filter *f = find_filter(filters->v[i], &value);
        bool passes = f && f->passes(en, d, value);
        if (!f || (f->every && !passes))
            return false;
        wanted[f - known] = true;
        passed[f - known] |= passes;
    }
    return memcmp(wanted, passed, sizeof(wanted)) == 0;
}

bool ps_filter_wants_all(const struct option_list *filters)
{
    bool all = false;
    for (size_t i = 0; i < filters->n; i++) {
        const char *value = NULL;
        const struct filter *f = find_filter(filters->v[i], &value);
        all |= f && f->wants_all;
    }
    return all;
}
