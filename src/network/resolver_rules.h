/*
 * The rules that lead a namespace's questions to 127.0.0.11:53 to the port that the resolver is
 * bound to, and show the answers as from port 53: so a container can itself serve DNS on all its
 * addresses.
 *
 * Stateless: ports in the packets are rewritten on their way out (of `lo` all packets are), before
 * any connection tracking, which they then need not. The namespace's `table ip skiff-names`.
 */
#ifndef SKIFF_NETWORK_RESOLVER_RULES_H
#define SKIFF_NETWORK_RESOLVER_RULES_H

#include "base/err.h"

/* Makes the table in the namespace of the calling thread, in one transaction; the rules of one that
 * is there from a former container of the namespace are replaced. Needs CAP_NET_ADMIN over the
 * namespace. */
int resolver_rules_make(struct err *e);

#endif
