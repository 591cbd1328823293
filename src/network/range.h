/*
 * Ranges of IPv4 addresses: which are in use on this host, and which is free for a bridge.
 */
#ifndef SKIFF_NETWORK_RANGE_H
#define SKIFF_NETWORK_RANGE_H

#include "network/netlink.h"

struct range {
    uint32_t first;  /* the network's own address, in host byte order */
    unsigned prefix; /* 0..32 */
};

/* The mask of a prefix of 0..32 bits, in host byte order. */
static inline uint32_t range_mask(unsigned prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

static inline uint32_t range_last(struct range r)
{
    return r.first | ~range_mask(r.prefix);
}

bool range_overlaps(struct range a, struct range b);

/* Chooses the first range that none of @n @used overlaps: 172.17.0.0/16 to 172.31.0.0/16, then
 * 192.168.0.0/20 to 192.168.240.0/20. A range shorter than /8 in @used is no reason: it is a
 * default route, or the half of one as VPNs set it. False when nothing is free. */
bool range_choose(const struct range *used, size_t n, struct range *ret);

/* The same, @used being what the socket's namespace has as addresses and routes (of all tables),
 * without those of the link @ignore_index (none when it is not positive). -EADDRNOTAVAIL when
 * nothing is free. */
int range_find(struct netlink *nl, int ignore_index, struct range *ret, struct err *e);

#endif
