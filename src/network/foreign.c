#include "network/foreign.h"

#include "base/str.h"
#include "network/nft.h"

#include <linux/netfilter/nf_tables_compat.h>

#include <arpa/inet.h>
#include <string.h>

/* By this comment our rules are known again. Its form is nft's: a number (0: comment), a length. */
#define COMMENT      "skiff"
#define COMMENT_DATA "\0\6" COMMENT

#define SHARED_PREFIX "sk"

void foreign_chains_release(struct foreign_chains *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->v[i].table);
        free(all->v[i].name);
    }
    free(TAKE_PTR(all->v));
    all->n = 0;
}

static bool is_forward(const struct nlmsghdr *m)
{
    const struct nlattr *hook = netlink_attr(m, sizeof(struct nfgenmsg), NFTA_CHAIN_HOOK, 0);
    const struct nlattr *a = hook ? netlink_attr_in(hook, NFTA_HOOK_HOOKNUM, 4) : NULL;
    uint32_t number = 0;
    if (a)
        memcpy(&number, netlink_data(a), sizeof(number));
    uint8_t family = nft_family(m);
    return a && ntohl(number) == NF_INET_FORWARD &&
           (family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_INET) &&
           str_eq(nft_text(m, NFTA_CHAIN_TYPE), "filter");
}

int foreign_see(const struct nlmsghdr *m, struct foreign_chains *all)
{
    const char *table = nft_text(m, NFTA_CHAIN_TABLE);
    if (!is_forward(m) || str_eq(table, "skiff"))
        return 0;
    struct foreign_chain *more = reallocarray(all->v, all->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    all->v = more;
    struct foreign_chain new = {.family = nft_family(m),
                                .drops = nft_number(m, NFTA_CHAIN_POLICY) == NF_DROP,
                                .table = strdup(table),
                                .name = strdup(nft_text(m, NFTA_CHAIN_NAME))};
    all->v[all->n++] = new;
    return new.table &&new.name ? 0 : -ENOMEM;
}

struct rules {
    unsigned ours;
    bool refuses; /* the last one does */
};

static bool is_ours(const struct nlmsghdr *m)
{
    const struct nlattr *a =
        netlink_attr(m, sizeof(struct nfgenmsg), NFTA_RULE_USERDATA, sizeof(COMMENT_DATA));
    return a && memcmp(netlink_data(a), COMMENT_DATA, sizeof(COMMENT_DATA)) == 0;
}

static bool is_text(const struct nlattr *a, const char *text)
{
    return a && netlink_size(a) == strlen(text) + 1 &&
           memcmp(netlink_data(a), text, strlen(text) + 1) == 0;
}

/* Whether an expression drops or rejects, be it nft's or one of iptables' targets. */
static bool refuses(const struct nlattr *expression)
{
    const struct nlattr *name = netlink_attr_in(expression, NFTA_EXPR_NAME, 1);
    const struct nlattr *data = netlink_attr_in(expression, NFTA_EXPR_DATA, 0);
    if (is_text(name, "reject"))
        return true;
    if (!data)
        return false;
    if (is_text(name, "target"))
        return is_text(netlink_attr_in(data, NFTA_TARGET_NAME, 1), "REJECT");
    const struct nlattr *a =
        is_text(name, "immediate") ? netlink_attr_in(data, NFTA_IMMEDIATE_DATA, 0) : NULL;
    a = a ? netlink_attr_in(a, NFTA_DATA_VERDICT, 0) : NULL;
    a = a ? netlink_attr_in(a, NFTA_VERDICT_CODE, 4) : NULL;
    uint32_t verdict = NF_ACCEPT;
    if (a)
        memcpy(&verdict, netlink_data(a), sizeof(verdict));
    return a && verdict == htonl(NF_DROP);
}

static int see_rule(const struct nlmsghdr *m, void *arg)
{
    struct rules *rules = arg;
    if (!nft_is(m, NFT_MSG_NEWRULE))
        return 0;
    rules->ours += is_ours(m);
    rules->refuses = false;
    for (const struct nlattr *x = NULL; (x = nft_next_in(m, NFTA_RULE_EXPRESSIONS, x));)
        rules->refuses = rules->refuses || refuses(x);
    return 0;
}

static const struct nft_expression from_us[] = {NFT_META(NFT_META_IIFNAME, 0),
                                                NFT_IS(0, SHARED_PREFIX), NFT_COUNTER, NFT_ACCEPT};
static const struct nft_expression to_us[] = {NFT_META(NFT_META_OIFNAME, 0),
                                              NFT_IS(0, SHARED_PREFIX), NFT_COUNTER, NFT_ACCEPT};

static int insert(struct netlink *nl, const struct foreign_chain *c, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    nft_batch_begin(&b);
    nft_insert_rule(&b, c->family, c->table, c->name, to_us, ARRAY_LEN(to_us));
    netlink_put(&b, NFTA_RULE_USERDATA, COMMENT_DATA, sizeof(COMMENT_DATA));
    nft_insert_rule(&b, c->family, c->table, c->name, from_us, ARRAY_LEN(from_us));
    netlink_put(&b, NFTA_RULE_USERDATA, COMMENT_DATA, sizeof(COMMENT_DATA));
    nft_batch_end(&b);
    return netlink_send(nl, &b, NULL, NULL, NULL, e);
}

static int ensure(struct netlink *nl, const struct foreign_chain *c, struct err *e)
{
    struct rules rules = {0};
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    nft_get_rules(&b, c->family, c->table, c->name);
    int r = netlink_send(nl, &b, see_rule, &rules, NULL, e);
    if (r < 0 || rules.ours >= 2 || (!c->drops && !rules.refuses))
        return r;
    return insert(nl, c, e);
}

int foreign_ensure(struct netlink *nl, const struct foreign_chains *all, struct err *e)
{
    for (size_t i = 0; i < all->n; i++) {
        int r = ensure(nl, &all->v[i], e);
        if (r == -EPERM || r == -ENOENT) /* another's alone, or gone meanwhile */
            err_release(e);
        else if (r < 0)
            return err_wrap(e,
                            "cannot have the chain \"%s\" of the table \"%s\" let containers "
                            "through",
                            all->v[i].name, all->v[i].table);
    }
    return 0;
}
