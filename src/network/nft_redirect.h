/*
 * The rules that lead a namespace's questions to 127.0.0.11:53 to another port of that address, and
 * show the answers as from port 53: so a container can itself serve DNS on all its addresses.
 *
 * Stateless: ports in the packets are rewritten on their way out (of `lo` all packets are), before
 * any connection tracking, which they then need not. The namespace's `table ip skiff-names`.
 */
#ifndef SKIFF_NETWORK_NFT_REDIRECT_H
#define SKIFF_NETWORK_NFT_REDIRECT_H

#include "network/netlink.h"

#include <netinet/in.h>

/* Makes the table in the namespace of the calling thread, in one transaction; one that is there
 * from a former container of the namespace is replaced. @address as in a packet, @from and @to in
 * host byte order. Needs CAP_NET_ADMIN over the namespace. */
int nft_redirect(struct in_addr address, uint16_t from, uint16_t to, struct err *e);

#endif
