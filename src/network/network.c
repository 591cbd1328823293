#include "network/network.h"

#include "base/str.h"
#include "network/bridge.h"
#include "network/cable.h"
#include "network/firewall.h"
#include "network/inside.h"
#include "network/lease.h"
#include "network/link.h"
#include "network/macvlan.h"
#include "network/netns.h"
#include "network/network_check.h"
#include "network/parent.h"
#include "network/pool.h"
#include "network/range.h"

#include <string.h>

void network_config_release(struct network_config *c)
{
    free(TAKE_PTR(c->reserved));
    c->n_reserved = 0;
    free(TAKE_PTR(c->sources));
    c->n_sources = 0;
    free(TAKE_PTR(c->avoid));
    c->n_avoid = 0;
}

/* Ranges of a network without a bridge: nothing of the host's shows them, so that they may not
 * overlap what the host has, but where they were given. */
static int choose_ranges(struct netlink *host, struct network_config *c, struct err *e)
{
    int r = 0;
    if (!c->no_ipv4 && !c->subnet4.first.family)
        r = range_find(host, 0, c->avoid, c->n_avoid, &c->subnet4, e);
    if (r == 0 && c->want_ipv6 && !c->subnet6.first.family)
        r = range_find_local6(host, 0, c->avoid, c->n_avoid, &c->subnet6, e);
    if (r < 0)
        return r;
    if (!c->gateway4.family && c->subnet4.first.family)
        c->gateway4 = ip_range_nth(&c->subnet4, 1);
    if (!c->gateway6.family && c->subnet6.first.family)
        c->gateway6 = ip_range_nth(&c->subnet6, 1);
    return 0;
}

static int create_bridge(struct netlink *host, struct network_config *c, struct err *e)
{
    struct bridge bridge;
    int r = bridge_create(host, c, &bridge, e);
    if (r < 0)
        return r;
    r = firewall_add_network(c, e);
    if (r < 0)
        (void)bridge_remove(host, c, NULL);
    return r;
}

static int create_on_parent(struct netlink *host, struct network_config *c, struct err *e)
{
    int r = choose_ranges(host, c, e);
    if (r == 0)
        r = network_check(c, e);
    if (r == 0)
        r = parent_ensure(host, c, e);
    return r < 0 ? r : 0;
}

/* Its plugin makes the bridge, with the first container: nothing of the host's shows the range
 * until then, but other bridges' addresses do. */
static int create_for_others(struct netlink *host, struct network_config *c, struct err *e)
{
    int there = netlink_link_index(host, c->link);
    int r = choose_ranges(host, c, e);
    if (r == 0)
        r = network_check(c, e);
    if (r == 0 && c->subnet4.first.family)
        r = range_is_free(host, there, &c->subnet4, e);
    if (r == 0 && c->subnet6.first.family)
        r = range_is_free(host, there, &c->subnet6, e);
    return r;
}

static int create_link(struct netlink *host, struct network_config *c, struct err *e)
{
    if (c->driver == NETWORK_CNI)
        return create_for_others(host, c, e);
    return c->driver == NETWORK_BRIDGE ? create_bridge(host, c, e) : create_on_parent(host, c, e);
}

int network_create(struct network_config *c, struct err *e)
{
    struct network_config filled = *c;
    if (bridge_is_default(c))
        return err_set(e, EINVAL, "the default bridge \"%s\" is no network to be created", c->link);
    if (!*c->link)
        snprintf(filled.link, sizeof(filled.link), "sk-%.10s", c->id);
    int r = network_check(&filled, e);
    if (r < 0)
        return r;
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = create_link(&host, &filled, e);
    if (r < 0)
        return r;
    *c = filled;
    return 0;
}

/* The bridge that a plugin made by a name of ours; another is not ours to remove. */
static int remove_for_others(struct netlink *host, const struct network_config *c, struct err *e)
{
    int index = str_after(c->link, "sk-") ? netlink_link_index(host, c->link) : 0;
    int r = index > 0 ? link_remove(host, index, e) : 0;
    if (r != -ENODEV)
        return r;
    err_release(e);
    return 0;
}

int network_fill(struct network_config *c, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct bridge bridge = {0};
    if (c->driver != NETWORK_BRIDGE || c->subnet4.first.family)
        return 0;
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_read(&host, c, &bridge, e);
    if (r == 0 && bridge.address4.family)
        c->subnet4 = ip_range_of(&bridge.address4, bridge.prefix4);
    return r;
}

static bool is_taken(struct netlink *host, const struct ip_range *range)
{
    return range->first.family && range_is_free(host, 0, range, NULL) == -EADDRINUSE;
}

/* A bridge that is gone holds no range: somebody else, of another root perhaps, may have taken it
 * since. Then what the firewall has by addresses is his. */
static void leave_others_range(struct netlink *host, struct network_config *c)
{
    if (netlink_link_index(host, c->link) != -ENODEV)
        return;
    if (is_taken(host, &c->subnet4) || is_taken(host, &c->subnet6))
        c->subnet4 = c->subnet6 = (struct ip_range){0};
}

