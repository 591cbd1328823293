#include "network/range.h"

#include "base/str.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/random.h>

static bool is_default_route(const struct ip_range *r)
{
    return r->first.family == AF_INET ? r->prefix < 8 : r->prefix < 7;
}

static bool overlaps_any(const struct ip_range *candidate, const struct ip_range *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_default_route(&v[i]) && ip_range_overlaps(candidate, &v[i]))
            return true;
    return false;
}

bool range_choose(const struct ip_range *used, size_t n, struct ip_range *ret)
{
    static const struct {
        uint32_t from, to; /* networks, both included */
        unsigned prefix;
    } pools[] = {
        {0xac110000, 0xac1f0000, 16}, /* 172.17.0.0 to 172.31.0.0 */
        {0xc0a80000, 0xc0a8f000, 20}, /* 192.168.0.0 to 192.168.240.0 */
    };

    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        uint32_t step = UINT32_C(1) << (32 - pools[i].prefix);
        for (uint32_t first = pools[i].from; first <= pools[i].to; first += step) {
            struct ip_range candidate = {.first = ip_from_u32(first), .prefix = pools[i].prefix};
            if (!overlaps_any(&candidate, used, n)) {
                *ret = candidate;
                return true;
            }
        }
    }
    return false;
}

struct used_ranges {
    struct ip_range *v;
    size_t n, cap;
    int ignore_index;
};

static int add_used(struct used_ranges *used, struct ip_range range)
{
    if (used->n == used->cap) {
        size_t cap = used->cap ? used->cap * 2 : 32;
        struct ip_range *more = reallocarray(used->v, cap, sizeof(*more));
        if (!more)
            return -ENOMEM;
        used->v = more;
        used->cap = cap;
    }
    used->v[used->n++] = range;
    return 0;
}

/* The range of an attribute; false when there is none. */
static bool read_range(const struct nlmsghdr *m, size_t header, uint16_t type, sa_family_t family,
                       unsigned prefix, struct ip_range *ret)
{
    const struct nlattr *a =
        ip_size(family) > 0 ? netlink_attr(m, header, type, ip_size(family)) : NULL;
    if (!a || prefix > ip_bits(family))
        return false;
    struct ip_address address = ip_from_bytes(family, netlink_data(a));
    *ret = ip_range_of(&address, prefix);
    return true;
}

static int read_address(const struct nlmsghdr *m, struct used_ranges *used)
{
    struct ip_range range;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return -EBADMSG;
    const struct ifaddrmsg *head = NLMSG_DATA(m);
    if ((int)head->ifa_index == used->ignore_index ||
        !read_range(m, sizeof(*head), IFA_ADDRESS, head->ifa_family, head->ifa_prefixlen, &range))
        return 0;
    return add_used(used, range);
}

static int read_route(const struct nlmsghdr *m, struct used_ranges *used)
{
    struct ip_range range;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
        return -EBADMSG;
    const struct rtmsg *head = NLMSG_DATA(m);
    const struct nlattr *out = netlink_attr(m, sizeof(*head), RTA_OIF, 4);
    if (out && used->ignore_index > 0 &&
        memcmp(netlink_data(out), &used->ignore_index, sizeof(used->ignore_index)) == 0)
        return 0;
    if (!read_range(m, sizeof(*head), RTA_DST, head->rtm_family, head->rtm_dst_len, &range))
        return 0;
    return add_used(used, range);
}

static int read_used(const struct nlmsghdr *m, void *arg)
{
    if (m->nlmsg_type == RTM_NEWADDR)
        return read_address(m, arg);
    if (m->nlmsg_type == RTM_NEWROUTE)
        return read_route(m, arg);
    return 0;
}

