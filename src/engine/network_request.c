#include "engine/network_request.h"

#include "engine/endpoints_cni.h"
#include "engine/modes.h"

#include <string.h>

enum { ENDPOINTS_MAX = 64, ALIASES_MAX = 256, ALIAS_LENGTH_MAX = 255 };

int rate_parse(const char *text, unsigned long long *ret)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};
    char *end = NULL;
    double n = str_to_decimal(text, &end);
    for (size_t i = 0; end && i < ARRAY_LEN(units); i++) {
        if (strcasecmp(end, units[i].unit) != 0)
            continue;
        double bits = n * units[i].factor;
        if (bits < 8000 || bits > 1e12) /* less is a packet in more than a second */
            return -EINVAL;
        *ret = (unsigned long long)bits;
        return 0;
    }
    return -EINVAL;
}

static int check_rate(const struct network_record *n, const json_t *endpoint, struct err *e)
{
    const char *rate = json_str(json_at(endpoint, "DriverOpts"), "rate");
    unsigned long long bits;
    return rate && rate_parse(rate, &bits) < 0
               ? err_set(e, EINVAL,
                         "invalid rate \"%s\" on network %s: 8kbit to 1000gbit, as in rate=10mbit",
                         rate, n->name)
               : 0;
}

/* ---- one endpoint ---- */

static int bad_endpoint(const struct network_record *n, struct err *e, const char *what,
                        const char *value)
{
    return err_set(e, EINVAL, "invalid config for network %s: invalid endpoint settings: %s%s%s",
                   n->name, what, *value ? " " : "", value);
}

static int check_address(const struct network_record *n, const char *text, bool v6, struct err *e)
{
    const struct ip_range *subnet = v6 ? &n->config.subnet6 : &n->config.subnet4;
    struct ip_address a;
    if (!text || !*text)
        return 0;
    if (ip_address_parse(text, &a) < 0 || a.family != (v6 ? AF_INET6 : AF_INET))
        return bad_endpoint(n, e, v6 ? "invalid IPv6 address:" : "invalid IPv4 address:", text);
    if (n->fd < 0)
        return bad_endpoint(
            n, e, "user specified IP address is supported on user defined networks only", "");
    bool unknown = n->config.driver == NETWORK_CNI && !subnet->first.family;
    if (!unknown && !ip_range_contains(subnet, &a))
        return bad_endpoint(n, e, "no configured subnet contains IP address", text);
    return 0;
}

/* Any text that a question can be about. */
static bool is_alias(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || n > ALIAS_LENGTH_MAX)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static int check_aliases(const struct network_record *n, const json_t *endpoint, struct err *e)
{
    const json_t *aliases = json_object_get(endpoint, "Aliases");
    size_t i;
    json_t *alias;
    if (json_array_size(aliases) == 0)
        return 0;
    if (!network_record_is_real(n))
        return bad_endpoint(n, e, "there are no names on it, and so no aliases", "");
    if (json_array_size(aliases) > ALIASES_MAX)
        return bad_endpoint(n, e, "too many aliases", "");
    json_array_foreach (aliases, i, alias)
        if (!is_alias(json_string_value(alias)))
            return bad_endpoint(
                n, e, "not a name:", json_string_value(alias) ? json_string_value(alias) : "");
    return 0;
}

static int check_link_local(const struct network_record *n, const json_t *endpoint, struct err *e)
{
    const json_t *list = json_at(endpoint, "IPAMConfig.LinkLocalIPs");
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        struct ip_address a;
        if (!text || ip_address_parse(text, &a) < 0)
            return bad_endpoint(n, e, "invalid link-local IP address:", text ? text : "");
    }
    return json_array_size(list) == 0
               ? 0
               : err_set(e, ENOTSUP, "link-local addresses are not supported: a network's own are");
}

int network_request_check(const struct network_record *network, const json_t *endpoint,
                          struct err *e)
{
    const char *mac = json_str(endpoint, "MacAddress");
    uint8_t bytes[6];
    int r = check_address(network, json_str(endpoint, "IPAMConfig.IPv4Address"), false, e);
    if (r == 0)
        r = check_address(network, json_str(endpoint, "IPAMConfig.IPv6Address"), true, e);
    if (r == 0)
        r = check_link_local(network, endpoint, e);
    if (r == 0)
        r = check_rate(network, endpoint, e);
    if (r == 0 && mac && *mac && mac_parse(mac, bytes) < 0)
        return err_set(e, EINVAL, "%s is not a valid mac address", mac);
    if (r == 0)
        r = endpoint_cni_check(network, endpoint, false, e);
    return r == 0 ? check_aliases(network, endpoint, e) : r;
}

/* ---- what goes together ---- */

static int check_container_mode(const json_t *document, struct err *e)
{
    const json_t *host = json_at(document, "HostConfig");
    if (json_object_size(json_at(host, "PortBindings")) > 0 ||
        json_bool(host, "PublishAllPorts", false))
        return err_set(e, EINVAL,
                       "conflicting options: port publishing and the container type network mode");
    if (json_object_size(json_at(document, "Config.ExposedPorts")) > 0)
        return err_set(e, EINVAL,
                       "conflicting options: port exposing and the container type network mode");
    return 0;
}

