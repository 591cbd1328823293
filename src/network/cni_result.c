/*
 * What plugins say that they have made.
 */
#include "base/str.h"
#include "network/cni.h"

#include <string.h>

enum { INTERFACES_MAX = 64, ADDRESSES_MAX = 64 };

static int no_result(struct err *e, const char *what)
{
    return err_set(e, EBADMSG, "the result of the network's CNI plugins: %s", what);
}

/* The place of the container's link among the interfaces; -1: it is not told. */
static long long find_inside(const json_t *interfaces, const char *inside)
{
    size_t i;
    json_t *one;
    json_array_foreach (interfaces, i, one) {
        const char *sandbox = json_str(one, "sandbox");
        if (sandbox && *sandbox && str_eq(json_str(one, "name"), inside))
            return (long long)i;
    }
    return -1;
}

/* What some host may have. */
static bool is_hosts(const struct ip_address *a)
{
    static const char *const not [] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3",
                                       "::/8",      "fe80::/10",   "ff00::/8"};
    struct ip_range range;
    for (size_t i = 0; i < ARRAY_LEN(not ); i++)
        if (ip_range_parse(not [i], &range, NULL) == 0 && ip_range_contains(&range, a))
            return false;
    return true;
}

static int read_address(const json_t *one, struct network_endpoint *ret, struct err *e)
{
    const char *text = json_str(one, "address"), *gateway = json_str(one, "gateway");
    struct ip_range range;
    struct ip_address address, by = {0};
    if (!text || ip_range_parse(text, &range, &address) < 0 || !is_hosts(&address))
        return no_result(e, "an address is none that a host may have");
    if (gateway && *gateway && (ip_address_parse(gateway, &by) < 0 || by.family != address.family))
        return no_result(e, "a gateway is no address");
    bool v4 = address.family == AF_INET;
    if ((v4 ? &ret->address4 : &ret->address6)->family != 0)
        return 0; /* one of each family is the container's */
    *(v4 ? &ret->address4 : &ret->address6) = address;
    *(v4 ? &ret->prefix4 : &ret->prefix6) = range.prefix;
    *(v4 ? &ret->gateway4 : &ret->gateway6) = by;
    return 0;
}

static int read_addresses(const json_t *result, long long inside, struct network_endpoint *ret,
                          struct err *e)
{
    const json_t *all = json_object_get(result, "ips");
    size_t i;
    json_t *one;
    int r = 0;
    if (all && (!json_is_array(all) || json_array_size(all) > ADDRESSES_MAX))
        return no_result(e, "its \"ips\" are no list, or a very long one");
    json_array_foreach (all, i, one) {
        const json_t *of = json_object_get(one, "interface");
        bool ours = !of || inside < 0 || json_integer_value(of) == inside;
        if (r == 0 && ours)
            r = read_address(one, ret, e);
    }
    return r;
}

int cni_result_read(const json_t *result, const char *inside, struct network_endpoint *ret,
                    struct err *e)
{
    struct network_endpoint end = {0};
    const json_t *interfaces = json_object_get(result, "interfaces");
    if (!json_is_object(result) || (interfaces && !json_is_array(interfaces)) ||
        json_array_size(interfaces) > INTERFACES_MAX)
        return no_result(e, "it is none");
    long long at = find_inside(interfaces, inside);
    const char *mac = at < 0 ? NULL : json_str(json_array_get(interfaces, (size_t)at), "mac");
    if (mac && *mac && mac_parse(mac, end.mac) < 0)
        return no_result(e, "a MAC address is none");
    int r = read_addresses(result, at, &end, e);
    if (r < 0)
        return r;
    if (!end.address4.family && !end.address6.family)
        return no_result(e, "the container has no address by which others could find it");
    snprintf(end.inside, sizeof(end.inside), "%s", inside);
    *ret = end;
    return 0;
}
