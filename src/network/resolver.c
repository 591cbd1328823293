#include "network/resolver.h"

#include "kernel/process.h"
#include "network/resolver_process.h"
#include "network/resolver_rules.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum {
    LOOK_MS = 1000,  /* how often resolv.conf is looked at */
    PACE_MS = 100,   /* a resolver that is killed at once is not forked without end */
    RETRY_MS = 1000, /* one that could not be started */
    GRANTS_MAX = 16, /* sockets handed out before the monitor does other things */
    BACKLOG = 64,
};

enum source { QUESTIONS_UDP, QUESTIONS_TCP, CHILD, ASKS, CLOCK, N_SOURCES };

/* ---- the namespace ---- */

/* Thread and namespace come back together, or not at all. */
static int enter_netns(int netns_fd, int *ret_own, struct err *e)
{
    _cleanup_close_ int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_sys(e, errno, "cannot open the own network namespace");
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return err_sys(e, errno, "cannot enter the container's network namespace");
    *ret_own = TAKE_FD(own);
    return 0;
}

static int leave_netns(int own, int r, struct err *e)
{
    if (setns(own, CLONE_NEWNET) < 0)
        r = err_set(e, ENOTRECOVERABLE, "cannot return to the own network namespace: %m");
    close(own);
    return r;
}

static int bind_socket(int type, int *ret, struct err *e)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT)};
    inet_pton(AF_INET, RESOLVER_ADDRESS, &at.sin_addr);
    _cleanup_close_ int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, errno, "cannot make a socket for names");
    /* `lo` is down: no address is local yet. */
    (void)setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
    /* Old connections of the namespace's last container do not matter. */
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
        return err_sys(e, errno, "cannot serve names at %s", RESOLVER_ADDRESS);
    *ret = TAKE_FD(fd);
    return 0;
}

static int open_inside(struct resolver *r, struct err *e)
{
    int result = bind_socket(SOCK_DGRAM, &r->udp, e);
    if (result == 0)
        result = bind_socket(SOCK_STREAM, &r->tcp, e);
    return result == 0 ? resolver_rules_make(e) : result;
}

/* ---- what is waited for ---- */

static int watch(struct resolver *r, int fd, enum source source, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};
    if (epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EEXIST)
        return err_sys(e, errno, "cannot wait for questions about names");
    return 0;
}

static int watch_questions(struct resolver *r, struct err *e)
{
    int result = watch(r, r->udp, QUESTIONS_UDP, e);
    return result == 0 ? watch(r, r->tcp, QUESTIONS_TCP, e) : result;
}

