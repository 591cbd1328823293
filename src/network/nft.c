#include "network/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>

static void begin(struct netlink_batch *b, uint8_t family, unsigned message, unsigned flags)
{
    struct nfgenmsg head = {.nfgen_family = family, .version = NFNETLINK_V0};
    /* Only recent kernels acknowledge a batch's end, so its first message is. */
    const struct nlmsghdr *before = (const struct nlmsghdr *)(const void *)(b->bytes + b->message);
    if (b->len > 0 && before->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
        flags |= NLM_F_ACK;
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

static void put_value(struct netlink_batch *b, uint16_t type, const void *bytes, size_t n)
{
    size_t nest = netlink_nest(b, type);
    netlink_put(b, NFTA_DATA_VALUE, bytes, n);
    netlink_nest_end(b, nest);
}

static void put_verdict(struct netlink_batch *b, const struct nft_attribute *a)
{
    size_t nest = netlink_nest(b, a->type);
    size_t verdict = netlink_nest(b, NFTA_DATA_VERDICT);
    netlink_put_be32(b, NFTA_VERDICT_CODE, a->number);
    if (a->at)
        netlink_put_string(b, NFTA_VERDICT_CHAIN, a->at);
    netlink_nest_end(b, verdict);
    netlink_nest_end(b, nest);
}

static void put_attribute(struct netlink_batch *b, const struct nft_attribute *a)
{
    switch (a->form) {
    case NFT_FORM_NUMBER:
        netlink_put_be32(b, a->type, a->number);
        break;
    case NFT_FORM_TEXT:
        netlink_put_string(b, a->type, a->at);
        break;
    case NFT_FORM_VALUE:
        put_value(b, a->type, a->at, a->number);
        break;
    case NFT_FORM_BARE:
        netlink_put(b, a->type, a->at, a->number);
        break;
    case NFT_FORM_VERDICT:
        put_verdict(b, a);
        break;
    }
}

static void put_expression(struct netlink_batch *b, const struct nft_expression *x)
{
    size_t element = netlink_nest(b, NFTA_LIST_ELEM);
    netlink_put_string(b, NFTA_EXPR_NAME, x->name);
    size_t data = netlink_nest(b, NFTA_EXPR_DATA);
    for (size_t i = 0; i < ARRAY_LEN(x->attributes) && x->attributes[i].type != 0; i++)
        put_attribute(b, &x->attributes[i]);
    netlink_nest_end(b, data);
    netlink_nest_end(b, element);
}

static void put_rule(struct netlink_batch *b, uint8_t family, const char *table, const char *chain,
                     unsigned flags, const struct nft_expression *rule, size_t n)
{
    begin(b, family, NFT_MSG_NEWRULE, NLM_F_CREATE | flags);
    netlink_put_string(b, NFTA_RULE_TABLE, table);
    netlink_put_string(b, NFTA_RULE_CHAIN, chain);
    size_t nest = netlink_nest(b, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < n; i++)
        put_expression(b, &rule[i]);
    netlink_nest_end(b, nest);
}

/* Without NLM_F_APPEND a rule goes in front of the others. */
void nft_insert_rule(struct netlink_batch *b, uint8_t family, const char *table, const char *chain,
                     const struct nft_expression *rule, size_t n)
{
    put_rule(b, family, table, chain, 0, rule, n);
}

static void put_fields(struct netlink_batch *b, const struct nft_set *s)
{
    size_t description = netlink_nest(b, NFTA_SET_DESC);
    size_t concatenation = netlink_nest(b, NFTA_SET_DESC_CONCAT);
    for (size_t i = 0; i < ARRAY_LEN(s->fields) && s->fields[i] > 0; i++) {
        size_t field = netlink_nest(b, NFTA_LIST_ELEM);
        netlink_put_be32(b, NFTA_SET_FIELD_LEN, s->fields[i]);
        netlink_nest_end(b, field);
    }
    netlink_nest_end(b, concatenation);
    netlink_nest_end(b, description);
}

/* For nft(8) alone, which shows names of links as empty where it is not told: a number of its own,
 * in an attribute of a type and a length of one byte each (key's byte order: the host's). */
static void put_byte_order(struct netlink_batch *b)
{
    uint8_t bytes[6] = {0, sizeof(uint32_t)};
    uint32_t host_endian = 1;
    memcpy(bytes + 2, &host_endian, sizeof(host_endian));
    netlink_put(b, NFTA_SET_USERDATA, bytes, sizeof(bytes));
}

static void put_set(struct netlink_batch *b, const struct nft_table *t, const struct nft_set *s,
                    uint32_t id)
{
    begin(b, t->family, NFT_MSG_NEWSET, NLM_F_CREATE);
    netlink_put_string(b, NFTA_SET_TABLE, t->name);
    netlink_put_string(b, NFTA_SET_NAME, s->name);
    netlink_put_be32(b, NFTA_SET_FLAGS, s->flags);
    netlink_put_be32(b, NFTA_SET_KEY_TYPE, s->key_type);
    netlink_put_be32(b, NFTA_SET_KEY_LEN, s->key_size);
    if (s->flags & NFT_SET_MAP) {
        netlink_put_be32(b, NFTA_SET_DATA_TYPE, s->data_type);
        netlink_put_be32(b, NFTA_SET_DATA_LEN, s->data_size);
    }
    netlink_put_be32(b, NFTA_SET_ID, id);
    if (s->key_type == NFT_TYPE_IFNAME)
        put_byte_order(b);
    if (s->fields[0] > 0)
        put_fields(b, s);
}

static void put_chain(struct netlink_batch *b, const struct nft_table *t, const struct nft_chain *c)
{
    begin(b, t->family, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(b, NFTA_CHAIN_TABLE, t->name);
    netlink_put_string(b, NFTA_CHAIN_NAME, c->name);
    if (!c->type)
        return;
    size_t nest = netlink_nest(b, NFTA_CHAIN_HOOK);
    netlink_put_be32(b, NFTA_HOOK_HOOKNUM, c->hook);
    netlink_put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
    netlink_nest_end(b, nest);
    netlink_put_be32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
    netlink_put_string(b, NFTA_CHAIN_TYPE, c->type);
}

/* Flushing first, in the same transaction, leaves each rule once however many processes do this at
 * the same time. */
static void fill_chain(struct netlink_batch *b, const struct nft_table *t,
                       const struct nft_chain *c)
{
    if (c->foreign)
        return;
    begin(b, t->family, NFT_MSG_DELRULE, 0);
    netlink_put_string(b, NFTA_RULE_TABLE, t->name);
    netlink_put_string(b, NFTA_RULE_CHAIN, c->name);

    size_t first = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (!c->rules[i].decides)
            continue;
        put_rule(b, t->family, t->name, c->name, NLM_F_APPEND, c->rules + first, i + 1 - first);
        first = i + 1;
    }
}

void nft_put_table(struct netlink_batch *b, const struct nft_table *t)
{
    begin(b, t->family, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    netlink_put_string(b, NFTA_TABLE_NAME, t->name);
    for (size_t i = 0; i < t->n_sets; i++)
        put_set(b, t, &t->sets[i], (uint32_t)i + 1);
    for (size_t i = 0; i < t->n_chains; i++)
        put_chain(b, t, &t->chains[i]);
    for (size_t i = 0; i < t->n_chains; i++)
        fill_chain(b, t, &t->chains[i]);
}

static uint32_t count_calls(const struct nft_chain *from, const char *to)
{
    uint32_t n = 0;
    for (size_t i = 0; i < from->n; i++) {
        const struct nft_attribute *a = &from->rules[i].attributes[1];
        n += a->form == NFT_FORM_VERDICT && a->at && strcmp(a->at, to) == 0;
    }
    return n;
}

uint32_t nft_chain_use(const struct nft_table *t, const struct nft_chain *c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->rules[i].decides;
    for (size_t i = 0; i < t->n_chains; i++)
        n += count_calls(&t->chains[i], c->name);
    return n;
}

void nft_key_put(struct nft_element *x, const void *bytes, size_t n, size_t room)
{
    if (n > room || room > sizeof(x->key) - x->key_size)
        return;
    memcpy(x->key + x->key_size, bytes, n);
    x->key_size += room;
}

void nft_key_put_link(struct nft_element *x, const char *link)
{
    nft_key_put(x, link, strnlen(link, IFNAMSIZ - 1), IFNAMSIZ);
}

static void put_element(struct netlink_batch *b, const struct nft_element *x)
{
    size_t element = netlink_nest(b, NFTA_LIST_ELEM);
    put_value(b, NFTA_SET_ELEM_KEY, x->key, x->key_size);
    if (x->key_end_size > 0)
        put_value(b, NFTA_SET_ELEM_KEY_END, x->key_end, x->key_end_size);
    if (x->data_size > 0)
        put_value(b, NFTA_SET_ELEM_DATA, x->data, x->data_size);
    if (x->flags)
        netlink_put_be32(b, NFTA_SET_ELEM_FLAGS, x->flags);
    netlink_nest_end(b, element);
}

void nft_put_elements(struct netlink_batch *b, unsigned message, unsigned flags,
                      const struct nft_table *t, const char *set, const struct nft_element *x,
                      size_t n)
{
    begin(b, t->family, message, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | flags : 0);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_TABLE, t->name);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_SET, set);
    size_t nest = netlink_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = 0; i < n; i++)
        put_element(b, &x[i]);
    netlink_nest_end(b, nest);
}

