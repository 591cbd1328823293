/*
 * The host as a router: packets that are not for it are passed on. It concerns every interface of
 * the network namespace of the calling thread; who is not to be routed is the firewall's business.
 */
#ifndef SKIFF_NETWORK_FORWARDING_H
#define SKIFF_NETWORK_FORWARDING_H

#include "base/err.h"

int forwarding_on4(struct err *e);

/* A router takes no routes from router advertisements unless it is told to: interfaces that did
 * until now go on doing so (accept_ra 2), or the host would lose its way out. */
int forwarding_on6(struct err *e);

#endif
