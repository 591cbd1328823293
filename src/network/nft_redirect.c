#include "network/nft_redirect.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#define TABLE "skiff-names"
#define CHAIN "output"

static void begin(struct netlink_batch *b, unsigned message, unsigned flags)
{
    struct nfgenmsg head = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};
    netlink_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), (uint16_t)flags, &head,
                  sizeof(head));
}

static void batch_mark(struct netlink_batch *b, uint16_t type)
{
    struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(b, type, 0, &head, sizeof(head));
}

static void put_table(struct netlink_batch *b, unsigned message, unsigned flags)
{
    begin(b, message, flags);
    netlink_put_string(b, NFTA_TABLE_NAME, TABLE);
}

static void put_chain(struct netlink_batch *b)
{
    begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(b, NFTA_CHAIN_TABLE, TABLE);
    netlink_put_string(b, NFTA_CHAIN_NAME, CHAIN);
    size_t hook = netlink_nest(b, NFTA_CHAIN_HOOK);
    netlink_put_be32(b, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
    netlink_put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)NF_IP_PRI_RAW);
    netlink_nest_end(b, hook);
    netlink_put_string(b, NFTA_CHAIN_TYPE, "filter");
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

static void put_value(struct netlink_batch *b, uint16_t type, const void *value, size_t n)
{
    size_t nest = netlink_nest(b, type);
    netlink_put(b, NFTA_DATA_VALUE, value, n);
    netlink_nest_end(b, nest);
}

/* A part of the packet, at most 32 bits, that must be @value. */
static void match(struct netlink_batch *b, enum nft_payload_bases base, size_t offset,
                  const void *value, size_t n)
{
    struct expression x = expression_begin(b, "payload");
    netlink_put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG32_00);
    netlink_put_be32(b, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(b, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
    netlink_put_be32(b, NFTA_PAYLOAD_LEN, (uint32_t)n);
    expression_end(b, x);

    x = expression_begin(b, "cmp");
    netlink_put_be32(b, NFTA_CMP_SREG, NFT_REG32_00);
    netlink_put_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(b, NFTA_CMP_DATA, value, n);
    expression_end(b, x);
}

/* The transport's protocol, which nft(8) shows as "udp" in what follows. */
static void match_protocol(struct netlink_batch *b, uint8_t protocol)
{
    struct expression x = expression_begin(b, "meta");
    netlink_put_be32(b, NFTA_META_KEY, NFT_META_L4PROTO);
    netlink_put_be32(b, NFTA_META_DREG, NFT_REG32_00);
    expression_end(b, x);

    x = expression_begin(b, "cmp");
    netlink_put_be32(b, NFTA_CMP_SREG, NFT_REG32_00);
    netlink_put_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(b, NFTA_CMP_DATA, &protocol, sizeof(protocol));
    expression_end(b, x);
}

/* Writes @port over the one at @offset of the transport's header; its checksum follows. */
static void set_port(struct netlink_batch *b, uint8_t protocol, size_t offset, uint16_t port)
{
    struct expression x = expression_begin(b, "immediate");
    netlink_put_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG32_00);
    put_value(b, NFTA_IMMEDIATE_DATA, &port, sizeof(port));
    expression_end(b, x);

    size_t checksum =
        protocol == IPPROTO_UDP ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check);
    x = expression_begin(b, "payload");
    netlink_put_be32(b, NFTA_PAYLOAD_SREG, NFT_REG32_00);
    netlink_put_be32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    netlink_put_be32(b, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
    netlink_put_be32(b, NFTA_PAYLOAD_LEN, sizeof(port));
    netlink_put_be32(b, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    netlink_put_be32(b, NFTA_PAYLOAD_CSUM_OFFSET, (uint32_t)checksum);
    expression_end(b, x);
}

/* Of packets to (or from) the address and port @old: the port becomes @new. UDP's and TCP's headers
 * begin with the same two. */
static void put_rule(struct netlink_batch *b, uint8_t protocol, bool to, struct in_addr address,
                     uint16_t old, uint16_t new)
{
    size_t place = to ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr);
    size_t port = to ? offsetof(struct udphdr, dest) : offsetof(struct udphdr, source);
    uint16_t from = htons(old);

    begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(b, NFTA_RULE_TABLE, TABLE);
    netlink_put_string(b, NFTA_RULE_CHAIN, CHAIN);
    size_t rule = netlink_nest(b, NFTA_RULE_EXPRESSIONS);
    match(b, NFT_PAYLOAD_NETWORK_HEADER, place, &address, sizeof(address));
    match_protocol(b, protocol);
    match(b, NFT_PAYLOAD_TRANSPORT_HEADER, port, &from, sizeof(from));
    set_port(b, protocol, port, htons(new));
    netlink_nest_end(b, rule);
}

static int send_table(struct netlink *nl, bool anew, struct in_addr address, uint16_t from,
                      uint16_t to, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    batch_mark(&b, NFNL_MSG_BATCH_BEGIN);
    if (anew)
        put_table(&b, NFT_MSG_DELTABLE, 0);
    /* Only recent kernels acknowledge the end of a batch. */
    put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
    put_chain(&b);
    static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        put_rule(&b, protocols[i], true, address, from, to);
        put_rule(&b, protocols[i], false, address, to, from);
    }
    batch_mark(&b, NFNL_MSG_BATCH_END);
    return netlink_send(nl, &b, NULL, NULL, NULL, e);
}

int nft_redirect(struct in_addr address, uint16_t from, uint16_t to, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = send_table(&nl, false, address, from, to, e);
    /* Only now: after a deletion the socket's end waits for the kernel, for milliseconds. */
    if (r == -EEXIST)
        r = send_table(&nl, true, address, from, to, e);
    return r < 0 ? err_wrap(e, "cannot lead questions about names to their resolver") : 0;
}
