/*
 * Ranges of addresses: which are in use on this host, and which is free for a network.
 */
#ifndef SKIFF_NETWORK_RANGE_H
#define SKIFF_NETWORK_RANGE_H

#include "network/address.h"
#include "network/netlink.h"

/* Chooses the first range that none of @n @used overlaps: 172.17.0.0/16 to 172.31.0.0/16, then
 * 192.168.0.0/20 to 192.168.240.0/20. An IPv4 range shorter than /8 in @used is no reason: it is a
 * default route, or the half of one as VPNs set it. False when nothing is free. */
bool range_choose(const struct ip_range *used, size_t n, struct ip_range *ret);

/* The same, in use being what the socket's namespace has as addresses and routes (of all tables),
 * without those of the link @ignore_index (none when it is not positive), and @n @avoid more.
 * -EADDRNOTAVAIL when nothing is free. */
int range_find(struct netlink *nl, int ignore_index, const struct ip_range *avoid, size_t n,
               struct ip_range *ret, struct err *e);

/* A /64 of unique local IPv6 addresses with a global ID by chance (rfc4193), which nothing of the
 * above overlaps. */
int range_find_local6(struct netlink *nl, int ignore_index, const struct ip_range *avoid, size_t n,
                      struct ip_range *ret, struct err *e);

/* Whether a link other than @index has addresses of @range: -EADDRINUSE, which tells which, or 0.
 * A wider range that @range is a part of counts only where it is a bridge's: a host may be told to
 * give a part of the network it is in to its containers, but not a part of another bridge's. */
int range_is_free(struct netlink *nl, int index, const struct ip_range *range, struct err *e);

#endif
