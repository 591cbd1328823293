#include "engine/endpoints_cni.h"
#include "engine/endpoints_private.h"
#include "engine/files.h"
#include "engine/network_settings.h"
#include "network/firewall.h"

#include <string.h>

static void format_mac(const uint8_t mac[6], char ret[18])
{
    snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
}

static json_t *address(const struct ip_address *a)
{
    char text[IP_ADDRESS_TEXT];
    return json_string(ip_address_format(a, text));
}

json_t *endpoint_names_json(const struct container_record *c, const json_t *asked)
{
    _cleanup_strv_ struct strv all = {0};
    json_t *list = endpoint_names(c, asked, &all) == 0 ? json_array() : NULL;
    for (size_t i = 0; i < all.n; i++)
        json_gather(&list, json_string(all.v[i]));
    return list;
}

/* What people said of it stands first, as Docker has it. */
json_t *endpoint_describe(const struct endpoint *one, const struct container_record *c)
{
    const struct network_endpoint *end = &one->end;
    char mac[18], id[NETWORK_ID_LEN + 1];
    network_endpoint_id(c->id, one->network.id, id);
    format_mac(end->mac, mac);
    json_t *asked = one->asked ? json_copy_object(one->asked) : json_object();
    _cleanup_json_ json_t *live =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:i, s:o, s:s, s:s}", "MacAddress", mac,
                  "NetworkID", one->network.id, "EndpointID", id, "Gateway",
                  address(&end->gateway4), "IPAddress", address(&end->address4), "IPPrefixLen",
                  (int)end->prefix4, "IPv6Gateway", address(&end->gateway6), "GlobalIPv6Address",
                  address(&end->address6), "GlobalIPv6PrefixLen", (int)end->prefix6, "DNSNames",
                  endpoint_names_json(c, one->asked), "Link", end->link, "Interface", end->inside);
    if (!asked || !live || json_object_update(asked, live) < 0 ||
        (one->dns && json_object_set(asked, "DNS", one->dns) < 0)) {
        json_decref(asked);
        return NULL;
    }
    return asked;
}

/* Those that stand above the networks are the default bridge's, or empty. */
static int put_default(json_t *settings, const struct endpoint *one)
{
    static const char *const keys[] = {"IPAddress",  "Gateway",           "IPPrefixLen",
                                       "MacAddress", "GlobalIPv6Address", "GlobalIPv6PrefixLen",
                                       "IPv6Gateway"};
    json_t *network = json_object_get(json_at(settings, "Networks"), one->network.name);
    int r = json_object_set_new(settings, "Bridge", json_string(one->end.bridge));
    for (size_t i = 0; i < ARRAY_LEN(keys) && r == 0; i++)
        r = json_object_set(settings, keys[i], json_object_get(network, keys[i]));
    return r;
}

static json_t *describe(const struct endpoints *all)
{
    _cleanup_json_ json_t *settings = network_settings_none();
    json_t *networks = json_at(settings, "Networks");
    int r = networks ? 0 : -ENOMEM;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        const struct endpoint *one = &all->v[i];
        r = json_object_set_new(networks, one->network.name, endpoint_describe(one, all->record));
        if (r == 0 && !*one->network.config.id)
            r = put_default(settings, one);
    }
    if (r == 0)
        r = endpoints_describe_ways(all, settings);
    if (r == 0)
        r = json_object_set_new(settings, "Ports", endpoints_describe_ports(all));
    return r == 0 ? TAKE_PTR(settings) : NULL;
}

/* The container's own name for each of its addresses; "host-gateway" is the way out. */
static int write_hosts(const struct endpoints *all, struct err *e)
{
    int r = 0;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        const struct network_endpoint *end = &all->v[i].end;
        const struct {
            const struct ip_address *own, *gateway;
            bool first;
        } families[] = {{&end->address4, &end->gateway4, all->v[i].first4},
                        {&end->address6, &end->gateway6, all->v[i].first6}};
        for (size_t k = 0; k < ARRAY_LEN(families) && r == 0; k++) {
            char own[IP_ADDRESS_TEXT], gateway[IP_ADDRESS_TEXT];
            ip_address_format(families[k].gateway, gateway);
            if (families[k].own->family)
                r = files_add_address(all->record, ip_address_format(families[k].own, own),
                                      families[k].first ? gateway : NULL, e);
        }
    }
    return r;
}

int endpoints_tell(const struct endpoints *all, struct err *e)
{
    _cleanup_json_ json_t *settings = describe(all);
    if (!settings)
        return err_nomem(e);
    int r = write_hosts(all, e);
    return r == 0 ? network_settings_write(all->engine, all->record->id, settings, e) : r;
}

/* ---- and back ---- */

static void read_gateway(const json_t *settings, const char *key, struct ip_address *ret)
{
    const char *text = json_str(settings, key);
    if (!text || ip_address_parse(text, ret) < 0)
        *ret = (struct ip_address){0};
}

