/*
 * Bandwidth: how much may go through a link, by a token bucket on what leaves it (tc-tbf(8)).
 *
 * A cable is limited at both ends: what leaves the host's is what the container receives. The limit
 * of what it sends is its own end's, which a container that was given CAP_NET_ADMIN may take away.
 */
#ifndef SKIFF_NETWORK_SHAPING_H
#define SKIFF_NETWORK_SHAPING_H

#include "network/netlink.h"

/* Limits what leaves the link @name of the socket's namespace to @rate bits a second, in place of
 * any limit that was there. A packet waits up to 100 ms, or is dropped. -EINVAL below 8 bits. */
int shaping_limit(struct netlink *nl, const char *name, unsigned long long rate, struct err *e);

#endif
