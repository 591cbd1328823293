#include "runtime/netns_maker.h"

#include <fcntl.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { STACK_SIZE = 64 << 10 };

int loopback_raise(struct err *e)
{
    _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};
    if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
        return err_sys(e, errno, "cannot set the loopback interface up");
    return 0;
}

int netns_make(struct err *e)
{
    _cleanup_close_ int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_sys(e, errno, "cannot open our network namespace");
    if (unshare(CLONE_NEWNET) < 0)
        return err_sys(e, errno, "cannot make a network namespace");
    _cleanup_close_ int made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int r = made < 0 ? err_sys(e, errno, "cannot open the network namespace") : 0;
    if (r == 0)
        r = loopback_raise(e);
    if (setns(own, CLONE_NEWNET) < 0)
        return err_sys(e, ENOTRECOVERABLE, "cannot leave the container's network namespace");
    return r < 0 ? r : TAKE_FD(made);
}

static void *run(void *data)
{
    struct netns_maker *m = data;
    m->fd = netns_make(NULL);
    return NULL;
}

void netns_maker_begin(struct netns_maker *m)
{
    *m = NETNS_MAKER_INIT;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) == 0) {
        mallopt(M_ARENA_MAX, 1);
        pthread_attr_setstacksize(&attributes, STACK_SIZE);
        m->in_thread = pthread_create(&m->thread, &attributes, run, m) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!m->in_thread)
        run(m);
}

static void join(struct netns_maker *m)
{
    if (m->in_thread)
        pthread_join(m->thread, NULL);
    m->in_thread = false;
}

int netns_maker_end(struct netns_maker *m, struct err *e)
{
    join(m);
    return m->fd < 0 ? err_sys(e, -m->fd, "cannot make a network namespace") : TAKE_FD(m->fd);
}

void netns_maker_release(struct netns_maker *m)
{
    join(m);
    fd_close(&m->fd);
}
