#include "network/pool.h"

#include "network/range.h"

static bool is_reserved(const struct network_config *c, const struct ip_address *a)
{
    for (size_t i = 0; i < c->n_reserved; i++)
        if (ip_equal(&c->reserved[i], a))
            return true;
    return ip_equal(a, &c->gateway4) || ip_equal(a, &c->gateway6);
}

static const struct ip_range *pool6(const struct network_config *c)
{
    return c->pool6.first.family == AF_INET6 ? &c->pool6 : &c->subnet6;
}

/* What is given of the pool: never the first and the last address of the subnet. */
static bool bounds(const struct network_config *c, uint32_t *ret_low, uint32_t *ret_high)
{
    const struct ip_range *pool = c->pool4.first.family == AF_INET ? &c->pool4 : &c->subnet4;
    struct ip_address pool_last = ip_range_last(pool), last = ip_range_last(&c->subnet4);
    if (c->subnet4.first.family != AF_INET || c->subnet4.prefix > 30)
        return false;
    uint32_t low = ip_to_u32(&c->subnet4.first) + 1, high = ip_to_u32(&last) - 1;
    uint32_t first = ip_to_u32(&pool->first), end = ip_to_u32(&pool_last);
    *ret_low = first > low ? first : low;
    *ret_high = end < high ? end : high;
    return *ret_low <= *ret_high;
}

const struct ip_range *pool_range(const struct network_config *c)
{
    if (c->no_ipv4)
        return pool6(c);
    return c->pool4.first.family ? &c->pool4 : &c->subnet4;
}

/* Of IPv6 the first 2^32 at most. */
static struct ip_address next6(const struct network_config *c, const struct ip_address *after)
{
    const struct ip_range *pool = pool6(c);
    if (pool->first.family != AF_INET6 || c->subnet6.prefix > 126)
        return (struct ip_address){0};
    unsigned room = 128 - pool->prefix;
    uint32_t low = ip_equal(&pool->first, &c->subnet6.first);
    uint32_t high = room < 32 ? (UINT32_C(1) << room) - 1 : UINT32_MAX;
    uint32_t at = high; /* begins anew */
    if (low > high)
        return (struct ip_address){0};
    if (ip_range_contains(pool, after))
        at = ip_to_u32(after) - ip_to_u32(&pool->first);
    for (size_t i = 0; i <= c->n_reserved + 1; i++) {
        at = at >= low && at < high ? at + 1 : low;
        struct ip_address a = ip_range_nth(pool, at);
        if (!is_reserved(c, &a))
            return a;
    }
    return (struct ip_address){0};
}

struct ip_address pool_next(const struct network_config *c, const struct ip_address *after)
{
    uint32_t low, high;
    if (c->no_ipv4)
        return next6(c, after);
    if (!bounds(c, &low, &high))
        return (struct ip_address){0};
    uint32_t at = after->family == AF_INET ? ip_to_u32(after) : 0;
    /* One step more than can be refused. */
    for (size_t i = 0; i <= c->n_reserved + 1; i++) {
        at = at >= low && at < high ? at + 1 : low;
        struct ip_address a = ip_from_u32(at);
        if (!is_reserved(c, &a))
            return a;
    }
    return (struct ip_address){0};
}

struct ip_address pool_first(const struct network_config *c, const struct ip_address *last)
{
    const struct ip_address none = {0};
    struct ip_address a = pool_next(c, last);
    bool next_block = last->family == AF_INET && a.family == AF_INET &&
                      ip_to_u32(&a) >> 8 != ip_to_u32(last) >> 8;
    return next_block ? pool_next(c, &none) : a;
}

struct ip_address pool_address6(const struct network_config *c, const struct ip_address *address4)
{
    const struct ip_range *range = pool6(c);
    const struct ip_address none = {0};
    if (range->first.family != AF_INET6 || c->subnet6.prefix > 126)
        return none;
    unsigned room = 128 - range->prefix;
    uint32_t host = ip_to_u32(address4);
    if (room < 32)
        host &= (UINT32_C(1) << room) - 1;
    struct ip_address a = ip_range_nth(range, host);
    return ip_equal(&a, &c->subnet6.first) || is_reserved(c, &a) ? none : a;
}

int pool_check(const struct network_config *c, const struct ip_address *a, struct err *e)
{
    const struct ip_range *subnet = a->family == AF_INET ? &c->subnet4 : &c->subnet6;
    const struct ip_address *gateway = a->family == AF_INET ? &c->gateway4 : &c->gateway6;
    char address[IP_ADDRESS_TEXT], range[IP_RANGE_TEXT];
    ip_address_format(a, address);
    ip_range_format(subnet, range);
    if (subnet->first.family == 0)
        return err_set(e, EINVAL, "the address %s cannot be had: the network has no IPv%c", address,
                       a->family == AF_INET ? '4' : '6');
    if (!ip_range_contains(subnet, a))
        return err_set(e, EINVAL, "the address %s is not in the network's subnet %s", address,
                       range);
    struct ip_address last = ip_range_last(subnet);
    if (ip_equal(a, &subnet->first) || (a->family == AF_INET && ip_equal(a, &last)))
        return err_set(e, EINVAL, "the address %s is nobody's: it stands for the subnet %s itself",
                       address, range);
    if (ip_equal(a, gateway))
        return err_set(e, EADDRINUSE, "the address %s is the network's gateway", address);
    return 0;
}
