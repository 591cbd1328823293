#include "network/range.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <string.h>

bool range_overlaps(struct range a, struct range b)
{
    unsigned prefix = a.prefix < b.prefix ? a.prefix : b.prefix;
    return ((a.first ^ b.first) & range_mask(prefix)) == 0;
}

static bool is_free(struct range candidate, const struct range *used, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (used[i].prefix >= 8 && range_overlaps(candidate, used[i]))
            return false;
    return true;
}

bool range_choose(const struct range *used, size_t n, struct range *ret)
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
            struct range candidate = {.first = first, .prefix = pools[i].prefix};
            if (is_free(candidate, used, n)) {
                *ret = candidate;
                return true;
            }
        }
    }
    return false;
}

struct used_ranges {
    struct range *v;
    size_t n, cap;
    int ignore_index;
};

static int add_used(struct used_ranges *used, const struct nlattr *address, unsigned prefix)
{
    if (prefix > 32)
        return -EBADMSG;
    if (used->n == used->cap) {
        size_t cap = used->cap ? used->cap * 2 : 32;
        struct range *more = realloc(used->v, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        used->v = more;
        used->cap = cap;
    }
    uint32_t first = 0;
    memcpy(&first, netlink_data(address), sizeof(first));
    used->v[used->n++] = (struct range){ntohl(first) & range_mask(prefix), prefix};
    return 0;
}

static int read_address(const struct nlmsghdr *m, struct used_ranges *used)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return -EBADMSG;
    const struct ifaddrmsg *head = NLMSG_DATA(m);
    const struct nlattr *address = netlink_attr(m, sizeof(*head), IFA_ADDRESS, 4);
    if (head->ifa_family != AF_INET || (int)head->ifa_index == used->ignore_index || !address)
        return 0;
    return add_used(used, address, head->ifa_prefixlen);
}

static int read_route(const struct nlmsghdr *m, struct used_ranges *used)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
        return -EBADMSG;
    const struct rtmsg *head = NLMSG_DATA(m);
    const struct nlattr *to = netlink_attr(m, sizeof(*head), RTA_DST, 4);
    const struct nlattr *out = netlink_attr(m, sizeof(*head), RTA_OIF, 4);
    if (head->rtm_family != AF_INET || !to)
        return 0;
    if (out && used->ignore_index > 0 &&
        memcmp(netlink_data(out), &used->ignore_index, sizeof(used->ignore_index)) == 0)
        return 0;
    return add_used(used, to, head->rtm_dst_len);
}

static int read_used(const struct nlmsghdr *m, void *arg)
{
    if (m->nlmsg_type == RTM_NEWADDR)
        return read_address(m, arg);
    if (m->nlmsg_type == RTM_NEWROUTE)
        return read_route(m, arg);
    return 0;
}

static int dump_used(struct netlink *nl, struct used_ranges *used, struct err *e)
{
    struct netlink_batch b;

    struct ifaddrmsg addresses = {.ifa_family = AF_INET};
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, RTM_GETADDR, NLM_F_DUMP, &addresses, sizeof(addresses));
    int r = netlink_send(nl, &b, read_used, used, NULL, e);
    if (r < 0)
        return err_wrap(e, "cannot list this host's addresses");

    struct rtmsg routes = {.rtm_family = AF_INET};
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, RTM_GETROUTE, NLM_F_DUMP, &routes, sizeof(routes));
    r = netlink_send(nl, &b, read_used, used, NULL, e);
    if (r < 0)
        return err_wrap(e, "cannot list this host's routes");
    return 0;
}

int range_find(struct netlink *nl, int ignore_index, struct range *ret, struct err *e)
{
    struct used_ranges used = {.ignore_index = ignore_index};
    int r = dump_used(nl, &used, e);
    if (r == 0 && !range_choose(used.v, used.n, ret))
        r = err_set(e, EADDRNOTAVAIL,
                    "no address range is free: the host's addresses and routes overlap all of "
                    "172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16");
    free(used.v);
    return r;
}