const struct nlattr *nft_next_element(const struct nlmsghdr *m, const struct nlattr *last)
{
    return nft_next_in(m, NFTA_SET_ELEM_LIST_ELEMENTS, last);
}

const struct nlattr *nft_next_in(const struct nlmsghdr *m, uint16_t attribute,
                                 const struct nlattr *last)
{
    const struct nlattr *list = netlink_attr(m, sizeof(struct nfgenmsg), attribute, sizeof(*last));
    if (!list)
        return NULL;
    const uint8_t *at = netlink_data(list), *end = at + netlink_size(list);
    if (last)
        at = (const uint8_t *)last + NLMSG_ALIGN(last->nla_len);
    if (at > end || (size_t)(end - at) < sizeof(*last))
        return NULL;
    const struct nlattr *next = (const struct nlattr *)(const void *)at;
    return next->nla_len >= sizeof(*next) && next->nla_len <= end - at ? next : NULL;
}

const void *nft_element_bytes(const struct nlattr *element, uint16_t part, size_t n)
{
    const struct nlattr *a = netlink_attr_in(element, part, 0);
    a = a ? netlink_attr_in(a, NFTA_DATA_VALUE, n) : NULL;
    return a && netlink_size(a) == n ? netlink_data(a) : NULL;
}

void nft_get_table(struct netlink_batch *b, const struct nft_table *t)
{
    begin(b, t->family, NFT_MSG_GETTABLE, 0);
    netlink_put_string(b, NFTA_TABLE_NAME, t->name);
}

