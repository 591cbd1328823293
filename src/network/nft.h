/*
 * nf_tables messages, for the one table of skiff's: `inet skiff`.
 *
 * A change is a batch between nft_batch_begin and nft_batch_end, which the kernel does as a whole
 * or not at all. What is added and already there the same is no failure. `inet` with NAT needs
 * Linux 5.2. Sources: linux/netfilter/nf_tables.h, nft(8).
 */
#ifndef SKIFF_NETWORK_NFT_H
#define SKIFF_NETWORK_NFT_H

#include "network/netlink.h"
#include "network/range.h"

#define NFT_TABLE "skiff"

void nft_batch_begin(struct netlink_batch *b);
void nft_batch_end(struct netlink_batch *b);

void nft_add_table(struct netlink_batch *b);
void nft_add_nat_chain(struct netlink_batch *b, const char *chain, uint32_t hook, int32_t priority);
void nft_flush_chain(struct netlink_batch *b, const char *chain);

/* A set of IPv4 ranges, and one of its elements. @id is any number, unique in the batch. */
void nft_add_range_set(struct netlink_batch *b, const char *set, uint32_t id);
void nft_add_range(struct netlink_batch *b, const char *set, struct range range);

/* Questions, outside a batch. Their answers: NFT_MSG_NEWCHAIN, NFT_MSG_NEWSETELEM; -ENOENT. */
void nft_get_chain(struct netlink_batch *b, const char *chain);
void nft_get_range(struct netlink_batch *b, const char *set, struct range range);

/* Whether @m is a message of nf_tables of type @message (NFT_MSG_*). */
bool nft_is(const struct nlmsghdr *m, unsigned message);

/* A rule: expressions between begin and end, that all must match. All of them use register 1.
 * nft_match_ipv4 is for the inet family, where a packet may be either. */
size_t nft_rule_begin(struct netlink_batch *b, const char *chain);
void nft_rule_end(struct netlink_batch *b, size_t rule);
void nft_match_ipv4(struct netlink_batch *b);
void nft_match_ipv4_source(struct netlink_batch *b, const char *set, bool inside);
void nft_match_ipv4_destination(struct netlink_batch *b, const char *set, bool inside);
void nft_masquerade(struct netlink_batch *b);

#endif
