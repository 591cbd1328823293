#include "network/firewall.h"

#include "base/str.h"
#include "network/bridge.h"
#include "network/conntrack.h"
#include "network/firewall_private.h"
#include "network/foreign.h"
#include "network/pool.h"
#include "network/xtables.h"

#include <endian.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Room for both tables whole. */
#define TABLES_MAX 65536

/* So many elements are asked for without more room than a batch has. */
enum { FEW = 8 };

static const struct nft_table *const tables[] = {&firewall_inet, &firewall_bridge};

static size_t count_chains(void)
{
    return firewall_inet.n_chains + firewall_bridge.n_chains;
}

/* What a look at the kernel has found. */
struct look {
    struct firewall_handles handles;
    struct foreign_chains foreign;
    size_t whole; /* chains that have at least as many rules as they should */
};

static void see_table(const struct nlmsghdr *m, struct firewall_handles *handles)
{
    const struct nlattr *a =
        netlink_attr(m, sizeof(struct nfgenmsg), NFTA_TABLE_HANDLE, sizeof(uint64_t));
    uint64_t handle = 0;
    if (a)
        memcpy(&handle, netlink_data(a), sizeof(handle));
    if (nft_family(m) == NFPROTO_INET)
        handles->inet = be64toh(handle);
    else
        handles->bridge = be64toh(handle);
}

/* Whether @m is a chain of ours in which nothing is missing. Somebody may have added rules. */
static bool is_whole_chain(const struct nlmsghdr *m)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (nft_family(m) != tables[t]->family ||
            !str_eq(nft_text(m, NFTA_CHAIN_TABLE), tables[t]->name))
            continue;
        for (size_t i = 0; i < tables[t]->n_chains; i++) {
            const struct nft_chain *c = &tables[t]->chains[i];
            if (str_eq(nft_text(m, NFTA_CHAIN_NAME), c->name))
                return nft_number(m, NFTA_CHAIN_USE) >= nft_chain_use(tables[t], c);
        }
    }
    return false;
}

static int see(const struct nlmsghdr *m, void *arg)
{
    struct look *look = arg;
    if (nft_is(m, NFT_MSG_NEWTABLE))
        see_table(m, &look->handles);
    if (!nft_is(m, NFT_MSG_NEWCHAIN))
        return 0;
    look->whole += is_whole_chain(m);
    return foreign_see(m, &look->foreign);
}

static int ask(struct netlink *nl, const struct firewall_elements *x, struct look *ret,
               struct err *e)
{
    _cleanup_netlink_batch_ struct netlink_batch b = {0};
    NETLINK_BATCH_INIT(&b);
    int r = x && x->n > FEW ? netlink_batch_large(&b, x->n * FIREWALL_ELEMENT_MAX, e) : 0;
    if (r < 0)
        return r;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        nft_get_table(&b, tables[t]);
    if (x)
        firewall_elements_put(&b, NFT_MSG_GETSETELEM, x);
    nft_get_chains(&b);

    r = netlink_send(nl, &b, see, ret, NULL, e);
    if (r == -ENOENT) {
        err_release(e);
        return 0;
    }
    if (r < 0)
        return err_wrap(e, "cannot read the firewall");
    return ret->whole == count_chains();
}

/* One question: 1 when the tables are whole and have the elements @x, 0 otherwise. */
static int look(struct netlink *nl, const struct firewall_elements *x, struct err *e)
{
    struct look look = {0};
    int r = ask(nl, x, &look, e);
    foreign_chains_release(&look.foreign);
    return r;
}

/* The same, and what others drop is seen to where the tables are whole. */
static int look_after(struct netlink *nl, const struct firewall_elements *x,
                      struct firewall_handles *ret, struct err *e)
{
    struct look look = {0};
    int r = ask(nl, x, &look, e);
    if (r > 0) {
        int others = foreign_ensure(nl, &look.foreign, e);
        if (others == 0)
            others = xtables_ensure(e);
        r = others < 0 ? others : r;
    }
    foreign_chains_release(&look.foreign);
    if (r > 0 && ret)
        *ret = look.handles;
    return r;
}

