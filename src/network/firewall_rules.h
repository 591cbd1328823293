/*
 * The two tables of the firewall, as constants: what each chain does is told in docs/firewall.md.
 */
#ifndef SKIFF_NETWORK_FIREWALL_RULES_H
#define SKIFF_NETWORK_FIREWALL_RULES_H

#include "network/nft.h"

/* Addresses and ports. */
extern const struct nft_table firewall_inet;

/* Who may send as whom. */
extern const struct nft_table firewall_bridge;

#endif
