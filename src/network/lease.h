/*
 * Leases of addresses that have no cable: a file of the address's name in a folder of the network.
 *
 * A link of a macvlan or ipvlan network has no end on the host whose name could stand for its
 * address, so that this file does, which is also the endpoint's. It is linked into its place whole,
 * and that fails where there is one. Nobody frees it with the namespace: whoever ends the
 * container, or finds out that it has ended, removes it.
 */
#ifndef SKIFF_NETWORK_LEASE_H
#define SKIFF_NETWORK_LEASE_H

#include "network/network.h"

/* Claims @ep's addresses in the folder @dir_fd for @owner, in a file with the lines of an endpoint
 * that are known yet. -EEXIST, the story being by whom, when one of them is taken. */
int lease_claim(int dir_fd, const char *owner, const struct network_endpoint *ep, struct err *e);

/* Gives it back, if it was claimed for a cause that came to nothing. */
void lease_drop(int dir_fd, const struct network_endpoint *ep);

#endif
