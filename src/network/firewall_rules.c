#include "network/firewall_rules.h"

#include "network/firewall.h"

#include <linux/if_packet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>

/* A chain without rules that tells which rules the others have: of another version, all are filled
 * anew. To be counted up with every change below; what a set holds cannot change under its name. */
#define LAYOUT "layout-3"

#define IS_IPV4       NFT_META(NFT_META_NFPROTO, 0), NFT_IS(0, "\x02")
#define IS_IPV6       NFT_META(NFT_META_NFPROTO, 0), NFT_IS(0, "\x0a")
#define FROM_LINK(n)  NFT_META(NFT_META_IIFNAME, n)
#define TO_LINK(n)    NFT_META(NFT_META_OIFNAME, n)
#define PROTOCOL(n)   NFT_META(NFT_META_L4PROTO, n)
#define SADDR4(n)     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, n)
#define DADDR4(n)     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, n)
#define SADDR6(n)     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 16, n)
#define DADDR6(n)     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 16, n)
#define SPORT(n)      NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, n)
#define DPORT(n)      NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, n)
#define TYPE(n)       NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, n)
#define STATE(bits)   NFT_CT(NFT_CT_STATE, 0), NFT_MASK_U32(0, bits), NFT_IS_NOT_U32(0, 0)
#define LOOPBACK(reg) NFT_MASK(reg, "\xff\0\0\0", "\0\0\0\0"), NFT_IS(reg, "\x7f\0\0\0")

/* NF_CT_STATE_BIT and NF_CT_STATE_INVALID_BIT of nf_conntrack_tuple_common.h. */
#define STATE_ESTABLISHED (1U << (IP_CT_ESTABLISHED + 1))
#define STATE_RELATED     (1U << (IP_CT_RELATED + 1))
#define STATE_INVALID     1U

