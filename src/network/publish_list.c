/* All that is published on this machine, as the kernel has it. */
#include "network/publish.h"

#include "base/str.h"
#include "network/firewall_private.h"

#include <arpa/inet.h>
#include <string.h>

struct gathering {
    struct publication *v;
    size_t n;
    sa_family_t family;
    size_t before; /* bytes of a key before the protocol: the address */
    bool direct;   /* which is the target's own */
};

static uint16_t read_number(const uint8_t *at)
{
    uint16_t number;
    memcpy(&number, at, sizeof(number));
    return ntohs(number);
}

static void read_port(const struct gathering *g, const uint8_t *key, const uint8_t *data,
                      struct publication *ret)
{
    uint16_t number = read_number(key + g->before + 4);
    *ret = PUBLICATION_NONE;
    ret->direct = g->direct;
    ret->host = (struct ip_address){.family = g->family};
    if (g->before > 0 && !g->direct)
        ret->host = ip_from_bytes(g->family, key);
    ret->protocol = key[g->before];
    ret->host_port = g->direct ? 0 : number;
    ret->target = ip_from_bytes(g->family, data);
    ret->target_port = g->direct ? number : read_number(data + ip_size(g->family));
}

static int see_ports(const struct nlmsghdr *m, void *arg)
{
    struct gathering *g = arg;
    size_t size = ip_size(g->family);
    if (!nft_is(m, NFT_MSG_NEWSETELEM))
        return 0;
    for (const struct nlattr *x = NULL; (x = nft_next_element(m, x));) {
        const uint8_t *key = nft_element_bytes(x, NFTA_SET_ELEM_KEY, g->before + 8);
        const uint8_t *data = g->direct ? key : nft_element_bytes(x, NFTA_SET_ELEM_DATA, size + 4);
        if (!key || !data)
            continue;
        struct publication *more = reallocarray(g->v, g->n + 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        g->v = more;
        read_port(g, key, data, &g->v[g->n++]);
    }
    return 0;
}

int publish_list(struct publication **ret, size_t *ret_n, struct err *e)
{
    static const struct {
        const char *map;
        sa_family_t family;
        bool any, direct;
    } maps[] = {{"any4", AF_INET, true, false},    {"any6", AF_INET6, true, false},
                {"ports4", AF_INET, false, false}, {"ports6", AF_INET6, false, false},
                {"direct4", AF_INET, false, true}, {"direct6", AF_INET6, false, true}};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct gathering g = {0};
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    for (size_t i = 0; i < ARRAY_LEN(maps) && r == 0; i++) {
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        g.family = maps[i].family;
        g.before = maps[i].any ? 0 : ip_size(g.family);
        g.direct = maps[i].direct;
        nft_get_elements(&b, &firewall_inet, maps[i].map);
        r = netlink_send(&nl, &b, see_ports, &g, NULL, e);
        if (r == -ENOENT) { /* there is no table yet */
            err_release(e);
            r = 0;
        }
    }
    if (r < 0) {
        free(g.v);
        return err_wrap(e, "cannot list the published ports");
    }
    *ret = g.v;
    *ret_n = g.n;
    return 0;
}
