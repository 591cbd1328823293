#include "network/netns.h"

#include "network/sysctl.h"

#include <fcntl.h>
#include <sched.h>

#define IPV6_DEFAULT "ipv6/conf/default/disable_ipv6"

void netns_release(struct netns *ns)
{
    netlink_release(&ns->route);
    fd_close(&ns->ipv6_default);
}

static int open_ipv6(struct netns *ns, struct err *e)
{
    _cleanup_close_ int fd = sysctl_open(IPV6_DEFAULT, e);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    if (pread(fd, &ns->ipv6_before, 1, 0) != 1)
        return err_set(e, EIO, "cannot read \"/proc/sys/net/%s\"", IPV6_DEFAULT);
    ns->ipv6_default = TAKE_FD(fd);
    return 0;
}

static int open_inside(struct netns *ns, struct err *e)
{
    int r = netlink_open(&ns->route, NETLINK_ROUTE, e);
    return r < 0 ? r : open_ipv6(ns, e);
}

int netns_open(int netns_fd, struct netns *ret, struct err *e)
{
    _cleanup_netns_ struct netns ns = NETNS_CLOSED;
    ns.fd = netns_fd;

    _cleanup_close_ int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_sys(e, errno, "cannot open the own network namespace");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return err_sys(e, errno, "cannot enter the container's network namespace");

    int r = open_inside(&ns, e);
    if (setns(own, CLONE_NEWNET) < 0)
        return err_set(e, ENOTRECOVERABLE, "cannot return to the own network namespace: %m");
    if (r < 0)
        return err_wrap(e, "in the container's network namespace");

    *ret = ns;
    ns = NETNS_CLOSED;
    return 0;
}

int netns_ipv6_off(struct netns *ns, struct err *e)
{
    if (ns->ipv6_default < 0 || ns->ipv6_before != '0')
        return 0;
    return sysctl_set(ns->ipv6_default, IPV6_DEFAULT, '1', e);
}

int netns_ipv6_back(struct netns *ns, struct err *e)
{
    if (ns->ipv6_default < 0 || ns->ipv6_before != '0')
        return 0;
    return sysctl_set(ns->ipv6_default, IPV6_DEFAULT, '0', e);
}
