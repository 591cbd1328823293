/*
 * Bridges: made by whoever needs one first, and read from the kernel ever after.
 *
 * The default one, skiff0, has no file about it: its range is its address. Any other is made by a
 * network's config, and again where it is missing. The address that was given last stands in a
 * bridge's alias. Making one is a row of steps that may each be found done, so that it is whole
 * after somebody died in the middle. One process at a time does it (netns_lock), so that no two
 * bridges are given the same range; whoever finds a bridge that is up and has its addresses waits
 * for nobody.
 */
#ifndef SKIFF_NETWORK_BRIDGE_H
#define SKIFF_NETWORK_BRIDGE_H

#include "network/netlink.h"
#include "network/network.h"

/* The link group of those that are made here ("sm"): until one has its alias, which a link cannot
 * be born with, nothing else says it of a name that was given. */
enum { BRIDGE_GROUP = 0x736d };

struct bridge {
    int index; /* 0: there is no such bridge */
    bool up;
    bool is_bridge;                /* a link of that name may be something else */
    bool ours;                     /* made for this network: skiff0, or its alias or name says so */
    bool forwarding4, forwarding6; /* net.ipv4.ip_forward and its like, of the namespace */
    struct ip_address address4;    /* its gateway4, or the first one it has; family 0: none (yet) */
    unsigned prefix4;
    bool has_address6;      /* its gateway6 */
    struct ip_address last; /* given last, a hint where to go on; family 0: unknown */
    char owner[65];         /* of which network its alias says that it is; "" */
};

/* Reads the bridge c->link of the socket's namespace. That there is none is no failure: index 0. */
int bridge_read(struct netlink *nl, const struct network_config *c, struct bridge *ret,
                struct err *e);

/* Makes a bridge that must not be there yet as this network's own, or adopts one that was made by
 * somebody else (-EADDRINUSE where that is another network). Chooses the ranges that @c leaves
 * open, and fills them in with their gateways. -EADDRINUSE when a range is another's. On failure it
 * is gone again. */
int bridge_create(struct netlink *nl, struct network_config *c, struct bridge *ret, struct err *e);

/* The bridge as it is, after making what is missing: the link, its addresses, no IPv6 where the
 * network has none, up, and forwarding (which concerns every interface of the host: who is not to
 * be routed is the firewall's business). skiff0 is used with whatever address it has, which is put
 * into @c. */
int bridge_ensure(struct netlink *nl, struct network_config *c, struct bridge *ret, struct err *e);

/* Removes it if it is the network's own. That it is gone is success; 1 when it is another
 * network's.
 */
int bridge_remove(struct netlink *nl, const struct network_config *c, struct err *e);

/* Appends a message that remembers @last; none for a bridge that is not ours to label. */
void bridge_put_last(struct netlink_batch *b, const struct network_config *c,
                     const struct bridge *bridge, const struct ip_address *last);

/* The hardware address of an IP address: 02:42 and its four bytes, of IPv6 the four words' sum
 * without carry: those of one range differ as its last 32 bits do. The same address always has
 * the same one, so neighbours' tables stay true when an address gets a new holder. */
void bridge_mac(const struct ip_address *address, uint8_t ret[6]);

/* Whether it is skiff0. */
bool bridge_is_default(const struct network_config *c);

#endif
