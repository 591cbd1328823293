/*
 * The way out: containers' addresses are replaced by the host's on packets that leave for others.
 *
 * One table, `inet skiff`, is made once per boot and never grows a rule:
 *
 *     set nat4          the ranges of networks whose containers may leave
 *     chain postrouting type nat hook postrouting priority srcnat
 *         ip saddr @nat4 ip daddr != @nat4 masquerade
 *
 * A network is one element of the set. Destinations in the set are excepted rather than outgoing
 * interfaces, so that no rule names a bridge and one network's containers keep their address
 * towards another's. Nothing is filtered here: whether packets are forwarded is decided by the
 * host's own firewall (a forward chain whose policy is to drop keeps containers from going out).
 */
#ifndef SKIFF_NETWORK_NAT_H
#define SKIFF_NETWORK_NAT_H

#include "network/range.h"

/* Sees to it that packets from @range are masqueraded, in the network namespace of the calling
 * thread. Where all is in place this only reads; what was removed or flushed is made again, in one
 * transaction, without touching what else is in the table. Fails clearly on a kernel without
 * nf_tables, since containers would reach nobody but the host. */
int nat_ensure(struct range range, struct err *e);

/* Only looks: 1, 0, or a negative errno. */
int nat_is_there(struct range range, struct err *e);

#endif
