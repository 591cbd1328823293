/*
 * The end of a link that a container has: its addresses and routes, and that it is up.
 */
#ifndef SKIFF_NETWORK_INSIDE_H
#define SKIFF_NETWORK_INSIDE_H

#include "network/netlink.h"
#include "network/network.h"

/* What an endpoint has before anything is made: its link's name, prefixes, and gateways. */
void inside_describe(const struct network_config *c, const struct network_wish *w,
                     struct network_endpoint *ret);

/* Brings @ep->inside up with its addresses and the default routes of @w. @route is a socket in the
 * namespace. */
int inside_configure(struct netlink *route, const struct network_config *c,
                     const struct network_wish *w, const struct network_endpoint *ep,
                     struct err *e);

/* Leads the default routes of the families asked for by way of the link, instead of what is there.
 */
int inside_route(struct netlink *route, const struct network_config *c,
                 const struct network_endpoint *ep, bool route4, bool route6, struct err *e);

#endif
