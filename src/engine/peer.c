#include "engine/peer.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void peer_leave(struct peer *p)
{
    if (p->gone)
        return;
    p->gone = true;
    loop_watch(p->peers->loop, &p->source, 0);
    fd_close(&p->source.fd);
    p->n = 0;
    /* A client that was killed could not do it. We may: the terminal is not our own. */
    if (p->terminal >= 0)
        tcsetattr(p->terminal, TCSANOW, &p->saved);
    fd_close(&p->terminal);
    fd_close(&p->handed);
}

static void watch(struct peer *p)
{
    if (!p->gone && loop_watch(p->peers->loop, &p->source, p->n > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN))
        peer_leave(p);
}

/* How much of it went now; 0 also when it is gone. */
static size_t write_some(struct peer *p, const uint8_t *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = send(p->source.fd, bytes + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0) {
            if (errno != EAGAIN)
                peer_leave(p);
            break;
        }
        done += (size_t)w;
    }
    return p->gone ? 0 : done;
}

/* Makes room for @n more bytes behind those that wait. */
static bool make_room(struct peer *p, size_t n)
{
    if (p->at > 0) {
        memmove(p->out, p->out + p->at, p->n);
        p->at = 0;
    }
    if (p->n + n <= p->size)
        return true;
    size_t size = p->size > 0 ? p->size : 16384;
    while (size < p->n + n)
        size *= 2;
    uint8_t *more = realloc(p->out, size);
    if (!more)
        return false;
    p->out = more;
    p->size = size;
    return true;
}

void peer_send(struct peer *p, const void *bytes, size_t n)
{
    if (p->gone)
        return;
    size_t done = p->n > 0 ? 0 : write_some(p, bytes, n);
    size_t left = n - done;
    if (p->gone || left == 0)
        return;
    if ((!p->starter && p->n + left > PEER_BOUND) || !make_room(p, left)) {
        peer_leave(p);
        return;
    }
    memcpy(p->out + p->n, (const uint8_t *)bytes + done, left);
    p->n += left;
    watch(p);
}

void peer_send_frame(struct peer *p, enum frame_kind kind, const void *payload, size_t n)
{
    uint8_t bytes[FRAME_HEADER + 4096];
    if (n > sizeof(bytes) - FRAME_HEADER)
        n = sizeof(bytes) - FRAME_HEADER;
    frame_header(bytes, kind, n);
    if (n > 0)
        memcpy(bytes + FRAME_HEADER, payload, n);
    peer_send(p, bytes, FRAME_HEADER + n);
}

static void flush(struct peer *p)
{
    size_t done = write_some(p, p->out + p->at, p->n);
    if (p->gone)
        return;
    p->at += done;
    p->n -= done;
    p->caught_up += done;
    if (p->n == 0) {
        /* What a slow reader once needed is not kept. */
        free(p->out);
        p->out = NULL;
        p->at = p->size = 0;
    }
    watch(p);
}

/* The first bytes may bring a descriptor along: the client's terminal, or what it wants kept. */
static long fill_first(struct peer *p)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec piece = {p->in->bytes + p->in->n, sizeof(p->in->bytes) - p->in->n};
    struct msghdr m = {.msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(p->source.fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int))) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        peer_keep_terminal(p, fd);
    }
    p->in->n += (size_t)n;
    return n;
}

static void hear(struct peer *p)
{
    long n = p->greeted ? frame_fill(p->in, p->source.fd) : fill_first(p);
    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0) {
        peer_leave(p);
        return;
    }
    struct frame f;
    int r = 0;
    while (!p->gone && (r = frame_next(p->in, &f)) == 1) {
        p->peers->take(p->peers->data, p, &f);
        frame_drop(p->in, &f);
    }
    if (r < 0)
        peer_leave(p);
}

static void ready(void *data, uint32_t events)
{
    struct peer *p = data;
    if (events & EPOLLOUT)
        flush(p);
    if (!p->gone && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        hear(p);
}

struct peer *peer_add(struct peers *all, int fd, bool starter)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct frame_reader *in = calloc(1, sizeof(*in));
    if (!p || !in) {
        free(p);
        free(in);
        return NULL;
    }
    *p = (struct peer){.next = all->first,
                       .peers = all,
                       .starter = starter,
                       .greeted = starter,
                       .terminal = -EBADF,
                       .handed = -EBADF,
                       .in = in};
    loop_source_init(&p->source, fd, ready, p);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    all->first = p;
    watch(p);
    return p;
}

void peer_keep_terminal(struct peer *p, int fd)
{
    fd_close(&p->terminal);
    if (tcgetattr(fd, &p->saved) == 0)
        p->terminal = fd;
    else {
        fd_close(&p->handed);
        p->handed = fd;
    }
}

void peer_forget_terminal(struct peer *p)
{
    fd_close(&p->terminal);
}

void peers_send(struct peers *all, unsigned wishes, const void *bytes, size_t n)
{
    for (struct peer *p = all->first; p; p = p->next)
        if (p->wishes & wishes)
            peer_send(p, bytes, n);
}

static void look_again(void *data)
{
    (void)data; /* the turn of the loop is all that was wanted */
}

/* How many milliseconds more the container waits for an onlooker. */
static uint64_t patience_left(struct peer *p)
{
    if (p->gone || p->n <= PEER_BOUND / 2) {
        p->behind_ms = 0;
        return 0;
    }
    uint64_t now = loop_now_ms();
    if (p->behind_ms == 0 || p->caught_up >= PEER_STEP) {
        p->behind_ms = now;
        p->caught_up = 0;
    }
    uint64_t waited = now - p->behind_ms;
    return waited < PEER_PATIENCE_MS ? PEER_PATIENCE_MS - waited : 0;
}

bool peers_must_wait(struct peers *all)
{
    uint64_t longest = 0;
    for (struct peer *p = all->first; p; p = p->next) {
        if (p->starter && p->n > 0)
            return true;
        uint64_t left = p->starter ? 0 : patience_left(p);
        longest = left > longest ? left : longest;
    }
    if (longest == 0)
        return false;
    all->patience.expired = look_again;
    loop_timer_set(all->loop, &all->patience, longest);
    return true;
}

bool peers_have_unsent(const struct peers *all)
{
    for (const struct peer *p = all->first; p; p = p->next)
        if (p->n > 0)
            return true;
    return false;
}

bool peers_wish(const struct peers *all, unsigned wishes, const struct peer *except)
{
    for (const struct peer *p = all->first; p; p = p->next)
        if (p != except && !p->gone && (p->wishes & wishes))
            return true;
    return false;
}

static void drop(struct peers *all, bool also_present)
{
    for (struct peer **at = &all->first; *at;) {
        struct peer *p = *at;
        if (also_present)
            peer_leave(p);
        if (!p->gone) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p->out);
        free(p->in);
        free(p);
    }
}

size_t peers_count(const struct peers *all)
{
    size_t n = 0;
    for (const struct peer *p = all->first; p; p = p->next)
        n++;
    return n;
}

void peers_sweep(struct peers *all)
{
    drop(all, false);
}

void peers_release(struct peers *all)
{
    drop(all, true);
}
