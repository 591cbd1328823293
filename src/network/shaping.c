#include "network/shaping.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static unsigned long long clamp(unsigned long long n, unsigned long long min,
                                unsigned long long max)
{
    return n < min ? min : n > max ? max : n;
}

int shaping_limit(struct netlink *nl, const char *name, unsigned long long rate, struct err *e)
{
    const unsigned long long bytes = rate / 8;
    if (bytes == 0)
        return err_set(e, EINVAL, "a rate of %llu bits a second lets nothing through", rate);
    int index = netlink_link_index(nl, name);
    if (index < 0)
        return err_sys(e, -index, "cannot find the link \"%s\"", name);

    /* 20 ms at once: far above a timer's tick, and a packet in any case. */
    uint32_t burst = (uint32_t)clamp(bytes / 50, 16384, 16 << 20);
    struct tc_tbf_qopt qopt = {
        .rate = {.rate = (uint32_t)clamp(bytes, 0, UINT32_MAX), .linklayer = TC_LINKLAYER_ETHERNET},
        .limit = (uint32_t)(burst + clamp(bytes / 10, 16384, 256 << 20)),
    };
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct tcmsg head = {.tcm_family = AF_UNSPEC,
                         .tcm_ifindex = index,
                         .tcm_parent = TC_H_ROOT,
                         .tcm_handle = 0x10000};
    netlink_begin(&b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
    netlink_put_string(&b, TCA_KIND, "tbf");
    size_t options = netlink_nest(&b, TCA_OPTIONS);
    netlink_put(&b, TCA_TBF_PARMS, &qopt, sizeof(qopt));
    netlink_put_u32(&b, TCA_TBF_BURST, burst);
    if (bytes > UINT32_MAX)
        netlink_put(&b, TCA_TBF_RATE64, &bytes, sizeof(bytes));
    netlink_nest_end(&b, options);
    int r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    if (r == -ENOENT || r == -EOPNOTSUPP)
        return err_wrap(e, "cannot limit the link \"%s\" (does the kernel have sch_tbf?)", name);
    return r < 0 ? err_wrap(e, "cannot limit the link \"%s\"", name) : 0;
}
