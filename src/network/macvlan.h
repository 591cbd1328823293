/*
 * Links on a parent, without a bridge: macvlan and ipvlan.
 *
 * Such a link is born in the container's namespace and has no end on the host. Who hears the
 * parent's wire hears the container, and the host does not reach it by that parent: that is the
 * kernel's way. No rule of ours sees its packets.
 */
#ifndef SKIFF_NETWORK_MACVLAN_H
#define SKIFF_NETWORK_MACVLAN_H

#include "network/netns.h"
#include "network/network.h"

/* As cable_lay, on the link @parent of the host. Addresses are claimed in w->leases_fd (lease.h).
 */
int macvlan_attach(struct netlink *host, struct netns *inside, const struct network_config *c,
                   int parent, const struct network_wish *w, struct network_endpoint *ret,
                   struct err *e);

/* Removes the link of @ep from the namespace, by its name or, where the container has given it
 * another, its hardware address. That it is gone is success. */
int macvlan_detach(struct netlink *route, const struct network_endpoint *ep, struct err *e);

/* Whether the namespace has the link of @ep, with its hardware and its IP address: 1 or 0. */
int macvlan_is_in(struct netlink *route, const struct network_endpoint *ep, struct err *e);

#endif
