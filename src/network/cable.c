#include "network/cable.h"

#include "network/range.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

#define INSIDE "eth0"

void cable_name(struct in_addr address, char *ret)
{
    snprintf(ret, IFNAMSIZ, "sk-%08x", ntohl(address.s_addr));
}

uint32_t cable_next_address(const struct bridge *bridge, uint32_t address)
{
    struct range range = bridge_range(bridge);
    uint32_t last = range_last(range);
    if (last - range.first < 3) /* two addresses at most can be used: one is the bridge's */
        return 0;
    if (address < range.first || address >= last - 1)
        address = range.first;
    address++;
    if (address != ntohl(bridge->address.s_addr))
        return address;
    return address + 1 < last ? address + 1 : range.first + 1;
}

/* One queue each way: by default there is one per possible processor, each with its objects in
 * sysfs, and nothing is gained as long as no queue ever waits. */
static void put_queues(struct netlink_batch *b)
{
    netlink_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
}

/* The pair, each end born in its place: nothing is moved or renamed afterwards. */
static void put_pair(struct netlink_batch *b, int netns_fd, int bridge_index,
                     const struct network_endpoint *end)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, end->link);
    netlink_put_u32(b, IFLA_MASTER, (uint32_t)bridge_index);
    put_queues(b);

    size_t info = netlink_nest(b, IFLA_LINKINFO);
    netlink_put_string(b, IFLA_INFO_KIND, "veth");
    size_t data = netlink_nest(b, IFLA_INFO_DATA);
    struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
    size_t inside = netlink_nest_header(b, VETH_INFO_PEER, &peer, sizeof(peer));
    netlink_put_string(b, IFLA_IFNAME, INSIDE);
    netlink_put(b, IFLA_ADDRESS, end->mac, sizeof(end->mac));
    netlink_put_u32(b, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    put_queues(b);
    netlink_nest_end(b, inside);
    netlink_nest_end(b, data);
    netlink_nest_end(b, info);
}

static int try_address(struct netlink *host, int netns_fd, const struct bridge *bridge,
                       struct network_endpoint *end, struct err *e)
{
    struct in_addr address = {htonl(ip_to_u32(&end->address4))};
    cable_name(address, end->link);
    bridge_mac(address, end->mac);

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    put_pair(&b, netns_fd, bridge->index, end);
    int r = netlink_send(host, &b, NULL, NULL, NULL, e);
    if (r == -EEXIST)
        return r;
    if (r == -EXFULL)
        return err_set(e, EXFULL, "the bridge \"%s\" has all the ports a bridge can have (1023)",
                       end->bridge);
    return r < 0 ? err_wrap(e, "cannot make the link \"%s\"", end->link) : 0;
}

static int lease(struct netlink *host, int netns_fd, const struct bridge *bridge,
                 struct network_endpoint *end, struct err *e)
{
    uint32_t first = cable_next_address(bridge, ntohl(bridge->last.s_addr));
    uint32_t address = first;
    while (address != 0) {
        end->address4 = ip_from_u32(address);
        int r = try_address(host, netns_fd, bridge, end, e);
        if (r != -EEXIST)
            return r;
        err_release(e);
        address = cable_next_address(bridge, address);
        if (address == first)
            break;
    }
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &bridge->address, text, sizeof(text));
    return err_set(e, EADDRNOTAVAIL, "all addresses of the bridge \"%s\" (%s/%u) are taken",
                   end->bridge, text, bridge->prefix);
}

/* What can be told only to a link that exists. A port of a bridge needs no IPv6 of its own: without
 * a generated address it has none, and what arrives at it is the bridge's. */
static int label(struct netlink *host, const struct bridge *bridge, const char *owner,
                 const struct network_endpoint *end, bool ipv6, struct err *e)
{
    char alias[6 + 64 + 1];
    snprintf(alias, sizeof(alias), "skiff:%s", owner);

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_SETLINK, 0, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, end->link);
    netlink_put_string(&b, IFLA_IFALIAS, alias);
    if (ipv6) {
        size_t families = netlink_nest(&b, IFLA_AF_SPEC);
        size_t family = netlink_nest(&b, AF_INET6);
        netlink_put_u8(&b, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        netlink_nest_end(&b, family);
        netlink_nest_end(&b, families);
    }
    bridge_put_last(&b, bridge, (struct in_addr){htonl(ip_to_u32(&end->address4))});

    int r = netlink_send(host, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot label the link \"%s\"", end->link) : 0;
}

