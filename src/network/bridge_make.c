/* Making a bridge, and what is missing of one. */
#include "base/str.h"
#include "network/bridge.h"
#include "network/forwarding.h"
#include "network/link.h"
#include "network/netns.h"
#include "network/range.h"
#include "network/sysctl.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/random.h>
#include <time.h>

/* How often another range is tried when somebody who knows no lock of ours takes the one chosen. */
enum { TRIES = 16 };

struct making {
    struct netlink *nl;
    struct network_config *c;
    struct bridge bridge; /* as it was found */
    bool made;            /* the link is ours to remove when this fails */
    bool adopted;         /* it was somebody else's before: its settings stay as they are */
    int index;
};

static bool is_whole(const struct network_config *c, const struct bridge *bridge)
{
    return bridge->index != 0 && bridge->up && (c->no_ipv4 || bridge->address4.family != 0) &&
           (c->gateway6.family == 0 || bridge->has_address6);
}

/* Its hardware address is given, or it would change with the ports that come and go. Frames to the
 * addresses that 802.1D keeps for bridges (01:80:c2:00:00:0x) pass no hook, but it would learn from
 * their source all the same: a container could draw its neighbour's frames to itself. */
static int make_link(struct making *m, struct err *e)
{
    const struct network_config *c = m->c;
    uint8_t mac[6];
    bridge_mac(c->no_ipv4 ? &c->gateway6 : &c->gateway4, mac);
    const struct br_boolopt_multi unheard = {.optval = 1U << BR_BOOLOPT_NO_LL_LEARN,
                                             .optmask = 1U << BR_BOOLOPT_NO_LL_LEARN};

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, c->link);
    netlink_put(&b, IFLA_ADDRESS, mac, sizeof(mac));
    netlink_put_u32(&b, IFLA_GROUP, BRIDGE_GROUP);
    size_t info = netlink_nest(&b, IFLA_LINKINFO);
    netlink_put_string(&b, IFLA_INFO_KIND, "bridge");
    size_t data = netlink_nest(&b, IFLA_INFO_DATA);
    netlink_put_u32(&b, IFLA_BR_FORWARD_DELAY, 0);
    netlink_put_u32(&b, IFLA_BR_STP_STATE, 0);
    netlink_put(&b, IFLA_BR_MULTI_BOOLOPT, &unheard, sizeof(unheard));
    netlink_nest_end(&b, data);
    netlink_nest_end(&b, info);

    int r = netlink_send(m->nl, &b, NULL, NULL, NULL, e);
    if (r == -EEXIST) {
        err_release(e);
        return 0;
    }
    m->made = r == 0;
    return r < 0 ? err_wrap(e, "cannot make the bridge \"%s\"", c->link) : 0;
}

/* A container can send router advertisements: the host would take its routes from it
 * (CVE-2020-13401). Said before the bridge is up, so there is no moment with a link-local address
 * in a network without IPv6. */
static int set_ipv6(const struct network_config *c, struct err *e)
{
    int r = sysctl_write_link("ipv6", c->link, "disable_ipv6", c->gateway6.family ? '0' : '1', e);
    return r < 0 ? r : sysctl_write_link("ipv6", c->link, "accept_ra", '0', e);
}

static void put_address(struct netlink_batch *b, uint16_t type, int index,
                        const struct ip_address *a, const struct ip_range *subnet)
{
    struct ifaddrmsg head = {.ifa_family = (uint8_t)a->family,
                             .ifa_prefixlen = (uint8_t)subnet->prefix,
                             .ifa_index = (uint32_t)index};
    /* Nobody else can have it: without the wait for who might. */
    if (a->family == AF_INET6)
        head.ifa_flags = IFA_F_NODAD;
    struct ip_address broadcast = ip_range_last(subnet);
    netlink_begin(b, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &head,
                  sizeof(head));
    netlink_put(b, IFA_LOCAL, a->bytes, ip_size(a->family));
    netlink_put(b, IFA_ADDRESS, a->bytes, ip_size(a->family));
    if (a->family == AF_INET && type == RTM_NEWADDR)
        netlink_put(b, IFA_BROADCAST, broadcast.bytes, 4);
}

static int put_addresses(struct making *m, struct err *e)
{
    const struct network_config *c = m->c;
    const struct {
        const struct ip_address *address;
        const struct ip_range *subnet;
        bool there;
    } wanted[] = {
        {&c->gateway4, &c->subnet4, m->bridge.address4.family != 0},
        {&c->gateway6, &c->subnet6, m->bridge.has_address6},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (wanted[i].address->family == 0 || wanted[i].there)
            continue;
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        put_address(&b, RTM_NEWADDR, m->index, wanted[i].address, wanted[i].subnet);
        int r = netlink_send(m->nl, &b, NULL, NULL, NULL, e);
        if (r < 0 && r != -EEXIST)
            return err_wrap(e, "cannot give the bridge \"%s\" its address", c->link);
        err_release(e);
    }
    return 0;
}

