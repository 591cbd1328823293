#include "network/bridge.h"

#include "base/str.h"
#include "network/range.h"
#include "network/sysctl.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define LAST_PREFIX "skiff:last "

void bridge_mac(struct in_addr address, uint8_t ret[6])
{
    ret[0] = 0x02;
    ret[1] = 0x42;
    memcpy(ret + 2, &address, sizeof(address));
}

/* The alias is a hint, and anybody may change it: what cannot be read is no hint. */
static void read_alias(const struct nlattr *alias, struct bridge *bridge)
{
    char text[sizeof(LAST_PREFIX) + INET_ADDRSTRLEN] = "";
    size_t n = netlink_size(alias);
    if (n >= sizeof(text))
        return;
    memcpy(text, netlink_data(alias), n);
    const char *last = str_after(text, LAST_PREFIX);
    struct in_addr address;
    if (last && inet_pton(AF_INET, last, &address) == 1)
        bridge->last = address;
}

static int read_link(const struct nlmsghdr *m, struct bridge *bridge)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return -EBADMSG;
    const struct ifinfomsg *head = NLMSG_DATA(m);
    bridge->index = head->ifi_index;
    bridge->up = head->ifi_flags & IFF_UP;
    const struct nlattr *alias = netlink_attr(m, sizeof(*head), IFLA_IFALIAS, 1);
    if (alias)
        read_alias(alias, bridge);
    return 0;
}

static void read_forwarding(const struct nlmsghdr *m, struct bridge *bridge)
{
    const struct nlattr *a =
        netlink_attr(m, sizeof(struct netconfmsg), NETCONFA_FORWARDING, sizeof(int32_t));
    int32_t on = 0;
    if (a)
        memcpy(&on, netlink_data(a), sizeof(on));
    bridge->forwarding = on != 0;
}

/* The first address that is reported is the bridge's primary one. */
static int read_address(const struct nlmsghdr *m, struct bridge *bridge)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return -EBADMSG;
    const struct ifaddrmsg *head = NLMSG_DATA(m);
    const struct nlattr *address = netlink_attr(m, sizeof(*head), IFA_LOCAL, 4);
    if (head->ifa_family != AF_INET || (int)head->ifa_index != bridge->index || !address ||
        bridge->address.s_addr != 0)
        return 0;
    if (head->ifa_prefixlen > 32)
        return -EBADMSG;
    memcpy(&bridge->address, netlink_data(address), sizeof(bridge->address));
    bridge->prefix = head->ifa_prefixlen;
    return 0;
}

static int read_any(const struct nlmsghdr *m, void *arg)
{
    switch (m->nlmsg_type) {
    case RTM_NEWLINK:
        return read_link(m, arg);
    case RTM_NEWNETCONF:
        read_forwarding(m, arg);
        return 0;
    case RTM_NEWADDR:
        return read_address(m, arg);
    default:
        return 0;
    }
}

int bridge_read(struct netlink *nl, struct bridge *ret, struct err *e)
{
    struct bridge found = {0};
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);

    struct netconfmsg conf = {.ncm_family = AF_INET};
    netlink_begin(&b, RTM_GETNETCONF, 0, &conf, sizeof(conf));
    netlink_put_u32(&b, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);

    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_GETLINK, 0, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, BRIDGE_DEFAULT);
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);

    unsigned failed;
    int r = netlink_send(nl, &b, read_any, &found, &failed, e);
    if (r == -ENODEV && failed == 1) {
        err_release(e);
        *ret = found;
        return 0;
    }
    if (r < 0)
        return err_wrap(e, "cannot look for the bridge \"%s\"", BRIDGE_DEFAULT);

    struct ifaddrmsg addresses = {.ifa_family = AF_INET, .ifa_index = (uint32_t)found.index};
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
    r = netlink_send(nl, &b, read_any, &found, NULL, e);
    if (r == -ENODEV) { /* removed between the two questions */
        err_release(e);
        found = (struct bridge){.forwarding = found.forwarding};
    } else if (r < 0) {
        return err_wrap(e, "cannot read the addresses of the bridge \"%s\"", BRIDGE_DEFAULT);
    }
    *ret = found;
    return 0;
}

/* Its hardware address is given, or it would change with the ports that come and go. */
static int make_link(struct netlink *nl, struct in_addr address, struct err *e)
{
    uint8_t mac[6];
    bridge_mac(address, mac);

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, BRIDGE_DEFAULT);
    netlink_put(&b, IFLA_ADDRESS, mac, sizeof(mac));
    size_t info = netlink_nest(&b, IFLA_LINKINFO);
    netlink_put_string(&b, IFLA_INFO_KIND, "bridge");
    size_t data = netlink_nest(&b, IFLA_INFO_DATA);
    netlink_put_u32(&b, IFLA_BR_FORWARD_DELAY, 0);
    netlink_put_u32(&b, IFLA_BR_STP_STATE, 0);
    netlink_nest_end(&b, data);
    netlink_nest_end(&b, info);

    int r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    if (r == -EEXIST) {
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot make the bridge \"%s\"", BRIDGE_DEFAULT) : 0;
}

