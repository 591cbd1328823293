#include "engine/endpoints_cni.h"
#include "engine/endpoints_private.h"
#include "engine/network_settings.h"
#include "network/protocol.h"

#include <string.h>

enum { MAX_PORT = 65535, MAX_PUBLISHED = 65536 };

/* "80/tcp" */
static int read_port(const char *text, uint8_t *ret_protocol, uint16_t *ret_port, struct err *e)
{
    const char *slash = strchrnul(text, '/');
    _cleanup_free_ char *number = strndup(text, (size_t)(slash - text));
    long long n = 0;
    if (!number)
        return err_nomem(e);
    *ret_protocol = protocol_number(*slash ? slash + 1 : "tcp");
    if (*ret_protocol == 0 || str_to_int64(number, 1, MAX_PORT, &n) < 0)
        return err_set(e, EINVAL, "invalid port \"%s\": it is 1 to 65535, /tcp, /udp or /sctp",
                       text);
    *ret_port = (uint16_t)n;
    return 0;
}

/* "", "8080" or "8080-8090": of several the first that is free. 0 to 0 is any. */
static int read_host_port(const char *text, uint16_t *ret_first, uint16_t *ret_last, struct err *e)
{
    *ret_first = *ret_last = 0;
    if (!text || !*text || str_eq(text, "0"))
        return 0;
    const char *dash = strchr(text, '-');
    _cleanup_free_ char *one = strndup(text, dash ? (size_t)(dash - text) : strlen(text));
    long long first = 0, last = 0;
    if (!one)
        return err_nomem(e);
    if (str_to_int64(one, 1, MAX_PORT, &first) < 0 ||
        str_to_int64(dash ? dash + 1 : one, 1, MAX_PORT, &last) < 0 || last < first)
        return err_set(e, EINVAL, "invalid host port \"%s\"", text);
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return 0;
}