/* Other bridges' users expect fe80::1 to be it, as with Docker's. */
static void put_link_local(struct netlink_batch *b, int index)
{
    const struct ip_address local = {.family = AF_INET6, .bytes = {0xfe, 0x80, [15] = 1}};
    const struct ip_range range = ip_range_of(&local, 64);
    put_address(b, RTM_NEWADDR, index, &local, &range);
}

static int put_up(struct making *m, struct err *e)
{
    const struct network_config *c = m->c;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    const bool ipv6 = c->gateway6.family && !m->adopted;
    if (!m->adopted && !bridge_is_default(c))
        bridge_put_last(&b, c, &(struct bridge){.index = m->index, .ours = true}, &m->bridge.last);
    if (ipv6)
        link_put_no_address6(&b, m->index, NULL);
    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = m->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(&b, RTM_SETLINK, 0, &link, sizeof(link));
    if (c->mtu && !m->adopted)
        netlink_put_u32(&b, IFLA_MTU, c->mtu);
    if (ipv6)
        put_link_local(&b, m->index);
    int r = netlink_send(m->nl, &b, NULL, NULL, NULL, e);
    if (r == -EEXIST) { /* the link-local address */
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot bring up the bridge \"%s\"", c->link) : 0;
}

/* Fills in what is open. @open is the config before. */
static int choose_ranges(struct making *m, const struct network_config *open, struct err *e)
{
    struct network_config *c = m->c;
    int r = 0;
    if (c->no_ipv4)
        ;
    else if (open->subnet4.first.family == 0)
        r = range_find(m->nl, m->bridge.index, c->avoid, c->n_avoid, &c->subnet4, e);
    else if (!m->bridge.address4.family)
        r = range_is_free(m->nl, m->bridge.index, &c->subnet4, e);
    if (r == 0 && open->subnet6.first.family == 0 && c->want_ipv6)
        r = range_find_local6(m->nl, m->bridge.index, c->avoid, c->n_avoid, &c->subnet6, e);
    else if (r == 0 && c->subnet6.first.family && !m->bridge.has_address6)
        r = range_is_free(m->nl, m->bridge.index, &c->subnet6, e);
    if (r < 0)
        return r;
    if (open->gateway4.family == 0 && c->subnet4.first.family)
        c->gateway4 = ip_range_nth(&c->subnet4, 1);
    if (open->gateway6.family == 0 && c->subnet6.first.family)
        c->gateway6 = ip_range_nth(&c->subnet6, 1);
    return 0;
}

/* Whether somebody gave another link one of the ranges since they were looked at. Those that the
 * bridge had before stay its own, whoever else has them. */
static int look_again(const struct making *m, struct err *e)
{
    int r = 0;
    if (!m->c->no_ipv4 && !m->bridge.address4.family)
        r = range_is_free(m->nl, m->index, &m->c->subnet4, e);
    if (r == 0 && m->c->subnet6.first.family && !m->bridge.has_address6)
        r = range_is_free(m->nl, m->index, &m->c->subnet6, e);
    return r;
}

/* The link, with its addresses, but not up: so nobody takes it for whole. */
static int lay_out(struct making *m, struct err *e)
{
    const struct network_config *c = m->c;
    int r = 0;
    if (m->bridge.index == 0)
        r = make_link(m, e);
    if (r == 0 && !m->adopted)
        r = set_ipv6(c, e);
    if (r < 0)
        return r;
    m->index = netlink_link_index(m->nl, c->link);
    if (m->index < 0)
        return err_sys(e, -m->index, "the bridge \"%s\" was removed while it was made", c->link);
    return put_addresses(m, e);
}

/* What this has made goes again. The story of the failure stays. */
static void withdraw(struct making *m)
{
    const struct network_config *c = m->c;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = m->index};
    if (m->made)
        netlink_begin(&b, RTM_DELLINK, 0, &head, sizeof(head));
    if (!m->made && m->bridge.address4.family == 0 && c->gateway4.family)
        put_address(&b, RTM_DELADDR, m->index, &c->gateway4, &c->subnet4);
    if (!m->made && !m->bridge.has_address6 && c->gateway6.family)
        put_address(&b, RTM_DELADDR, m->index, &c->gateway6, &c->subnet6);
    if (b.len > 0 && m->index > 0)
        (void)netlink_send(m->nl, &b, NULL, NULL, NULL, NULL);
    m->made = false;
    m->index = 0;
}