static void unwatch(const struct resolver *r, int fd)
{
    (void)epoll_ctl(r->fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Every @ms, or once; never when 0. */
static int set_clock(const struct resolver *r, unsigned ms, bool again, struct err *e)
{
    struct itimerspec when = {.it_value = {ms / 1000, ms % 1000 * 1000000L}};
    if (again)
        when.it_interval = when.it_value;
    if (timerfd_settime(r->clock, 0, &when, NULL) < 0)
        return err_sys(e, errno, "cannot set a clock");
    return 0;
}

static int open_clock(struct resolver *r, struct err *e)
{
    if (r->clock >= 0)
        return 0;
    r->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (r->clock < 0)
        return err_sys(e, errno, "cannot make a clock");
    return watch(r, r->clock, CLOCK, e);
}

int resolver_open(int netns_fd, struct resolver *ret, struct err *e)
{
    struct resolver r = RESOLVER_CLOSED;
    int own, result = enter_netns(netns_fd, &own, e);
    if (result < 0)
        return result;
    result = leave_netns(own, open_inside(&r, e), e);
    if (result == 0) {
        r.fd = epoll_create1(EPOLL_CLOEXEC);
        result = r.fd < 0 ? err_sys(e, errno, "cannot wait for questions about names")
                          : watch_questions(&r, e);
    }
    if (result < 0)
        resolver_close(&r);
    else
        *ret = r;
    return result;
}

/* ---- a child ---- */

static int choose_servers(struct resolver *r, const struct resolver_config *c, struct err *e)
{
    r->servers = (struct upstreams){0};
    r->resolv_conf = (struct stat){0};
    r->inside = c->n_servers > 0;
    for (size_t i = 0; i < c->n_servers && r->servers.n < UPSTREAMS_MAX; i++)
        r->servers.v[r->servers.n++].address = c->servers[i];
    return r->inside || c->internal ? 0 : upstreams_read(&r->servers, &r->resolv_conf, e);
}

static bool follows_host(const struct resolver *r)
{
    return r->servers.n > 0 && !r->inside;
}

static int prepare(struct resolver *r, const struct resolver_config *c, struct err *e)
{
    int result = open_clock(r, e);
    if (result == 0)
        result = choose_servers(r, c, e);
    if (result < 0 || r->queue)
        return result;
    void *queue = mmap(NULL, sizeof(struct udp_queue), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (queue == MAP_FAILED)
        return err_sys(e, errno, "cannot make memory for questions");
    r->queue = queue;
    return 0;
}

static int start(struct resolver *r, const struct resolver_config *c, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, errno, "cannot make a socket for the resolver");
    _cleanup_close_ int own = pair[0], its = pair[1];
    const struct resolver_job job = {.udp = r->udp,
                                     .tcp = r->tcp,
                                     .asks = its,
                                     .held = r->held,
                                     .queue = r->queue,
                                     .networks = c->networks,
                                     .n_networks = c->n_networks,
                                     .n_servers = r->servers.n,
                                     .rest = c->rest};
    int pidfd = -EBADF;
    pid_t pid = process_clone(0, -1, &pidfd);
    if (pid == 0)
        resolver_process(&job);
    if (pid < 0)
        return err_sys(e, -pid, "cannot start a resolver");
    r->child = pidfd;
    r->asks = TAKE_FD(own);
    r->began_ms = loop_now_ms();
    r->owed = false;
    return 0;
}

static int wait_for_child(struct resolver *r, struct err *e)
{
    unwatch(r, r->udp);
    unwatch(r, r->tcp);
    int result = watch(r, r->child, CHILD, e);
    if (result == 0)
        result = watch(r, r->asks, ASKS, e);
    return result == 0 ? set_clock(r, follows_host(r) ? LOOK_MS : 0, true, e) : result;
}

/* Nothing is waited for but the clock. */
static int pause_for(struct resolver *r, unsigned ms, struct err *e)
{
    int result = open_clock(r, e);
    if (result < 0)
        return result;
    unwatch(r, r->udp);
    unwatch(r, r->tcp);
    r->paused = true;
    return set_clock(r, ms, false, e);
}

int resolver_fork(struct resolver *r, const struct resolver_config *c, struct err *e)
{
    if (r->child >= 0)
        return 0;
    int result = prepare(r, c, e);
    if (result == 0)
        result = start(r, c, e);
    if (result < 0) {
        (void)pause_for(r, RETRY_MS, NULL);
        return result;
    }
    return wait_for_child(r, e);
}

static void end_child(const struct resolver *r)
{
    if (r->child >= 0)
        (void)pidfd_send_signal(r->child, SIGKILL, NULL, 0);
}

void resolver_changed(struct resolver *r)
{
    end_child(r);
}

static void let_go_of_all(struct resolver *r)
{
    for (size_t i = 0; i < ARRAY_LEN(r->held); i++)
        fd_close(&r->held[i]);
}

void resolver_close(struct resolver *r)
{
    end_child(r);
    let_go_of_all(r);
    int *const fds[] = {&r->fd, &r->udp, &r->tcp, &r->child, &r->asks, &r->clock};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fd_close(fds[i]);
    if (r->queue)
        munmap(r->queue, sizeof(struct udp_queue));
    *r = RESOLVER_CLOSED;
}

/* ---- turns ---- */

/* Only who ended by himself has certainly answered everything. */
static bool has_left_questions(const struct resolver *r)
{
    for (size_t i = 0; i < udp_queue_touched(r->queue); i++)
        if (r->queue->places[i].from.sin_port != 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(r->held); i++)
        if (r->held[i] >= 0)
            return true;
    return false;
}

static int bury(struct resolver *r, struct err *e)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)r->child, &info, WEXITED | WNOHANG) < 0)
        return err_sys(e, errno, "cannot wait for the resolver");
    if (info.si_pid == 0)
        return 0;
    unwatch(r, r->child);
    unwatch(r, r->asks);
    fd_close(&r->child);
    fd_close(&r->asks);
    bool failed = info.si_code != CLD_EXITED || info.si_status != 0;
    if (!failed)
        let_go_of_all(r);
    r->owed = has_left_questions(r);
    if (failed && loop_now_ms() - r->began_ms < PACE_MS)
        return pause_for(r, PACE_MS, e);
    int result = set_clock(r, 0, false, e);
    return result == 0 ? watch_questions(r, e) : result;
}

