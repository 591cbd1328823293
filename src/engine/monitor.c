/*
 * The monitor: one small process that lives exactly as long as its container. It makes it, carries
 * its streams to the client, waits for its end, and cleans up. All that it knows is also on disk.
 */
#include "engine/files.h"
#include "engine/frame.h"
#include "engine/start.h"
#include "engine/state.h"
#include "kernel/process.h"
#include "network/network.h"
#include "runtime/console.h"
#include "runtime/container.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <termios.h>

/* Bytes on their way to a descriptor that may not take them now. */
struct outbox {
    uint8_t bytes[FRAME_HEADER + FRAME_MAX];
    size_t at, n;
};

struct monitor {
    struct start *start;
    struct container container;
    int client;      /* -EBADF once it has gone */
    int in;          /* what the container reads: a pipe's end or the console; -EBADF: closed */
    int out[2];      /* what it writes: stdout and stderr, or the console alone */
    bool ended;      /* its first process is dead, and all but its output cleaned up */
    int status;      /* then: its exit status */
    bool all_dead;   /* and: nobody is left who could write */
    bool input_ends; /* the client has no more of it */
    uint32_t taken;  /* bytes of input that the client has not been told of */
    struct termios saved; /* the client's terminal as it was */
    bool has_saved;
    struct frame_reader from_client;
    struct outbox to_client, to_container;
};

/* ---- the client ---- */

static void close_stdin(struct monitor *m)
{
    m->to_container.at = m->to_container.n = 0;
    /* A terminal has no end of file of its own: the one who types gives it. */
    if (m->in >= 0 && m->in != m->out[0])
        fd_close(&m->in);
}

static void drop_client(struct monitor *m)
{
    fd_close(&m->client);
    m->to_client.n = m->to_client.at = 0;
    /* A client that was killed could not give its terminal back. We may: it is not our own. */
    if (m->has_saved) {
        tcsetattr(m->start->terminal, TCSANOW, &m->saved);
        m->has_saved = false;
    }
    /* What it sent still goes to the container, and then no more comes. */
    m->input_ends = true;
    if (m->to_container.n == 0)
        close_stdin(m);
}

static void flush_outbox(struct outbox *o, int fd, bool *ret_gone)
{
    *ret_gone = false;
    while (o->at < o->n) {
        ssize_t n = write(fd, o->bytes + o->at, o->n - o->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *ret_gone = errno != EAGAIN;
            return;
        }
        o->at += (size_t)n;
    }
    o->at = o->n = 0;
}

static void flush_to_client(struct monitor *m)
{
    bool gone = false;
    if (m->client >= 0)
        flush_outbox(&m->to_client, m->client, &gone);
    if (gone)
        drop_client(m);
}

static void flush_to_container(struct monitor *m)
{
    struct outbox *o = &m->to_container;
    size_t before = o->n - o->at;
    bool gone = m->in < 0;
    if (!gone)
        flush_outbox(o, m->in, &gone);
    m->taken += (uint32_t)(before - (o->n - o->at));
    if (gone || (m->input_ends && o->n == 0))
        close_stdin(m);
}

/* False when there is more of it than was agreed on. */
static bool take_input(struct monitor *m, const struct frame *f)
{
    struct outbox *o = &m->to_container;
    m->input_ends |= f->len == 0;
    /* Input that nobody will read is never told as taken: the client stops sending. */
    if (m->in < 0)
        return true;
    memmove(o->bytes, o->bytes + o->at, o->n - o->at);
    o->n -= o->at;
    o->at = 0;
    if (f->len > sizeof(o->bytes) - o->n)
        return false;
    memcpy(o->bytes + o->n, f->payload, f->len);
    o->n += f->len;
    flush_to_container(m);
    return true;
}

/* Whoever writes there gets SIGPIPE or EPIPE, as if the client's stream were his own. */
static void stop_hearing(struct monitor *m, int stream)
{
    int which = stream - FRAME_STDOUT;
    if (which >= 0 && which < 2 && m->container.console < 0)
        fd_close(&m->out[which]);
}