/* Those who have met at one range are not to meet at the next as well. */
static void step_aside(void)
{
    uint32_t chance = 0;
    (void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
    const struct timespec pause = {.tv_nsec = chance % 100000000};
    nanosleep(&pause, NULL);
}

/* Each step is either done here or found done. */
static int make(struct making *m, struct err *e)
{
    const struct network_config open = *m->c;
    bool choice = open.no_ipv4 ? open.subnet6.first.family == 0
                               : m->bridge.address4.family == 0 && open.subnet4.first.family == 0;
    for (int i = 0;; i++) {
        int r = choose_ranges(m, &open, e);
        if (r < 0)
            return r;
        r = lay_out(m, e);
        if (r == 0)
            r = look_again(m, e);
        if (r == 0)
            r = put_up(m, e);
        if (r == 0)
            return 0;
        withdraw(m);
        *m->c = open;
        if (r != -EADDRINUSE || !choice || i >= TRIES)
            return r;
        err_release(e);
        step_aside();
    }
}

/* A bridge that has an address needs no range but that, and no other gateway in it. */
static void take_as_it_is(struct network_config *c, struct bridge *bridge)
{
    if (c->no_ipv4 || c->gateway4.family != 0 || bridge->address4.family == 0)
        return;
    struct ip_range has = ip_range_of(&bridge->address4, bridge->prefix4);
    if (c->subnet4.first.family == 0)
        c->subnet4 = has;
    if (ip_equal(&has.first, &c->subnet4.first) && has.prefix == c->subnet4.prefix)
        c->gateway4 = bridge->address4;
    else
        bridge->address4.family = 0; /* not the one that is wanted */
}

static int check_kind(const struct network_config *c, const struct bridge *bridge, struct err *e)
{
    if (bridge->index != 0 && !bridge->is_bridge)
        return err_set(e, EOPNOTSUPP, "there is a link \"%s\" on the host, but it is no bridge",
                       c->link);
    if (bridge->index != 0 && !bridge->ours && *bridge->owner)
        return err_set(e, EADDRINUSE, "the bridge \"%s\" belongs to another network (%.12s)",
                       c->link, bridge->owner);
    return 0;
}

static int forward(const struct network_config *c, struct bridge *bridge, struct err *e)
{
    int r = 0;
    if (!c->no_ipv4 && !bridge->forwarding4)
        r = forwarding_on4(e);
    if (r == 0 && c->subnet6.first.family && !c->internal && !bridge->forwarding6)
        r = forwarding_on6(e);
    return r;
}

/* Under the lock: what was read before may be old. */
static int make_alone(struct netlink *nl, struct network_config *c, struct bridge *bridge,
                      struct err *e)
{
    struct making m = {.nl = nl, .c = c};
    int r = bridge_read(nl, c, &m.bridge, e);
    if (r == 0)
        r = check_kind(c, &m.bridge, e);
    if (r < 0)
        return r;
    m.adopted = m.bridge.index != 0 && !m.bridge.ours;
    take_as_it_is(c, &m.bridge);
    r = make(&m, e);
    if (r == 0)
        r = bridge_read(nl, c, bridge, e);
    if (r == 0 && !is_whole(c, bridge))
        r = err_set(e, ENODEV, "the bridge \"%s\" was removed while it was made", c->link);
    if (r < 0 && m.made)
        withdraw(&m);
    return r;
}

int bridge_create(struct netlink *nl, struct network_config *c, struct bridge *ret, struct err *e)
{
    struct network_config filled = *c;
    _cleanup_netns_lock_ int lock = netns_lock();
    int r = make_alone(nl, &filled, ret, e);
    if (r == 0)
        r = forward(&filled, ret, e);
    if (r < 0)
        return r;
    *c = filled;
    return 0;
}

int bridge_ensure(struct netlink *nl, struct network_config *c, struct bridge *ret, struct err *e)
{
    struct bridge bridge = {0};
    int r = bridge_read(nl, c, &bridge, e);
    if (r == 0)
        r = check_kind(c, &bridge, e);
    if (r == 0 && !is_whole(c, &bridge)) {
        _cleanup_netns_lock_ int lock = netns_lock();
        r = make_alone(nl, c, &bridge, e);
    }
    if (r == 0)
        r = forward(c, &bridge, e);
    if (r < 0)
        return r;
    take_as_it_is(c, &bridge);
    *ret = bridge;
    return 0;
}
