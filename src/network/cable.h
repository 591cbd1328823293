/*
 * A cable: a pair of veth links, one end a port of a bridge, the other in a network namespace.
 *
 * The host's end is named by the address the other end gets, "sk-ac110002" for 172.17.0.2. That
 * name is the lease of the address: the kernel lets only one link have it, for all processes and
 * engine roots of the machine, and frees it at the moment the link is gone, which is when the
 * namespace dies, whoever or whatever ended it. There is no lease file that could be wrong. An IPv6
 * address is leased in the same way by a second name of the same link, "sk6-" and its 32 digits.
 *
 * All host's ends are of link group FIREWALL_GROUP (or _OPEN), by which rules tell them from a
 * bridge's other ports.
 */
#ifndef SKIFF_NETWORK_CABLE_H
#define SKIFF_NETWORK_CABLE_H

#include "network/bridge.h"
#include "network/netns.h"
#include "network/network.h"

/* Lays a cable from @bridge (of @host's namespace) to a link w->inside in @inside, with the
 * addresses that are asked for or the next free ones of the network's pool after the one given
 * last. @w->owner is put into the host end's alias ("skiff:OWNER"). -EEXIST when there is a link of
 * that name, -EADDRINUSE when an address that was asked for is taken (tells by whom),
 * -EADDRNOTAVAIL when no address is free, -EXFULL when the bridge has its 1023 ports. On failure
 * there is no link left. */
int cable_lay(struct netlink *host, struct netns *inside, const struct network_config *c,
              const struct bridge *bridge, const struct network_wish *w,
              struct network_endpoint *ret, struct err *e);

/* Removes the cable whose end of the host is called @link. -ENODEV: there is none. */
int cable_remove(struct netlink *host, const char *link, struct err *e);

/* The same, but only if the other end is in the namespace @netns_fd: the name may be another's by
 * now. That it is not is success. */
int cable_take_up(struct netlink *host, int netns_fd, const char *link, struct err *e);

/* Writes the host end's name for an IPv4 address; @ret holds 16 bytes. */
void cable_name(const struct ip_address *address, char *ret);

/* The name that leases an address of either family. */
enum { CABLE_NAME_MAX = sizeof("sk6-") + 32 };
void cable_lease_name(const struct ip_address *address, char ret[CABLE_NAME_MAX]);

/* And back; false: no cable has such a name. */
bool cable_address(const char *link, struct ip_address *ret);

/* Makes the host's end a port of @bridge, as cable_lay did. */
int cable_join(struct netlink *host, const char *link, const struct bridge *bridge, bool isolated,
               struct err *e);

/* From now on the bridge may send back into the cable what came out of it (IFLA_BRPORT_MODE). */
int cable_reflect(struct netlink *host, const char *link, struct err *e);

#endif
