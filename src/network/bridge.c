#include "network/bridge.h"

#include "base/str.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define NET_PREFIX  "skiff:net "
#define LAST_PREFIX "last "

/* "skiff:net ID last ADDRESS" */
enum { ALIAS_MAX = sizeof(NET_PREFIX) + 64 + sizeof(" " LAST_PREFIX) + IP_ADDRESS_TEXT };

void bridge_mac(const struct ip_address *address, uint8_t ret[6])
{
    ret[0] = 0x02;
    ret[1] = 0x42;
    memset(ret + 2, 0, 4);
    for (size_t i = 0; i < ip_size(address->family); i++)
        ret[2 + i % 4] ^= address->bytes[i];
}

bool bridge_is_default(const struct network_config *c)
{
    return strcmp(c->link, NETWORK_DEFAULT_BRIDGE) == 0;
}

/* What is being read: the question's config, and the answer. */
struct reading {
    const struct network_config *c;
    struct bridge found;
};

/* The alias is a hint, and anybody may change it: what cannot be read is no hint. */
static void read_alias(const struct nlattr *alias, struct bridge *bridge)
{
    char text[ALIAS_MAX] = "";
    size_t n = netlink_size(alias);
    if (n >= sizeof(text))
        return;
    memcpy(text, netlink_data(alias), n);
    const char *at = str_after(text, NET_PREFIX);
    if (at && strspn(at, "0123456789abcdef") == 64) {
        memcpy(bridge->owner, at, 64);
        at += 64;
        at += *at == ' ';
    } else {
        at = str_after(text, "skiff:");
    }
    const char *last = at ? str_after(at, LAST_PREFIX) : NULL;
    struct ip_address address;
    if (last && ip_address_parse(last, &address) == 0)
        bridge->last = address;
}

static bool is_named_by_id(const struct network_config *c)
{
    const char *digits = str_after(c->link, "sk-");
    return digits && strlen(digits) == 10 && strncmp(digits, c->id, 10) == 0;
}

static int read_link(const struct nlmsghdr *m, struct reading *reading)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return -EBADMSG;
    const struct ifinfomsg *head = NLMSG_DATA(m);
    struct bridge *bridge = &reading->found;
    bridge->index = head->ifi_index;
    bridge->up = head->ifi_flags & IFF_UP;
    const struct nlattr *alias = netlink_attr(m, sizeof(*head), IFLA_IFALIAS, 1);
    if (alias)
        read_alias(alias, bridge);
    const struct nlattr *info = netlink_attr(m, sizeof(*head), IFLA_LINKINFO, 4);
    const struct nlattr *kind = info ? netlink_attr_in(info, IFLA_INFO_KIND, 7) : NULL;
    bridge->is_bridge = kind && memcmp(netlink_data(kind), "bridge", 7) == 0;
    const struct nlattr *group = netlink_attr(m, sizeof(*head), IFLA_GROUP, sizeof(uint32_t));
    uint32_t number = 0;
    if (group)
        memcpy(&number, netlink_data(group), sizeof(number));
    bridge->ours = (number == BRIDGE_GROUP && !*bridge->owner) || bridge_is_default(reading->c) ||
                   is_named_by_id(reading->c) ||
                   (*bridge->owner && str_eq(bridge->owner, reading->c->id));
    return 0;
}

static void read_forwarding(const struct nlmsghdr *m, struct bridge *bridge)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct netconfmsg)))
        return;
    const struct netconfmsg *head = NLMSG_DATA(m);
    const struct nlattr *a =
        netlink_attr(m, sizeof(struct netconfmsg), NETCONFA_FORWARDING, sizeof(int32_t));
    int32_t on = 0;
    if (a)
        memcpy(&on, netlink_data(a), sizeof(on));
    if (head->ncm_family == AF_INET)
        bridge->forwarding4 = on != 0;
    else
        bridge->forwarding6 = on != 0;
}

/* The gateway, or the first address that is reported: the bridge's primary one. A network that has
 * a range of its own wants none but that. */