static int make(struct netlink *nl, struct err *e)
{
    _cleanup_netlink_batch_ struct netlink_batch b = {0};
    int r = netlink_batch_large(&b, TABLES_MAX, e);
    if (r < 0)
        return r;
    nft_batch_begin(&b);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        nft_put_table(&b, tables[t]);
    nft_batch_end(&b);
    return netlink_send(nl, &b, NULL, NULL, NULL, e);
}

int firewall_ensure_with(struct netlink *nl, struct firewall_handles *ret, struct err *e)
{
    for (int tries = 0; tries < 3; tries++) {
        int r = look_after(nl, NULL, ret, e);
        if (r != 0)
            return r < 0 ? r : 0;
        r = make(nl, e);
        if (r < 0)
            return err_wrap(e, "cannot set up the firewall (tables \"inet skiff\" and \"bridge "
                               "skiff\" of nf_tables), without which containers would be open to "
                               "everybody and reach nobody");
    }
    return err_set(e, EBUSY, "the firewall's tables are removed again and again by somebody");
}

static void give_out(struct netlink *nl, int *ret_late)
{
    if (ret_late)
        *ret_late = TAKE_FD(nl->fd);
}

int firewall_ensure(struct firewall_handles *ret, int *ret_late, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = firewall_ensure_with(&nl, ret, e);
    give_out(&nl, ret_late);
    return r;
}

static void network_elements(const struct network_config *c, struct firewall_elements *x)
{
    if (c->limited)
        firewall_elements_link(x, &firewall_inet, "limited", c->link);
    for (size_t i = 0; i < c->n_sources; i++)
        firewall_elements_source(x, c->link, &c->sources[i]);
    firewall_elements_link(x, &firewall_inet, "bridges", c->link);
    if (c->internal)
        firewall_elements_link(x, &firewall_inet, "internal", c->link);
    if (!c->isolated) {
        struct nft_element *same = firewall_elements_link(x, &firewall_inet, "same", c->link);
        nft_key_put_link(same, c->link);
    }
    const struct {
        bool is;
        const char *set;
    } kinds[] = {
        {c->routed4, "routed4"}, {c->routed6, "routed6"}, {c->open4, "open4"}, {c->open6, "open6"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].is && !c->internal)
            firewall_elements_link(x, &firewall_inet, kinds[i].set, c->link);
    if (c->masquerade4 && !c->internal)
        firewall_elements_range(x, &firewall_inet, "nat4", &c->subnet4);
    if (c->masquerade6 && !c->internal)
        firewall_elements_range(x, &firewall_inet, "nat6", &c->subnet6);
}

static void sender(struct firewall_elements *x, const struct network_endpoint *ep,
                   const struct ip_address *address)
{
    if (address->family == 0)
        return;
    struct nft_element *new = firewall_elements_link(
        x, &firewall_bridge, address->family == AF_INET ? "senders4" : "senders6", ep->link);
    nft_key_put(new, ep->mac, sizeof(ep->mac), 8);
    nft_key_put(new, address->bytes, ip_size(address->family), ip_size(address->family));
}

static void endpoint_elements(const struct network_config *c, const struct network_endpoint *ep,
                              struct firewall_elements *x)
{
    if (c->spoofing)
        return;
    sender(x, ep, &ep->address4);
    sender(x, ep, &ep->address6);
    if (ep->address6.family != 0) {
        struct ip_address local = ip_link_local(ep->mac);
        sender(x, ep, &local);
    }
}

/* As who has the IPv4 address without asking for more: its own MAC, and its own IPv6 address. */
static struct network_endpoint plain_of(const struct network_config *c,
                                        const struct network_endpoint *ep)
{
    struct network_endpoint plain = *ep;
    bridge_mac(&ep->address4, plain.mac);
    plain.address6 = pool_address6(c, &ep->address4);
    return plain;
}