/* Docker's three, of which none goes with another network. */
static int check_alone(const struct mode *m, const char *mode, const json_t *endpoints,
                       struct err *e)
{
    const char *name;
    json_t *endpoint;
    json_object_foreach ((json_t *)(uintptr_t)endpoints, name, endpoint) {
        if (str_eq(name, mode) || (str_eq(name, "default") && str_eq(mode, "bridge")))
            continue;
        if (m->kind == MODE_HOST || str_eq(name, "host"))
            return err_set(
                e, EINVAL,
                "container cannot be disconnected from host network or connected to host "
                "network");
        if (m->kind != MODE_PRIVATE)
            return err_set(e, EINVAL,
                           "container sharing network namespace with another container or host "
                           "cannot be connected to any other network");
        if (!m->cable || str_eq(name, "none"))
            return err_set(e, EINVAL,
                           "container cannot be connected to multiple networks with one of the "
                           "networks in private (none) mode");
    }
    return 0;
}

/* ---- the whole ---- */

static int add_endpoint(const struct engine *en, const char *what, const json_t *endpoint,
                        json_t *networks, char **ret_name, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    int r = networks_find(en, str_eq(what, "default") ? "bridge" : what, &n, e);
    if (r == 0 && n.fd >= 0 && !network_record_is_real(&n))
        r = err_set(e, EPERM, "configuration network %s cannot be attached to", n.name);
    if (r == 0 && json_object_get(networks, n.name))
        r = err_set(e, EINVAL, "network \"%s\" is specified multiple times", n.name);
    if (r == 0)
        r = network_request_check(&n, endpoint, e);
    if (r < 0)
        return r;
    json_t *copy = json_is_object(endpoint) ? json_deep_copy(endpoint) : json_object();
    if (json_object_set_new(networks, n.name, copy) < 0)
        return err_nomem(e);
    *ret_name = strdup(n.name);
    return *ret_name ? 0 : err_nomem(e);
}

/* Of an endpoint where there is none: without a network, or on another's. */
static int check_nowhere(const json_t *endpoint, struct err *e)
{
    if (json_object_size(json_object_get(endpoint, "IPAMConfig")) > 0)
        return err_set(e, EINVAL,
                       "user specified IP address is supported on user defined networks only");
    const char *mac = json_str(endpoint, "MacAddress");
    return mac && *mac ? err_set(e, EINVAL, "conflicting options: mac-address and the network mode")
                       : 0;
}

/* The mode's network comes first, whether or not more is said of it. */
static int add_first(const struct engine *en, const struct mode *m, const json_t *endpoints,
                     json_t *host, json_t *networks, struct err *e)
{
    const char *mode = json_str(host, "NetworkMode");
    const json_t *endpoint = json_object_get(endpoints, mode);
    if (!endpoint && str_eq(mode, "bridge"))
        endpoint = json_object_get(endpoints, "default");
    if (!m->cable)
        return check_nowhere(endpoint, e);
    if (!m->value && json_object_size(endpoint) == 0)
        return 0;
    _cleanup_free_ char *name = NULL;
    int r = add_endpoint(en, mode, endpoint, networks, &name, e);
    if (r == 0 && !str_eq(name, mode) &&
        json_object_set_new(host, "NetworkMode", json_string(name)) < 0)
        return err_nomem(e);
    return r;
}

static int add_others(const struct engine *en, const char *mode, const json_t *endpoints,
                      json_t *networks, struct err *e)
{
    const char *what;
    json_t *endpoint;
    int r = 0;
    json_object_foreach ((json_t *)(uintptr_t)endpoints, what, endpoint) {
        _cleanup_free_ char *name = NULL;
        bool first = str_eq(what, mode) || (str_eq(what, "default") && str_eq(mode, "bridge"));
        if (r == 0 && !first)
            r = add_endpoint(en, what, endpoint, networks, &name, e);
    }
    return r;
}

int network_request_resolve(const struct engine *en, const json_t *request, json_t *document,
                            struct err *e)
{
    const json_t *endpoints = json_at(request, "NetworkingConfig.EndpointsConfig");
    json_t *host = json_object_get(document, "HostConfig");
    _cleanup_free_ char *mode = NULL;
    struct mode m;
    int r = mode_of(document, NS_NETWORK, &m, e);
    if (r == 0 && json_object_size(endpoints) > ENDPOINTS_MAX)
        r = err_set(e, E2BIG, "a container has at most %d networks", ENDPOINTS_MAX);
    if (r == 0 && m.kind == MODE_CONTAINER)
        r = check_container_mode(document, e);
    if (r < 0)
        return r;
    mode = strdup(json_str(host, "NetworkMode"));
    if (!mode)
        return err_nomem(e);
    _cleanup_json_ json_t *networks = json_object();
    r = check_alone(&m, mode, endpoints, e);
    if (r == 0)
        r = networks ? add_first(en, &m, endpoints, host, networks, e) : err_nomem(e);
    if (r == 0)
        r = add_others(en, mode, endpoints, networks, e);
    if (r < 0 || json_object_size(networks) == 0)
        return r;
    json_t *settings = json_pack("{s:O}", "Networks", networks);
    return json_object_set_new(document, "NetworkSettings", settings) < 0 ? err_nomem(e) : 0;
}
