#include "network/macvlan.h"

#include "base/str.h"
#include "network/bridge.h"
#include "network/inside.h"
#include "network/lease.h"
#include "network/link.h"
#include "network/pool.h"
#include "network/shaping.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* A link that is being made. */
struct laying {
    struct netlink *host;
    struct netns *inside;
    const struct network_config *c;
    int parent;
    const struct network_wish *w;
    struct network_endpoint end;
};

static void put_kind(struct netlink_batch *b, const struct network_config *c)
{
    static const uint32_t macvlan[] = {MACVLAN_MODE_BRIDGE, MACVLAN_MODE_PRIVATE, MACVLAN_MODE_VEPA,
                                       MACVLAN_MODE_PASSTHRU};
    static const uint16_t ipvlan[] = {0, IPVLAN_F_PRIVATE, IPVLAN_F_VEPA, 0};
    bool is_macvlan = c->driver == NETWORK_MACVLAN;
    size_t info = netlink_nest(b, IFLA_LINKINFO);
    netlink_put_string(b, IFLA_INFO_KIND, is_macvlan ? "macvlan" : "ipvlan");
    size_t data = netlink_nest(b, IFLA_INFO_DATA);
    if (is_macvlan) {
        netlink_put_u32(b, IFLA_MACVLAN_MODE, macvlan[c->mode]);
    } else {
        bool l3 = c->driver == NETWORK_IPVLAN_L3;
        netlink_put_u16(b, IFLA_IPVLAN_MODE, l3 ? IPVLAN_MODE_L3 : IPVLAN_MODE_L2);
        netlink_put_u16(b, IFLA_IPVLAN_FLAGS, ipvlan[c->mode]);
    }
    netlink_nest_end(b, data);
    netlink_nest_end(b, info);
}

static int make_link(struct laying *l, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, l->end.inside);
    netlink_put_u32(&b, IFLA_NET_NS_FD, (uint32_t)l->inside->fd);
    netlink_put_u32(&b, IFLA_LINK, (uint32_t)l->parent);
    if (l->c->mtu)
        netlink_put_u32(&b, IFLA_MTU, l->c->mtu);
    if (l->c->driver == NETWORK_MACVLAN && l->c->mode != NETWORK_MODE_PASSTHRU)
        netlink_put(&b, IFLA_ADDRESS, l->end.mac, sizeof(l->end.mac));
    put_kind(&b, l->c);
    int r = netlink_send(l->host, &b, NULL, NULL, NULL, e);
    if (r == -EINVAL && l->c->mode == NETWORK_MODE_PASSTHRU) /* or one that has just ended */
        return err_set(e, EADDRINUSE,
                       "the parent \"%s\" has another link: in mode passthru it is one container's",
                       l->c->link);
    if (r < 0)
        return err_wrap(e, "cannot make the link \"%s\" on the parent \"%s\"", l->end.inside,
                        l->c->link);
    return 0;
}

/* ---- the link as it is ---- */

struct answer {
    const struct network_endpoint *ep;
    int by_name, by_mac;
    uint8_t mac[6]; /* of the one by name */
};

static int take_link(const struct nlmsghdr *m, void *arg)
{
    struct answer *answer = arg;
    if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return 0;
    const struct ifinfomsg *head = NLMSG_DATA(m);
    const struct nlattr *info = netlink_attr(m, sizeof(*head), IFLA_LINKINFO, 4);
    const struct nlattr *kind = info ? netlink_attr_in(info, IFLA_INFO_KIND, 6) : NULL;
    const struct nlattr *name = netlink_attr(m, sizeof(*head), IFLA_IFNAME, 1);
    const struct nlattr *mac = netlink_attr(m, sizeof(*head), IFLA_ADDRESS, 6);
    bool ours = kind && (memcmp(netlink_data(kind), "macvla", 6) == 0 ||
                         memcmp(netlink_data(kind), "ipvlan", 6) == 0);
    size_t n = strlen(answer->ep->inside) + 1;
    if (!ours || !mac)
        return 0;
    if (name && netlink_size(name) == n && memcmp(netlink_data(name), answer->ep->inside, n) == 0) {
        answer->by_name = head->ifi_index;
        memcpy(answer->mac, netlink_data(mac), sizeof(answer->mac));
    }
    if (memcmp(netlink_data(mac), answer->ep->mac, sizeof(answer->ep->mac)) == 0)
        answer->by_mac = head->ifi_index;
    return 0;
}

static int find(struct netlink *route, const struct network_endpoint *ep, struct answer *ret,
                struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    *ret = (struct answer){.ep = ep};
    netlink_begin(&b, RTM_GETLINK, NLM_F_DUMP, &link, sizeof(link));
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    int r = netlink_send(route, &b, take_link, ret, NULL, e);
    return r < 0 ? err_wrap(e, "cannot list the container's links") : 0;
}

int macvlan_detach(struct netlink *route, const struct network_endpoint *ep, struct err *e)
{
    struct answer answer;
    int r = find(route, ep, &answer, e);
    int index = answer.by_name ? answer.by_name : answer.by_mac;
    if (r < 0 || index == 0)
        return r;
    r = link_remove(route, index, e);
    if (r == -ENODEV) {
        err_release(e);
        return 0;
    }
    return r;
}

struct addresses {
    const struct ip_address *wanted;
    bool found;
};

