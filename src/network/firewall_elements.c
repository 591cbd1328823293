#include "network/firewall_private.h"

#include <string.h>

/* So many go into one transaction: a message to the kernel may have some 200 KB. */
enum { CHUNK = 256 };

void firewall_elements_release(struct firewall_elements *x)
{
    free(TAKE_PTR(x->v));
    x->n = x->cap = 0;
}

struct nft_element *firewall_elements_new(struct firewall_elements *x,
                                          const struct nft_table *table, const char *set)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 8;
        struct firewall_element *more = reallocarray(x->v, cap, sizeof(*more));
        if (!more) {
            x->failed = true;
            return &x->spare;
        }
        x->v = more;
        x->cap = cap;
    }
    struct firewall_element *new = &x->v[x->n++];
    *new = (struct firewall_element){.table = table, .set = set, .n = 1};
    return new->x;
}

struct nft_element *firewall_elements_link(struct firewall_elements *x,
                                           const struct nft_table *table, const char *set,
                                           const char *link)
{
    struct nft_element *new = firewall_elements_new(x, table, set);
    nft_key_put_link(new, link);
    return new;
}

/* The first address behind @a; false: there is none. */
static bool next(struct ip_address *a)
{
    for (size_t i = ip_size(a->family); i-- > 0;)
        if (++a->bytes[i] != 0)
            return true;
    return false;
}

void firewall_elements_range(struct firewall_elements *x, const struct nft_table *table,
                             const char *set, const struct ip_range *range)
{
    size_t size = ip_size(range->first.family);
    if (size == 0)
        return;
    struct nft_element *first = firewall_elements_new(x, table, set);
    nft_key_put(first, range->first.bytes, size, size);
    struct ip_address end = ip_range_last(range);
    if (x->failed || !next(&end))
        return;
    struct nft_element *last = &x->v[x->n - 1].x[1];
    *last = (struct nft_element){.flags = NFT_SET_ELEM_INTERVAL_END};
    nft_key_put(last, end.bytes, size, size);
    x->v[x->n - 1].n = 2;
}

void firewall_elements_self(struct firewall_elements *x, const struct ip_address *address)
{
    size_t size = ip_size(address->family);
    if (size == 0)
        return;
    struct nft_element *new =
        firewall_elements_new(x, &firewall_inet, size == 4 ? "self4" : "self6");
    nft_key_put(new, address->bytes, size, size);
    nft_key_put(new, address->bytes, size, size);
}

void firewall_elements_source(struct firewall_elements *x, const char *bridge,
                              const struct ip_range *range)
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

static void put(struct netlink_batch *b, unsigned message, unsigned flags,
                const struct firewall_element *x)
{
    /* The end of a range is no element that could be asked for. */
    size_t n = message == NFT_MSG_GETSETELEM ? 1 : x->n;
    nft_put_elements(b, message, flags, x->table, x->set, x->x, n);
}

void firewall_elements_put(struct netlink_batch *b, unsigned message,
                           const struct firewall_elements *x)
{
    for (size_t i = 0; i < x->n; i++)
        put(b, message, 0, &x->v[i]);
}

/* One transaction with @n elements; with @replace, what has their keys goes first. */
static int change(struct netlink *nl, unsigned message, unsigned flags,
                  const struct firewall_element *x, size_t n, bool replace, struct err *e)
{
    _cleanup_netlink_batch_ struct netlink_batch b = {0};
    NETLINK_BATCH_INIT(&b);
    if (n * 2 * FIREWALL_ELEMENT_MAX > NETLINK_BATCH_MAX) {
        int r = netlink_batch_large(&b, n * 2 * FIREWALL_ELEMENT_MAX, e);
        if (r < 0)
            return r;
    }
    nft_batch_begin(&b);
    for (size_t i = 0; i < n; i++) {
        if (replace)
            put(&b, NFT_MSG_DELSETELEM, 0, &x[i]);
        put(&b, message, flags, &x[i]);
    }
    nft_batch_end(&b);
    return netlink_send(nl, &b, NULL, NULL, NULL, e);
}

/* A map's element that is there with other data is refused; but one that is not there cannot be
 * removed. So each is added as it can be. */
static int add_one(struct netlink *nl, const struct firewall_element *x, struct err *e)
{
    for (int tries = 0; tries < 8; tries++) {
        int r = change(nl, NFT_MSG_NEWSETELEM, 0, x, 1, false, e);
        if (r != -EBUSY && r != -EEXIST)
            return r;
        err_release(e);
        r = change(nl, NFT_MSG_NEWSETELEM, 0, x, 1, true, e);
        if (r != -ENOENT)
            return r;
        err_release(e);
    }
    return err_set(e, EBUSY, "an element of \"%s\" changes all the time", x->set);
}

