#include "network/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

/* Bits of CTA_FILTER_ORIG_FLAGS: which parts of the tuple count (protocol, destination port). */
#define FILTER_PORT ((1U << 3) | (1U << 5))

enum { TUPLE_MAX = 128 };

struct flow {
    uint8_t tuple[TUPLE_MAX]; /* the attributes of its original direction */
    size_t n;
};

/* Those to a port, or with an end in a range. */
struct finding {
    const struct publication *p;
    const struct ip_range *range; /* p is NULL */
    struct flow *v;
    size_t n;
};

static void begin(struct netlink_batch *b, sa_family_t family, unsigned message, unsigned flags)
{
    struct nfgenmsg head = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0};
    netlink_begin(b, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | message), (uint16_t)flags, &head,
                  sizeof(head));
}

/* A part of a tuple, and a part of that. */
static const struct nlattr *part(const struct nlattr *tuple, uint16_t outer, uint16_t inner,
                                 size_t min)
{
    const struct nlattr *a = netlink_attr_in(tuple, outer, 0);
    return a ? netlink_attr_in(a, inner, min) : NULL;
}

static bool is_local(const struct ip_address *a)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    memcpy(&ipv4.sin_addr, a->bytes, 4);
    memcpy(&ipv6.sin6_addr, a->bytes, 16);
    bool six = a->family == AF_INET6;
    const struct sockaddr *name = six ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4;
    _cleanup_close_ int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, name, six ? sizeof(ipv6) : sizeof(ipv4)) == 0;
}

/* What clients of a port ask for: the host's address, or the target's own. */
static uint16_t port_of(const struct publication *p)
{
    return htons(p->direct ? p->target_port : p->host_port);
}

/* The kernel filters too where it can (Linux 5.8). */
static bool is_to_port(const struct nlmsghdr *m, const struct nlattr *tuple,
                       const struct publication *p)
{
    uint16_t type = p->host.family == AF_INET6 ? CTA_IP_V6_DST : CTA_IP_V4_DST;
    const struct nlattr *to = part(tuple, CTA_TUPLE_IP, type, ip_size(p->host.family));
    const struct nlattr *protocol = part(tuple, CTA_TUPLE_PROTO, CTA_PROTO_NUM, 1);
    const struct nlattr *port = part(tuple, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT, 2);
    const struct nlattr *status = netlink_attr(m, sizeof(struct nfgenmsg), CTA_STATUS, 4);
    uint16_t number = port_of(p);
    if (!to || !protocol || !port || !status ||
        *(const uint8_t *)netlink_data(protocol) != p->protocol ||
        memcmp(netlink_data(port), &number, sizeof(number)) != 0)
        return false;
    struct ip_address address = ip_from_bytes(p->host.family, netlink_data(to));
    struct ip_address any = {.family = p->host.family};
    if (p->direct)
        return ip_equal(&p->target, &address);
    if (!ip_equal(&p->host, &any) && !ip_equal(&p->host, &address))
        return false;
    uint32_t bits = 0;
    memcpy(&bits, netlink_data(status), sizeof(bits));
    return (ntohl(bits) & IPS_DST_NAT) || is_local(&address);
}

static bool is_in_range(const struct nlmsghdr *m, const struct ip_range *range)
{
    static const uint16_t tuples[] = {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY},
                          ends[][2] = {{CTA_IP_V4_SRC, CTA_IP_V4_DST},
                                       {CTA_IP_V6_SRC, CTA_IP_V6_DST}};
    sa_family_t family = range->first.family;
    for (size_t i = 0; i < 2 * ARRAY_LEN(tuples); i++) {
        const struct nlattr *tuple = netlink_attr(m, sizeof(struct nfgenmsg), tuples[i / 2], 1);
        const struct nlattr *end =
            tuple ? part(tuple, CTA_TUPLE_IP, ends[family == AF_INET6][i % 2], ip_size(family))
                  : NULL;
        struct ip_address a = {0};
        if (end)
            a = ip_from_bytes(family, netlink_data(end));
        if (ip_range_contains(range, &a))
            return true;
    }
    return false;
}

static bool is_meant(const struct nlmsghdr *m, const struct nlattr *tuple,
                     const struct finding *found)
{
    return found->p ? is_to_port(m, tuple, found->p) : is_in_range(m, found->range);
}

static int see(const struct nlmsghdr *m, void *arg)
{
    struct finding *found = arg;
    if (m->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
        return 0;
    const struct nlattr *tuple = netlink_attr(m, sizeof(struct nfgenmsg), CTA_TUPLE_ORIG, 1);
    if (!tuple || netlink_size(tuple) > TUPLE_MAX || !is_meant(m, tuple, found))
        return 0;
    struct flow *more = reallocarray(found->v, found->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    found->v = more;
    found->v[found->n].n = netlink_size(tuple);
    memcpy(found->v[found->n++].tuple, netlink_data(tuple), netlink_size(tuple));
    return 0;
}

static void put_filter(struct netlink_batch *b, const struct publication *p)
{
    uint16_t number = port_of(p);
    size_t filter = netlink_nest(b, CTA_FILTER);
    netlink_put_u32(b, CTA_FILTER_ORIG_FLAGS, FILTER_PORT);
    netlink_nest_end(b, filter);
    size_t tuple = netlink_nest(b, CTA_TUPLE_ORIG);
    size_t protocol = netlink_nest(b, CTA_TUPLE_PROTO);
    netlink_put_u8(b, CTA_PROTO_NUM, p->protocol);
    netlink_put(b, CTA_PROTO_DST_PORT, &number, sizeof(number));
    netlink_nest_end(b, protocol);
    netlink_nest_end(b, tuple);
}

/* One that has ended meanwhile is none to forget. */
static int forget(struct netlink *nl, sa_family_t family, const struct flow *flow, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    begin(&b, family, IPCTNL_MSG_CT_DELETE, 0);
    netlink_put(&b, CTA_TUPLE_ORIG | NLA_F_NESTED, flow->tuple, flow->n);
    int r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    if (r == -ENOENT)
        err_release(e);
    return r == -ENOENT ? 0 : r;
}

static int forget_all(struct netlink *nl, sa_family_t family, struct finding *found, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    begin(&b, family, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    if (found->p)
        put_filter(&b, found->p);
    int r = netlink_send(nl, &b, see, found, NULL, e);
    for (size_t i = 0; i < found->n && r == 0; i++)
        r = forget(nl, family, &found->v[i], e);
    free(found->v);
    return r;
}

int conntrack_forget(struct netlink *nl, const struct publication *p, size_t n, struct err *e)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        if (p[i].protocol == IPPROTO_UDP)
            r = forget_all(nl, p[i].host.family, &(struct finding){.p = &p[i]}, e);
    return r < 0 ? err_wrap(e, "cannot forget connections to a published port") : 0;
}

int conntrack_forget_range(struct netlink *nl, const struct ip_range *range, struct err *e)
{
    if (range->first.family == 0)
        return 0;
    int r = forget_all(nl, range->first.family, &(struct finding){.range = range}, e);
    if (r == -EINVAL || r == -EOPNOTSUPP) { /* no nf_conntrack_netlink */
        err_release(e);
        return 0;
    }
    return r < 0 ? err_wrap(e, "cannot forget connections of a network") : 0;
}
