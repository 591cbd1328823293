/*
 * A cable: a pair of veth links, one end a port of the bridge, the other eth0 in a network
 * namespace.
 *
 * The host's end is named by the address the other end gets, "sk-ac110002" for 172.17.0.2. That
 * name is the lease of the address: the kernel lets only one link have it, for all processes and
 * engine roots of the machine, and frees it at the moment the link is gone, which is when the
 * namespace dies, whoever or whatever ended it. There is no lease file that could be wrong.
 */
#ifndef SKIFF_NETWORK_CABLE_H
#define SKIFF_NETWORK_CABLE_H

#include "network/bridge.h"
#include "network/netns.h"
#include "network/network.h"

/* Lays a cable from @bridge (of @host's namespace) to an eth0 in @inside, with the next free
 * address of the bridge's range after the one given last, and a default route to the bridge.
 * @owner is put into the host end's alias ("skiff:OWNER"). -EEXIST when there is an eth0,
 * -EADDRNOTAVAIL when no address is free, -EXFULL when the bridge has its 1023 ports. On failure
 * there is no link left. */
int cable_lay(struct netlink *host, struct netns *inside, const struct bridge *bridge,
              const char *owner, struct network_endpoint *ret, struct err *e);

/* Removes the cable whose end of the host is called @link. -ENODEV: there is none. */
int cable_remove(struct netlink *host, const char *link, struct err *e);

/* Writes the host end's name for @address; @ret holds 16 bytes. */
void cable_name(struct in_addr address, char *ret);

/* The address to try after @address (host byte order), going round: never the network's own, its
 * broadcast address, nor the bridge's. 0 when the range has no other. */
uint32_t cable_next_address(const struct bridge *bridge, uint32_t address);

#endif
