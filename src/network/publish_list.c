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
};

static int see_ports(const struct nlmsghdr *m, void *arg)
{
    struct gathering *g = arg;
    size_t size = ip_size(g->family);
    if (!nft_is(m, NFT_MSG_NEWSETELEM))
        return 0;
    for (const struct nlattr *x = NULL; (x = nft_next_element(m, x));) {
        const uint8_t *key = nft_element_bytes(x, NFTA_SET_ELEM_KEY, g->before + 8);
        const uint8_t *data = nft_element_bytes(x, NFTA_SET_ELEM_DATA, size + 4);
        if (!key || !data)
            continue;
        struct publication *more = reallocarray(g->v, g->n + 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        g->v = more;
        struct publication *p = &g->v[g->n++];
        *p = PUBLICATION_NONE;
        p->host = (struct ip_address){.family = g->family};
        if (g->before > 0)
            p->host = ip_from_bytes(g->family, key);
        p->protocol = key[g->before];
        memcpy(&p->host_port, key + g->before + 4, sizeof(p->host_port));
        p->host_port = ntohs(p->host_port);
        p->target = ip_from_bytes(g->family, data);
        memcpy(&p->target_port, data + size, sizeof(p->target_port));
        p->target_port = ntohs(p->target_port);
    }
    return 0;
}

int publish_list(struct publication **ret, size_t *ret_n, struct err *e)
{
    static const struct {
        const char *map;
        sa_family_t family;
        bool any;
    } maps[] = {{"any4", AF_INET, true},
                {"any6", AF_INET6, true},
                {"ports4", AF_INET, false},
                {"ports6", AF_INET6, false}};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct gathering g = {0};
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    for (size_t i = 0; i < ARRAY_LEN(maps) && r == 0; i++) {
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        g.family = maps[i].family;
        g.before = maps[i].any ? 0 : ip_size(g.family);
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
