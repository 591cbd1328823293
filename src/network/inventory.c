#include "network/inventory.h"

#include "base/str.h"
#include "network/cable.h"
#include "network/firewall.h"
#include "network/link.h"
#include "network/network.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* As cables are named, by an IPv4 address or, without one, by chance. */
static bool is_cable(const char *link)
{
    const char *chance = str_after(link, "sk6-");
    struct ip_address address;
    return cable_address(link, &address) ||
           (chance && strlen(chance) == 10 && strspn(chance, "0123456789abcdef") == 10);
}

struct gathering {
    struct network_cable *v;
    size_t n;
};

/* Copies an attribute that is text; "" when there is none, or it is too long. */
static void take_text(const struct nlmsghdr *m, uint16_t type, char *ret, size_t size)
{
    const struct nlattr *a = netlink_attr(m, sizeof(struct ifinfomsg), type, 1);
    ret[0] = '\0';
    if (a && netlink_size(a) <= size) {
        memcpy(ret, netlink_data(a), netlink_size(a));
        ret[netlink_size(a) - 1] = '\0';
    }
}

static int take_link(const struct nlmsghdr *m, void *arg)
{
    struct gathering *g = arg;
    struct network_cable cable = {.namespace = CABLE_HERE};
    char alias[6 + 64 + 1];
    if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return 0;
    take_text(m, IFLA_IFNAME, cable.link, sizeof(cable.link));
    if (!is_cable(cable.link))
        return 0;
    take_text(m, IFLA_IFALIAS, alias, sizeof(alias));
    const char *owner = str_after(alias, "skiff:");
    if (owner && strlen(owner) < sizeof(cable.owner))
        memcpy(cable.owner, owner, strlen(owner) + 1);
    const struct nlattr *number =
        netlink_attr(m, sizeof(struct ifinfomsg), IFLA_LINK_NETNSID, sizeof(int32_t));
    if (number)
        memcpy(&cable.namespace, netlink_data(number), sizeof(int32_t));
    struct network_cable *more = reallocarray(g->v, g->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    g->v = more;
    g->v[g->n++] = cable;
    return 0;
}

int network_cables(struct network_cable **ret, size_t *ret_n, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct gathering g = {0};
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_GETLINK, NLM_F_DUMP, &link, sizeof(link));
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    int r = netlink_open(&nl, NETLINK_ROUTE, e);
    if (r == 0)
        r = netlink_send(&nl, &b, take_link, &g, NULL, e);
    if (r < 0) {
        free(g.v);
        return err_wrap(e, "cannot list the network links");
    }
    *ret = g.v;
    *ret_n = g.n;
    return 0;
}

int network_namespace_number(int netns_fd)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_ROUTE, NULL);
    return r < 0 ? r : link_namespace_number(&nl, netns_fd);
}

int network_address_owner(const struct ip_address *address, char owner[65], struct err *e)
{
    char name[CABLE_NAME_MAX];
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    owner[0] = '\0';
    int r = netlink_open(&nl, NETLINK_ROUTE, e);
    if (r < 0)
        return r;
    cable_lease_name(address, name);
    r = link_exists(&nl, name, owner, e);
    return r;
}

static int take_state(const struct nlmsghdr *m, void *arg)
{
    if (m->nlmsg_type == RTM_NEWLINK && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        *(int *)arg = ((const struct ifinfomsg *)NLMSG_DATA(m))->ifi_flags & IFF_UP ? LINK_IS_UP
                                                                                    : LINK_IS_DOWN;
    return 0;
}

int network_link_state(const char *link, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    int state = LINK_IS_GONE, r = netlink_open(&nl, NETLINK_ROUTE, e);
    if (r < 0)
        return r;
    netlink_begin(&b, RTM_GETLINK, 0, &head, sizeof(head));
    netlink_put_string(&b, IFLA_IFNAME, link);
    r = netlink_send(&nl, &b, take_state, &state, NULL, e);
    if (r == -ENODEV)
        err_release(e);
    return r == -ENODEV ? LINK_IS_GONE : r < 0 ? r : state;
}

int network_remove_cable(const char *link, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_ROUTE, e);
    if (r == 0)
        r = cable_remove(&nl, link, e);
    return r;
}

/* 1 when there is a default bridge that has an address. */
static int read_default(struct network_config *ret, struct err *e)
{
    int r = network_default_look(ret, e);
    return r <= 0 ? r : ret->subnet4.first.family != 0;
}

int network_nat_is_whole(struct err *e)
{
    struct network_config c;
    int r = read_default(&c, e);
    return r <= 0 ? (r < 0 ? r : 1) : firewall_is_whole(&c, e);
}

int network_repair_nat(struct err *e)
{
    struct network_config c;
    int r = read_default(&c, e);
    return r <= 0 ? r : firewall_add_network(&c, e);
}
