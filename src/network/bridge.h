/*
 * The default bridge, skiff0: made by whoever needs it first, and read from the kernel ever after.
 *
 * There is no file about it. Its range is its address; the address that was given last stands in
 * its alias. Making it is a row of steps that may each be found done: when several processes make
 * it at once, or one dies in the middle, all end with the same bridge and nobody waits for another.
 */
#ifndef SKIFF_NETWORK_BRIDGE_H
#define SKIFF_NETWORK_BRIDGE_H

#include "network/netlink.h"
#include "network/range.h"

#include <netinet/in.h>

#define BRIDGE_DEFAULT "skiff0"

struct bridge {
    int index; /* 0: there is no such bridge */
    bool up;
    bool forwarding;        /* net.ipv4.ip_forward of the namespace */
    struct in_addr address; /* the bridge's own, its containers' gateway; 0.0.0.0: none yet */
    unsigned prefix;
    struct in_addr last; /* given last, a hint where to go on; 0.0.0.0: unknown */
};

/* Reads the bridge of the socket's namespace. That there is none is no failure: index 0. */
int bridge_read(struct netlink *nl, struct bridge *ret, struct err *e);

/* The same, after making what is missing: the bridge, with the first address of a free range
 * (range_find) and no IPv6, up, and net.ipv4.ip_forward=1 (which concerns every interface of the
 * host: who is not to be routed is the business of the host's firewall). A bridge that has an
 * address is used as it is. */
int bridge_ensure(struct netlink *nl, struct bridge *ret, struct err *e);

/* The range its address lies in. */
static inline struct range bridge_range(const struct bridge *bridge)
{
    uint32_t first = ntohl(bridge->address.s_addr) & range_mask(bridge->prefix);
    return (struct range){.first = first, .prefix = bridge->prefix};
}

/* Appends a message that remembers @last. */
void bridge_put_last(struct netlink_batch *b, const struct bridge *bridge, struct in_addr last);

/* The hardware address of an IPv4 address: 02:42 and its four bytes. The same address always has
 * the same one, so neighbours' ARP tables stay true when an address gets a new holder. */
void bridge_mac(struct in_addr address, uint8_t ret[6]);

#endif
