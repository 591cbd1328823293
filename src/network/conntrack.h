/*
 * Connections that the kernel keeps track of: those of UDP to a published port are forgotten when
 * it changes hands, or a client that goes on sending would reach the former holder (or nobody) as
 * long as it does.
 */
#ifndef SKIFF_NETWORK_CONNTRACK_H
#define SKIFF_NETWORK_CONNTRACK_H

#include "network/netlink.h"
#include "network/publish.h"

/* Forgets connections to the host's ports of those @n that are UDP: translated ones, and those that
 * ended at the host itself. @nl is a NETLINK_NETFILTER socket. */
int conntrack_forget(struct netlink *nl, const struct publication *p, size_t n, struct err *e);

#endif
