#include "network/nat.h"

#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#define CHAIN "postrouting"
#define SET   "nat4"

static int read_chain(const struct nlmsghdr *m, void *arg)
{
    const struct nlattr *a;
    if (nft_is(m, NFT_MSG_NEWCHAIN) &&
        (a = netlink_attr(m, sizeof(struct nfgenmsg), NFTA_CHAIN_USE, sizeof(uint32_t))))
        memcpy(arg, netlink_data(a), sizeof(uint32_t));
    return 0;
}

/* A table, chain, or element that is not there is -ENOENT, and no failure. */
static int is_there(struct netlink *nl, struct range range, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    nft_get_chain(&b, CHAIN);
    nft_get_range(&b, SET, range);

    uint32_t rules = 0;
    int r = netlink_send(nl, &b, read_chain, &rules, NULL, e);
    if (r == -ENOENT) {
        err_release(e);
        return 0;
    }
    return r < 0 ? r : rules != 0;
}

/* Flushing the chain first, in the same transaction, leaves one rule however many processes do this
 * at once. */
static int make(struct netlink *nl, struct range range, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    nft_batch_begin(&b);
    nft_add_table(&b);
    nft_add_range_set(&b, SET, 1);
    nft_add_range(&b, SET, range);
    nft_add_nat_chain(&b, CHAIN, NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    nft_flush_chain(&b, CHAIN);
    size_t rule = nft_rule_begin(&b, CHAIN);
    nft_match_ipv4(&b);
    nft_match_ipv4_source(&b, SET, true);
    nft_match_ipv4_destination(&b, SET, false);
    nft_masquerade(&b);
    nft_rule_end(&b, rule);
    nft_batch_end(&b);
    return netlink_send(nl, &b, NULL, NULL, NULL, e);
}

int nat_is_there(struct range range, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    return r < 0 ? r : is_there(&nl, range, e);
}

int nat_ensure(struct range range, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = is_there(&nl, range, e);
    if (r > 0)
        return 0;
    if (r == 0)
        r = make(&nl, range, e);
    if (r < 0)
        return err_wrap(e, "cannot set up address translation (nf_tables: table \"inet " NFT_TABLE
                           "\"), without which containers reach nobody but the host");
    return 0;
}
