#include "cli/network_options.h"

#include "base/str.h"
#include "cli/fields.h"
#include "engine/modes.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* What an endpoint can be told, where it stands in Docker's EndpointSettings, and what says it of
 * the first network. */
static const struct word {
    const char *key, *path, *option, *conflict;
    bool list;
} words[] = {
    {"alias", "Aliases", "network-alias", "--network-alias and per-network alias", true},
    {"ip", "IPAMConfig.IPv4Address", "ip", "--ip and per-network IPv4 address", false},
    {"ip6", "IPAMConfig.IPv6Address", "ip6", "--ip6 and per-network IPv6 address", false},
    {"mac-address", "MacAddress", "mac-address", "--mac-address and per-network MAC address",
     false},
    {"link-local-ip", "IPAMConfig.LinkLocalIPs", "link-local-ip",
     "--link-local-ip and per-network link-local IP addresses", true},
};

/* The object that has the last name of a dotted path, made when it is missing. *ret_key points into
 * @path. NULL when memory ran out. */
static json_t *parent_of(json_t *endpoint, const char *path, const char **ret_key)
{
    const char *dot = strchr(path, '.');
    *ret_key = dot ? dot + 1 : path;
    if (!dot)
        return endpoint;
    _cleanup_free_ char *name = strndup(path, (size_t)(dot - path));
    json_t *there = name ? json_object_get(endpoint, name) : NULL;
    if (name && !there && json_object_set_new(endpoint, name, json_object()) == 0)
        there = json_object_get(endpoint, name);
    return there;
}

static int not_utf8(const char *option, struct err *e)
{
    return err_set(e, EINVAL, "option \"--%s\": its value is not UTF-8", option);
}

int endpoint_add_text(json_t *endpoint, const char *path, const char *option, const char *text,
                      struct err *e)
{
    const char *key;
    json_t *parent = parent_of(endpoint, path, &key), *j = json_string(text);
    if (!j)
        return not_utf8(option, e);
    return json_object_set_new(parent, key, j) < 0 ? err_nomem(e) : 0;
}

int endpoint_add_item(json_t *endpoint, const char *path, const char *option, const char *text,
                      struct err *e)
{
    const char *key;
    json_t *parent = parent_of(endpoint, path, &key), *j = json_string(text);
    if (!j)
        return not_utf8(option, e);
    json_t *list = json_object_get(parent, key);
    if (parent && !list && json_object_set_new(parent, key, json_array()) == 0)
        list = json_object_get(parent, key);
    return json_array_append_new(list, j) < 0 ? err_nomem(e) : 0;
}

static int add_word(json_t *endpoint, const struct word *w, const char *text, struct err *e)
{
    return w->list ? endpoint_add_item(endpoint, w->path, w->option, text, e)
                   : endpoint_add_text(endpoint, w->path, w->option, text, e);
}