static int configure_inside(struct netlink *route, const struct network_endpoint *end,
                            struct err *e)
{
    int index = netlink_link_index(route, INSIDE);
    if (index < 0)
        return err_sys(e, -index, "cannot find \"%s\" in the container", INSIDE);
    struct in_addr broadcast = {htonl(ip_to_u32(&end->address4) | ~range_mask(end->prefix4))};

    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(&b, RTM_SETLINK, 0, &link, sizeof(link));

    struct ifaddrmsg address = {.ifa_family = AF_INET,
                                .ifa_prefixlen = (uint8_t)end->prefix4,
                                .ifa_index = (uint32_t)index};
    netlink_begin(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address, sizeof(address));
    netlink_put(&b, IFA_LOCAL, end->address4.bytes, 4);
    netlink_put(&b, IFA_ADDRESS, end->address4.bytes, 4);
    netlink_put(&b, IFA_BROADCAST, &broadcast, sizeof(broadcast));

    struct rtmsg route_head = {.rtm_family = AF_INET,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = RTPROT_BOOT,
                               .rtm_scope = RT_SCOPE_UNIVERSE,
                               .rtm_type = RTN_UNICAST};
    netlink_begin(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route_head, sizeof(route_head));
    netlink_put(&b, RTA_GATEWAY, end->gateway4.bytes, 4);
    netlink_put_u32(&b, RTA_OIF, (uint32_t)index);

    static const char *const steps[] = {"bring up", "give an address to", "route by way of"};
    unsigned failed;
    int r = netlink_send(route, &b, NULL, NULL, &failed, e);
    if (r < 0)
        return err_wrap(e, "cannot %s \"%s\" in the container",
                        failed < ARRAY_LEN(steps) ? steps[failed] : "configure", INSIDE);
    return 0;
}

/* Both ends go with one. Waits for the kernel (19 ms), so only failures are cleaned up like this.
 */
int cable_remove(struct netlink *host, const char *link, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_DELLINK, 0, &head, sizeof(head));
    netlink_put_string(&b, IFLA_IFNAME, link);
    int r = netlink_send(host, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot remove the link \"%s\"", link) : 0;
}

static int lease_without_ipv6(struct netlink *host, struct netns *inside,
                              const struct bridge *bridge, struct network_endpoint *end,
                              struct err *e)
{
    int r = netns_ipv6_off(inside, e);
    if (r < 0)
        return r;
    r = lease(host, inside->fd, bridge, end, e);
    int back = netns_ipv6_back(inside, r < 0 ? NULL : e);
    if (r == 0 && back < 0) {
        (void)cable_remove(host, end->link, NULL);
        return back;
    }
    return r;
}

int cable_lay(struct netlink *host, struct netns *inside, const struct bridge *bridge,
              const char *owner, struct network_endpoint *ret, struct err *e)
{
    /* The kernel says EEXIST for either end's name; so that it means the address below. */
    if (netlink_link_index(&inside->route, INSIDE) > 0)
        return err_set(e, EEXIST, "the container's network namespace has an \"%s\" already",
                       INSIDE);

    struct network_endpoint end = {.bridge = BRIDGE_DEFAULT,
                                   .inside = INSIDE,
                                   .gateway4 = ip_from_bytes(AF_INET, &bridge->address),
                                   .prefix4 = bridge->prefix};
    int r = lease_without_ipv6(host, inside, bridge, &end, e);
    if (r < 0)
        return r;

    r = label(host, bridge, owner, &end, inside->ipv6_default >= 0, e);
    if (r == 0)
        r = configure_inside(&inside->route, &end, e);
    if (r < 0) {
        (void)cable_remove(host, end.link, NULL);
        return r;
    }
    *ret = end;
    return 0;
}