int network_remove(const struct network_config *c, struct err *e)
{
    struct network_config gone = *c;
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    int r = network_check(c, e);
    if (r == 0)
        r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r < 0)
        return r;
    if (c->driver == NETWORK_CNI)
        return remove_for_others(&host, c, e);
    if (c->driver != NETWORK_BRIDGE)
        return parent_remove(&host, c, e);
    leave_others_range(&host, &gone);
    r = firewall_forget_addresses(&gone, e);
    if (r == 0)
        r = bridge_remove(&host, c, e);
    if (r != 0)
        return r < 0 ? r : 0;
    return firewall_remove_network(&gone, e);
}

static int tell_laid(const struct network_wish *w, const struct network_endpoint *end,
                     struct err *e)
{
    return w->laid ? w->laid(end, w->data, e) : 0;
}

static int attach_cable(struct netlink *host, int netns_fd, struct network_config *c,
                        const struct network_wish *w, struct network_endpoint *ret, struct err *e)
{
    struct bridge bridge = {0};
    int r = bridge_ensure(host, c, &bridge, e);
    if (r == 0 && w->address4.family)
        r = pool_check(c, &w->address4, e);
    if (r == 0 && w->address6.family)
        r = pool_check(c, &w->address6, e);
    if (r < 0)
        return r;
    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    r = netns_open(netns_fd, c->subnet6.first.family != 0, &inside, e);
    struct network_endpoint end;
    if (r == 0)
        r = cable_lay(host, &inside, c, &bridge, w, &end, e);
    if (r < 0)
        return r;
    r = tell_laid(w, &end, e);
    if (r == 0)
        r = firewall_add_endpoint(c, &end, w->ret_late, e);
    if (r < 0) {
        (void)cable_remove(host, end.link, NULL);
        return r;
    }
    *ret = end;
    return 0;
}

static int attach_on_parent(struct netlink *host, int netns_fd, const struct network_config *c,
                            const struct network_wish *w, struct network_endpoint *ret,
                            struct err *e)
{
    int r = 0;
    if (w->address4.family)
        r = pool_check(c, &w->address4, e);
    if (r == 0 && w->address6.family)
        r = pool_check(c, &w->address6, e);
    if (r < 0)
        return r;
    int parent = parent_ensure(host, c, e);
    if (parent < 0)
        return parent;
    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    r = netns_open(netns_fd, c->subnet6.first.family != 0, &inside, e);
    struct network_endpoint end;
    if (r == 0)
        r = macvlan_attach(host, &inside, c, parent, w, &end, e);
    if (r < 0)
        return r;
    r = tell_laid(w, &end, e);
    if (r < 0) {
        (void)macvlan_detach(&inside.route, &end, NULL);
        lease_drop(w->leases_fd, &end);
    } else {
        *ret = end;
    }
    return r;
}

int network_attach(int netns_fd, const struct network_config *c, const struct network_wish *w,
                   struct network_endpoint *ret, struct err *e)
{
    struct network_config own = *c;
    int r = network_check(c, e);
    if (r == 0)
        r = network_check_wish(c, w, e);
    if (r < 0)
        return r;
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r < 0)
        return r;
    return c->driver == NETWORK_BRIDGE ? attach_cable(&host, netns_fd, &own, w, ret, e)
                                       : attach_on_parent(&host, netns_fd, &own, w, ret, e);
}

int network_detach(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                   struct err *e)
{
    if (*ep->link) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        int r = netlink_open(&host, NETLINK_ROUTE, e);
        if (r == 0)
            r = cable_take_up(&host, netns_fd, ep->link, e);
        return r < 0 ? r : firewall_remove_endpoint(c, ep, e);
    }
    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    int r = netns_open(netns_fd, false, &inside, e);
    return r < 0 ? r : macvlan_detach(&inside.route, ep, e);
}

int network_is_in(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                  struct err *e)
{
    if (c->driver == NETWORK_CNI) /* it goes with who it was made for */
        return 0;
    if (c->driver == NETWORK_BRIDGE) {
        _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
        int r = netlink_open(&host, NETLINK_ROUTE, e);
        if (r == 0)
            r = link_to_namespace(&host, ep->link, netns_fd, e);
        return r < 0 ? r : r > 0;
    }
    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    int r = netns_open(netns_fd, false, &inside, e);
    return r < 0 ? r : macvlan_is_in(&inside.route, ep, e);
}

int network_route(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                  bool route4, bool route6, struct err *e)
{
    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    int r = netns_open(netns_fd, false, &inside, e);
    return r < 0 ? r : inside_route(&inside.route, c, ep, route4, route6, e);
}

int network_default(struct network_config *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct network_config c = NETWORK_DEFAULT;
    struct bridge bridge = {0};
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_ensure(&host, &c, &bridge, e);
    if (r == 0)
        *ret = c;
    return r;
}

int network_default_look(struct network_config *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct network_config c = NETWORK_DEFAULT;
    struct bridge bridge = {0};
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_read(&host, &c, &bridge, e);
    if (r < 0)
        return r;
    if (bridge.address4.family) {
        c.gateway4 = bridge.address4;
        c.subnet4 = ip_range_of(&c.gateway4, bridge.prefix4);
    }
    *ret = c;
    return bridge.index != 0;
}

int network_rejoin(const struct network_config *c, const struct network_endpoint *ep, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct network_config own = *c;
    struct bridge bridge = {0};
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_ensure(&host, &own, &bridge, e);
    return r == 0 ? cable_join(&host, ep->link, &bridge, c->isolated, e) : r;
}

int network_reflect(const struct network_endpoint *ep, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    return r == 0 ? cable_reflect(&host, ep->link, e) : r;
}
