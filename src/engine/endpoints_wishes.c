/* What a container asks of the plugins of its networks, as CNI's conventions have it. */
#include "engine/endpoints_cni.h"
#include "engine/endpoints_private.h"

#include <string.h>

static bool is_any(const struct ip_address *a)
{
    static const uint8_t none[16] = {0};
    return memcmp(a->bytes, none, sizeof(none)) == 0;
}

/* Whether the same port is claimed on all addresses of the other family too. */
static bool has_twin(const struct endpoints *all, const struct publication *p)
{
    for (size_t i = 0; i < all->n_ports; i++) {
        const struct publication *o = &all->ports[i];
        if (o->host.family != p->host.family && is_any(&o->host) && o->protocol == p->protocol &&
            o->host_port == p->host_port && o->target_port == p->target_port)
            return true;
    }
    return false;
}

static json_t *port_of(const struct publication *p, bool everywhere)
{
    char host[IP_ADDRESS_TEXT];
    const char *protocol = p->protocol == IPPROTO_TCP   ? "tcp"
                           : p->protocol == IPPROTO_UDP ? "udp"
                                                        : "sctp";
    ip_address_format(&p->host, host);
    return json_pack("{s:i, s:i, s:s, s:s*}", "hostPort", p->host_port, "containerPort",
                     p->target_port, "protocol", protocol, "hostIP", everywhere ? NULL : host);
}

/* A port on all addresses of both families is two claims, and one mapping. */
static json_t *ports_of(const struct endpoints *all, const struct endpoint *one)
{
    json_t *list = json_array();
    bool both = one->first4 && one->first6;
    for (size_t i = 0; i < all->n_ports; i++) {
        const struct publication *p = &all->ports[i];
        bool six = p->host.family == AF_INET6;
        bool twin = both && is_any(&p->host) && has_twin(all, p);
        if ((six ? one->first6 : one->first4) && !(twin && six))
            json_gather(&list, port_of(p, is_any(&p->host) && (twin || !both)));
    }
    return list;
}

static void add_ip(json_t **list, const struct ip_address *a, const struct ip_range *subnet)
{
    char text[IP_RANGE_TEXT];
    const struct ip_range range = {.first = *a, .prefix = subnet->prefix};
    if (a->family && subnet->first.family)
        json_gather(list, json_string(ip_range_format(&range, text)));
    else if (a->family)
        json_gather(list, json_string(ip_address_format(a, text)));
}

static json_t *ips_of(const struct network_wish *w, const struct network_config *c)
{
    json_t *list = json_array();
    add_ip(&list, &w->address4, &c->subnet4);
    add_ip(&list, &w->address6, &c->subnet6);
    return list;
}

/* In bits; the burst is what flows in a tenth of a second, and a packet in any case. */
static json_t *bandwidth_of(unsigned long long rate)
{
    enum { LEAST = 1 << 18, MOST = 1 << 30 };
    unsigned long long burst = rate / 10;
    burst = burst < LEAST ? LEAST : burst > MOST ? MOST : burst;
    json_int_t r = (json_int_t)rate, b = (json_int_t)burst;
    return json_pack("{s:I, s:I, s:I, s:I}", "ingressRate", r, "ingressBurst", b, "egressRate", r,
                     "egressBurst", b);
}

/* What was wished for and is something. */
static int put(json_t *wishes, const char *capability, json_t *value)
{
    bool nothing = json_is_array(value) ? json_array_size(value) == 0
                                        : json_is_object(value) && json_object_size(value) == 0;
    if (nothing) {
        json_decref(value);
        return 0;
    }
    return json_object_set_new(wishes, capability, value);
}

static json_t *dns_of(const json_t *document)
{
    static const char *const keys[][2] = {
        {"servers", "Dns"}, {"searches", "DnsSearch"}, {"options", "DnsOptions"}};
    json_t *dns = json_object();
    const json_t *host = json_object_get(document, "HostConfig");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *said = json_object_get(host, keys[i][1]);
        if (json_array_size(said) > 0 && json_object_set(dns, keys[i][0], said) < 0) {
            json_decref(dns);
            return NULL;
        }
    }
    return dns;
}

json_t *endpoint_cni_wishes(const struct endpoints *all, const struct endpoint *one,
                            const struct network_wish *w)
{
    const struct network_config *c = &one->network.config;
    const uint8_t *m = w->mac;
    _cleanup_json_ json_t *wishes = json_object();
    if (!wishes || put(wishes, "ips", ips_of(w, c)) < 0 ||
        put(wishes, "aliases", endpoint_names_json(all->record, one->asked)) < 0 ||
        put(wishes, "dns", dns_of(all->record->document)) < 0 ||
        put(wishes, "portMappings", ports_of(all, one)) < 0 ||
        (w->rate && put(wishes, "bandwidth", bandwidth_of(w->rate)) < 0) ||
        (w->has_mac && put(wishes, "mac",
                           json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
                                        m[4], m[5])) < 0))
        return NULL;
    return TAKE_PTR(wishes);
}