static void take_frame(struct monitor *m, const struct frame *f)
{
    switch ((int)f->kind) {
    case FRAME_STDIN:
        if (!take_input(m, f))
            drop_client(m);
        break;
    case FRAME_RESIZE:
        if (f->len == 4 && m->container.console >= 0)
            console_resize(m->container.console,
                           (unsigned short)(f->payload[0] << 8 | f->payload[1]),
                           (unsigned short)(f->payload[2] << 8 | f->payload[3]));
        break;
    case FRAME_SIGNAL:
        if (f->len == 1 && !m->ended)
            pidfd_send_signal(m->container.pidfd, f->payload[0], NULL, 0);
        break;
    case FRAME_DEAF:
        if (f->len == 1)
            stop_hearing(m, f->payload[0]);
        break;
    default:
        break;
    }
}

static void take_frames(struct monitor *m)
{
    struct frame f;
    int r = 0;
    while (m->client >= 0 && (r = frame_next(&m->from_client, &f)) == 1) {
        take_frame(m, &f);
        frame_drop(&m->from_client, &f);
    }
    if (r < 0)
        drop_client(m);
}

/* Tells the client how much of its input went on, not byte by byte. */
static void tell_taken(struct monitor *m)
{
    struct outbox *o = &m->to_client;
    if (m->client < 0 || o->n > 0 || m->taken < FRAME_WINDOW / 2)
        return;
    const uint32_t number = htonl(m->taken);
    frame_header(o->bytes, FRAME_TAKEN, sizeof(number));
    memcpy(o->bytes + FRAME_HEADER, &number, sizeof(number));
    o->n = FRAME_HEADER + sizeof(number);
    m->taken = 0;
    flush_to_client(m);
}

static void hear_client(struct monitor *m)
{
    long n = frame_fill(&m->from_client, m->client);
    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        drop_client(m);
        return;
    }
    take_frames(m);
}

/* ---- the container's output ---- */

static void hear_container(struct monitor *m, int which)
{
    struct outbox *o = &m->to_client;
    ssize_t n;
    do
        n = read(m->out[which], o->bytes + FRAME_HEADER, FRAME_MAX);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        if (m->in == m->out[which])
            m->in = -EBADF;
        if (m->out[which] == m->container.console)
            m->container.console = -EBADF;
        fd_close(&m->out[which]);
        return;
    }
    if (m->client < 0)
        return; /* nobody listens */
    frame_header(o->bytes, which ? FRAME_STDERR : FRAME_STDOUT, (size_t)n);
    o->n = FRAME_HEADER + (size_t)n;
    flush_to_client(m);
}

/* Whether something may still come out after the first process is dead: with a PID namespace of its
 * own all that could write is dead too, and the streams end; otherwise what is there now is all. */
static bool has_output(struct monitor *m)
{
    if (m->out[0] < 0 && m->out[1] < 0)
        return false;
    if (!m->ended)
        return true;
    struct pollfd fds[] = {{.fd = m->out[0], .events = POLLIN},
                           {.fd = m->out[1], .events = POLLIN}};
    return poll(fds, 2, m->all_dead ? 100 : 0) > 0;
}

/* All is over but what was written last, for which a client may take any time: nobody else is kept
 * waiting for that. */
static void end_container(struct monitor *m)
{
    struct start *s = m->start;
    bool oom = m->container.cgroup && cgroup_oom_kills(m->container.cgroup) > 0;
    m->ended = true;
    m->status = process_wait(m->container.pid);
    m->container.pid = 0;
    m->container.console = -EBADF; /* it is out[0] */
    m->all_dead = m->container.own_pid_namespace;
    /* Those who shared a PID namespace outlive their first process; the container does not. */
    container_destroy(&m->container, NULL);
    if (s->discard)
        record_hide(s->engine, s->record, NULL);
    else
        record_end(s->engine, s->record, m->status, oom);
}

