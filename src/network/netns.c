#include "network/netns.h"

#include "network/sysctl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <time.h>

#define DISABLE_IPV6 "ipv6/conf/default/disable_ipv6"
#define ACCEPT_RA    "ipv6/conf/default/accept_ra"
#define OWN          "/proc/thread-self/ns/net"

void netns_release(struct netns *ns)
{
    netlink_release(&ns->route);
    fd_close(&ns->disable_ipv6.fd);
    fd_close(&ns->accept_ra.fd);
}

static int open_setting(const char *path, struct netns_setting *ret, struct err *e)
{
    _cleanup_close_ int fd = sysctl_open(path, e);
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    if (pread(fd, &ret->before, 1, 0) != 1)
        return err_set(e, EIO, "cannot read \"/proc/sys/net/%s\"", path);
    ret->now = ret->before;
    ret->fd = TAKE_FD(fd);
    return 0;
}

static int open_inside(struct netns *ns, bool ipv6, struct err *e)
{
    int r = netlink_open(&ns->route, NETLINK_ROUTE, e);
    if (r == 0)
        r = open_setting(DISABLE_IPV6, &ns->disable_ipv6, e);
    if (r == 0 && ipv6)
        r = open_setting(ACCEPT_RA, &ns->accept_ra, e);
    if (r == 0 && ipv6 && ns->disable_ipv6.fd < 0)
        r = err_set(e, EAFNOSUPPORT, "this kernel has no IPv6, and the network has");
    return r;
}

int netns_open(int netns_fd, bool ipv6, struct netns *ret, struct err *e)
{
    _cleanup_netns_ struct netns ns = NETNS_CLOSED;
    ns.fd = netns_fd;

    _cleanup_close_ int own = open(OWN, O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_sys(e, errno, "cannot open the own network namespace");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return err_sys(e, errno, "cannot enter the container's network namespace");

    int r = open_inside(&ns, ipv6, e);
    if (setns(own, CLONE_NEWNET) < 0)
        return err_set(e, ENOTRECOVERABLE, "cannot return to the own network namespace: %m");
    if (r < 0)
        return err_wrap(e, "in the container's network namespace");

    *ret = ns;
    ns = NETNS_CLOSED;
    return 0;
}

static int put_setting(struct netns_setting *s, const char *path, char digit, struct err *e)
{
    if (s->fd < 0 || s->now == digit)
        return 0;
    int r = sysctl_set(s->fd, path, digit, e);
    if (r == 0)
        s->now = digit;
    return r;
}

int netns_ipv6_set(struct netns *ns, bool on, struct err *e)
{
    int r = put_setting(&ns->accept_ra, ACCEPT_RA, '0', e);
    return r < 0 ? r : put_setting(&ns->disable_ipv6, DISABLE_IPV6, on ? '0' : '1', e);
}

int netns_ipv6_back(struct netns *ns, struct err *e)
{
    int r = put_setting(&ns->disable_ipv6, DISABLE_IPV6, ns->disable_ipv6.before, e);
    return r < 0 ? r : put_setting(&ns->accept_ra, ACCEPT_RA, ns->accept_ra.before, e);
}

int netns_lock(void)
{
    enum { STEP_MS = 5, STEPS = 2000 };
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    _cleanup_close_ int fd = open(OWN, O_RDONLY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < STEPS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return TAKE_FD(fd);
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&step, NULL);
    }
    return -EBADF;
}

/* Said, not only closed: a process that was forked meanwhile has the descriptor too. */
void netns_unlock(const int *lock)
{
    if (*lock < 0)
        return;
    flock(*lock, LOCK_UN);
    close(*lock);
}