static const struct nft_set inet_sets[] = {
    {.name = "bridges", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "internal", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "limited", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "routed4", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "routed6", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "open4", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "open6", .key_type = NFT_TYPE_IFNAME, .key_size = 16},
    {.name = "direct4",
     .key_type = NFT_TYPES3(NFT_TYPE_IPV4, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 12},
    {.name = "direct6",
     .key_type = NFT_TYPES3(NFT_TYPE_IPV6, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 24},
    {.name = "same", .key_type = NFT_TYPES2(NFT_TYPE_IFNAME, NFT_TYPE_IFNAME), .key_size = 32},
    {.name = "nat4", .flags = NFT_SET_INTERVAL, .key_type = NFT_TYPE_IPV4, .key_size = 4},
    {.name = "nat6", .flags = NFT_SET_INTERVAL, .key_type = NFT_TYPE_IPV6, .key_size = 16},
    {.name = "self4", .key_type = NFT_TYPES2(NFT_TYPE_IPV4, NFT_TYPE_IPV4), .key_size = 8},
    {.name = "self6", .key_type = NFT_TYPES2(NFT_TYPE_IPV6, NFT_TYPE_IPV6), .key_size = 32},
    {.name = "sources4",
     .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,
     .key_type = NFT_TYPES2(NFT_TYPE_IFNAME, NFT_TYPE_IPV4),
     .key_size = 20,
     .fields = {16, 4}},
    {.name = "sources6",
     .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,
     .key_type = NFT_TYPES2(NFT_TYPE_IFNAME, NFT_TYPE_IPV6),
     .key_size = 32,
     .fields = {16, 16}},
    {.name = "ports4",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES3(NFT_TYPE_IPV4, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 12,
     .data_type = NFT_TYPES2(NFT_TYPE_IPV4, NFT_TYPE_PORT),
     .data_size = 8},
    {.name = "ports6",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES3(NFT_TYPE_IPV6, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 24,
     .data_type = NFT_TYPES2(NFT_TYPE_IPV6, NFT_TYPE_PORT),
     .data_size = 20},
    {.name = "any4",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES2(NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 8,
     .data_type = NFT_TYPES2(NFT_TYPE_IPV4, NFT_TYPE_PORT),
     .data_size = 8},
    {.name = "any6",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES2(NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 8,
     .data_type = NFT_TYPES2(NFT_TYPE_IPV6, NFT_TYPE_PORT),
     .data_size = 20},
};

/* A rule begins on a line of its own. */
/* clang-format off */

/* Loopback addresses come from the loopback alone: the kernel itself stops minding where
 * route_localnet is on, which a bridge with a published port needs. */
static const struct nft_expression guard[] = {
    FROM_LINK(0), NFT_IS_NOT(0, "lo\0"), IS_IPV4, DADDR4(0), LOOPBACK(0), NFT_DROP,
    FROM_LINK(0), NFT_IS_NOT(0, "lo\0"), IS_IPV4, SADDR4(0), LOOPBACK(0), NFT_DROP,
};

static const struct nft_expression to_the_host[] = {
    NFT_FIB_DESTINATION_TYPE(0),
    NFT_IS_U32(0, RTN_LOCAL),
    NFT_CALL("publish"),
};

/* A port on one address goes before the same port on all. */
static const struct nft_expression publish[] = {
    IS_IPV4, DADDR4(0), PROTOCOL(1), DPORT(2), NFT_MAP("ports4", 0), NFT_DNAT(NFPROTO_IPV4, 0, 1),
    IS_IPV4, PROTOCOL(0), DPORT(1), NFT_MAP("any4", 0), NFT_DNAT(NFPROTO_IPV4, 0, 1),
    IS_IPV6, DADDR6(0), PROTOCOL(4), DPORT(5), NFT_MAP("ports6", 0), NFT_DNAT(NFPROTO_IPV6, 0, 4),
    IS_IPV6, PROTOCOL(0), DPORT(1), NFT_MAP("any6", 0), NFT_DNAT(NFPROTO_IPV6, 0, 4),
};

/* Frames inside a bridge come by here too where br_netfilter is loaded, and multicast among them
 * must keep its source: so it is the outgoing link that counts. A container that uses its own
 * published port would get its own address as the source. */
static const struct nft_expression postrouting[] = {
    IS_IPV4, SADDR4(0), NFT_IN("nat4", 0), TO_LINK(0), NFT_NOT_IN("bridges", 0), NFT_MASQUERADE,
    IS_IPV6, SADDR6(0), NFT_IN("nat6", 0), TO_LINK(0), NFT_NOT_IN("bridges", 0), NFT_MASQUERADE,
    TO_LINK(0), NFT_IN("bridges", 0), IS_IPV4, SADDR4(0), LOOPBACK(0), NFT_MASQUERADE,
    TO_LINK(0), NFT_IN("bridges", 0), IS_IPV4, SADDR4(0), DADDR4(1), NFT_IN("self4", 0),
    NFT_MASQUERADE,
    TO_LINK(0), NFT_IN("bridges", 0), IS_IPV6, SADDR6(0), DADDR6(4), NFT_IN("self6", 0),
    NFT_MASQUERADE,
};

/* What goes to a container by its own address: nothing, but where its network is routed the ports
 * that are published, and echoes. */
static const struct nft_expression unasked[] = {
    IS_IPV4, DADDR4(0), PROTOCOL(1), DPORT(2), NFT_IN("direct4", 0), NFT_BACK,
    IS_IPV6, DADDR6(0), PROTOCOL(4), DPORT(5), NFT_IN("direct6", 0), NFT_BACK,
    IS_IPV4, PROTOCOL(0), NFT_IS(0, "\x01"), TO_LINK(0), NFT_IN("routed4", 0), NFT_BACK,
    IS_IPV6, PROTOCOL(0), NFT_IS(0, "\x3a"), TO_LINK(0), NFT_IN("routed6", 0), NFT_BACK,
    IS_IPV4, TO_LINK(0), NFT_IN("open4", 0), NFT_BACK,
    IS_IPV6, TO_LINK(0), NFT_IN("open6", 0), NFT_BACK,
    FROM_LINK(0), NFT_DROP,
};

/* Whoever has a connection with the host can send anybody else an error about that one, with data
 * of his own in it, and conntrack finds it related: so what is internal is asked about before. What
 * conntrack cannot place is not translated, and would leave with a source that leads nowhere: nat4
 * and nat6 are asked about that last. */
static const struct nft_expression forward[] = {
    STATE(STATE_ESTABLISHED), NFT_ACCEPT,
    FROM_LINK(0), TO_LINK(4), NFT_IN("same", 0), NFT_ACCEPT,
    FROM_LINK(0), NFT_IN("internal", 0), NFT_DROP,
    TO_LINK(0), NFT_IN("internal", 0), NFT_DROP,
    STATE(STATE_RELATED), NFT_ACCEPT,
    TO_LINK(0), NFT_IN("bridges", 0), NFT_CT(NFT_CT_STATUS, 0), NFT_MASK_U32(0, IPS_DST_NAT),
    NFT_IS_U32(0, 0), NFT_CALL("unasked"),
    TO_LINK(0), NFT_IN("bridges", 0), NFT_CALL("skiff-user"),
    TO_LINK(0), NFT_IN("limited", 0), NFT_CALL("sources"),
    TO_LINK(0), NFT_IN("bridges", 0), NFT_ACCEPT,
    STATE(STATE_INVALID), IS_IPV4, SADDR4(0), NFT_IN("nat4", 0), NFT_DROP,
    STATE(STATE_INVALID), IS_IPV6, SADDR6(0), NFT_IN("nat6", 0), NFT_DROP,
};

/* Where the host leads a packet back into the bridge it came from it would tell the sender of the
 * shorter way: who believes that loses the published port. */
static const struct nft_expression no_redirects[] = {
    IS_IPV4, PROTOCOL(0), NFT_IS(0, "\x01"), TYPE(0), NFT_IS(0, "\x05"), TO_LINK(0),
    NFT_IN("bridges", 0), NFT_DROP,
    IS_IPV6, PROTOCOL(0), NFT_IS(0, "\x3a"), TYPE(0), NFT_IS(0, "\x89"), TO_LINK(0),
    NFT_IN("bridges", 0), NFT_DROP,
};

static const struct nft_expression sources[] = {
    IS_IPV4, TO_LINK(0), SADDR4(4), NFT_IN("sources4", 0), NFT_ACCEPT,
    IS_IPV6, TO_LINK(0), SADDR6(4), NFT_IN("sources6", 0), NFT_ACCEPT,
    FROM_LINK(0), NFT_DROP,
};

/* clang-format on */

#define BASE(name, type, hook, priority, rules)                                                    \
    {                                                                                              \
        name, type, hook, priority, rules, ARRAY_LEN(rules), false                                 \
    }
#define PLAIN(name, rules)                                                                         \
    {                                                                                              \
        name, NULL, 0, 0, rules, ARRAY_LEN(rules), false                                           \
    }
#define EMPTY(name)                                                                                \
    {                                                                                              \
        name, NULL, 0, 0, NULL, 0, true                                                            \
    }

static const struct nft_chain inet_chains[] = {
    EMPTY(LAYOUT),
    EMPTY("skiff-user"),
    PLAIN("publish", publish),
    PLAIN("sources", sources),
    PLAIN("unasked", unasked),
    BASE("guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW, guard),
    BASE("prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, to_the_host),
    BASE("output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, to_the_host),
    BASE("postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, postrouting),
    BASE("redirects", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER, no_redirects),
    BASE("forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, forward),
};

const struct nft_table firewall_inet = {
    .family = NFPROTO_INET,
    .name = "skiff",
    .sets = inet_sets,
    .n_sets = ARRAY_LEN(inet_sets),
    .chains = inet_chains,
    .n_chains = ARRAY_LEN(inet_chains),
};

static const struct nft_set bridge_sets[] = {
    {.name = "senders4",
     .key_type = NFT_TYPES3(NFT_TYPE_IFNAME, NFT_TYPE_ETHER, NFT_TYPE_IPV4),
     .key_size = 28},
    {.name = "senders6",
     .key_type = NFT_TYPES3(NFT_TYPE_IFNAME, NFT_TYPE_ETHER, NFT_TYPE_IPV6),
     .key_size = 40},
    {.name = "hairpin4",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES3(NFT_TYPE_IPV4, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 12,
     .data_type = NFT_TYPE_ETHER,
     .data_size = 6},
    {.name = "hairpin6",
     .flags = NFT_SET_MAP,
     .key_type = NFT_TYPES3(NFT_TYPE_IPV6, NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
     .key_size = 24,
     .data_type = NFT_TYPE_ETHER,
     .data_size = 6},
};

/* clang-format off */

/* The type as the frame has it, so that a VLAN's tag counts as such; and with it what stands at the
 * places of addresses is known. */
#define ETHER_TYPE(bytes)  NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 12, 2, 0), NFT_IS(0, bytes)
#define TYPE_IPV4          ETHER_TYPE("\x08\x00")
#define TYPE_ARP           ETHER_TYPE("\x08\x06")
#define TYPE_IPV6          ETHER_TYPE("\x86\xdd")
#define FROM_PORT_AND_MAC  FROM_LINK(0), NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 6, 6, 4)
#define UDP_FROM(port)     PROTOCOL(0), NFT_IS(0, "\x11"), SPORT(0), NFT_IS(0, port)
#define ICMPV6(type)       TYPE_IPV6, PROTOCOL(0), NFT_IS(0, "\x3a"), \
    TYPE(0), NFT_IS(0, type)
#define ARP_SENDER_MAC(n)  NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 6, n)
#define ARP_SENDER(n)      NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 14, 4, n)
#define ND_TARGET(n)       NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, n)
#define ZERO16             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* Servers of DHCP (67, 547) and routers (134, 137) are never containers. Who asks whether an IPv6
 * address is free has none yet: it may ask for its own. */
static const struct nft_expression from_ports[] = {
    NFT_META(NFT_META_IIFGROUP, 0), NFT_IS_U32(0, FIREWALL_GROUP_OPEN), NFT_TO("hairpin"),
    NFT_META(NFT_META_IIFGROUP, 0), NFT_IS_NOT_U32(0, FIREWALL_GROUP), NFT_ACCEPT,

    TYPE_IPV4, UDP_FROM("\x00\x43"), NFT_DROP,
    TYPE_IPV4, FROM_PORT_AND_MAC, SADDR4(6), NFT_IN("senders4", 0), NFT_TO("hairpin"),

    TYPE_ARP, FROM_PORT_AND_MAC, ARP_SENDER(6), NFT_IN("senders4", 0),
    ARP_SENDER_MAC(4), NFT_IN("senders4", 0), NFT_ACCEPT,

    ICMPV6("\x86"), NFT_DROP,
    ICMPV6("\x89"), NFT_DROP,
    ICMPV6("\x88"), FROM_PORT_AND_MAC, ND_TARGET(6), NFT_NOT_IN("senders6", 0), NFT_DROP,
    ICMPV6("\x87"), SADDR6(0), NFT_IS(0, ZERO16), FROM_PORT_AND_MAC, ND_TARGET(6),
    NFT_IN("senders6", 0), NFT_ACCEPT,
    TYPE_IPV6, UDP_FROM("\x02\x23"), NFT_DROP,
    TYPE_IPV6, FROM_PORT_AND_MAC, SADDR6(6), NFT_IN("senders6", 0), NFT_TO("hairpin"),

    FROM_LINK(0), NFT_DROP,
};

#define TO_ONE NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 0, 1, 0), \
    NFT_MASK(0, "\x01", "\x00"), NFT_IS(0, "\x00")
#define TO_THE_BRIDGE(reg) NFT_PAYLOAD_SET(NFT_PAYLOAD_LL_HEADER, 0, 6, reg), \
    NFT_IMMEDIATE(reg, "\x00"), NFT_META_SET(NFT_META_PKTTYPE, reg), NFT_ACCEPT

/* Answers of a published port are led through the host, which translates them back where they
 * belong to a connection by the host's address: the client may be on the same bridge. */
static const struct nft_expression hairpin[] = {
    TYPE_IPV4, TO_ONE, SADDR4(0), PROTOCOL(1), SPORT(2), NFT_MAP("hairpin4", 0), TO_THE_BRIDGE(0),
    TYPE_IPV6, TO_ONE, SADDR6(0), PROTOCOL(4), SPORT(5), NFT_MAP("hairpin6", 0), TO_THE_BRIDGE(0),
};

/* clang-format on */

static const struct nft_chain bridge_chains[] = {
    EMPTY(LAYOUT),
    PLAIN("hairpin", hairpin),
    BASE("prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED, from_ports),
};

const struct nft_table firewall_bridge = {
    .family = NFPROTO_BRIDGE,
    .name = "skiff",
    .sets = bridge_sets,
    .n_sets = ARRAY_LEN(bridge_sets),
    .chains = bridge_chains,
    .n_chains = ARRAY_LEN(bridge_chains),
};
