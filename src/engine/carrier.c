#include "engine/carrier.h"

#include "base/cleanup.h"
#include "runtime/console.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

/* What is in a pipe when its writer dies is no more than this (pipe(7), pipe-max-size). */
enum { PIPE_MOST = 1 << 20 };

static unsigned wish_of(int which)
{
    return which ? WISH_STDERR : WISH_STDOUT;
}

static void close_source(struct carrier *c, struct loop_source *s)
{
    loop_watch(c->loop, s, 0);
    fd_close(&s->fd);
}

/* ---- input ---- */

static void close_input(struct carrier *c)
{
    c->input_at = c->input_n = 0;
    close_source(c, &c->in);
}

/* A terminal has no end of file of its own: the one who types gives it. */
static void end_input(struct carrier *c)
{
    if (c->terminal >= 0 || !c->once)
        return;
    c->input_ends = true;
    if (c->input_n == 0)
        close_input(c);
}

/* Tells clients how much of their input went on, not byte by byte, and only while there is room for
 * all that they may send then. */
static void tell_taken(struct carrier *c)
{
    for (struct peer *p = c->peers->first; p; p = p->next) {
        if (p->owed < FRAME_WINDOW / 2 || c->input_n >= FRAME_WINDOW)
            continue;
        const uint32_t number = htonl(p->owed);
        p->owed = 0;
        peer_send_frame(p, FRAME_TAKEN, &number, sizeof(number));
    }
}

static void write_input(struct carrier *c)
{
    while (c->input_n > 0) {
        ssize_t n = write(c->in.fd, c->input + c->input_at, c->input_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            close_input(c);
            return;
        }
        if (n < 0)
            break;
        c->input_at += (size_t)n;
        c->input_n -= (size_t)n;
    }
    if (c->input_n == 0 && c->input_ends) {
        close_input(c);
        return;
    }
    if (c->input_n == 0)
        c->input_at = 0;
    loop_watch(c->loop, &c->in, c->input_n > 0 ? EPOLLOUT : 0);
    tell_taken(c);
}

static void input_ready(void *data, uint32_t events)
{
    (void)events;
    write_input(data);
}

static int keep_input(struct carrier *c, const struct frame *f)
{
    if (c->input_n > 0)
        memmove(c->input, c->input + c->input_at, c->input_n);
    c->input_at = 0;
    if (c->input_n + f->len > c->input_size) {
        size_t size = c->input_n + FRAME_WINDOW;
        uint8_t *more = realloc(c->input, size);
        if (!more)
            return -ENOMEM;
        c->input = more;
        c->input_size = size;
    }
    memcpy(c->input + c->input_n, f->payload, f->len);
    c->input_n += f->len;
    return 0;
}

/* Input that nobody will read is never told as taken: the client stops sending. */
static void take_input(struct carrier *c, struct peer *p, const struct frame *f)
{
    if (c->in.fd < 0)
        return;
    if (f->len == 0) {
        end_input(c);
        return;
    }
    bool agreed_on = f->len + p->owed <= FRAME_WINDOW;
    if (!agreed_on || keep_input(c, f) < 0) {
        peer_leave(p);
        return;
    }
    p->owed += (uint32_t)f->len;
    write_input(c);
}

/* ---- output ---- */

/* One read of what the process wrote, to all who wish it. The number of bytes; 0: for now, or for
 * good, there is none. */
static size_t hear(struct carrier *c, int which)
{
    struct loop_source *s = &c->out[which];
    ssize_t n;
    do
        n = read(s->fd, c->output + FRAME_HEADER, FRAME_MAX);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) {
        if (s->fd == c->terminal)
            c->terminal = -EBADF;
        close_source(c, s);
        return 0;
    }
    if (c->heard)
        c->heard(c->data, which, c->output + FRAME_HEADER, (size_t)n);
    frame_header(c->output, which ? FRAME_STDERR : FRAME_STDOUT, (size_t)n);
    peers_send(c->peers, wish_of(which), c->output, FRAME_HEADER + (size_t)n);
    return (size_t)n;
}