/* The running container with that address; NULL: none of this root's. */
static char *name_at(const struct engine *en, const struct ip_address *address)
{
    _cleanup_strv_ struct strv ids = {0};
    char text[IP_ADDRESS_TEXT];
    ip_address_format(address, text);
    if (record_list(en, &ids, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_json_ json_t *settings = NULL;
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        const char *name;
        json_t *network;
        bool found = false;
        if (network_settings_read(en, ids.v[i], &settings, NULL) < 0)
            continue;
        json_object_foreach (json_at(settings, "Networks"), name, network)
            found = found || str_eq(json_str(network, "IPAddress"), text) ||
                    str_eq(json_str(network, "GlobalIPv6Address"), text);
        if (found && record_open(en, ids.v[i], &c, NULL) == 0)
            return strdup(record_name(&c));
    }
    return NULL;
}

/* The container that says that it publishes the port, which its network's plugins may do. */
static char *name_publishing(const struct engine *en, const struct publication *wanted)
{
    _cleanup_strv_ struct strv ids = {0};
    if (record_list(en, &ids, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_json_ json_t *settings = NULL;
        _cleanup_free_ struct publication *ports = NULL;
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        size_t n = 0;
        bool found = false;
        if (network_settings_read(en, ids.v[i], &settings, NULL) < 0 ||
            endpoints_read_ports(settings, &ports, &n) < 0)
            continue;
        for (size_t k = 0; k < n; k++)
            found = found || (ports[k].protocol == wanted->protocol &&
                              ports[k].host_port == wanted->host_port);
        if (found && record_open(en, ids.v[i], &c, NULL) == 0)
            return strdup(record_name(&c));
    }
    return NULL;
}

/* Who has it, by the name that people know. */
static int tell_taken(const struct endpoints *all, const struct publication *p, struct err *e)
{
    struct publish_owner owner;
    if (p->host_port == 0)
        return -EADDRINUSE;
    bool known = publish_owner(p, &owner, NULL) > 0 && owner.container;
    _cleanup_free_ char *name =
        known ? name_at(all->engine, &owner.target) : name_publishing(all->engine, p);
    return name ? err_set(e, EADDRINUSE, "port %u/%s is published by container \"%s\" already",
                          p->host_port, protocol_name(p->protocol), name)
                : -EADDRINUSE;
}

/* For one more. */
static int make_room(struct endpoints *all, struct err *e)
{
    if (all->n_ports == MAX_PUBLISHED)
        return err_set(e, E2BIG, "a container publishes %d ports at most", MAX_PUBLISHED);
    struct publication *more = reallocarray(all->ports, all->n_ports + 1, sizeof(*more));
    if (!more)
        return err_nomem(e);
    all->ports = more;
    return 0;
}

static int add(struct endpoints *all, const struct publication *p, uint16_t first, uint16_t last,
               struct err *e)
{
    int r = make_room(all, e);
    if (r < 0)
        return r;
    struct publication *one = &all->ports[all->n_ports];
    *one = *p;
    r = publish_claim(one, first, last, e);
    all->n_ports += r == 0;
    if (r == -EADDRINUSE && first == last) {
        one->host_port = first;
        return tell_taken(all, one, e);
    }
    return r;
}

/* Plugins lead what is published by them. */
static bool is_by_plugins(const struct endpoint *way)
{
    return way && way->network.config.driver == NETWORK_CNI;
}

/* Where published ports of a family lead: the container's end of its way out, not on a parent.
 * NULL: nowhere. An internal network reaches nothing and is not reached. */
static const struct endpoint *way_of(const struct endpoints *all, sa_family_t family)
{
    for (size_t i = 0; i < all->n; i++)
        if (family == AF_INET6 ? all->v[i].first6 : all->v[i].first4)
            return all->v[i].network.config.driver == NETWORK_BRIDGE || is_by_plugins(&all->v[i])
                       ? &all->v[i]
                       : NULL;
    return NULL;
}

static bool is_routed(const struct endpoint *way, sa_family_t family)
{
    return way && (family == AF_INET6 ? way->network.config.routed6 : way->network.config.routed4);
}

/* Where a network is routed a port is the container's own, and none of the host's. */
static int add_direct(struct endpoints *all, const struct publication *p, struct err *e)
{
    int r = make_room(all, e);
    if (r < 0)
        return r;
    all->ports[all->n_ports] = *p;
    all->ports[all->n_ports++].direct = true;
    return 0;
}

static int add_routed(struct endpoints *all, const struct publication *p, struct err *e)
{
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++) {
        struct publication own = *p;
        own.host = (struct ip_address){.family = families[i]};
        if (is_routed(way_of(all, families[i]), families[i]))
            r = add_direct(all, &own, e);
    }
    return r;
}

/* The way of a family whose ports are the host's as well. */
static const struct endpoint *translated_way(const struct endpoints *all, sa_family_t family)
{
    const struct endpoint *way = way_of(all, family);
    return is_routed(way, family) ? NULL : way;
}

/* No address is all of the host's, of the families that the container has; their port is the
 * same. Any port is the first's choice, and another's if that is taken for the second. */
static int claim_everywhere(struct endpoints *all, struct publication *p, uint16_t first,
                            uint16_t last, struct err *e)
{
    enum { TRIES = 16 };
    bool v4 = translated_way(all, AF_INET), v6 = translated_way(all, AF_INET6);
    if (!v4 && !v6)
        return 0;
    for (int tries = 0;; tries++) {
        p->host = (struct ip_address){.family = v4 ? AF_INET : AF_INET6};
        int r = add(all, p, first, last, e);
        if (r < 0 || !v4 || !v6)
            return r;
        uint16_t port = all->ports[all->n_ports - 1].host_port;
        p->host.family = AF_INET6;
        r = add(all, p, port, port, e);
        if (r != -EADDRINUSE || (first == 0 ? tries == TRIES : port == last))
            return r;
        err_release(e);
        fd_close(&all->ports[--all->n_ports].claim);
        if (first != 0)
            first = (uint16_t)(port + 1);
    }
}

static int check_host(const struct endpoints *all, const struct publication *p, struct err *e)
{
    bool six = p->host.family == AF_INET6;
    char ip[IP_ADDRESS_TEXT];
    ip_address_format(&p->host, ip);
    if (str_eq(ip, "::1"))
        return err_set(e, EINVAL,
                       "cannot publish port %u on [::1]: the kernel leads nothing from there to "
                       "another link (127.0.0.1 it does)",
                       p->target_port);
    return way_of(all, p->host.family)
               ? 0
               : err_set(e, EINVAL,
                         "cannot publish port %u on %s: none of the container's networks has %s "
                         "and a way out%s",
                         p->target_port, ip, six ? "IPv6" : "IPv4",
                         six ? " (make one with --ipv6)" : "");
}

/* At the container's own address it would be open to all who have a route. */
static int check_loopback(const struct publication *p, const struct endpoint *way, struct err *e)
{
    bool loopback = p->host.family == AF_INET && p->host.bytes[0] == 127;
    return loopback && is_routed(way, AF_INET)
               ? err_set(e, EINVAL,
                         "cannot publish port %u on 127.0.0.1 alone: network %s is routed, and its "
                         "ports are none of the host's",
                         p->target_port, way->network.name)
               : 0;
}

static int claim_binding(struct endpoints *all, struct publication *p, const json_t *binding,
                         struct err *e)
{
    const char *ip = json_str(binding, "HostIp");
    uint16_t first, last;
    int r = read_host_port(json_str(binding, "HostPort"), &first, &last, e);
    if (r < 0)
        return r;
    const struct endpoint *way4 = translated_way(all, AF_INET);
    bool said = ip && *ip;
    if (!said)
        r = add_routed(all, p, e);
    if (r < 0)
        return r;
    if (!said && (!way4 || !way4->network.config.binding4.family))
        return claim_everywhere(all, p, first, last, e);
    if (said && ip_address_parse(ip, &p->host) < 0)
        return err_set(e, EINVAL, "invalid host address \"%s\" of a published port", ip);
    if (!said)
        p->host = way4->network.config.binding4;
    r = check_host(all, p, e);
    if (r == 0)
        r = check_loopback(p, way_of(all, AF_INET), e);
    if (r < 0)
        return r;
    return is_routed(way_of(all, p->host.family), p->host.family) ? add_direct(all, p, e)
                                                                  : add(all, p, first, last, e);
}

int endpoints_claim_port(struct endpoints *all, const char *port, const json_t *bindings,
                         struct err *e)
{
    static const char any[] = "{}";
    struct publication p = PUBLICATION_NONE;
    int r = read_port(port, &p.protocol, &p.target_port, e);
    size_t i;
    json_t *binding;
    if (r == 0 && json_array_size(bindings) == 0) {
        _cleanup_json_ json_t *none = NULL;
        r = json_parse(any, sizeof(any) - 1, "", &none, e);
        return r == 0 ? claim_binding(all, &p, none, e) : r;
    }
    json_array_foreach (bindings, i, binding)
        if (r == 0)
            r = claim_binding(all, &p, binding, e);
    return r;
}

static int check_plugins(const struct endpoints *all, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && all->n_ports > 0 && i < all->n; i++)
        if (all->v[i].first4 || all->v[i].first6)
            r = endpoint_cni_check(&all->v[i].network, NULL, true, e);
    return r;
}

