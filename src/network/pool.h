/*
 * Which address of a network is to be tried next. Nothing is claimed here.
 */
#ifndef SKIFF_NETWORK_POOL_H
#define SKIFF_NETWORK_POOL_H

#include "network/network.h"

/* The address to try after @after, going round in the network's pool: never the subnet's own, its
 * broadcast address, the gateway, nor a reserved one. An IPv4 address; an IPv6 one where the
 * network has no other. @after may be none, or anything. None when the pool has no other. */
struct ip_address pool_next(const struct network_config *c, const struct ip_address *after);

/* The range that those are of. */
const struct ip_range *pool_range(const struct network_config *c);

/* The IPv4 address to begin with, @last being the one that was given last: the next, so that no
 * address is another's a moment after it was somebody's; but every 256 the pool is gone through
 * from its beginning, so that no more addresses have ever been used than that and those in use. */
struct ip_address pool_first(const struct network_config *c, const struct ip_address *last);

/* The IPv6 address that goes with an IPv4 one: its last 32 bits (as many as there is room for) in
 * the network's pool. None where the network has no IPv6, or it is the gateway's or reserved. */
struct ip_address pool_address6(const struct network_config *c, const struct ip_address *address4);

/* Whether a container may ask for @a by name: it is in the subnet, and not one of those that are
 * nobody's or the gateway's. -EINVAL. */
int pool_check(const struct network_config *c, const struct ip_address *a, struct err *e);

#endif