static int take_address(const struct nlmsghdr *m, void *arg)
{
    struct addresses *a = arg;
    size_t size = ip_size(a->wanted->family);
    const struct nlattr *local =
        m->nlmsg_type == RTM_NEWADDR && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg))
            ? netlink_attr(m, sizeof(struct ifaddrmsg), IFA_ADDRESS, size)
            : NULL;
    if (local && memcmp(netlink_data(local), a->wanted->bytes, size) == 0)
        a->found = true;
    return 0;
}

/* The links of an ipvlan all have one hardware address, so the container's own is looked at too. */
int macvlan_is_in(struct netlink *route, const struct network_endpoint *ep, struct err *e)
{
    struct answer answer;
    struct addresses addresses = {.wanted = network_endpoint_address(ep)};
    int r = find(route, ep, &answer, e);
    if (r < 0 || answer.by_mac == 0)
        return r;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifaddrmsg any = {.ifa_family = (uint8_t)addresses.wanted->family};
    netlink_begin(&b, RTM_GETADDR, NLM_F_DUMP, &any, sizeof(any));
    r = netlink_send(route, &b, take_address, &addresses, NULL, e);
    return r < 0 ? err_wrap(e, "cannot list the container's addresses") : addresses.found;
}

/* ---- addresses ---- */

static int claim(struct laying *l, const struct ip_address *first, struct err *e)
{
    struct network_endpoint *end = &l->end;
    if (l->c->no_ipv4) {
        end->address6 = *first;
        return lease_claim(l->w->leases_fd, l->w->owner, end, e);
    }
    end->address4 = *first;
    end->address6 = l->w->address6.family ? l->w->address6 : pool_address6(l->c, first);
    if (l->c->subnet6.first.family && !end->address6.family)
        return err_set(e, EEXIST, "the IPv6 address that would go with it is reserved");
    return lease_claim(l->w->leases_fd, l->w->owner, end, e);
}

/* Whether it is the IPv6 address that was asked for that somebody has: then no other IPv4 address
 * helps. */
static bool is_hopeless(const struct laying *l, const struct err *e)
{
    char text[IP_ADDRESS_TEXT];
    return l->w->address6.family && strstr(err_text(e), ip_address_format(&l->w->address6, text));
}

static int claim_any(struct laying *l, struct err *e)
{
    const struct ip_address none = {0}, first = pool_next(l->c, &none);
    struct ip_address at = first;
    while (at.family != 0) {
        int r = claim(l, &at, e);
        if (r != -EEXIST || is_hopeless(l, e))
            return r == -EEXIST ? -EADDRINUSE : r;
        err_release(e);
        at = pool_next(l->c, &at);
        if (ip_equal(&at, &first))
            break;
    }
    char range[IP_RANGE_TEXT];
    return err_set(e, EADDRNOTAVAIL, "all addresses of the network on \"%s\" (%s) are taken",
                   l->c->link, ip_range_format(pool_range(l->c), range));
}

static int lease(struct laying *l, struct err *e)
{
    const struct ip_address *asked = l->c->no_ipv4 ? &l->w->address6 : &l->w->address4;
    if (!asked->family)
        return claim_any(l, e);
    int r = claim(l, asked, e);
    return r == -EEXIST ? -EADDRINUSE : r;
}

/* ---- all together ---- */

static int make_in_namespace(struct laying *l, struct err *e)
{
    int r = netns_ipv6_set(l->inside, l->c->subnet6.first.family != 0, e);
    if (r == 0)
        r = make_link(l, e);
    int back = netns_ipv6_back(l->inside, r < 0 ? NULL : e);
    return r < 0 ? r : back;
}

static int configure(struct laying *l, struct err *e)
{
    struct answer answer;
    int r = find(&l->inside->route, &l->end, &answer, e);
    if (r < 0)
        return r;
    if (answer.by_name) /* an ipvlan's is its parent's */
        memcpy(l->end.mac, answer.mac, sizeof(l->end.mac));
    r = inside_configure(&l->inside->route, l->c, l->w, &l->end, e);
    if (r == 0 && l->w->rate > 0)
        r = shaping_limit(&l->inside->route, l->end.inside, l->w->rate, e);
    return r;
}

int macvlan_attach(struct netlink *host, struct netns *inside, const struct network_config *c,
                   int parent, const struct network_wish *w, struct network_endpoint *ret,
                   struct err *e)
{
    struct laying l = {.host = host, .inside = inside, .c = c, .parent = parent, .w = w};
    inside_describe(c, w, &l.end);
    if (netlink_link_index(&inside->route, l.end.inside) > 0)
        return err_set(e, EEXIST, "the container's network namespace has an \"%s\" already",
                       l.end.inside);
    int r = lease(&l, e);
    if (r < 0)
        return r;
    if (w->has_mac)
        memcpy(l.end.mac, w->mac, sizeof(l.end.mac));
    else
        bridge_mac(network_endpoint_address(&l.end), l.end.mac);
    r = make_in_namespace(&l, e);
    if (r == 0) {
        r = configure(&l, e);
        if (r < 0)
            (void)macvlan_detach(&inside->route, &l.end, NULL);
    }
    if (r < 0) {
        lease_drop(w->leases_fd, &l.end);
        return r;
    }
    *ret = l.end;
    return 0;
}