static void stdout_ready(void *data, uint32_t events)
{
    (void)events;
    hear(data, 0);
}

static void stderr_ready(void *data, uint32_t events)
{
    (void)events;
    hear(data, 1);
}

/* Whoever writes there gets SIGPIPE or EPIPE, as if the client's stream were his own: if it was for
 * that client alone. */
static void stop_hearing(struct carrier *c, struct peer *p, int stream)
{
    int which = stream - FRAME_STDOUT;
    if (which < 0 || which > 1)
        return;
    p->wishes &= ~wish_of(which);
    if (p->starter && c->terminal < 0 && !peers_wish(c->peers, wish_of(which), p))
        close_source(c, &c->out[which]);
}

/* ---- all of it ---- */

static void begin(struct carrier *c, struct loop_source *s, int fd, void (*ready)(void *, uint32_t))
{
    loop_source_init(s, fd, ready, c);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void carrier_init(struct carrier *c, struct loop *loop, struct peers *peers)
{
    c->loop = loop;
    c->peers = peers;
    c->terminal = c->pidfd = c->in.fd = c->out[0].fd = c->out[1].fd = -EBADF;
}

void carrier_begin(struct carrier *c, int terminal, int in, const int out[2])
{
    c->terminal = terminal;
    c->input_at = c->input_n = 0;
    c->input_ends = false;
    /* A copy for input: epoll has each descriptor once. */
    begin(c, &c->in, terminal >= 0 ? fcntl(terminal, F_DUPFD_CLOEXEC, 3) : in, input_ready);
    begin(c, &c->out[0], terminal >= 0 ? terminal : out[0], stdout_ready);
    begin(c, &c->out[1], terminal >= 0 ? -EBADF : out[1], stderr_ready);
}

void carrier_take(struct carrier *c, struct peer *p, const struct frame *f)
{
    switch ((int)f->kind) {
    case FRAME_STDIN:
        take_input(c, p, f);
        break;
    case FRAME_RESIZE:
        if (f->len == 4 && c->terminal >= 0)
            console_resize(c->terminal, (unsigned short)(f->payload[0] << 8 | f->payload[1]),
                           (unsigned short)(f->payload[2] << 8 | f->payload[3]));
        break;
    case FRAME_SIGNAL:
        if (f->len == 1 && c->pidfd >= 0)
            pidfd_send_signal(c->pidfd, f->payload[0], NULL, 0);
        break;
    case FRAME_DEAF:
        if (f->len == 1)
            stop_hearing(c, p, f->payload[0]);
        break;
    case FRAME_BYE:
        peer_forget_terminal(p);
        peer_leave(p);
        break;
    default:
        break;
    }
}

void carrier_settle(struct carrier *c)
{
    for (struct peer *p = c->peers->first; p; p = p->next)
        if (p->gone && (p->wishes & WISH_STDIN))
            end_input(c);
    peers_sweep(c->peers);
    uint32_t events = peers_must_wait(c->peers) ? 0 : EPOLLIN;
    for (int i = 0; i < 2; i++)
        if (c->out[i].fd >= 0)
            loop_watch(c->loop, &c->out[i], events);
}

void carrier_finish(struct carrier *c, bool all_dead)
{
    close_input(c);
    for (size_t heard = 0; all_dead || heard < 2 * (size_t)PIPE_MOST;) {
        struct pollfd fds[] = {{.fd = c->out[0].fd, .events = POLLIN},
                               {.fd = c->out[1].fd, .events = POLLIN}};
        if ((fds[0].fd < 0 && fds[1].fd < 0) || poll(fds, 2, all_dead ? 100 : 0) <= 0)
            break;
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                heard += hear(c, i);
    }
    close_source(c, &c->out[0]);
    close_source(c, &c->out[1]);
    c->terminal = -EBADF;
    free(c->input);
    c->input = NULL;
    c->input_size = 0;
}