int endpoints_claim_ports(struct endpoints *all, struct err *e)
{
    const json_t *document = all->record->document;
    json_t *bindings = json_at(document, "HostConfig.PortBindings"), *list, *nothing;
    const char *port;
    int r = 0;
    if (!way_of(all, AF_INET) && !way_of(all, AF_INET6))
        return 0;
    json_object_foreach (bindings, port, list)
        if (r == 0)
            r = endpoints_claim_port(all, port, list, e);
    if (json_bool(document, "HostConfig.PublishAllPorts", false))
        json_object_foreach (json_at(document, "Config.ExposedPorts"), port, nothing)
            if (r == 0 && !json_object_get(bindings, port))
                r = endpoints_claim_port(all, port, NULL, e);
    if (r == 0)
        r = check_plugins(all, e);
    return r < 0 ? err_wrap(e, "cannot publish a port") : 0;
}

int endpoints_aim(struct endpoints *all, struct err *e)
{
    const struct endpoint *ways[] = {way_of(all, AF_INET), way_of(all, AF_INET6)};
    int r = 0;
    for (size_t i = 0; i < all->n_ports; i++) {
        struct publication *p = &all->ports[i];
        bool six = p->host.family == AF_INET6;
        p->target = (struct ip_address){0};
        if (!ways[six] || is_by_plugins(ways[six]) ||
            (p->direct && !is_routed(ways[six], p->host.family)))
            continue;
        p->target = six ? ways[six]->end.address6 : ways[six]->end.address4;
        memcpy(p->bridge, ways[six]->end.bridge, sizeof(p->bridge));
    }
    for (size_t i = 0; i < ARRAY_LEN(ways) && r == 0 && all->n_ports > 0; i++)
        if (ways[i] && !is_by_plugins(ways[i]) && (i == 0 || ways[i] != ways[0]))
            r = network_reflect(&ways[i]->end, e);
    return r;
}

int endpoints_describe_ways(const struct endpoints *all, json_t *settings)
{
    static const char *const keys[] = {"PortsNetwork", "PortsNetwork6"};
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys) && r == 0; i++) {
        const struct endpoint *way = way_of(all, families[i]);
        if (way)
            r = json_object_set_new(settings, keys[i], json_string(way->network.name));
        else
            json_object_del(settings, keys[i]);
    }
    return r < 0 ? -ENOMEM : 0;
}

/* ---- as others see it ---- */

