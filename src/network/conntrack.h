/*
 * Connections that the kernel keeps track of: those of UDP to a published port are forgotten when
 * it changes hands, or a client that goes on sending would reach the former holder (or nobody) as
 * long as it does. So are those of a network that goes: what is there may go on, whatever the walls
 * of the next network with the same range are.
 */
#ifndef SKIFF_NETWORK_CONNTRACK_H
#define SKIFF_NETWORK_CONNTRACK_H

#include "network/netlink.h"
#include "network/publish.h"

/* Forgets connections to those @n ports that are UDP: translated ones and those that ended at the
 * host itself, or where the port is direct those to the target. @nl is a NETLINK_NETFILTER socket.
 */
int conntrack_forget(struct netlink *nl, const struct publication *p, size_t n, struct err *e);

/* Forgets all of which an end, before or after translation, is in the range (or none: nothing). Of
 * a kernel that cannot be asked nothing, which is success. */
int conntrack_forget_range(struct netlink *nl, const struct ip_range *range, struct err *e);

#endif