void nft_get_chains(struct netlink_batch *b)
{
    begin(b, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN, NLM_F_DUMP);
}

void nft_get_rules(struct netlink_batch *b, uint8_t family, const char *table, const char *chain)
{
    begin(b, family, NFT_MSG_GETRULE, NLM_F_DUMP);
    netlink_put_string(b, NFTA_RULE_TABLE, table);
    netlink_put_string(b, NFTA_RULE_CHAIN, chain);
}

void nft_get_elements(struct netlink_batch *b, const struct nft_table *t, const char *set)
{
    begin(b, t->family, NFT_MSG_GETSETELEM, NLM_F_DUMP);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_TABLE, t->name);
    netlink_put_string(b, NFTA_SET_ELEM_LIST_SET, set);
}

bool nft_is(const struct nlmsghdr *m, unsigned message)
{
    return m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | message) &&
           m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg));
}

uint8_t nft_family(const struct nlmsghdr *m)
{
    const struct nfgenmsg *head = NLMSG_DATA(m);
    return head->nfgen_family;
}

const char *nft_text(const struct nlmsghdr *m, uint16_t attribute)
{
    const struct nlattr *a = netlink_attr(m, sizeof(struct nfgenmsg), attribute, 1);
    const char *text = a ? netlink_data(a) : NULL;
    return text && text[netlink_size(a) - 1] == '\0' ? text : "";
}

uint32_t nft_number(const struct nlmsghdr *m, uint16_t attribute)
{
    const struct nlattr *a = netlink_attr(m, sizeof(struct nfgenmsg), attribute, sizeof(uint32_t));
    uint32_t number = 0;
    if (a)
        memcpy(&number, netlink_data(a), sizeof(number));
    return ntohl(number);
}
