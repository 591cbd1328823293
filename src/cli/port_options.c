#include "cli/port_options.h"

#include "base/str.h"
#include "network/address.h"

#include <string.h>

struct ports {
    long long first, last;
};

static bool parse_port(const char *text, long long *ret)
{
    return text[0] >= '0' && text[0] <= '9' && str_to_int64(text, 0, 65535, ret) == 0;
}

/* "80" or "80-90". */
static bool parse_ports(const char *text, struct ports *ret)
{
    const char *dash = strchr(text, '-');
    _cleanup_free_ char *first = strndup(text, dash ? (size_t)(dash - text) : strlen(text));
    return first && parse_port(first, &ret->first) &&
           parse_port(dash ? dash + 1 : first, &ret->last) && ret->first <= ret->last;
}

/* Cuts "/PROTOCOL" off @text. A second slash ends it, as Docker has it; in small letters. */
static const char *cut_protocol(char *text)
{
    char *protocol = strchr(text, '/');
    if (!protocol)
        return "tcp";
    *protocol++ = '\0';
    protocol[strcspn(protocol, "/")] = '\0';
    for (char *c = protocol; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return *protocol ? protocol : "tcp";
}

static bool is_protocol(const char *word)
{
    return str_eq(word, "tcp") || str_eq(word, "udp") || str_eq(word, "sctp");
}

/* The three parts of "IP:HOST:CONTAINER", cut out of @text; "" for those that are not there. */
struct parts {
    const char *ip, *host, *container;
};

static int split(char *text, struct parts *ret, struct err *e)
{
    *ret = (struct parts){"", "", text};
    char *colon = strrchr(text, ':');
    if (!colon)
        return 0;
    *colon = '\0';
    ret->container = colon + 1;
    ret->host = text;
    colon = strrchr(text, ':');
    if (!colon)
        return 0;
    *colon = '\0';
    ret->host = colon + 1;
    ret->ip = text;
    size_t n = strlen(text);
    if (text[0] == '[') {
        if (text[n - 1] != ']')
            return err_set(e, EINVAL, "invalid IP address %s: missing ']' in address", text);
        text[n - 1] = '\0';
        ret->ip = text + 1;
    }
    struct ip_address address;
    return *ret->ip && ip_address_parse(ret->ip, &address) < 0
               ? err_set(e, EINVAL, "invalid IP address: %s", ret->ip)
               : 0;
}

static int add_binding(json_t *bindings, const char *key, const char *ip, const char *host_port,
                       struct err *e)
{
    json_t *list = json_object_get(bindings, key);
    if (!list && json_object_set_new(bindings, key, json_array()) == 0)
        list = json_object_get(bindings, key);
    if (!list || json_array_append_new(
                     list, json_pack("{s:s, s:s}", "HostIp", ip, "HostPort", host_port)) < 0)
        return err_nomem(e);
    return 0;
}

/* One binding for each of the container's ports. Several host ports for one of the container's
 * are a choice, and stay together. */
static int add_bindings(json_t *bindings, const struct parts *parts, const char *protocol,
                        struct err *e)
{
    struct ports inside, host = {0};
    bool any = !*parts->host;
    if (!parse_ports(parts->container, &inside))
        return err_set(e, EINVAL, "invalid containerPort: %s", parts->container);
    if (!any && !parse_ports(parts->host, &host))
        return err_set(e, EINVAL, "invalid hostPort: %s", parts->host);
    bool choice = inside.first == inside.last && host.first != host.last;
    if (!any && !choice && host.last - host.first != inside.last - inside.first)
        return err_set(e, EINVAL,
                       "invalid ranges specified for container and host Ports: %s and %s",
                       parts->container, parts->host);
    int r = 0;
    for (long long i = 0; r == 0 && i <= inside.last - inside.first; i++) {
        _cleanup_free_ char *key = str_printf("%lld/%s", inside.first + i, protocol);
        _cleanup_free_ char *port = any      ? strdup("")
                                    : choice ? str_printf("%lld-%lld", host.first, host.last)
                                             : str_printf("%lld", host.first + i);
        r = key && port ? add_binding(bindings, key, parts->ip, port, e) : err_nomem(e);
    }
    return r;
}

/* The long form said the short way; others are copied. */
static char *shorten(const char *text, struct err *e)
{
    _cleanup_free_ char *copy = strdup(text);
    const char *published = "", *target = "", *protocol = "tcp";
    if (!copy || !strchr(copy, '='))
        return TAKE_PTR(copy);
    char *rest = copy;
    for (char *field; (field = strsep(&rest, ","));) {
        char *value = strchr(field, '=');
        if (!value || value == field) {
            err_set(e, EINVAL, "invalid publish opts format (should be name=value but got '%s')",
                    field);
            return NULL;
        }
        *value++ = '\0';
        if (str_eq(field, "published"))
            published = value;
        else if (str_eq(field, "target"))
            target = value;
        else if (str_eq(field, "protocol"))
            protocol = value;
    }
    return str_printf("%s:%s/%s", published, target, protocol);
}

int parse_publish(const char *text, json_t *bindings, struct err *e)
{
    _cleanup_err_ struct err why = ERR_INIT;
    _cleanup_free_ char *copy = shorten(text, &why);
    struct parts parts;
    if (!copy)
        return why.code ? err_set(e, why.code, "%s", err_text(&why)) : err_nomem(e);
    _cleanup_free_ char *whole = strdup(copy);
    if (!whole)
        return err_nomem(e);
    const char *protocol = cut_protocol(copy);
    int r = split(copy, &parts, e);
    if (r < 0)
        return r;
    if (!*parts.container)
        return err_set(e, EINVAL, "no port specified: %s<empty>", whole);
    if (!is_protocol(protocol))
        return err_set(e, EINVAL, "invalid proto: %s", protocol);
    return add_bindings(bindings, &parts, protocol, e);
}

int parse_expose(const char *text, json_t *exposed, struct err *e)
{
    struct ports ports;
    _cleanup_free_ char *copy = strdup(text);
    if (!copy)
        return err_nomem(e);
    if (strchr(text, ':'))
        return err_set(e, EINVAL, "invalid port format for --expose: %s", text);
    const char *protocol = cut_protocol(copy);
    if (!parse_ports(copy, &ports))
        return err_set(e, EINVAL, "invalid range format for --expose: %s: must be PORT[-PORT]",
                       text);
    if (!is_protocol(protocol))
        return err_set(e, EINVAL, "invalid proto: %s", protocol);
    for (long long port = ports.first; port <= ports.last; port++) {
        _cleanup_free_ char *key = str_printf("%lld/%s", port, protocol);
        if (!key || json_object_set_new(exposed, key, json_object()) < 0)
            return err_nomem(e);
    }
    return 0;
}

int port_options_put(const struct option_list *publish, const struct option_list *expose,
                     bool publish_all, json_t *request, json_t *host, struct err *e)
{
    _cleanup_json_ json_t *bindings = json_object(), *exposed = json_object();
    int r = bindings && exposed ? 0 : err_nomem(e);
    for (size_t i = 0; r == 0 && i < publish->n; i++)
        r = parse_publish(publish->v[i], bindings, e);
    for (size_t i = 0; r == 0 && i < expose->n; i++)
        r = parse_expose(expose->v[i], exposed, e);
    const char *port;
    json_t *list;
    json_object_foreach (bindings, port, list)
        if (r == 0 && json_object_set_new(exposed, port, json_object()) < 0)
            r = err_nomem(e);
    if (r < 0)
        return r;
    if (json_object_set(host, "PortBindings", bindings) < 0 ||
        json_object_set_new(host, "PublishAllPorts", json_boolean(publish_all)) < 0 ||
        (json_object_size(exposed) > 0 && json_object_set(request, "ExposedPorts", exposed) < 0))
        return err_nomem(e);
    return 0;
}
