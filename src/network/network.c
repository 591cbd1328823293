#include "network/network.h"

#include "base/str.h"
#include "network/bridge.h"
#include "network/cable.h"
#include "network/nat.h"
#include "network/netns.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <string.h>

void network_config_release(struct network_config *c)
{
    free(TAKE_PTR(c->reserved));
    c->n_reserved = 0;
}

static bool is_id(const char *owner)
{
    return strlen(owner) == 64 && strspn(owner, "0123456789abcdef") == 64;
}

int network_create(struct network_config *c, struct err *e)
{
    (void)c;
    return err_set(e, EOPNOTSUPP, "networks cannot be created yet");
}

int network_remove(const struct network_config *c, struct err *e)
{
    (void)c;
    return err_set(e, EOPNOTSUPP, "networks cannot be removed yet");
}

int network_detach(int netns_fd, const struct network_endpoint *ep, struct err *e)
{
    (void)netns_fd;
    (void)ep;
    return err_set(e, EOPNOTSUPP, "containers cannot be disconnected yet");
}

int network_attach(int netns_fd, const struct network_config *c, const struct network_wish *w,
                   struct network_endpoint *ret, struct err *e)
{
    if (!is_id(w->owner))
        return err_set(e, EINVAL, "a cable's owner is 64 hexadecimal digits, not \"%s\"", w->owner);
    if (c->driver != NETWORK_BRIDGE || !str_eq(c->link, NETWORK_DEFAULT_BRIDGE))
        return err_set(e, EOPNOTSUPP, "only the default bridge is there yet");

    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r < 0)
        return r;

    struct bridge bridge = {0};
    r = bridge_ensure(&host, &bridge, e);
    if (r < 0)
        return r;
    r = nat_ensure(bridge_range(&bridge), e);
    if (r < 0)
        return r;

    _cleanup_netns_ struct netns inside = NETNS_CLOSED;
    r = netns_open(netns_fd, &inside, e);
    if (r < 0)
        return r;
    return cable_lay(&host, &inside, &bridge, w->owner, ret, e);
}

static void describe(const struct bridge *bridge, struct network_config *ret)
{
    *ret = NETWORK_DEFAULT;
    if (bridge->address.s_addr == 0)
        return;
    ret->gateway4 = ip_from_bytes(AF_INET, &bridge->address);
    ret->subnet4 = ip_range_of(&ret->gateway4, bridge->prefix);
}

int network_default(struct network_config *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct bridge bridge = {0};
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_ensure(&host, &bridge, e);
    if (r == 0)
        describe(&bridge, ret);
    return r;
}

int network_default_look(struct network_config *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    struct bridge bridge = {0};
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r == 0)
        r = bridge_read(&host, &bridge, e);
    if (r < 0)
        return r;
    describe(&bridge, ret);
    return bridge.index != 0;
}