/* A container can send router advertisements: with IPv6 on, the host would take its routes from it
 * (CVE-2020-13401). Off before the bridge is up, so there is no moment with a link-local address.
 */
static int turn_off_ipv6(struct err *e)
{
    int r = sysctl_write("ipv6/conf/" BRIDGE_DEFAULT "/disable_ipv6", '1', e);
    if (r < 0)
        return r;
    return sysctl_write("ipv6/conf/" BRIDGE_DEFAULT "/accept_ra", '0', e);
}

static int put_up(struct netlink *nl, int index, struct in_addr address, unsigned prefix,
                  struct err *e)
{
    struct in_addr broadcast = {address.s_addr | htonl(~range_mask(prefix))};
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);

    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(&b, RTM_SETLINK, 0, &link, sizeof(link));

    struct ifaddrmsg head = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (uint32_t)index};
    netlink_begin(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    netlink_put(&b, IFA_LOCAL, &address, sizeof(address));
    netlink_put(&b, IFA_ADDRESS, &address, sizeof(address));
    netlink_put(&b, IFA_BROADCAST, &broadcast, sizeof(broadcast));

    unsigned failed;
    int r = netlink_send(nl, &b, NULL, NULL, &failed, e);
    if (r == -EEXIST && failed == 1) {
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot give the bridge \"%s\" its address", BRIDGE_DEFAULT) : 0;
}

/* Everybody who makes it at the same time must choose the same range, so skiff0's own routes must
 * not count: not even if it came into being, by another's hand, between the question for its index
 * and the one for the routes. That is seen in its index having changed. */
static int choose_range(struct netlink *nl, struct range *ret, struct err *e)
{
    for (int tries = 0; tries < 16; tries++) {
        int index = netlink_link_index(nl, BRIDGE_DEFAULT);
        int r = range_find(nl, index, ret, e);
        if (netlink_link_index(nl, BRIDGE_DEFAULT) == index)
            return r;
        err_release(e);
    }
    return err_set(e, EBUSY, "it is made and removed all the time");
}

/* Each step is either done here or found done. */
static int make(struct netlink *nl, struct bridge *bridge, struct err *e)
{
    struct in_addr address = bridge->address;
    unsigned prefix = bridge->prefix;
    if (address.s_addr == 0) {
        struct range range;
        int r = choose_range(nl, &range, e);
        if (r < 0)
            return err_wrap(e, "cannot make the bridge \"%s\"", BRIDGE_DEFAULT);
        address.s_addr = htonl(range.first + 1);
        prefix = range.prefix;
    }
    if (bridge->index == 0) {
        int r = make_link(nl, address, e);
        if (r < 0)
            return r;
    }
    int r = turn_off_ipv6(e);
    if (r < 0)
        return r;
    int index = netlink_link_index(nl, BRIDGE_DEFAULT);
    if (index < 0)
        return err_sys(e, -index, "the bridge \"%s\" was removed while it was made",
                       BRIDGE_DEFAULT);
    r = put_up(nl, index, address, prefix, e);
    return r < 0 ? r : bridge_read(nl, bridge, e);
}

int bridge_ensure(struct netlink *nl, struct bridge *ret, struct err *e)
{
    struct bridge bridge = {0};
    int r = bridge_read(nl, &bridge, e);
    if (r < 0)
        return r;
    if (bridge.index == 0 || bridge.address.s_addr == 0 || !bridge.up) {
        r = make(nl, &bridge, e);
        if (r < 0)
            return r;
        if (bridge.index == 0 || bridge.address.s_addr == 0)
            return err_set(e, ENODEV, "the bridge \"%s\" was removed while it was made",
                           BRIDGE_DEFAULT);
    }
    if (!bridge.forwarding) {
        r = sysctl_write("ipv4/ip_forward", '1', e);
        if (r < 0)
            return r;
        bridge.forwarding = true;
    }
    *ret = bridge;
    return 0;
}

void bridge_put_last(struct netlink_batch *b, const struct bridge *bridge, struct in_addr last)
{
    char alias[sizeof(LAST_PREFIX) + INET_ADDRSTRLEN] = LAST_PREFIX;
    inet_ntop(AF_INET, &last, alias + strlen(LAST_PREFIX), INET_ADDRSTRLEN);

    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = bridge->index};
    netlink_begin(b, RTM_SETLINK, 0, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFALIAS, alias);
}
