#include "network/resolver_tcp.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { IDLE_MS = 5000, ATTEMPTS_MAX = 2 };

struct connection {
    struct tcp_server *server;
    int fd;
    struct loop_source source;
    struct loop_timer timer;
    uint8_t number; /* of its place */
    struct tcp_place *place;
    struct dns_question q;
    struct forward *forward; /* a server is being asked */
    uint8_t *out;            /* an answer, with its length in front */
    size_t n_out, sent;
};

/* If the monitor does not hear of it, the client is not to wait for it all the same. */
static void let_go(const struct connection *c)
{
    const struct forward_wish wish = {.ticket = c->number, .what = FORWARD_LET_GO};
    (void)shutdown(c->fd, SHUT_RDWR);
    (void)!write(c->server->asks, &wish, sizeof(wish));
}

/* If it does not hear of this, the connection is lost with this process. */
static void hold(const struct connection *c)
{
    struct forward_wish wish = {.ticket = c->number, .what = FORWARD_HOLD};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(c->fd)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.head), &c->fd, sizeof(c->fd));
    struct iovec part = {&wish, sizeof(wish)};
    const struct msghdr m = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    (void)sendmsg(c->server->asks, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void drop(struct connection *c)
{
    struct tcp_server *s = c->server;
    let_go(c);
    s->used[c->number] = false;
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
    c->place->begun = 1;
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
    size_t used = 2 + (size_t)(c->place->in[0] << 8 | c->place->in[1]);
    c->place->have = (uint16_t)(c->place->have - used);
    memmove(c->place->in, c->place->in + used, c->place->have);
    c->place->attempts = c->place->begun = 0;
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
        n = answer_failure(c->place->in + 2, &c->q, c->out + 2);
    begin_sending(c, n);
}

static void handle(struct connection *c, size_t n)
{
    static uint8_t answer[DNS_MESSAGE_MAX];
    struct tcp_server *s = c->server;
    index_refresh(s->answerer->index);
    ssize_t length = answer_question(s->answerer, c->place->in + 2, n, true, &c->q, answer);
    if (length == 0) {
        if (forward_start(s->forwarder, c->place->in + 2, &c->q, true, forwarded, c, &c->forward) ==
            0) {
            /* Nothing more is read meanwhile, and its end is seen when the answer is written. */
            loop_timer_cancel(s->loop, &c->timer);
            (void)loop_watch(s->loop, &c->source, 0);
            return;
        }
        length = (ssize_t)answer_failure(c->place->in + 2, &c->q, answer);
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
    ssize_t n = read(c->fd, c->place->in + c->place->have, sizeof(c->place->in) - c->place->have);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(c);
        return false;
    }
    c->place->have = (uint16_t)(c->place->have + (n > 0 ? n : 0));
    return true;
}

static bool is_whole(const struct connection *c)
{
    const uint8_t *in = c->place->in;
    return c->place->have >= 2 && c->place->have - 2U >= (size_t)(in[0] << 8 | in[1]);
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
    size_t length = c->place->have >= 2 ? (size_t)(c->place->in[0] << 8 | c->place->in[1]) : 0;
    if (length > DNS_QUERY_MAX)
        drop(c);
    else if (is_whole(c))
        handle(c, length);
    else
        watch(c, EPOLLIN);
}

/* Of a connection that has a place; NULL when memory is out. */
static struct connection *add(struct tcp_server *s, int fd, uint8_t number)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return NULL;
    }
    c->server = s;
    c->fd = fd;
    c->number = number;
    c->place = &s->places[number];
    c->timer = (struct loop_timer){.expired = idle, .data = c};
    loop_source_init(&c->source, fd, ready, c);
    s->used[number] = true;
    if (++s->n == TCP_CONNECTIONS_MAX)
        (void)loop_watch(s->loop, &s->source, 0);
    return c;
}

static void take_one(void *data, uint32_t events)
{
    struct tcp_server *s = data;
    uint8_t number = 0;
    (void)events;
    while (number < TCP_CONNECTIONS_MAX - 1 && s->used[number])
        number++;
    int fd = s->used[number] ? -EBUSY : accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c = fd < 0 ? NULL : add(s, fd, number);
    if (!c)
        return;
    c->place->have = c->place->attempts = c->place->begun = 0;
    hold(c);
    watch(c, EPOLLIN);
}

/* Goes on where another one was killed. */
static void take_over(struct tcp_server *s, int fd, uint8_t number)
{
    struct connection *c = add(s, fd, number);
    if (!c)
        return;
    if (c->place->begun || c->place->have > sizeof(c->place->in) ||
        c->place->attempts++ >= ATTEMPTS_MAX)
        drop(c);
    else
        ready(c, 0);
}

int tcp_server_open(struct tcp_server *s, struct loop *loop, int fd, int asks,
                    struct tcp_place *places, const int *held, struct answerer *answerer,
                    struct forwarder *forwarder)
{
    *s = (struct tcp_server){.fd = fd,
                             .asks = asks,
                             .places = places,
                             .loop = loop,
                             .answerer = answerer,
                             .forwarder = forwarder};
    loop_source_init(&s->source, fd, take_one, s);
    int r = loop_watch(loop, &s->source, EPOLLIN);
    for (uint8_t i = 0; i < TCP_CONNECTIONS_MAX && r == 0; i++)
        if (held[i] >= 0)
            take_over(s, held[i], i);
    return r;
}
