/*
 * What is used of another network namespace: descriptors that were opened inside it, once, and that
 * stay with it while the process is back in its own.
 */
#ifndef SKIFF_NETWORK_NETNS_H
#define SKIFF_NETWORK_NETNS_H

#include "network/netlink.h"

struct netns {
    int fd;               /* borrowed */
    struct netlink route; /* NETLINK_ROUTE inside */
    int ipv6_default;     /* net.ipv6.conf.default.disable_ipv6 inside; negative: no IPv6 there */
    char ipv6_before;     /* the digit it had */
};

#define NETNS_CLOSED ((struct netns){.fd = -EBADF, .route = NETLINK_CLOSED, .ipv6_default = -EBADF})

/* Enters the network namespace @netns_fd, opens what is above, and comes back. The calling thread
 * is in its own namespace again whatever happens; should that be impossible, -ENOTRECOVERABLE, and
 * the process must not go on. Needs CAP_SYS_ADMIN over the namespace's owner (setns(2)). @netns_fd
 * must stay open as long as @ret. */
int netns_open(int netns_fd, struct netns *ret, struct err *e);
void netns_release(struct netns *ns);
#define _cleanup_netns_ _cleanup_(netns_release)

/* Makes links that are created in the namespace from now on start without IPv6, and puts that back.
 * Cheaper than a link's own setting (which takes the RTNL lock), and there is no moment at which
 * the link has an IPv6 address. No-ops where there is no IPv6, or it is off already. */
int netns_ipv6_off(struct netns *ns, struct err *e);
int netns_ipv6_back(struct netns *ns, struct err *e);

#endif
