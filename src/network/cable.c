#include "network/cable.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/inside.h"
#include "network/link.h"
#include "network/pool.h"
#include "network/shaping.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/random.h>

/* "sk6-" and the address. */
enum { NAME6 = sizeof("sk6-") + 32 };

/* A cable that is being laid. */
struct laying {
    struct netlink *host;
    struct netns *inside;
    const struct network_config *c;
    const struct bridge *bridge;
    const struct network_wish *w;
    struct network_endpoint end;
};

/* The address that the lease begins with, as the container wants it. */
static const struct ip_address *asked(const struct laying *l)
{
    return l->c->no_ipv4 ? &l->w->address6 : &l->w->address4;
}

void cable_name(const struct ip_address *address, char *ret)
{
    snprintf(ret, IFNAMSIZ, "sk-%08x", ip_to_u32(address));
}

/* Where there is no IPv4 address that could name it: by chance, and the lease is its other name. */
static bool name_by_chance(char *ret)
{
    uint8_t r[5];
    if (getrandom(r, sizeof(r), 0) != sizeof(r))
        return false;
    snprintf(ret, IFNAMSIZ, "sk6-%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4]);
    return true;
}

bool cable_address(const char *link, struct ip_address *ret)
{
    const char *digits = str_after(link, "sk-");
    if (!digits || strlen(digits) != 8 || strspn(digits, "0123456789abcdef") != 8)
        return false;
    *ret = ip_from_u32((uint32_t)strtoul(digits, NULL, 16));
    return true;
}

static void name6(const struct ip_address *address, char ret[NAME6])
{
    char *at = ret + snprintf(ret, NAME6, "sk6-");
    for (size_t i = 0; i < sizeof(address->bytes); i++)
        at += snprintf(at, 3, "%02x", address->bytes[i]);
}

void cable_lease_name(const struct ip_address *address, char ret[CABLE_NAME_MAX])
{
    if (address->family == AF_INET)
        cable_name(address, ret);
    else
        name6(address, ret);
}

/* One queue each way: by default there is one per possible processor, each with its objects in
 * sysfs, and nothing is gained as long as no queue ever waits. */
static void put_common(struct netlink_batch *b, const struct network_config *c)
{
    netlink_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
    if (c->mtu)
        netlink_put_u32(b, IFLA_MTU, c->mtu);
}

/* Packets of TCP over IPv4 that are larger than 64 KiB ("BIG TCP", Linux 6.3; older kernels pass
 * the attribute over): data goes between sockets of one machine in fewer and larger pieces, twice
 * as fast. */
static void put_large(struct netlink_batch *b, const struct network_config *c)
{
    enum { LARGE_PACKET = 192 << 10, GSO_IPV4_MAX_SIZE = 63 /* uapi/linux/if_link.h */ };
    if (c->large)
        netlink_put_u32(b, GSO_IPV4_MAX_SIZE, LARGE_PACKET);
}

/* The pair, each end born in its place: nothing is moved or renamed afterwards. */
static void put_pair(struct netlink_batch *b, const struct laying *l)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, l->end.link);
    netlink_put_u32(b, IFLA_MASTER, (uint32_t)l->bridge->index);
    netlink_put_u32(b, IFLA_GROUP, l->c->spoofing ? FIREWALL_GROUP_OPEN : FIREWALL_GROUP);
    put_common(b, l->c);
    put_large(b, l->c);

    size_t info = netlink_nest(b, IFLA_LINKINFO);
    netlink_put_string(b, IFLA_INFO_KIND, "veth");
    size_t data = netlink_nest(b, IFLA_INFO_DATA);
    struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
    size_t inside = netlink_nest_header(b, VETH_INFO_PEER, &peer, sizeof(peer));
    netlink_put_string(b, IFLA_IFNAME, l->end.inside);
    netlink_put(b, IFLA_ADDRESS, l->end.mac, sizeof(l->end.mac));
    netlink_put_u32(b, IFLA_NET_NS_FD, (uint32_t)l->inside->fd);
    put_common(b, l->c);
    put_large(b, l->c);
    netlink_nest_end(b, inside);
    netlink_nest_end(b, data);
    netlink_nest_end(b, info);
}

static int make_pair(struct laying *l, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    put_pair(&b, l);
    int r = netlink_send(l->host, &b, NULL, NULL, NULL, e);
    if (r == -EXFULL)
        return err_set(e, EXFULL, "the bridge \"%s\" has all the ports a bridge can have (1023)",
                       l->end.bridge);
    if (r == -EEXIST)
        return r;
    return r < 0 ? err_wrap(e, "cannot make the link \"%s\"", l->end.link) : 0;
}

