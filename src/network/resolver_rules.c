#include "network/resolver_rules.h"

#include "network/nft.h"
#include "network/resolver.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

/* clang-format off */

/* Places in IPv4's header, and in those of UDP and TCP, which begin alike. */
#define SOURCE      12
#define DESTINATION 16
#define FROM_PORT   0
#define TO_PORT     2

#define ADDRESS     "\x7f\0\0\x0b" /* RESOLVER_ADDRESS */
#define DNS         "\0\x35"       /* 53 */
#define OURS        "\x03\xf3"     /* RESOLVER_PORT */
_Static_assert(RESOLVER_PORT == 0x03f3, "OURS is that port");

#define UDP         "\x11", offsetof(struct udphdr, check)
#define TCP         "\x06", offsetof(struct tcphdr, check)

/* Of packets with the address and port @old at their places: the port becomes @new. */
#define REWRITE(address, port, protocol, old, new) REWRITE_(address, port, protocol, old, new)
#define REWRITE_(address, port, number, checksum, old, new)                                        \
    NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, address, 4, 0), NFT_IS(0, ADDRESS),                     \
    NFT_META(NFT_META_L4PROTO, 0), NFT_IS(0, number),                                              \
    NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, port, 2, 0), NFT_IS(0, old),                         \
    NFT_IMMEDIATE(0, new), NFT_PORT_SET(port, 0, checksum)

static const struct nft_expression output[] = {
    REWRITE(DESTINATION, TO_PORT, UDP, DNS, OURS),
    REWRITE(SOURCE, FROM_PORT, UDP, OURS, DNS),
    REWRITE(DESTINATION, TO_PORT, TCP, DNS, OURS),
    REWRITE(SOURCE, FROM_PORT, TCP, OURS, DNS),
};

/* clang-format on */

static const struct nft_chain chain = {.name = "output",
                                       .type = "filter",
                                       .hook = NF_INET_LOCAL_OUT,
                                       .priority = NF_IP_PRI_RAW,
                                       .rules = output,
                                       .n = ARRAY_LEN(output)};

static const struct nft_table table = {
    .family = NFPROTO_IPV4, .name = "skiff-names", .chains = &chain, .n_chains = 1};

int resolver_rules_make(struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    nft_batch_begin(&b);
    nft_put_table(&b, &table);
    nft_batch_end(&b);
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = netlink_send(&nl, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot lead questions about names to their resolver") : 0;
}
