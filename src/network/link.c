#include "network/link.h"

#include "base/str.h"

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct answer {
    int index;
    int32_t number; /* of the other end's namespace */
    char alias[sizeof("skiff:") + LINK_OWNER];
};

static int take_link(const struct nlmsghdr *m, void *arg)
{
    struct answer *answer = arg;
    if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return 0;
    const struct ifinfomsg *head = NLMSG_DATA(m);
    answer->index = head->ifi_index;
    const struct nlattr *a = netlink_attr(m, sizeof(*head), IFLA_LINK_NETNSID, sizeof(int32_t));
    if (a)
        memcpy(&answer->number, netlink_data(a), sizeof(int32_t));
    a = netlink_attr(m, sizeof(*head), IFLA_IFALIAS, 1);
    if (a && netlink_size(a) < sizeof(answer->alias))
        memcpy(answer->alias, netlink_data(a), netlink_size(a));
    return 0;
}

static int ask(struct netlink *nl, const char *name, struct answer *ret, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    *ret = (struct answer){.number = -1};
    netlink_begin(&b, RTM_GETLINK, 0, &link, sizeof(link));
    netlink_put_string(&b, strlen(name) < NETLINK_NAME ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
    netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_send(nl, &b, take_link, ret, NULL, e);
}

int link_exists(struct netlink *nl, const char *name, char ret_owner[LINK_OWNER], struct err *e)
{
    struct answer answer;
    ret_owner[0] = '\0';
    int r = ask(nl, name, &answer, e);
    if (r == -ENODEV)
        err_release(e);
    if (r < 0)
        return r == -ENODEV ? 0 : r;
    link_owner(nl, name, ret_owner);
    return 1;
}

void link_owner(struct netlink *nl, const char *name, char ret[LINK_OWNER])
{
    struct answer answer;
    ret[0] = '\0';
    if (ask(nl, name, &answer, NULL) < 0)
        return;
    const char *owner = str_after(answer.alias, "skiff:");
    if (owner && strlen(owner) == 64 && strspn(owner, "0123456789abcdef") == 64)
        memcpy(ret, owner, LINK_OWNER);
}

static int take_number(const struct nlmsghdr *m, void *arg)
{
    const struct nlattr *a = m->nlmsg_type == RTM_NEWNSID
                                 ? netlink_attr(m, sizeof(struct rtgenmsg), NETNSA_NSID, 4)
                                 : NULL;
    if (a)
        memcpy(arg, netlink_data(a), sizeof(int32_t));
    return 0;
}

int link_namespace_number(struct netlink *nl, int netns_fd)
{
    int32_t number = -1;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct rtgenmsg any = {.rtgen_family = AF_UNSPEC};
    netlink_begin(&b, RTM_GETNSID, 0, &any, sizeof(any));
    netlink_put_u32(&b, NETNSA_FD, (uint32_t)netns_fd);
    int r = netlink_send(nl, &b, take_number, &number, NULL, NULL);
    return r < 0 ? r : number;
}

int link_to_namespace(struct netlink *nl, const char *name, int netns_fd, struct err *e)
{
    struct answer answer;
    int r = ask(nl, name, &answer, e);
    if (r == -ENODEV) {
        err_release(e);
        return 0;
    }
    if (r < 0)
        return err_wrap(e, "cannot look for the link \"%s\"", name);
    int number = link_namespace_number(nl, netns_fd);
    return number >= 0 && number == answer.number ? answer.index : 0;
}

void link_put_no_address6(struct netlink_batch *b, int index, const char *name)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    netlink_begin(b, RTM_SETLINK, 0, &link, sizeof(link));
    if (index == 0)
        netlink_put_string(b, IFLA_IFNAME, name);
    size_t families = netlink_nest(b, IFLA_AF_SPEC);
    size_t family = netlink_nest(b, AF_INET6);
    netlink_put_u8(b, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    netlink_nest_end(b, family);
    netlink_nest_end(b, families);
}

int link_remove(struct netlink *nl, int index, struct err *e)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    netlink_begin(&b, RTM_DELLINK, 0, &head, sizeof(head));
    int r = netlink_send(nl, &b, NULL, NULL, NULL, e);
    return r < 0 ? err_wrap(e, "cannot remove a link") : 0;
}
