#include "network/firewall_private.h"

#include <string.h>

static void source(struct firewall_elements *x, const char *bridge, const struct ip_range *range)
{
    size_t size = ip_size(range->first.family);
    if (size == 0)
        return;
    struct nft_element *new =
        firewall_elements_link(x, &firewall_inet, size == 4 ? "sources4" : "sources6", bridge);
    struct ip_address last = ip_range_last(range);
    memcpy(new->key_end, new->key, new->key_size);
    memcpy(new->key_end + new->key_size, last.bytes, size);
    new->key_end_size = new->key_size + size;
    nft_key_put(new, range->first.bytes, size, size);
}

/* The sources of a bridge that the kernel has, of both families. */
struct known {
    const char *bridge;
    struct firewall_elements x;
};

static void know(struct known *known, const char *set, const struct nlattr *element, size_t n)
{
    const void *first = nft_element_bytes(element, NFTA_SET_ELEM_KEY, n);
    const void *last = nft_element_bytes(element, NFTA_SET_ELEM_KEY_END, n);
    if (!first || !last || strncmp(first, known->bridge, 16) != 0)
        return;
    struct nft_element *new = firewall_elements_new(&known->x, &firewall_inet, set);
    memcpy(new->key, first, n);
    memcpy(new->key_end, last, n);
    new->key_size = new->key_end_size = n;
}

static int see_sources(const struct nlmsghdr *m, void *arg)
{
    struct known *known = arg;
    if (!nft_is(m, NFT_MSG_NEWSETELEM))
        return 0;
    bool ipv4 = strcmp(nft_text(m, NFTA_SET_ELEM_LIST_SET), "sources4") == 0;
    for (const struct nlattr *x = NULL; (x = nft_next_element(m, x));)
        know(known, ipv4 ? "sources4" : "sources6", x, ipv4 ? 20 : 32);
    return 0;
}

static int read_sources(struct netlink *nl, struct known *known, struct err *e)
{
    static const char *const sets[] = {"sources4", "sources6"};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        nft_get_elements(&b, &firewall_inet, sets[i]);
        int r = netlink_send(nl, &b, see_sources, known, NULL, e);
        if (r == -ENOENT)
            err_release(e);
        else if (r < 0)
            return r;
    }
    return 0;
}

/* Between the removal and the addition nobody but the host gets through. */
static int replace(struct netlink *nl, const char *bridge, const struct firewall_elements *x,
                   struct err *e)
{
    struct known known = {.bridge = bridge};
    int r = read_sources(nl, &known, e);
    if (r == 0)
        r = firewall_elements_remove(nl, &known.x, e);
    firewall_elements_release(&known.x);
    return r < 0 ? r : firewall_elements_add(nl, x, e);
}

int firewall_limit(const char *bridge, const struct ip_range *sources, size_t n, struct err *e)
{
    _cleanup_elements_ struct firewall_elements limited = {0}, x = {0};
    firewall_elements_link(&limited, &firewall_inet, "limited", bridge);
    for (size_t i = 0; i < n; i++)
        source(&x, bridge, &sources[i]);

    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = firewall_ensure_with(&nl, NULL, e);
    if (r == 0)
        r = firewall_elements_add(&nl, &limited, e);
    if (r == 0)
        r = replace(&nl, bridge, &x, e);
    return r < 0 ? err_wrap(e, "cannot limit who reaches the ports of \"%s\"", bridge) : 0;
}

int firewall_unlimit(const char *bridge, struct err *e)
{
    _cleanup_elements_ struct firewall_elements limited = {0}, none = {0};
    firewall_elements_link(&limited, &firewall_inet, "limited", bridge);
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = firewall_elements_remove(&nl, &limited, e);
    if (r == 0)
        r = replace(&nl, bridge, &none, e);
    return r < 0 ? err_wrap(e, "cannot lift the limit of the ports of \"%s\"", bridge) : 0;
}
