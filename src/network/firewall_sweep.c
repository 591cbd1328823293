/* What containers have left in the firewall's sets, taken away with their network. */
#include "network/cable.h"
#include "network/firewall_private.h"

#include <net/if.h>
#include <string.h>

struct sweep {
    const struct network_config *c;
    const struct nft_table *table;
    const char *set;
    struct firewall_elements found;
};

/* Keys end with the address; those of links with link-local ones are told by the link's name. */
static bool is_of_network(const struct sweep *s, const uint8_t *key, size_t size, size_t n)
{
    int family = size == 4 ? AF_INET : AF_INET6;
    struct ip_address a = ip_from_bytes((sa_family_t)family, key + n - size), of_link;
    char link[IFNAMSIZ + 1] = "";
    memcpy(link, key, n < IFNAMSIZ ? n : IFNAMSIZ);
    const struct ip_range *range = family == AF_INET ? &s->c->subnet4 : &s->c->subnet6;
    return (range->first.family == family && ip_range_contains(range, &a)) ||
           (s->table == &firewall_bridge && cable_address(link, &of_link) &&
            ip_range_contains(&s->c->subnet4, &of_link));
}

static int see_element(const struct nlmsghdr *m, void *arg)
{
    struct sweep *s = arg;
    size_t size = s->set[strlen(s->set) - 1] == '4' ? 4 : 16;
    size_t n = s->table == &firewall_bridge ? IFNAMSIZ + 8 + size : 2 * size;
    if (!nft_is(m, NFT_MSG_NEWSETELEM))
        return 0;
    for (const struct nlattr *x = NULL; (x = nft_next_element(m, x));) {
        const uint8_t *key = nft_element_bytes(x, NFTA_SET_ELEM_KEY, n);
        if (key && is_of_network(s, key, size, n))
            nft_key_put(firewall_elements_new(&s->found, s->table, s->set), key, n, n);
    }
    return 0;
}

int firewall_forget_addresses(const struct network_config *c, struct err *e)
{
    static const struct {
        const struct nft_table *table;
        const char *set;
    } sets[] = {{&firewall_bridge, "senders4"},
                {&firewall_bridge, "senders6"},
                {&firewall_inet, "self4"},
                {&firewall_inet, "self6"}};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    if (c->driver != NETWORK_BRIDGE)
        return 0;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    for (size_t i = 0; i < ARRAY_LEN(sets) && r >= 0; i++) {
        struct sweep s = {.c = c, .table = sets[i].table, .set = sets[i].set};
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        nft_get_elements(&b, s.table, s.set);
        r = netlink_send(&nl, &b, see_element, &s, NULL, e);
        if (r == 0)
            r = firewall_elements_remove(&nl, &s.found, e);
        firewall_elements_release(&s.found);
        if (r == -ENOENT) { /* no table, nothing in it */
            err_release(e);
            r = 0;
        }
    }
    firewall_settle();
    return r < 0
               ? err_wrap(e, "cannot clear the firewall of addresses of the bridge \"%s\"", c->link)
               : 0;
}