/* A port that reaches the bridge, and no other port that is such a one. */
static void put_isolated(struct netlink_batch *b)
{
    size_t info = netlink_nest(b, IFLA_LINKINFO);
    netlink_put_string(b, IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = netlink_nest(b, IFLA_INFO_SLAVE_DATA);
    netlink_put_u8(b, IFLA_BRPORT_ISOLATED, 1);
    netlink_nest_end(b, data);
    netlink_nest_end(b, info);
}

int cable_join(struct netlink *host, const char *link, const struct bridge *bridge, bool isolated,
               struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, 0, &head, sizeof(head));
    netlink_put_string(&b, IFLA_IFNAME, link);
    netlink_put_u32(&b, IFLA_MASTER, (uint32_t)bridge->index);
    if (isolated) {
        netlink_begin(&b, RTM_NEWLINK, 0, &head, sizeof(head));
        netlink_put_string(&b, IFLA_IFNAME, link);
        put_isolated(&b);
    }
    int r = netlink_send(host, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot put the link \"%s\" into its bridge", link) : 0;
}

int cable_reflect(struct netlink *host, const char *link, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_BRIDGE, .ifi_index = netlink_link_index(host, link)};
    if (head.ifi_index < 0)
        return err_sys(e, -head.ifi_index, "cannot find the link \"%s\"", link);
    netlink_begin(&b, RTM_SETLINK, 0, &head, sizeof(head));
    size_t port = netlink_nest(&b, IFLA_PROTINFO);
    netlink_put_u8(&b, IFLA_BRPORT_MODE, 1);
    netlink_nest_end(&b, port);
    int r = netlink_send(host, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot set the mode of the link \"%s\"", link) : 0;
}

static void put_name6(struct netlink_batch *b, const struct laying *l)
{
    char name[NAME6];
    name6(&l->end.address6, name);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(b, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, &link,
                  sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, l->end.link);
    size_t names = netlink_nest(b, IFLA_PROP_LIST);
    netlink_put_string(b, IFLA_ALT_IFNAME, name);
    netlink_nest_end(b, names);
}

/* What can be told only to a link that exists. A port of a bridge needs no IPv6 of its own: without
 * a generated address it has none, and what arrives at it is the bridge's. -EEXIST, without more
 * words, when the IPv6 address is taken. */
static int label(struct laying *l, struct err *e)
{
    char alias[sizeof("skiff:") + 64];
    snprintf(alias, sizeof(alias), "skiff:%s", l->w->owner);

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, 0, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, l->end.link);
    netlink_put_string(&b, IFLA_IFALIAS, alias);
    if (l->inside->disable_ipv6.fd >= 0) {
        size_t families = netlink_nest(&b, IFLA_AF_SPEC);
        size_t family = netlink_nest(&b, AF_INET6);
        netlink_put_u8(&b, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        netlink_nest_end(&b, family);
        netlink_nest_end(&b, families);
    }
    if (l->c->isolated)
        put_isolated(&b);
    if (l->end.address6.family)
        put_name6(&b, l);
    if (!asked(l)->family) /* the next is not to be looked for behind one that was asked for */
        bridge_put_last(&b, l->c, l->bridge, network_endpoint_address(&l->end));

    unsigned failed;
    int r = netlink_send(l->host, &b, NULL, NULL, &failed, e);
    if (r == -EEXIST && failed == 1 && l->end.address6.family)
        return r;
    return r < 0 ? err_wrap(e, "cannot label the link \"%s\"", l->end.link) : 0;
}

static int tell_taken(struct laying *l, const struct ip_address *address, struct err *e)
{
    char link[NAME6], text[IP_ADDRESS_TEXT], owner[LINK_OWNER];
    if (address->family == AF_INET)
        cable_name(address, link);
    else
        name6(address, link);
    link_owner(l->host, link, owner);
    ip_address_format(address, text);
    if (*owner)
        return err_set(e, EADDRINUSE, "the address %s is taken, by the container %.12s", text,
                       owner);
    return err_set(e, EADDRINUSE,
                   "the address %s is taken, by a link \"%s\" that is no container's", text, link);
}

static int make_named_pair(struct laying *l, struct err *e)
{
    enum { TRIES = 8 };
    if (l->end.address4.family) {
        cable_name(&l->end.address4, l->end.link);
        return make_pair(l, e);
    }
    for (int i = 0;; i++) {
        if (!name_by_chance(l->end.link))
            return err_sys(e, errno, "cannot choose a name for a link");
        int r = make_pair(l, e);
        if (r != -EEXIST || i == TRIES || netlink_link_index(l->host, l->end.link) < 0)
            return r;
        err_release(e);
    }
}

