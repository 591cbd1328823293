#include "network/parent.h"

#include "base/str.h"
#include "network/link.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

static bool leads_nowhere(const struct network_config *c)
{
    const char *digits = str_after(c->link, "sk-");
    return digits && strncmp(digits, c->id, 10) == 0;
}

/* What is set up on links that are nobody's: without IPv6 addresses of their own, up, and with the
 * network's name on them. */
static void put_up(struct netlink_batch *b, const char *name, const struct network_config *c)
{
    char alias[sizeof("skiff:net ") + 64];
    snprintf(alias, sizeof(alias), "skiff:%s", c->id);
    link_put_no_address6(b, 0, name);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(b, RTM_SETLINK, 0, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, name);
    netlink_put_string(b, IFLA_IFALIAS, alias);
}

static void put_nowhere(struct netlink_batch *b, const char *name, const char *other)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, name);
    size_t info = netlink_nest(b, IFLA_LINKINFO);
    netlink_put_string(b, IFLA_INFO_KIND, "veth");
    size_t data = netlink_nest(b, IFLA_INFO_DATA);
    size_t peer = netlink_nest_header(b, VETH_INFO_PEER, &link, sizeof(link));
    netlink_put_string(b, IFLA_IFNAME, other);
    netlink_nest_end(b, peer);
    netlink_nest_end(b, data);
    netlink_nest_end(b, info);
}

static int make_nowhere(struct netlink *host, const struct network_config *c, struct err *e)
{
    char other[16];
    snprintf(other, sizeof(other), "sn-%.10s", c->id);
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    put_nowhere(&b, c->link, other);
    put_up(&b, c->link, c);
    put_up(&b, other, c);
    return netlink_send(host, &b, NULL, NULL, NULL, e);
}

/* "eth0.50": the number behind the last dot; 0 when there is none that a VLAN may have. */
static uint16_t vlan_number(const char *name, char ret_base[16])
{
    const char *dot = strrchr(name, '.');
    long long number = 0;
    if (!dot || dot == name || str_to_int64(dot + 1, 1, 4094, &number) < 0)
        return 0;
    snprintf(ret_base, 16, "%.*s", (int)(dot - name), name);
    return (uint16_t)number;
}

static int make_vlan(struct netlink *host, const struct network_config *c, uint16_t number,
                     int below, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    netlink_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    netlink_put_string(&b, IFLA_IFNAME, c->link);
    netlink_put_u32(&b, IFLA_LINK, (uint32_t)below);
    size_t info = netlink_nest(&b, IFLA_LINKINFO);
    netlink_put_string(&b, IFLA_INFO_KIND, "vlan");
    size_t data = netlink_nest(&b, IFLA_INFO_DATA);
    netlink_put_u16(&b, IFLA_VLAN_ID, number);
    netlink_nest_end(&b, data);
    netlink_nest_end(&b, info);
    put_up(&b, c->link, c);
    return netlink_send(host, &b, NULL, NULL, NULL, e);
}

int parent_ensure(struct netlink *host, const struct network_config *c, struct err *e)
{
    char base[16] = "";
    int index = netlink_link_index(host, c->link);
    if (index > 0)
        return index;
    uint16_t number = vlan_number(c->link, base);
    int below = number ? netlink_link_index(host, base) : -ENODEV;
    if (!leads_nowhere(c) && below < 0)
        return err_set(e, ENODEV,
                       "there is no link \"%s\" on this host that could be the network's parent",
                       number ? base : c->link);
    int r = leads_nowhere(c) ? make_nowhere(host, c, e) : make_vlan(host, c, number, below, e);
    if (r < 0 && r != -EEXIST)
        return err_wrap(e, "cannot make the parent \"%s\"", c->link);
    err_release(e);
    index = netlink_link_index(host, c->link);
    return index < 0 ? err_sys(e, -index, "cannot find the parent \"%s\"", c->link) : index;
}

int parent_remove(struct netlink *host, const struct network_config *c, struct err *e)
{
    char owner[LINK_OWNER];
    int index = netlink_link_index(host, c->link);
    link_owner(host, c->link, owner);
    if (index < 0 || !*c->id || !str_eq(owner, c->id))
        return 0;
    int r = link_remove(host, index, e);
    if (r == -ENODEV) {
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot remove the parent \"%s\"", c->link) : 0;
}