static int read_address(const struct nlmsghdr *m, struct reading *reading)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return -EBADMSG;
    const struct ifaddrmsg *head = NLMSG_DATA(m);
    const struct network_config *c = reading->c;
    struct bridge *bridge = &reading->found;
    sa_family_t family = head->ifa_family;
    if ((int)head->ifa_index != bridge->index || ip_size(family) == 0)
        return 0;
    const struct nlattr *a = netlink_attr(m, sizeof(*head), IFA_LOCAL, ip_size(family));
    if (!a)
        a = netlink_attr(m, sizeof(*head), IFA_ADDRESS, ip_size(family));
    if (!a || head->ifa_prefixlen > ip_bits(family))
        return -EBADMSG;
    struct ip_address address = ip_from_bytes(family, netlink_data(a));
    if (family == AF_INET6) {
        bridge->has_address6 = bridge->has_address6 || (ip_equal(&address, &c->gateway6) &&
                                                        head->ifa_prefixlen == c->subnet6.prefix);
    } else if (!c->no_ipv4 && bridge->address4.family == 0 &&
               (c->gateway4.family == 0 ||
                (ip_equal(&address, &c->gateway4) && head->ifa_prefixlen == c->subnet4.prefix))) {
        bridge->address4 = address;
        bridge->prefix4 = head->ifa_prefixlen;
    }
    return 0;
}

static int read_any(const struct nlmsghdr *m, void *arg)
{
    struct reading *reading = arg;
    switch (m->nlmsg_type) {
    case RTM_NEWLINK:
        return read_link(m, reading);
    case RTM_NEWNETCONF:
        read_forwarding(m, &reading->found);
        return 0;
    case RTM_NEWADDR:
        return read_address(m, reading);
    default:
        return 0;
    }
}

static void ask_forwarding(struct netlink_batch *b, uint8_t family)
{
    struct netconfmsg conf = {.ncm_family = family};
    netlink_begin(b, RTM_GETNETCONF, 0, &conf, sizeof(conf));
    netlink_put_u32(b, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
}

static int read_addresses(struct netlink *nl, uint8_t family, struct reading *reading,
                          struct err *e)
{
    struct netlink_batch b;
    struct ifaddrmsg addresses = {.ifa_family = family,
                                  .ifa_index = (uint32_t)reading->found.index};
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
    int r = netlink_send(nl, &b, read_any, reading, NULL, e);
    if (r == -ENODEV) { /* removed between the two questions */
        err_release(e);
        reading->found = (struct bridge){.forwarding4 = reading->found.forwarding4,
                                         .forwarding6 = reading->found.forwarding6};
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot read the addresses of the bridge \"%s\"", reading->c->link)
                 : 0;
}

int bridge_read(struct netlink *nl, const struct network_config *c, struct bridge *ret,
                struct err *e)
{
    struct reading reading = {.c = c};
    bool ipv6 = c->subnet6.first.family != 0;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);

    ask_forwarding(&b, AF_INET);
    if (ipv6)
        ask_forwarding(&b, AF_INET6);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_GETLINK, 0, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, c->link);
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);

    unsigned failed;
    int r = netlink_send(nl, &b, read_any, &reading, &failed, e);
    if (r == -ENODEV && failed == (ipv6 ? 2 : 1)) {
        err_release(e);
        *ret = reading.found;
        return 0;
    }
    if (r < 0)
        return err_wrap(e, "cannot look for the bridge \"%s\"", c->link);

    r = read_addresses(nl, AF_INET, &reading, e);
    if (r == 0 && ipv6 && reading.found.index != 0)
        r = read_addresses(nl, AF_INET6, &reading, e);
    if (r == 0)
        *ret = reading.found;
    return r;
}

void bridge_put_last(struct netlink_batch *b, const struct network_config *c,
                     const struct bridge *bridge, const struct ip_address *last)
{
    if (!bridge->ours)
        return;
    char alias[ALIAS_MAX], address[IP_ADDRESS_TEXT];
    ip_address_format(last, address);
    if (bridge_is_default(c))
        snprintf(alias, sizeof(alias), "skiff:" LAST_PREFIX "%s", address);
    else
        snprintf(alias, sizeof(alias), NET_PREFIX "%s%s%s", c->id, *address ? " " LAST_PREFIX : "",
                 address);

    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = bridge->index};
    netlink_begin(b, RTM_SETLINK, 0, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFALIAS, alias);
}

int bridge_remove(struct netlink *nl, const struct network_config *c, struct err *e)
{
    struct bridge bridge;
    int r = bridge_read(nl, c, &bridge, e);
    if (r < 0 || bridge.index == 0 || !bridge.ours)
        return r < 0 ? r : *bridge.owner && !bridge.ours;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = bridge.index};
    netlink_begin(&b, RTM_DELLINK, 0, &head, sizeof(head));
    r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    if (r == -ENODEV) {
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot remove the bridge \"%s\"", c->link) : 0;
}