static int dump_addresses(struct netlink *nl, sa_family_t family, netlink_reader reader, void *arg,
                          struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifaddrmsg addresses = {.ifa_family = (uint8_t)family};
    netlink_begin(&b, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
    int r = netlink_send(nl, &b, reader, arg, NULL, e);
    return r < 0 ? err_wrap(e, "cannot list this host's addresses") : 0;
}

static int dump_used(struct netlink *nl, sa_family_t family, struct used_ranges *used,
                     struct err *e)
{
    int r = dump_addresses(nl, family, read_used, used, e);
    if (r < 0)
        return r;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct rtmsg routes = {.rtm_family = (uint8_t)family};
    netlink_begin(&b, RTM_GETROUTE, NLM_F_DUMP, &routes, sizeof(routes));
    r = netlink_send(nl, &b, read_used, used, NULL, e);
    return r < 0 ? err_wrap(e, "cannot list this host's routes") : 0;
}

static int gather(struct netlink *nl, sa_family_t family, const struct ip_range *avoid, size_t n,
                  struct used_ranges *used, struct err *e)
{
    int r = dump_used(nl, family, used, e);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (add_used(used, avoid[i]) < 0)
            r = err_nomem(e);
    return r;
}

int range_find(struct netlink *nl, int ignore_index, const struct ip_range *avoid, size_t n,
               struct ip_range *ret, struct err *e)
{
    struct used_ranges used = {.ignore_index = ignore_index};
    int r = gather(nl, AF_INET, avoid, n, &used, e);
    if (r == 0 && !range_choose(used.v, used.n, ret))
        r = err_set(e, EADDRNOTAVAIL,
                    "no address range is free: the host's addresses and routes overlap all of "
                    "172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16");
    free(used.v);
    return r;
}

int range_find_local6(struct netlink *nl, int ignore_index, const struct ip_range *avoid, size_t n,
                      struct ip_range *ret, struct err *e)
{
    struct used_ranges used = {.ignore_index = ignore_index};
    struct ip_range range = {.first = {.family = AF_INET6, .bytes = {0xfd}}, .prefix = 64};
    int r = gather(nl, AF_INET6, avoid, n, &used, e);
    /* 40 bits of chance: whoever meets another four times has been given no chance. */
    for (int i = 0; r == 0 && i < 4; i++) {
        if (getrandom(range.first.bytes + 1, 5, 0) != 5)
            r = err_sys(e, errno, "cannot choose an IPv6 range by chance");
        if (r == 0 && !overlaps_any(&range, used.v, used.n)) {
            *ret = range;
            free(used.v);
            return 0;
        }
    }
    free(used.v);
    return r < 0 ? r
                 : err_set(e, EADDRNOTAVAIL,
                           "no IPv6 range is free: the host's addresses and routes overlap every "
                           "unique local one that was tried");
}

/* ---- who else has it ---- */

struct holder {
    int index; /* of the link */
    struct ip_range range;
};

struct search {
    const struct ip_range *range;
    int index; /* whose addresses do not count */
    struct holder *v;
    size_t n;
};

static int look_at_address(const struct nlmsghdr *m, void *arg)
{
    struct search *s = arg;
    struct holder holder;
    if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return 0;
    const struct ifaddrmsg *head = NLMSG_DATA(m);
    holder.index = (int)head->ifa_index;
    if (holder.index == s->index ||
        !read_range(m, sizeof(*head), IFA_ADDRESS, head->ifa_family, head->ifa_prefixlen,
                    &holder.range) ||
        !ip_range_overlaps(&holder.range, s->range))
        return 0;
    struct holder *more = reallocarray(s->v, s->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    s->v = more;
    s->v[s->n++] = holder;
    return 0;
}

static int take_kind(const struct nlmsghdr *m, void *arg)
{
    const struct nlattr *info = m->nlmsg_type == RTM_NEWLINK
                                    ? netlink_attr(m, sizeof(struct ifinfomsg), IFLA_LINKINFO, 4)
                                    : NULL;
    const struct nlattr *kind = info ? netlink_attr_in(info, IFLA_INFO_KIND, 6) : NULL;
    *(bool *)arg = kind && memcmp(netlink_data(kind), "bridge", 6) == 0;
    return 0;
}

static bool is_bridge(struct netlink *nl, int index)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    bool yes = false;
    netlink_begin(&b, RTM_GETLINK, 0, &link, sizeof(link));
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    (void)netlink_send(nl, &b, take_kind, &yes, NULL, NULL);
    return yes;
}

static int tell_holder(struct netlink *nl, const struct ip_range *range,
                       const struct holder *holder, struct err *e)
{
    char name[NETLINK_NAME], own[IP_RANGE_TEXT], others[IP_RANGE_TEXT];
    netlink_link_name(nl, holder->index, name);
    return err_set(e, EADDRINUSE,
                   "invalid pool request: Pool overlaps with other one on this address space: %s "
                   "is wanted, and \"%s\" has %s",
                   ip_range_format(range, own), name, ip_range_format(&holder->range, others));
}

int range_is_free(struct netlink *nl, int index, const struct ip_range *range, struct err *e)
{
    struct search s = {.range = range, .index = index};
    int r = dump_addresses(nl, range->first.family, look_at_address, &s, e);
    for (size_t i = 0; r == 0 && i < s.n; i++)
        if (s.v[i].range.prefix >= range->prefix || is_bridge(nl, s.v[i].index))
            r = tell_holder(nl, range, &s.v[i], e);
    free(s.v);
    return r;
}