/* With the addresses of l->end. -EEXIST, the story being whose they are, when one is taken. */
static int lay_with(struct laying *l, struct err *e)
{
    if (l->w->has_mac)
        memcpy(l->end.mac, l->w->mac, sizeof(l->end.mac));
    else
        bridge_mac(network_endpoint_address(&l->end), l->end.mac);

    int r = make_named_pair(l, e);
    if (r == -EEXIST) {
        /* The kernel says so for either end's name. */
        if (netlink_link_index(&l->inside->route, l->end.inside) > 0)
            return -ENOTUNIQ;
        return r;
    }
    if (r < 0)
        return r;
    r = label(l, e);
    if (r < 0)
        (void)cable_remove(l->host, l->end.link, NULL);
    return r;
}

/* @first, which the lease begins with, and what goes with it. */
static bool choose_addresses(struct laying *l, const struct ip_address *first)
{
    if (l->c->no_ipv4) {
        l->end.address6 = *first;
        return true;
    }
    l->end.address4 = *first;
    l->end.address6 = l->w->address6.family ? l->w->address6 : pool_address6(l->c, first);
    return l->end.address6.family != 0 || l->c->subnet6.first.family == 0;
}

static int lease_any(struct laying *l, struct err *e)
{
    const struct ip_address first = pool_first(l->c, &l->bridge->last);
    struct ip_address at = first;
    while (at.family != 0) {
        int r = choose_addresses(l, &at) ? lay_with(l, e) : -EEXIST;
        if (r != -EEXIST)
            return r;
        if (l->w->address6.family && netlink_link_index(l->host, l->end.link) < 0)
            return tell_taken(l, &l->w->address6, e);
        err_release(e);
        at = pool_next(l->c, &at);
        if (ip_equal(&at, &first))
            break;
    }
    char range[IP_RANGE_TEXT];
    return err_set(e, EADDRNOTAVAIL, "all addresses of the bridge \"%s\" (%s) are taken",
                   l->end.bridge, ip_range_format(pool_range(l->c), range));
}

static int lease_wanted(struct laying *l, struct err *e)
{
    if (!choose_addresses(l, asked(l)))
        return err_set(e, EADDRNOTAVAIL,
                       "the IPv6 address that would go with it is reserved: give one as well");
    int r = lay_with(l, e);
    if (r != -EEXIST)
        return r;
    bool was4 = l->end.address4.family && netlink_link_index(l->host, l->end.link) > 0;
    return tell_taken(l, was4 ? &l->end.address4 : &l->end.address6, e);
}

static int lease(struct laying *l, struct err *e)
{
    int r = netns_ipv6_set(l->inside, l->c->subnet6.first.family != 0, e);
    if (r == 0)
        r = asked(l)->family ? lease_wanted(l, e) : lease_any(l, e);
    int back = netns_ipv6_back(l->inside, r < 0 ? NULL : e);
    if (r == 0 && back < 0) {
        (void)cable_remove(l->host, l->end.link, NULL);
        return back;
    }
    return r;
}

static int limit(struct laying *l, struct err *e)
{
    int r = shaping_limit(l->host, l->end.link, l->w->rate, e);
    return r < 0 ? r : shaping_limit(&l->inside->route, l->end.inside, l->w->rate, e);
}

int cable_lay(struct netlink *host, struct netns *inside, const struct network_config *c,
              const struct bridge *bridge, const struct network_wish *w,
              struct network_endpoint *ret, struct err *e)
{
    struct laying l = {.host = host, .inside = inside, .c = c, .bridge = bridge, .w = w};
    inside_describe(c, w, &l.end);
    memcpy(l.end.bridge, c->link, sizeof(l.end.bridge));
    if (netlink_link_index(&inside->route, l.end.inside) > 0)
        return err_set(e, EEXIST, "the container's network namespace has an \"%s\" already",
                       l.end.inside);

    int r = lease(&l, e);
    if (r == -ENOTUNIQ)
        return err_set(e, EEXIST, "the container's network namespace has got an \"%s\" meanwhile",
                       l.end.inside);
    if (r < 0)
        return r;
    r = inside_configure(&inside->route, c, w, &l.end, e);
    if (r == 0 && w->rate > 0)
        r = limit(&l, e);
    if (r < 0) {
        (void)cable_remove(host, l.end.link, NULL);
        return r;
    }
    *ret = l.end;
    return 0;
}

/* Both ends go with one. Waits for the kernel (19 ms), so only failures are cleaned up like this.
 */
int cable_remove(struct netlink *host, const char *link, struct err *e)
{
    int index = netlink_link_index(host, link);
    if (index < 0)
        return err_sys(e, -index, "cannot find the link \"%s\"", link);
    return link_remove(host, index, e);
}

int cable_take_up(struct netlink *host, int netns_fd, const char *link, struct err *e)
{
    int index = link_to_namespace(host, link, netns_fd, e);
    if (index <= 0)
        return index;
    int r = link_remove(host, index, e);
    if (r == -ENODEV) {
        err_release(e);
        return 0;
    }
    return r;
}