static int connect_inside(const struct resolver *r, const struct upstream *u, bool stream,
                          struct err *e)
{
    int own = -EBADF;
    _cleanup_close_ int netns = ioctl(r->udp, SIOCGSKNS);
    if (netns < 0 || enter_netns(netns, &own, NULL) < 0)
        return -EIO;
    return leave_netns(own, upstream_connect(u, stream), e);
}

/* One who does not read what he asked for gets nothing, and has a clock of his own. */
static void send_grant(const struct resolver *r, const struct forward_grant *answer, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {(void *)(uintptr_t)answer, sizeof(*answer)};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
    }
    (void)sendmsg(r->asks, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int grant(const struct resolver *r, const struct forward_wish *wish, struct err *e)
{
    struct forward_grant answer = {.ticket = wish->ticket, .error = -EINVAL};
    _cleanup_close_ int fd = -EBADF;
    if (wish->server < r->servers.n) {
        const struct upstream *u = &r->servers.v[wish->server];
        fd = r->inside ? connect_inside(r, u, wish->stream, e) : upstream_connect(u, wish->stream);
        answer.error = fd < 0 ? fd : 0;
    }
    if (fd == -ENOTRECOVERABLE)
        return fd;
    send_grant(r, &answer, fd);
    return 0;
}

/* @ret_fd is what came with it; negative for nothing. */
static ssize_t read_wish(const struct resolver *r, struct forward_wish *wish, int *ret_fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {wish, sizeof(*wish)};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    *ret_fd = -EBADF;
    ssize_t n = recvmsg(r->asks, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
    return n;
}

/* Whatever it is that the resolver wants held: nothing is done with it but handing it on. */
static int do_as_wished(struct resolver *r, const struct forward_wish *wish, int *fd, struct err *e)
{
    if (wish->what == FORWARD_CONNECT)
        return grant(r, wish, e);
    if (wish->ticket >= ARRAY_LEN(r->held))
        return 0;
    fd_close(&r->held[wish->ticket]);
    if (wish->what == FORWARD_HOLD)
        r->held[wish->ticket] = TAKE_FD(*fd);
    return 0;
}

static int grant_all(struct resolver *r, struct err *e)
{
    struct forward_wish wish;
    int result = 0;
    for (int i = 0; i < GRANTS_MAX && result == 0; i++) {
        _cleanup_close_ int fd = -EBADF;
        ssize_t n = read_wish(r, &wish, &fd);
        /* Its end is told by the child's. */
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            unwatch(r, r->asks);
        if (n <= 0)
            return 0;
        if (n == sizeof(wish))
            result = do_as_wished(r, &wish, &fd, e);
    }
    return result;
}

static int tick(struct resolver *r, struct err *e)
{
    uint64_t times;
    if (read(r->clock, &times, sizeof(times)) < 0)
        return 0;
    if (r->child >= 0) {
        if (follows_host(r) && upstreams_changed(&r->resolv_conf))
            end_child(r);
        return 0;
    }
    r->paused = false;
    return watch_questions(r, e);
}

int resolver_turn(struct resolver *r, struct err *e)
{
    struct epoll_event events[N_SOURCES];
    bool asked = false;
    int n = epoll_wait(r->fd, events, N_SOURCES, 0), result = 0;
    if (n < 0)
        return errno == EINTR ? 0 : err_sys(e, errno, "cannot wait for questions about names");
    for (int i = 0; i < n && result == 0; i++) {
        switch ((enum source)events[i].data.u32) {
        case CHILD:
            result = bury(r, e);
            break;
        case ASKS:
            result = r->asks >= 0 ? grant_all(r, e) : 0;
            break;
        case CLOCK:
            result = tick(r, e);
            break;
        default:
            asked = true;
            break;
        }
    }
    if (result < 0)
        return result;
    return r->child < 0 && !r->paused && (asked || r->owed);
}