static void carry_streams(struct monitor *m)
{
    while (!m->ended || has_output(m) || (m->client >= 0 && m->to_client.n > 0)) {
        tell_taken(m);
        bool full = m->to_client.n > 0;
        struct pollfd fds[] = {
            {.fd = m->ended ? -1 : m->container.pidfd, .events = POLLIN},
            {.fd = full ? -1 : m->out[0], .events = POLLIN},
            {.fd = full ? -1 : m->out[1], .events = POLLIN},
            {.fd = m->client, .events = (short)((full ? POLLOUT : 0) | POLLIN)},
            {.fd = m->to_container.n > 0 ? m->in : -1, .events = POLLOUT},
        };
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents)
            end_container(m);
        if (fds[3].revents & POLLOUT)
            flush_to_client(m);
        if (m->client >= 0 && (fds[3].revents & (POLLIN | POLLHUP | POLLERR)))
            hear_client(m);
        if (fds[4].revents)
            flush_to_container(m);
        for (int i = 0; i < 2; i++)
            if (fds[1 + i].revents && m->to_client.n == 0 && m->out[i] >= 0)
                hear_container(m, i);
    }
}

/* ---- making it ---- */

static int pipe_pair(int *ret_read, int *ret_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

/* The payload's ends in @stdio, ours in the monitor. */
static int make_streams(struct monitor *m, int stdio[3], struct err *e)
{
    if (m->start->spec.process.terminal)
        return 0;
    int r;
    if (m->start->stdin_open)
        r = pipe_pair(&stdio[0], &m->in);
    else
        r = (stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0 ? -errno : 0;
    if (r == 0)
        r = pipe_pair(&m->out[0], &stdio[1]);
    if (r == 0)
        r = pipe_pair(&m->out[1], &stdio[2]);
    return r < 0 ? err_sys(e, -r, "cannot make pipes") : 0;
}

static json_t *describe_network(const struct network_endpoint *ep, char address[INET_ADDRSTRLEN])
{
    char gateway[INET_ADDRSTRLEN], mac[18];
    inet_ntop(AF_INET, &ep->address, address, INET_ADDRSTRLEN);
    inet_ntop(AF_INET, &ep->gateway, gateway, sizeof(gateway));
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1], ep->mac[2],
             ep->mac[3], ep->mac[4], ep->mac[5]);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:{}, s:{s:{s:s, s:s, s:i, s:s}}}", "Bridge",
                     ep->bridge, "IPAddress", address, "Gateway", gateway, "IPPrefixLen",
                     (int)ep->prefix, "MacAddress", mac, "Ports", "Networks", "bridge", "IPAddress",
                     address, "Gateway", gateway, "IPPrefixLen", (int)ep->prefix, "MacAddress",
                     mac);
}

static int connect_network(struct monitor *m, json_t **ret, struct err *e)
{
    *ret = NULL;
    if (!m->start->modes[NS_NETWORK].cable)
        return 0;
    struct network_endpoint *ep = &m->start->beside.endpoint;
    if (!m->start->beside.connected) {
        /* A namespace that could only be made by clone: a user namespace's. */
        _cleanup_close_ int netns = namespace_open(m->container.pid, NS_NETWORK);
        if (netns < 0)
            return err_sys(e, -netns, "cannot open the container's network namespace");
        int r = network_attach(netns, m->start->record->id, ep, e);
        if (r < 0)
            return err_wrap(e, "cannot connect the container to the network");
    }
    char address[INET_ADDRSTRLEN];
    *ret = describe_network(ep, address);
    if (!*ret)
        return err_nomem(e);
    return files_add_address(m->start->record, address, json_str(*ret, "Gateway"), e);
}

static int tell_step(struct monitor *m, enum control_step step, struct err *e)
{
    const char *program = m->start->spec.process.args[0];
    if (step != STEP_EXEC)
        return err_wrap(e, "cannot start the container");
    bool in_path = e->code == ENOENT && strstr(err_text(e), "$PATH");
    if (in_path)
        return err_set(e, ENOENT,
                       "cannot start \"%s\": executable file not found in $PATH of "
                       "image %s",
                       program, m->start->image_name);
    return err_wrap(e, "cannot start \"%s\"", program);
}

