#include "cli/network_inspect.h"

#include <string.h>

/* "172.18.0.2/16", or "" for none. */
static json_t *with_prefix(const json_t *endpoint, const char *key, const struct ip_range *subnet)
{
    const char *address = json_str(endpoint, key);
    return address && *address && subnet->first.family
               ? json_sprintf("%s/%u", address, subnet->prefix)
               : json_string(address ? address : "");
}

static json_t *describe(const json_t *endpoint, const struct network_config *c)
{
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:O, s:O}", "Name", json_str(endpoint, "Name"), "EndpointID",
        json_str(endpoint, "EndpointID"), "MacAddress", json_str(endpoint, "MacAddress"),
        "IPv4Address", with_prefix(endpoint, "IPv4Address", &c->subnet4), "IPv6Address",
        with_prefix(endpoint, "IPv6Address", &c->subnet6), "Names",
        json_object_get(endpoint, "Names"), "Ports", json_object_get(endpoint, "Ports"));
}

/* The document's keys in Docker's order, Containers before Options. */
static json_t *put_together(const json_t *document, json_t *containers)
{
    _cleanup_json_ json_t *whole = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)document, key, value) {
        if (str_eq(key, "Options") && json_object_set(whole, "Containers", containers) < 0)
            return NULL;
        if (json_object_set(whole, key, value) < 0)
            return NULL;
    }
    return TAKE_PTR(whole);
}

int network_inspect(struct cli *c, const char *what, json_t **ret, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_json_ json_t *endpoints = NULL, *containers = json_object();
    int r = networks_find(&c->engine, what, &n, e);
    if (r == 0)
        r = networks_endpoints(&c->engine, &n, &endpoints, e);
    if (r < 0)
        return r;
    size_t i;
    json_t *item;
    json_array_foreach (endpoints, i, item)
        if (json_object_set_new(containers, json_str(item, "Owner"), describe(item, &n.config)) < 0)
            return err_nomem(e);
    *ret = put_together(n.document, containers);
    return *ret ? 0 : err_nomem(e);
}
