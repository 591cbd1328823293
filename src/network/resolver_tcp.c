#include "network/resolver_tcp.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { IDLE_MS = 5000 };

struct connection {
    struct tcp_server *server;
    int fd;
    struct loop_source source;
    struct loop_timer timer;
    uint8_t in[2 + DNS_QUERY_MAX];
    size_t have;
    struct dns_question q;
    struct forward *forward; /* a server is being asked */
    uint8_t *out;            /* an answer, with its length in front */
    size_t n_out, sent;
};

static void drop(struct connection *c)
{
    struct tcp_server *s = c->server;
    if (c->forward)
        forward_cancel(s->forwarder, c->forward);
    (void)loop_watch(s->loop, &c->source, 0);
    loop_timer_cancel(s->loop, &c->timer);
    close(c->fd);
    free(c->out);
    free(c);
    s->n--;
    /* There is room for another one. */
    if (loop_watch(s->loop, &s->source, EPOLLIN) < 0)
        _exit(1);
}

static void idle(void *data)
{
    drop(data);
}

static void watch(struct connection *c, uint32_t events)
{
    loop_timer_set(c->server->loop, &c->timer, IDLE_MS);
    if (loop_watch(c->server->loop, &c->source, events) < 0)
        drop(c);
}

static void send_more(struct connection *c)
{
    ssize_t n = write(c->fd, c->out + c->sent, c->n_out - c->sent);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent < c->n_out) {
        watch(c, EPOLLOUT);
        return;
    }
    free(c->out);
    c->out = NULL;
    /* The next question may be here already; it is read when its turn comes. */
    size_t used = 2 + (size_t)(c->in[0] << 8 | c->in[1]);
    c->have -= used;
    memmove(c->in, c->in + used, c->have);
    watch(c, EPOLLIN | EPOLLOUT);
}

/* An answer of @n bytes at c->out + 2. */
static void begin_sending(struct connection *c, size_t n)
{
    c->out[0] = (uint8_t)(n >> 8);
    c->out[1] = (uint8_t)n;
    c->n_out = n + 2;
    c->sent = 0;
    send_more(c);
}

static void forwarded(void *owner, const uint8_t *answer, size_t n)
{
    struct connection *c = owner;
    c->forward = NULL;
    c->out = malloc(2 + (answer ? n : DNS_UDP_MIN));
    if (!c->out) {
        drop(c);
        return;
    }
    if (answer)
        memcpy(c->out + 2, answer, n);
    else
        n = answer_failure(c->in + 2, &c->q, c->out + 2);
    begin_sending(c, n);
}

static void handle(struct connection *c, size_t n)
{
    static uint8_t answer[DNS_MESSAGE_MAX];
    struct tcp_server *s = c->server;
    index_refresh(s->answerer->index);
    ssize_t length = answer_question(s->answerer, c->in + 2, n, true, &c->q, answer);
    if (length == 0) {
        if (forward_start(s->forwarder, c->in + 2, &c->q, true, forwarded, c, &c->forward) == 0) {
            /* Nothing more is read meanwhile, and its end is seen when the answer is written. */
            loop_timer_cancel(s->loop, &c->timer);
            (void)loop_watch(s->loop, &c->source, 0);
            return;
        }
        length = (ssize_t)answer_failure(c->in + 2, &c->q, answer);
    }
    c->out = length > 0 ? malloc(2 + (size_t)length) : NULL;
    if (!c->out) {
        drop(c);
        return;
    }
    memcpy(c->out + 2, answer, (size_t)length);
    begin_sending(c, (size_t)length);
}

/* False when it is gone. */
static bool read_more(struct connection *c)
{
    ssize_t n = read(c->fd, c->in + c->have, sizeof(c->in) - c->have);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(c);
        return false;
    }
    c->have += n > 0 ? (size_t)n : 0;
    return true;
}

static bool is_whole(const struct connection *c)
{
    return c->have >= 2 && c->have - 2 >= (size_t)(c->in[0] << 8 | c->in[1]);
}

static void ready(void *data, uint32_t events)
{
    struct connection *c = data;
    if (c->out) {
        send_more(c);
        return;
    }
    /* What came with the question before is answered first. */
    if (!is_whole(c) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !read_more(c))
        return;
    size_t length = c->have >= 2 ? (size_t)(c->in[0] << 8 | c->in[1]) : 0;
    if (length > DNS_QUERY_MAX)
        drop(c);
    else if (is_whole(c))
        handle(c, length);
    else
        watch(c, EPOLLIN);
}

static void take_one(void *data, uint32_t events)
{
    struct tcp_server *s = data;
    (void)events;
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->timer = (struct loop_timer){.expired = idle, .data = c};
    loop_source_init(&c->source, fd, ready, c);
    if (++s->n == TCP_CONNECTIONS_MAX)
        (void)loop_watch(s->loop, &s->source, 0);
    watch(c, EPOLLIN);
}

int tcp_server_open(struct tcp_server *s, struct loop *loop, int fd, struct answerer *answerer,
                    struct forwarder *forwarder)
{
    *s = (struct tcp_server){.fd = fd, .loop = loop, .answerer = answerer, .forwarder = forwarder};
    loop_source_init(&s->source, fd, take_one, s);
    return loop_watch(loop, &s->source, EPOLLIN);
}
