/*
 * The link of the host that a macvlan or ipvlan network is on.
 */
#ifndef SKIFF_NETWORK_PARENT_H
#define SKIFF_NETWORK_PARENT_H

#include "network/netlink.h"
#include "network/network.h"

/* The index of c->link. A VLAN ("eth0.50", where there is an eth0), and a parent that leads nowhere
 * ("sk-" and ten digits of the network's ID: one end of a cable whose other end hears it and says
 * nothing), are made when missing. -ENODEV: there is no such link. */
int parent_ensure(struct netlink *host, const struct network_config *c, struct err *e);

/* Removes it, if it was made for the network. That it is gone is success. */
int parent_remove(struct netlink *host, const struct network_config *c, struct err *e);

#endif
