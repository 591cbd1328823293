#include "network/inside.h"

#include "network/bridge.h"
#include "network/link.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* A batch, and what each of its messages is for: the word for "cannot ... the link". */
struct steps {
    struct netlink_batch b;
    const char *name[8];
    unsigned n;
    int index; /* of the link */
};

static void begin(struct steps *s, const char *step, uint16_t type, uint16_t flags,
                  const void *header, size_t n)
{
    netlink_begin(&s->b, type, flags, header, n);
    if (s->n < ARRAY_LEN(s->name))
        s->name[s->n++] = step;
}

void inside_describe(const struct network_config *c, const struct network_wish *w,
                     struct network_endpoint *ret)
{
    *ret = (struct network_endpoint){.prefix4 = c->subnet4.prefix, .prefix6 = c->subnet6.prefix};
    memcpy(ret->inside, w->inside, strnlen(w->inside, sizeof(ret->inside) - 1));
    if (!c->internal && c->driver != NETWORK_IPVLAN_L3) {
        ret->gateway4 = c->gateway4;
        ret->gateway6 = c->gateway6;
    }
}

/* With IPv6 the link's own address is given, not generated: it need not wait for who might have
 * it. */
static void add_up(struct steps *s, bool ipv6)
{
    static const char *const step = "bring up";
    if (ipv6) {
        link_put_no_address6(&s->b, s->index, NULL);
        s->name[s->n++] = step;
    }
    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = s->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    begin(s, step, RTM_SETLINK, 0, &link, sizeof(link));
}

static void add_address(struct steps *s, const struct ip_address *a, unsigned prefix)
{
    struct ifaddrmsg head = {.ifa_family = (uint8_t)a->family,
                             .ifa_prefixlen = (uint8_t)prefix,
                             .ifa_index = (uint32_t)s->index};
    if (a->family == AF_INET6)
        head.ifa_flags = IFA_F_NODAD;
    begin(s, "give an address to", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    netlink_put(&s->b, IFA_LOCAL, a->bytes, ip_size(a->family));
    netlink_put(&s->b, IFA_ADDRESS, a->bytes, ip_size(a->family));
    if (a->family == AF_INET) {
        struct ip_range around = ip_range_of(a, prefix);
        struct ip_address broadcast = ip_range_last(&around);
        netlink_put(&s->b, IFA_BROADCAST, broadcast.bytes, 4);
    }
}

static void add_route(struct steps *s, uint16_t how, uint8_t family,
                      const struct ip_address *gateway)
{
    struct rtmsg head = {.rtm_family = family,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = gateway->family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
    begin(s, "route by way of", RTM_NEWROUTE, NLM_F_CREATE | how, &head, sizeof(head));
    if (gateway->family)
        netlink_put(&s->b, RTA_GATEWAY, gateway->bytes, ip_size(family));
    netlink_put_u32(&s->b, RTA_OIF, (uint32_t)s->index);
}

/* The default routes: by the gateway, or by the link alone where its network has no neighbours. */
static void add_routes(struct steps *s, uint16_t how, const struct network_config *c,
                       const struct network_endpoint *ep, bool route4, bool route6)
{
    bool alone = c->driver == NETWORK_IPVLAN_L3 && !c->internal;
    if (route4 && ep->address4.family && (ep->gateway4.family || alone))
        add_route(s, how, AF_INET, &ep->gateway4);
    if (route6 && ep->address6.family && (ep->gateway6.family || alone))
        add_route(s, how, AF_INET6, &ep->gateway6);
}

static int carry_out(struct netlink *route, struct steps *s, const char *link, struct err *e)
{
    unsigned failed;
    int r = netlink_send(route, &s->b, NULL, NULL, &failed, e);
    if (r < 0)
        return err_wrap(e, "cannot %s \"%s\" in the container",
                        failed < s->n ? s->name[failed] : "configure", link);
    return 0;
}

static int find(struct netlink *route, const char *link, struct steps *s, struct err *e)
{
    NETLINK_BATCH_INIT(&s->b);
    s->n = 0;
    s->index = netlink_link_index(route, link);
    return s->index < 0 ? err_sys(e, -s->index, "cannot find \"%s\" in the container", link) : 0;
}

/* By the hardware address, which all links of an ipvlan parent share: there by the one that its
 * address would have. */
static struct ip_address link_local(const struct network_config *c,
                                    const struct network_endpoint *ep)
{
    uint8_t mac[6];
    if (c->driver != NETWORK_IPVLAN_L2 && c->driver != NETWORK_IPVLAN_L3)
        return ip_link_local(ep->mac);
    bridge_mac(network_endpoint_address(ep), mac);
    return ip_link_local(mac);
}

int inside_configure(struct netlink *route, const struct network_config *c,
                     const struct network_wish *w, const struct network_endpoint *ep, struct err *e)
{
    struct steps s;
    int r = find(route, ep->inside, &s, e);
    if (r < 0)
        return r;
    bool ipv6 = ep->address6.family != 0;
    add_up(&s, ipv6);
    if (ep->address4.family)
        add_address(&s, &ep->address4, ep->prefix4);
    if (ipv6) {
        struct ip_address local = link_local(c, ep);
        add_address(&s, &local, 64);
        add_address(&s, &ep->address6, ep->prefix6);
    }
    add_routes(&s, NLM_F_EXCL, c, ep, w->default_route4, w->default_route6);
    return carry_out(route, &s, ep->inside, e);
}

/* What is replaced is the first of several default routes, as somebody else may have added one; and
 * where the one that is wanted stands behind it, it cannot be: then the first is removed. */
static int replace_route(struct netlink *route, const struct network_config *c,
                         const struct network_endpoint *ep, uint8_t family, struct err *e)
{
    enum { OTHERS = 16 };
    const struct rtmsg any = {
        .rtm_family = family, .rtm_table = RT_TABLE_MAIN, .rtm_scope = RT_SCOPE_NOWHERE};
    for (int i = 0;; i++) {
        struct steps s;
        int r = find(route, ep->inside, &s, e);
        if (r < 0)
            return r;
        add_routes(&s, NLM_F_REPLACE, c, ep, family == AF_INET, family == AF_INET6);
        r = s.n > 0 ? carry_out(route, &s, ep->inside, e) : 0;
        if (r != -EEXIST || i == OTHERS)
            return r;
        err_release(e);
        r = find(route, ep->inside, &s, e);
        if (r < 0)
            return r;
        begin(&s, "remove a default route beside that of", RTM_DELROUTE, 0, &any, sizeof(any));
        r = carry_out(route, &s, ep->inside, e);
        if (r < 0)
            return r;
    }
}

int inside_route(struct netlink *route, const struct network_config *c,
                 const struct network_endpoint *ep, bool route4, bool route6, struct err *e)
{
    int r = route4 ? replace_route(route, c, ep, AF_INET, e) : 0;
    return r == 0 && route6 ? replace_route(route, c, ep, AF_INET6, e) : r;
}