/* The elements are those that the address alone would have. */
static bool is_plain(const struct network_config *c, const struct network_endpoint *ep)
{
    const struct network_endpoint plain = plain_of(c, ep);
    return ep->address4.family == AF_INET && memcmp(plain.mac, ep->mac, sizeof(ep->mac)) == 0 &&
           (ep->address6.family == 0 || ip_equal(&plain.address6, &ep->address6));
}

/* Elements whose removal is no failure when they are not there. */
static void self_elements(const struct network_endpoint *ep, struct firewall_elements *x)
{
    firewall_elements_self(x, &ep->address4);
    firewall_elements_self(x, &ep->address6);
}

int firewall_look(struct firewall_handles *ret, struct err *e)
{
    struct look look = {0};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = ask(&nl, NULL, &look, e);
    foreign_chains_release(&look.foreign);
    if (r >= 0)
        *ret = look.handles;
    return r < 0 ? r : 0;
}

int firewall_is_whole(const struct network_config *c, struct err *e)
{
    _cleanup_elements_ struct firewall_elements x = {0};
    if (c && c->driver == NETWORK_BRIDGE)
        network_elements(c, &x);
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    return r < 0 ? r : look(&nl, &x, e);
}

/* Adds what is missing of a network, and @more. */
static int add(const struct network_config *c, struct firewall_elements *more, int *ret_late,
               struct err *e)
{
    _cleanup_elements_ struct firewall_elements x = {0};
    network_elements(c, &x);

    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = look_after(&nl, &x, NULL, e);
    if (r == 0) {
        r = firewall_ensure_with(&nl, NULL, e);
        if (r == 0)
            r = firewall_elements_add(&nl, &x, e);
    }
    if (r >= 0 && more->n > 0)
        r = firewall_elements_add(&nl, more, e);
    give_out(&nl, ret_late);
    return r < 0 ? err_wrap(e, "cannot tell the firewall of the bridge \"%s\"", c->link) : 0;
}

static int remove_all(const char *bridge, const struct firewall_elements *x, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0) {
        r = firewall_elements_remove(&nl, x, e);
        firewall_settle();
    }
    return r < 0 ? err_wrap(e, "cannot clear the firewall of the bridge \"%s\"", bridge) : 0;
}

void firewall_settle(void)
{
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int firewall_add_network(const struct network_config *c, struct err *e)
{
    struct firewall_elements none = {0};
    return c->driver == NETWORK_BRIDGE ? add(c, &none, NULL, e) : 0;
}

static int forget_connections(const struct network_config *c, struct err *e)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = conntrack_forget_range(&nl, &c->subnet4, e);
    return r == 0 ? conntrack_forget_range(&nl, &c->subnet6, e) : r;
}

int firewall_remove_network(const struct network_config *c, struct err *e)
{
    if (c->driver != NETWORK_BRIDGE)
        return 0;
    _cleanup_elements_ struct firewall_elements x = {0};
    network_elements(c, &x);
    int r = remove_all(c->link, &x, e);
    return r == 0 ? forget_connections(c, e) : r;
}

int firewall_add_endpoint(const struct network_config *c, const struct network_endpoint *ep,
                          int *ret_late, struct err *e)
{
    _cleanup_elements_ struct firewall_elements x = {0};
    if (c->driver != NETWORK_BRIDGE)
        return 0;
    if (!is_plain(c, ep)) { /* what plain ones have left that had the address before */
        _cleanup_elements_ struct firewall_elements left = {0};
        const struct network_endpoint plain = plain_of(c, ep);
        endpoint_elements(c, &plain, &left);
        int r = remove_all(c->link, &left, e);
        if (r < 0)
            return r;
    }
    endpoint_elements(c, ep, &x);
    return add(c, &x, ret_late, e);
}

int firewall_remove_endpoint(const struct network_config *c, const struct network_endpoint *ep,
                             struct err *e)
{
    _cleanup_elements_ struct firewall_elements x = {0};
    if (c->driver != NETWORK_BRIDGE || is_plain(c, ep))
        return 0;
    endpoint_elements(c, ep, &x);
    self_elements(ep, &x);
    return remove_all(c->link, &x, e);
}