void endpoint_from_file(const struct network_record *network, const struct endpoint_file *f,
                        struct network_endpoint *ret)
{
    *ret = (struct network_endpoint){.address4 = f->address, .address6 = f->other};
    if (f->address.family == AF_INET6)
        *ret = (struct network_endpoint){.address6 = f->address};
    memcpy(ret->link, f->link, sizeof(ret->link));
    memcpy(ret->inside, f->inside, sizeof(ret->inside));
    memcpy(ret->mac, f->mac, sizeof(ret->mac));
    if (network->config.driver == NETWORK_BRIDGE)
        memcpy(ret->bridge, network->config.link, sizeof(ret->bridge));
}

int endpoint_of(const struct engine *en, const struct network_record *network,
                const json_t *settings, const char *owner, struct network_endpoint *ret)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    struct ip_address a;
    const char *four = json_str(settings, "IPAddress"),
               *six = json_str(settings, "GlobalIPv6Address");
    const char *text = four && *four ? four : six;
    if (!text || ip_address_parse(text, &a) < 0)
        return -EBADMSG;
    _cleanup_close_ int folder = endpoints_folder(en, network, false, NULL);
    int r = folder < 0 ? folder : endpoint_file_read(folder, &a, &f, NULL);
    if (r == 0 && !str_eq(f.owner, owner))
        r = -ENOENT;
    if (r < 0)
        return r;
    endpoint_from_file(network, &f, ret);
    read_gateway(settings, "Gateway", &ret->gateway4);
    read_gateway(settings, "IPv6Gateway", &ret->gateway6);
    return 0;
}

static int add_now(struct endpoints *all, const char *name, const json_t *settings)
{
    struct endpoint *more = reallocarray(all->v, all->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    all->v = more;
    struct endpoint *one = &all->v[all->n];
    *one = (struct endpoint){
        .network = NETWORK_RECORD_INIT,
        .priority = (int)json_int(settings, "GwPriority", 0),
    };
    if (networks_find(all->engine, name, &one->network, NULL) == 0 &&
        endpoint_of(all->engine, &one->network, settings, all->record->id, &one->end) == 0)
        all->n++;
    else
        network_record_release(&one->network);
    return 0;
}

int endpoints_read_now(struct endpoints *now, const json_t *settings)
{
    const char *name;
    json_t *network;
    int r = endpoints_read_ports(settings, &now->ports, &now->n_ports);
    endpoints_leave_others(now->engine, now->record->id, settings, now->ports, now->n_ports);
    json_object_foreach (json_at(settings, "Networks"), name, network)
        if (r == 0)
            r = add_now(now, name, network);
    return r;
}

/* What it has now, which commands may have changed since it was laid; before it was told of there
 * is no file, and nobody has. */
static int read_now(struct endpoints *all, const json_t *settings)
{
    struct endpoints now = {.engine = all->engine, .record = all->record};
    int r = endpoints_read_now(&now, settings);
    endpoints_add_unfinished(&now, settings);
    if (r < 0) {
        endpoints_release(&now);
        return r;
    }
    endpoints_take_claims(&now, all);
    now.attached = all->attached;
    memcpy(now.donors, all->donors, sizeof(now.donors));
    now.n_donors = TAKE(all->n_donors, 0);
    for (; all->n_late > 0; all->n_late--)
        endpoints_put_off(&now, all->late[all->n_late - 1]);
    endpoints_release(all);
    *all = now;
    return 0;
}

/* A lock only for who shares a namespace: he may be handed something until he has it. */
static void read_and_hand_over(struct endpoints *all)
{
    _cleanup_json_ json_t *settings = NULL;
    bool shared = endpoints_may_be_shared(all);
    _cleanup_close_ int lock = shared ? endpoints_lock_heirs(all->engine) : -EBADF;
    if (network_settings_read(all->engine, all->record->id, &settings, NULL) < 0)
        return;
    read_now(all, settings);
    if (shared)
        endpoints_hand_over(all, settings);
}

void endpoints_close(struct endpoints *all)
{
    if (!all->engine) /* on no network */
        return;
    read_and_hand_over(all);
    endpoints_cni_end(all->engine, all->record->id); /* while its networks count as used */
    for (size_t i = 0; i < all->n; i++) {
        _cleanup_close_ int folder = endpoints_folder(all->engine, &all->v[i].network, false, NULL);
        if (folder >= 0)
            endpoint_file_remove(folder, network_endpoint_address(&all->v[i].end), NULL);
    }
    int late = -EBADF;
    if (all->n_ports > 0) {
        publish_remove(all->ports, all->n_ports, &late, NULL);
        all->unpublished = true;
    }
    endpoints_put_off(all, late);
    for (size_t i = 0; i < all->n_ports; i++)
        fd_close(&all->ports[i].claim);
    all->n_ports = 0;
    all->closed = true;
}

void endpoints_end(struct endpoints *all)
{
    if (!all->closed)
        endpoints_close(all);
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].network.config.driver == NETWORK_BRIDGE)
            firewall_remove_endpoint(&all->v[i].network.config, &all->v[i].end, NULL);
    all->attached = false;
}

void endpoints_forget(const struct engine *en, const struct container_record *c)
{
    _cleanup_json_ json_t *settings = NULL;
    struct endpoints all = {.engine = en, .record = c};
    if (network_settings_read(en, c->id, &settings, NULL) == -ENOENT)
        endpoints_find(&all);
    endpoints_end(&all);
    endpoints_release(&all);
}
