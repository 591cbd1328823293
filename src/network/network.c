#include "network/network.h"

#include "network/bridge.h"
#include "network/cable.h"
#include "network/nat.h"
#include "network/netns.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <string.h>

static bool is_id(const char *owner)
{
    return strlen(owner) == 64 && strspn(owner, "0123456789abcdef") == 64;
}

int network_attach(int netns_fd, const char *owner, struct network_endpoint *ret, struct err *e)
{
    if (!is_id(owner))
        return err_set(e, EINVAL, "a cable's owner is 64 hexadecimal digits, not \"%s\"", owner);

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
    return cable_lay(&host, &inside, &bridge, owner, ret, e);
}

int network_default_bridge(struct network_bridge *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink host = NETLINK_CLOSED;
    int r = netlink_open(&host, NETLINK_ROUTE, e);
    if (r < 0)
        return r;

    struct bridge bridge = {0};
    r = bridge_read(&host, &bridge, e);
    if (r < 0)
        return r;
    *ret = (struct network_bridge){
        .exists = bridge.index != 0,
        .name = BRIDGE_DEFAULT,
        .subnet.s_addr = htonl(bridge_range(&bridge).first),
        .gateway = bridge.address,
        .prefix = bridge.prefix,
    };
    return 0;
}