static int run_container(struct monitor *m, enum control_step *ret_step, struct err *e)
{
    struct start *s = m->start;
    int stdio[3] = {-EBADF, -EBADF, -EBADF};
    int r = make_streams(m, stdio, e);
    if (r < 0)
        return r;
    const struct container_source shm = {"/dev/shm", s->shm};
    const struct container_options options = {
        .bundle_fd = s->record->dir_fd,
        .root_mount_fd = s->root_mount,
        .userns_fd = s->userns,
        .netns_fd = s->beside.netns,
        .cgroup = TAKE_PTR(s->beside.cgroup),
        .cache_fd = s->cache,
        .sources = &shm,
        .n_sources = s->shm >= 0,
        .stdio = {stdio[0], stdio[1], stdio[2]},
        .go_fd = -EBADF,
        .die_with_parent = true,
    };
    r = container_create(&s->spec, &options, &m->container, e);
    for (int i = 0; i < 3; i++)
        fd_close(&stdio[i]);
    fd_close(&s->root_mount);
    fd_close(&s->userns);
    fd_close(&s->shm);
    fd_close(&s->beside.netns);
    if (r < 0)
        return err_wrap(e, "cannot start the container");

    _cleanup_json_ json_t *network = NULL;
    _cleanup_err_ struct err network_failure = ERR_INIT;
    int connected = connect_network(m, &network, &network_failure);
    /* While init is at work; should it fail, all of this goes again. */
    int written = state_write_running(s->engine, s->record->id, m->container.pid, network, e);
    if (connected >= 0 && written >= 0)
        container_let_go(&m->container, NULL);
    /* What failed inside is told first: it may be why the namespace was gone. */
    r = container_wait(&m->container, ret_step, e);
    if (r < 0)
        return tell_step(m, *ret_step, e);
    if (connected < 0)
        return err_set(e, -connected, "%s", err_text(&network_failure));
    if (written < 0)
        return written;
    r = container_start(&m->container, ret_step, e);
    return r < 0 ? tell_step(m, *ret_step, e) : 0;
}

static int set_nonblocking(int fd)
{
    return fd < 0 ? 0 : fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void begin_streams(struct monitor *m)
{
    if (m->container.console >= 0)
        m->in = m->out[0] = m->container.console;
    set_nonblocking(m->in);
    set_nonblocking(m->out[0]);
    set_nonblocking(m->out[1]);
    set_nonblocking(m->client);
    m->has_saved = m->start->terminal >= 0 && tcgetattr(m->start->terminal, &m->saved) == 0;
    spec_release(&m->start->spec);
}

/* A start that failed leaves nothing: the container was never there. */
static _Noreturn void fail(struct monitor *m, enum control_step step, const struct err *e)
{
    uint8_t payload[1 + CONTROL_TEXT_MAX];
    const char *text = err_text(e);
    size_t n = strnlen(text, sizeof(payload) - 1);
    payload[0] = step != STEP_EXEC ? 125 : e->code == ENOENT ? 127 : 126;
    memcpy(payload + 1, text, n);

    container_destroy(&m->container, NULL);
    record_remove(m->start->engine, m->start->record, NULL);
    frame_send(m->client, FRAME_FAILED, payload, n + 1);
    _exit(1);
}

/* Tells the client, and waits until it is gone: what takes time from here on (space on the disk,
 * detached mounts) nobody has to wait for. */
static void take_leave(struct monitor *m, int status)
{
    uint8_t code = (uint8_t)(status < 0 ? 255 : status);
    if (m->client < 0)
        return;
    fcntl(m->client, F_SETFL, fcntl(m->client, F_GETFL) & ~O_NONBLOCK);
    if (frame_send(m->client, FRAME_EXITED, &code, 1) < 0)
        return;
    struct pollfd gone = {.fd = m->client, .events = POLLRDHUP};
    while (poll(&gone, 1, 1000) < 0 && errno == EINTR)
        ;
}

static void finish(struct monitor *m)
{
    take_leave(m, m->status);
    if (m->start->discard)
        record_sweep(m->start->engine, m->start->record->id, NULL);
}

_Noreturn void monitor_main(struct start *s, int client)
{
    static struct monitor m; /* three frames' worth: too much for a stack */
    struct err e = ERR_INIT;
    enum control_step step = STEP_SETUP;
    m.start = s;
    m.container = CONTAINER_INIT;
    m.client = client;
    m.in = m.out[0] = m.out[1] = -EBADF;

    if (run_container(&m, &step, &e) < 0)
        fail(&m, step, &e);
    begin_streams(&m);
    frame_send(m.client, FRAME_STARTED, NULL, 0);
    carry_streams(&m);
    finish(&m);
    _exit(0);
}
