#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/ip.h>
#include <string.h>

/* nft's own number for "ipv4_addr", so that `nft list` shows a set's elements as addresses. */
#define DATATYPE_IPV4 7

static void begin(struct netlink_batch *b, unsigned message, unsigned flags)
{
    struct nfgenmsg head = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};
    netlink_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), (uint16_t)flags, &head,
                  sizeof(head));
}

static void batch_mark(struct netlink_batch *b, uint16_t type)
{
    struct nfgenmsg head = {
        .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(b, type, 0, &head, sizeof(head));
}

void nft_batch_begin(struct netlink_batch *b)
{
    batch_mark(b, NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_end(struct netlink_batch *b)
{
    batch_mark(b, NFNL_MSG_BATCH_END);
}

bool nft_is(const struct nlmsghdr *m, unsigned message)
{
    return m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | message);
}

/* Asked to be acknowledged, for only recent kernels acknowledge a batch's end. */
void nft_add_table(struct netlink_batch *b)
{
    begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
    netlink_put_string(b, NFTA_TABLE_NAME, NFT_TABLE);
}

void nft_add_nat_chain(struct netlink_batch *b, const char *chain, uint32_t hook, int32_t priority)
{
    begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(b, NFTA_CHAIN_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_CHAIN_NAME, chain);
    size_t nest = netlink_nest(b, NFTA_CHAIN_HOOK);
    netlink_put_be32(b, NFTA_HOOK_HOOKNUM, hook);
    netlink_put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    netlink_nest_end(b, nest);
    netlink_put_be32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
    netlink_put_string(b, NFTA_CHAIN_TYPE, "nat");
}

void nft_flush_chain(struct netlink_batch *b, const char *chain)
{
    begin(b, NFT_MSG_DELRULE, 0);
    netlink_put_string(b, NFTA_RULE_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_RULE_CHAIN, chain);
}

void nft_get_chain(struct netlink_batch *b, const char *chain)
{
    begin(b, NFT_MSG_GETCHAIN, 0);
    netlink_put_string(b, NFTA_CHAIN_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_CHAIN_NAME, chain);
}

void nft_add_range_set(struct netlink_batch *b, const char *set, uint32_t id)
{
    begin(b, NFT_MSG_NEWSET, NLM_F_CREATE);
    netlink_put_string(b, NFTA_SET_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_SET_NAME, set);
    netlink_put_be32(b, NFTA_SET_FLAGS, NFT_SET_INTERVAL);
    netlink_put_be32(b, NFTA_SET_KEY_TYPE, DATATYPE_IPV4);
    netlink_put_be32(b, NFTA_SET_KEY_LEN, sizeof(struct in_addr));
    netlink_put_be32(b, NFTA_SET_ID, id);
}

static void put_element(struct netlink_batch *b, uint32_t address, uint32_t flags)
{
    uint32_t key = htonl(address);
    size_t element = netlink_nest(b, NFTA_LIST_ELEM);
    size_t nest = netlink_nest(b, NFTA_SET_ELEM_KEY);
    netlink_put(b, NFTA_DATA_VALUE, &key, sizeof(key));
    netlink_nest_end(b, nest);
    if (flags)
        netlink_put_be32(b, NFTA_SET_ELEM_FLAGS, flags);
    netlink_nest_end(b, element);
}

void nft_add_range(struct netlink_batch *b, const char *set, struct range range)
{
    begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_SET, set);
    size_t nest = netlink_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
    put_element(b, range.first, 0);
    /* The end is the first address outside; a range to the end of all addresses has none. */
    if (range_last(range) != UINT32_MAX)
        put_element(b, range_last(range) + 1, NFT_SET_ELEM_INTERVAL_END);
    netlink_nest_end(b, nest);
}

void nft_get_range(struct netlink_batch *b, const char *set, struct range range)
{
    begin(b, NFT_MSG_GETSETELEM, 0);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_SET, set);
    size_t nest = netlink_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
    put_element(b, range.first, 0);
    netlink_nest_end(b, nest);
}

size_t nft_rule_begin(struct netlink_batch *b, const char *chain)
{
    begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(b, NFTA_RULE_TABLE, NFT_TABLE);
    netlink_put_string(b, NFTA_RULE_CHAIN, chain);
    return netlink_nest(b, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct netlink_batch *b, size_t rule)
{
    netlink_nest_end(b, rule);
}

struct expression {
    size_t element, data;
};

static struct expression expression_begin(struct netlink_batch *b, const char *name)
{
    struct expression x = {.element = netlink_nest(b, NFTA_LIST_ELEM)};
    netlink_put_string(b, NFTA_EXPR_NAME, name);
    x.data = netlink_nest(b, NFTA_EXPR_DATA);
    return x;
}

static void expression_end(struct netlink_batch *b, struct expression x)
{
    netlink_nest_end(b, x.data);
    netlink_nest_end(b, x.element);
}

void nft_match_ipv4(struct netlink_batch *b)
{
    struct expression x = expression_begin(b, "meta");
    netlink_put_be32(b, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(b, NFTA_META_KEY, NFT_META_NFPROTO);
    expression_end(b, x);

    uint8_t ipv4 = NFPROTO_IPV4;
    x = expression_begin(b, "cmp");
    netlink_put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
    size_t nest = netlink_nest(b, NFTA_CMP_DATA);
    netlink_put(b, NFTA_DATA_VALUE, &ipv4, sizeof(ipv4));
    netlink_nest_end(b, nest);
    expression_end(b, x);
}

static void match_address(struct netlink_batch *b, size_t offset, const char *set, bool inside)
{
    struct expression x = expression_begin(b, "payload");
    netlink_put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    netlink_put_be32(b, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
    netlink_put_be32(b, NFTA_PAYLOAD_LEN, sizeof(struct in_addr));
    expression_end(b, x);

    x = expression_begin(b, "lookup");
    netlink_put_string(b, NFTA_LOOKUP_SET, set);
    netlink_put_be32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
    if (!inside)
        netlink_put_be32(b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    expression_end(b, x);
}

void nft_match_ipv4_source(struct netlink_batch *b, const char *set, bool inside)
{
    match_address(b, offsetof(struct iphdr, saddr), set, inside);
}

void nft_match_ipv4_destination(struct netlink_batch *b, const char *set, bool inside)
{
    match_address(b, offsetof(struct iphdr, daddr), set, inside);
}

void nft_masquerade(struct netlink_batch *b)
{
    expression_end(b, expression_begin(b, "masq"));
}