int parse_driver_opt(const char *text, json_t *endpoint, struct err *e)
{
    const char *value = strchr(text, '='), *key;
    if (!value || value == text)
        return err_set(e, EINVAL, "invalid key value pair format in driver options");
    _cleanup_free_ char *name = strndup(text, (size_t)(value - text));
    json_t *options = parent_of(endpoint, "DriverOpts.", &key), *j = json_string(value + 1);
    if (!name || !options) {
        json_decref(j);
        return err_nomem(e);
    }
    return !j || json_object_set_new(options, name, j) < 0 ? not_utf8("network", e) : 0;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t n = strlen(text); n > 0 && strchr(" \t", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

static int take_priority(const char *text, json_t *endpoint, struct err *e)
{
    long long n;
    int r = str_to_int64(text[0] == '+' ? text + 1 : text, INT_MIN, INT_MAX, &n);
    if (r < 0)
        return err_set(e, EINVAL, "invalid gw-priority (%s): %s", text,
                       r == -ERANGE ? "value out of range" : "invalid syntax");
    return json_object_set_new(endpoint, "GwPriority", json_integer(n)) < 0 ? err_nomem(e) : 0;
}

static int take_field(char *field, char **name, json_t *endpoint, struct err *e)
{
    for (char *c = field; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    char *value = strchr(field, '=');
    if (!value || value == field)
        return err_set(e, EINVAL, "invalid field %s", field);
    *value++ = '\0';
    const char *key = trim(field);
    value = trim(value);
    if (str_eq(key, "name")) {
        free(*name);
        *name = strdup(value);
        return *name ? 0 : err_nomem(e);
    }
    if (str_eq(key, "driver-opt"))
        return parse_driver_opt(value, endpoint, e);
    if (str_eq(key, "gw-priority"))
        return take_priority(value, endpoint, e);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(key, words[i].key))
            return add_word(endpoint, &words[i], value, e);
    return err_set(e, EINVAL, "invalid field key %s", key);
}

/* Docker's: KEY=VALUE somewhere in it makes it the long form. */
static bool is_long(const char *text)
{
    for (const char *at = text; (at = strchr(at, '=')); at++)
        if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_') &&
            (isalnum((unsigned char)at[1]) || at[1] == '_'))
            return true;
    return false;
}

static int parse_long(const char *text, char **ret_name, json_t *endpoint, struct err *e)
{
    _cleanup_free_ char *copy = strdup(text), *name = NULL;
    if (!copy)
        return err_nomem(e);
    int r = 0;
    _cleanup_err_ struct err why = ERR_INIT;
    for (char *at = copy; r == 0 && at;) {
        char *field = field_next(&at);
        r = field ? take_field(field, &name, endpoint, &why)
                  : err_set(&why, EINVAL, "a quote is not closed, or stands within a field");
    }
    if (r == 0 && (!name || !*name))
        r = err_set(&why, EINVAL, "network name/id is not specified");
    if (r < 0)
        return err_set(e, -r, "invalid argument \"%s\" for \"--network\": %s", text,
                       err_text(&why));
    *ret_name = TAKE_PTR(name);
    return 0;
}

int parse_network(const char *text, char **ret_name, json_t *endpoint, struct err *e)
{
    if (is_long(text))
        return parse_long(text, ret_name, endpoint, e);
    if (text[strspn(text, " \t")] == '\0')
        return err_set(e, EINVAL, "no name set for network");
    *ret_name = strdup(text);
    return *ret_name ? 0 : err_nomem(e);
}

/* The options beside --network say more of the first one. */
static int add_options(const struct network_options *o, json_t *endpoint, struct err *e)
{
    const char *const single[] = {NULL, o->ip, o->ip6, o->mac, NULL};
    const struct option_list *const lists[] = {&o->alias, NULL, NULL, NULL, &o->link_local_ip};
    int r = 0;
    for (size_t i = 0; r == 0 && i < o->opt.n; i++)
        r = parse_driver_opt(o->opt.v[i], endpoint, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(words); i++) {
        const struct option_list *list = lists[i];
        bool given = list ? list->n > 0 : single[i] && *single[i];
        if (given && json_at(endpoint, words[i].path))
            return err_set(e, EINVAL, "conflicting options: cannot specify both %s",
                           words[i].conflict);
        if (given && !list)
            r = add_word(endpoint, &words[i], single[i], e);
        for (size_t k = 0; r == 0 && list && k < list->n; k++)
            r = add_word(endpoint, &words[i], list->v[k], e);
    }
    return r;
}

struct builder {
    json_t *endpoints, *host;
    bool user, other; /* networks of one's own, and modes */
};

static int put_one(const struct network_options *o, size_t i, struct builder *b, struct err *e)
{
    _cleanup_json_ json_t *endpoint = json_object();
    _cleanup_free_ char *name = NULL;
    if (!endpoint)
        return err_nomem(e);
    int r = parse_network(o->network.n ? o->network.v[i] : "default", &name, endpoint, e);
    if (r == 0 && i == 0)
        r = add_options(o, endpoint, e);
    if (r < 0)
        return r;
    bool user = mode_names_network(name);
    bool bridge = str_eq(name, "default") || str_eq(name, "bridge");
    if (!user && !bridge && json_at(endpoint, "Aliases"))
        return err_set(e, EINVAL,
                       "network-scoped aliases are only supported for networks that have "
                       "names: user-defined ones and the bridge");
    if (json_object_get(b->endpoints, name))
        return err_set(e, EINVAL, "network \"%s\" is specified multiple times", name);
    b->user |= user;
    b->other |= !user;
    json_t *mode = i == 0 ? json_string(o->network.n ? name : "") : NULL;
    if (i == 0 && (!mode || json_object_set_new(b->host, "NetworkMode", mode) < 0))
        return not_utf8("network", e);
    if (!user && o->network.n <= 1 && json_object_size(endpoint) == 0)
        return 0;
    return json_object_set(b->endpoints, name, endpoint) < 0 ? not_utf8("network", e) : 0;
}

int network_options_put(const struct network_options *o, json_t *request, json_t *host,
                        struct err *e)
{
    _cleanup_json_ json_t *endpoints = json_object();
    struct builder b = {.endpoints = endpoints, .host = host};
    int r = endpoints ? 0 : err_nomem(e);
    for (size_t i = 0; r == 0 && (i == 0 || i < o->network.n); i++)
        r = put_one(o, i, &b, e);
    if (r == 0 && b.user && b.other)
        return err_set(e, EINVAL,
                       "conflicting options: cannot attach both user-defined and non-user-defined "
                       "network-modes");
    if (r < 0 || json_object_size(endpoints) == 0)
        return r;
    json_t *config = json_pack("{s:O}", "EndpointsConfig", endpoints);
    return json_object_set_new(request, "NetworkingConfig", config) < 0 ? err_nomem(e) : 0;
}
