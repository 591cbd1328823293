/*
 * The rules of iptables-legacy, which nf_tables does not show: where the chain FORWARD of one of
 * its tables "filter" (IPv4's, IPv6's) would drop or reject what it does not know, it gets two
 * rules in front, as foreign.h has it of the kernel's other chains:
 *
 *     -A FORWARD -i sk+ -j ACCEPT
 *     -A FORWARD -o sk+ -j ACCEPT
 *
 * Such a table can only be replaced as a whole. So it is done under the lock of iptables
 * (/run/xtables.lock), and counters are handed over. Rules that were lost are put back by whoever
 * looks next. A host without these tables costs two attempts to open a file.
 */
#ifndef SKIFF_NETWORK_XTABLES_H
#define SKIFF_NETWORK_XTABLES_H

#include "base/err.h"

/* For the network namespace of the calling thread. */
int xtables_ensure(struct err *e);

#endif
