#include "network/network_check.h"

#include "base/str.h"
#include "network/bridge.h"
#include "network/pool.h"

#include <string.h>

static bool is_id(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* As the kernel wants a link's name, and without what would be a path. */
static bool is_link_name(const char *s)
{
    size_t n = strnlen(s, 16);
    if (n == 0 || n > 15 || str_eq(s, ".") || str_eq(s, ".."))
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '/' || s[i] == ':' || s[i] == '%')
            return false;
    return true;
}

static int check_link(const struct network_config *c, struct err *e)
{
    if (bridge_is_default(c) && c->driver == NETWORK_BRIDGE)
        return *c->id && !is_id(c->id) ? err_set(e, EINVAL, "a network's ID is 64 digits") : 0;
    if (!is_id(c->id))
        return err_set(e, EINVAL, "a network's ID is 64 hexadecimal digits, not \"%s\"", c->id);
    if (*c->link && !is_link_name(c->link))
        return err_set(e, EINVAL, "a link's name is up to 15 letters without blanks, '/' and ':'");
    const char *digits = str_after(c->link, "sk-");
    if (digits && (strlen(digits) != 10 || strncmp(digits, c->id, 10) != 0))
        return err_set(e, EINVAL, "the name \"%s\" is not to be had: \"sk-\" is for cables",
                       c->link);
    return 0;
}

static bool overlaps(const struct ip_range *r, const char *text)
{
    struct ip_range other;
    return ip_range_parse(text, &other, NULL) == 0 && ip_range_overlaps(r, &other);
}

/* Ranges that mean something else everywhere. */
static bool is_unusable(const struct ip_range *r)
{
    static const char *const not [] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3",
                                       "::/8",      "fe80::/10",   "ff00::/8"};
    for (size_t i = 0; i < ARRAY_LEN(not ); i++)
        if (overlaps(r, not [i]))
            return true;
    return false;
}

static int check_subnet(const struct ip_range *subnet, const struct ip_address *gateway,
                        struct err *e)
{
    char range[IP_RANGE_TEXT], address[IP_ADDRESS_TEXT];
    ip_range_format(subnet, range);
    ip_address_format(gateway, address);
    sa_family_t family = subnet->first.family;
    if (family == 0)
        return gateway->family ? err_set(e, EINVAL, "no matching subnet for gateway %s", address)
                               : 0;
    struct ip_range whole = ip_range_of(&subnet->first, subnet->prefix);
    if (!ip_equal(&whole.first, &subnet->first))
        return err_set(e, EINVAL, "invalid subnet %s: it should be %s", range,
                       ip_range_format(&whole, (char[IP_RANGE_TEXT]){0}));
    if (subnet->prefix > ip_bits(family) - 2)
        return err_set(e, EINVAL, "the subnet %s is too small for a gateway and a container",
                       range);
    if (is_unusable(subnet))
        return err_set(e, EINVAL, "the subnet %s cannot be a network's", range);
    struct ip_address last = ip_range_last(subnet);
    if (gateway->family && !ip_range_contains(subnet, gateway))
        return err_set(e, EINVAL, "no matching subnet for gateway %s", address);
    if (ip_equal(gateway, &subnet->first) || (family == AF_INET && ip_equal(gateway, &last)))
        return err_set(e, EINVAL, "the gateway %s is no address of a host in %s", address, range);
    return 0;
}

static int check_mode(const struct network_config *c, struct err *e)
{
    bool ipvlan = c->driver == NETWORK_IPVLAN_L2 || c->driver == NETWORK_IPVLAN_L3;
    if (c->driver == NETWORK_BRIDGE && c->mode != NETWORK_MODE_BRIDGE)
        return err_set(e, EINVAL, "a bridge has no modes");
    if (ipvlan && c->mode == NETWORK_MODE_PASSTHRU)
        return err_set(e, EINVAL, "an ipvlan network cannot be in mode passthru");
    return 0;
}

static int check_pool(const struct ip_range *pool, const struct ip_range *subnet, struct err *e)
{
    char range[IP_RANGE_TEXT];
    return pool->first.family && !ip_range_within(pool, subnet)
               ? err_set(e, EINVAL, "no matching subnet for range %s", ip_range_format(pool, range))
               : 0;
}

int network_check(const struct network_config *c, struct err *e)
{
    bool ipv6 = c->want_ipv6 || c->subnet6.first.family;
    unsigned least = ipv6 ? 1280 : 68;
    if ((c->subnet4.first.family != 0 && c->subnet4.first.family != AF_INET) ||
        (c->subnet6.first.family != 0 && c->subnet6.first.family != AF_INET6))
        return err_set(e, EINVAL, "a subnet is of the other family than it is given as");
    if (c->no_ipv4 && (!ipv6 || c->subnet4.first.family || bridge_is_default(c)))
        return err_set(e, EINVAL, "a network without IPv4 has IPv6, and no range of IPv4");
    int r = check_link(c, e);
    if (r == 0)
        r = check_subnet(&c->subnet4, &c->gateway4, e);
    if (r == 0)
        r = check_subnet(&c->subnet6, &c->gateway6, e);
    if (r == 0)
        r = check_mode(c, e);
    if (r < 0)
        return r;
    r = check_pool(&c->pool4, &c->subnet4, e);
    if (r == 0)
        r = check_pool(&c->pool6, &c->subnet6, e);
    if (r < 0)
        return r;
    if (c->mtu && (c->mtu < least || c->mtu > 65535))
        return err_set(e, EINVAL, "an MTU is from %u to 65535 here, not %u", least, c->mtu);
    return 0;
}

static int check_mac(const struct network_config *c, const struct network_wish *w, struct err *e)
{
    static const uint8_t none[6] = {0};
    if (!w->has_mac)
        return 0;
    if (c->driver == NETWORK_IPVLAN_L2 || c->driver == NETWORK_IPVLAN_L3)
        return err_set(e, EINVAL, "a link of an ipvlan network has its parent's MAC address");
    if ((w->mac[0] & 1) || memcmp(w->mac, none, sizeof(none)) == 0)
        return err_set(e, EINVAL, "the MAC address is a group's or nobody's, not a container's");
    return 0;
}

int network_check_wish(const struct network_config *c, const struct network_wish *w, struct err *e)
{
    if (!w->owner || !is_id(w->owner))
        return err_set(e, EINVAL, "a cable's owner is 64 hexadecimal digits, not \"%s\"",
                       w->owner ? w->owner : "");
    if (!w->inside || !is_link_name(w->inside))
        return err_set(e, EINVAL, "a link's name is up to 15 letters without blanks, '/' and ':'");
    if ((w->address4.family != 0 && w->address4.family != AF_INET) ||
        (w->address6.family != 0 && w->address6.family != AF_INET6))
        return err_set(e, EINVAL, "an address is of the other family than it is given as");
    return check_mac(c, w, e);
}
