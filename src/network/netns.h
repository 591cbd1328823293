/*
 * What is used of another network namespace: descriptors that were opened inside it, once, and that
 * stay with it while the process is back in its own.
 */
#ifndef SKIFF_NETWORK_NETNS_H
#define SKIFF_NETWORK_NETNS_H

#include "network/netlink.h"

#include <stdbool.h>

/* A setting for links to come, and the digit it had. */
struct netns_setting {
    int fd; /* negative: no IPv6 there */
    char before;
    char now;
};

struct netns {
    int fd;                            /* borrowed */
    struct netlink route;              /* NETLINK_ROUTE inside */
    struct netns_setting disable_ipv6; /* net.ipv6.conf.default.disable_ipv6 inside */
    struct netns_setting accept_ra;    /* and accept_ra; opened only for a network with IPv6 */
};

#define NETNS_CLOSED                                                                               \
    ((struct netns){.fd = -EBADF,                                                                  \
                    .route = NETLINK_CLOSED,                                                       \
                    .disable_ipv6 = {.fd = -EBADF},                                                \
                    .accept_ra = {.fd = -EBADF}})

/* Enters the network namespace @netns_fd, opens what is above, and comes back. The calling thread
 * is in its own namespace again whatever happens; should that be impossible, -ENOTRECOVERABLE, and
 * the process must not go on. Needs CAP_SYS_ADMIN over the namespace's owner (setns(2)). @netns_fd
 * must stay open as long as @ret. */
int netns_open(int netns_fd, bool ipv6, struct netns *ret, struct err *e);
void netns_release(struct netns *ns);
#define _cleanup_netns_ _cleanup_(netns_release)

/* Makes links that are created in the namespace from now on start without IPv6, or with it but deaf
 * to router advertisements; and puts that back. Cheaper than a link's own setting (which takes the
 * RTNL lock), and there is no moment at which the link has an IPv6 address of its own making.
 * No-ops where there is no IPv6, or it is as wanted already. */
int netns_ipv6_set(struct netns *ns, bool on, struct err *e);
int netns_ipv6_back(struct netns *ns, struct err *e);

/* One process at a time makes what all of the caller's network namespace sees: a lock on the
 * namespace itself, which all roots of the machine share. Whoever may see the namespace can hold
 * it, so that after ten seconds this goes on without; what is made under it must be looked at
 * afterwards. A descriptor for netns_unlock, or negative. */
int netns_lock(void);
void netns_unlock(const int *lock);
#define _cleanup_netns_lock_ _cleanup_(netns_unlock)

#endif