int endpoints_describe_port(json_t *ports, const struct publication *p)
{
    char key[32], address[IP_ADDRESS_TEXT], port[8] = "";
    snprintf(key, sizeof(key), "%u/%s", p->target_port, protocol_name(p->protocol));
    if (!p->direct)
        snprintf(port, sizeof(port), "%u", p->host_port);
    json_t *list = json_object_get(ports, key);
    if (!json_is_array(list)) {
        list = json_array();
        if (json_object_set_new(ports, key, list) < 0)
            return -ENOMEM;
    }
    return json_array_append_new(list, json_pack("{s:s, s:s}", "HostIp",
                                                 ip_address_format(&p->host, address), "HostPort",
                                                 port)) < 0
               ? -ENOMEM
               : 0;
}

/* Docker's: what is exposed and not published stands there with null. */
json_t *endpoints_describe_ports(const struct endpoints *all)
{
    _cleanup_json_ json_t *ports = json_object();
    const char *key;
    json_t *nothing;
    int r = ports ? 0 : -ENOMEM;
    for (size_t i = 0; i < all->n_ports && r == 0; i++)
        r = endpoints_describe_port(ports, &all->ports[i]);
    json_object_foreach (json_at(all->record->document, "Config.ExposedPorts"), key, nothing)
        if (r == 0 && !json_object_get(ports, key))
            r = json_object_set_new(ports, key, json_null()) < 0 ? -ENOMEM : 0;
    return r == 0 ? TAKE_PTR(ports) : NULL;
}

/* The addresses that the ports lead to. */
struct way {
    struct ip_address four, six;
};

static void read_way(const json_t *settings, struct way *ret)
{
    const json_t *networks = json_at(settings, "Networks");
    const char *name4 = json_str(settings, "PortsNetwork"),
               *name6 = json_str(settings, "PortsNetwork6");
    const char *four = name4 ? json_str(json_object_get(networks, name4), "IPAddress") : NULL;
    const char *six =
        name6 ? json_str(json_object_get(networks, name6), "GlobalIPv6Address") : NULL;
    *ret = (struct way){0};
    if (four)
        ip_address_parse(four, &ret->four);
    if (six)
        ip_address_parse(six, &ret->six);
}

static int read_binding(const char *port, const json_t *binding, const struct way *way,
                        struct publication *ret)
{
    const char *number = json_str(binding, "HostPort"), *ip = json_str(binding, "HostIp");
    *ret = PUBLICATION_NONE;
    long long n = 0;
    ret->direct = number && !*number;
    if (!number || !ip || (!ret->direct && str_to_int64(number, 1, MAX_PORT, &n) < 0) ||
        ip_address_parse(ip, &ret->host) < 0 ||
        read_port(port, &ret->protocol, &ret->target_port, NULL) < 0)
        return -EBADMSG;
    ret->host_port = (uint16_t)n;
    ret->target = ret->host.family == AF_INET6 ? way->six : way->four;
    return 0;
}

int endpoints_read_ports(const json_t *settings, struct publication **ret, size_t *ret_n)
{
    const char *port;
    json_t *list, *binding;
    struct way way;
    size_t i;
    *ret = NULL;
    *ret_n = 0;
    read_way(settings, &way);
    json_object_foreach (json_at(settings, "Ports"), port, list)
        json_array_foreach (list, i, binding) {
            struct publication p,
                *more = reallocarray(*ret, *ret_n + 1, sizeof(struct publication));
            if (!more)
                return -ENOMEM;
            *ret = more;
            if (read_binding(port, binding, &way, &p) == 0)
                (*ret)[(*ret_n)++] = p;
        }
    return 0;
}

/* Whether the file of an address says that it is another's by now. */
static bool is_anothers(const struct engine *en, const char *id, const char *network,
                        const struct ip_address *address)
{
    _cleanup_network_record_ struct network_record record = NETWORK_RECORD_INIT;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    if (!network || networks_find(en, network, &record, NULL) < 0)
        return false;
    _cleanup_close_ int folder = endpoints_folder(en, &record, false, NULL);
    return folder >= 0 && endpoint_file_read(folder, address, &f, NULL) == 0 &&
           !str_eq(f.owner, id);
}

void endpoints_leave_others(const struct engine *en, const char *id, const json_t *settings,
                            struct publication *ports, size_t n)
{
    static const struct {
        const char *way;
        sa_family_t family;
    } families[] = {{"PortsNetwork", AF_INET}, {"PortsNetwork6", AF_INET6}};
    for (size_t k = 0; k < ARRAY_LEN(families); k++) {
        bool known = false, anothers = false;
        for (size_t i = 0; i < n; i++) {
            struct publication *p = &ports[i];
            if (!p->direct || p->target.family != families[k].family)
                continue;
            if (!known) /* of a family all lead to the same address */
                anothers = is_anothers(en, id, json_str(settings, families[k].way), &p->target);
            known = true;
            if (anothers)
                p->target = (struct ip_address){0};
        }
    }
}