static int add_chunk(struct netlink *nl, const struct firewall_element *x, size_t n, struct err *e)
{
    int r = change(nl, NFT_MSG_NEWSETELEM, 0, x, n, false, e);
    if (r != -EBUSY && r != -EEXIST)
        return r;
    err_release(e);
    r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_one(nl, &x[i], e);
    return r;
}

int firewall_elements_add(struct netlink *nl, const struct firewall_elements *x, struct err *e)
{
    if (x->failed)
        return err_nomem(e);
    for (size_t at = 0; at < x->n; at += CHUNK) {
        size_t n = x->n - at < CHUNK ? x->n - at : CHUNK;
        int r = add_chunk(nl, x->v + at, n, e);
        if (r == 0)
            continue;
        struct firewall_elements done = {.v = x->v, .n = at + n};
        (void)firewall_elements_remove(nl, &done, NULL);
        return r;
    }
    return 0;
}

int firewall_elements_claim(struct netlink *nl, const struct firewall_elements *x, struct err *e)
{
    if (x->failed)
        return err_nomem(e);
    return x->n > 0 ? change(nl, NFT_MSG_NEWSETELEM, NLM_F_EXCL, x->v, x->n, false, e) : 0;
}

struct data {
    uint8_t bytes[20];
    size_t n;
    bool found;
};

static int see_data(const struct nlmsghdr *m, void *arg)
{
    struct data *data = arg;
    const struct nlattr *x = nft_is(m, NFT_MSG_NEWSETELEM) ? nft_next_element(m, NULL) : NULL;
    const void *bytes = x ? nft_element_bytes(x, NFTA_SET_ELEM_DATA, data->n) : NULL;
    if (bytes) {
        memcpy(data->bytes, bytes, data->n);
        data->found = true;
    }
    return 0;
}

int firewall_element_data(struct netlink *nl, const struct firewall_element *x, size_t n, void *ret,
                          struct err *e)
{
    struct data data = {.n = n};
    if (n > sizeof(data.bytes))
        return err_set(e, EINVAL, "a map's data has at most %zu bytes", sizeof(data.bytes));
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct firewall_element asked = *x;
    asked.x[0].data_size = 0;
    put(&b, NFT_MSG_GETSETELEM, 0, &asked);
    int r = netlink_send(nl, &b, see_data, &data, NULL, e);
    if (r == -ENOENT)
        err_release(e);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    memcpy(ret, data.bytes, n);
    return data.found;
}

/* 1, 0, or a negative errno. */
static int is_there(struct netlink *nl, const struct firewall_element *x, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    put(&b, NFT_MSG_GETSETELEM, 0, x);
    int r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    if (r != -ENOENT)
        return r < 0 ? r : 1;
    err_release(e);
    return 0;
}

static int remove_one(struct netlink *nl, const struct firewall_element *x, struct err *e)
{
    int r = is_there(nl, x, e);
    if (r > 0)
        r = change(nl, NFT_MSG_DELSETELEM, 0, x, 1, false, e);
    if (r != -ENOENT) /* somebody else was faster */
        return r < 0 ? r : 0;
    err_release(e);
    return 0;
}

/* A transaction that fails makes us wait for all processors when it is undone, some 10 ms: so none
 * is begun that removes what is not there. */
static int remove_chunk(struct netlink *nl, const struct firewall_element *x, size_t n,
                        struct err *e)
{
    bool all = true;
    int r = 0;
    for (size_t i = 0; i < n && all && r >= 0; i++)
        all = (r = is_there(nl, &x[i], e)) > 0;
    if (r >= 0 && all) {
        r = change(nl, NFT_MSG_DELSETELEM, 0, x, n, false, e);
        if (r != -ENOENT)
            return r;
        err_release(e);
        r = 0;
    }
    for (size_t i = 0; i < n && r >= 0; i++)
        r = remove_one(nl, &x[i], e);
    return r < 0 ? r : 0;
}

int firewall_elements_remove(struct netlink *nl, const struct firewall_elements *x, struct err *e)
{
    if (x->failed)
        return err_nomem(e);
    int r = 0;
    for (size_t at = 0; at < x->n && r == 0; at += CHUNK)
        r = remove_chunk(nl, x->v + at, x->n - at < CHUNK ? x->n - at : CHUNK, e);
    return r;
}
