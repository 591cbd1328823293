#include "network/resolver_forward.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

/* All of a question's tries together: a C library waits for five seconds. */
enum { PATIENCE_MS = 4500, TRIES_MIN = 2 };

struct forward {
    struct forward *next;
    struct forwarder *forwarder;
    forward_done done;
    void *owner;
    uint8_t query[DNS_QUERY_MAX];
    struct dns_question q;
    bool stream;
    uint16_t id;
    uint32_t ticket;
    size_t begin, server; /* the first, and the one that is asked now */
    unsigned tries;
    int fd;
    struct loop_source source;
    struct loop_timer timer;
    uint8_t *message; /* by TCP: what has come of it, its length in front */
    size_t have;
};

/* Where datagrams are read to: one at a time, in a process with one thread. */
struct datagram {
    uint8_t bytes[DNS_MESSAGE_MAX];
};

static void hang_up(struct forward *f)
{
    if (f->fd >= 0)
        (void)loop_watch(f->forwarder->loop, &f->source, 0);
    fd_close(&f->fd);
    free(f->message);
    f->message = NULL;
    f->have = 0;
}

void forward_cancel(struct forwarder *fw, struct forward *f)
{
    hang_up(f);
    loop_timer_cancel(fw->loop, &f->timer);
    for (struct forward **at = &fw->first; *at; at = &(*at)->next) {
        if (*at != f)
            continue;
        *at = f->next;
        fw->n--;
        break;
    }
    free(f);
}

static void finish(struct forward *f, uint8_t *answer, size_t n)
{
    forward_done done = f->done;
    void *owner = f->owner;
    if (answer) {
        f->forwarder->preferred = f->server;
        dns_set_id(answer, dns_id(f->query));
        if (n >= f->q.question_end)
            memcpy(answer + DNS_HEADER, f->query + DNS_HEADER, f->q.question_end - DNS_HEADER);
    }
    /* It is freed last: the answer may be in its memory. */
    done(owner, answer, n);
    forward_cancel(f->forwarder, f);
}

static unsigned tries_max(const struct forwarder *fw)
{
    return fw->n_servers < TRIES_MIN ? TRIES_MIN : (unsigned)fw->n_servers;
}

/* Asks for a socket to the next server, under a new number; false when all had their turn. */
static bool ask_next(struct forward *f)
{
    struct forwarder *fw = f->forwarder;
    while (f->tries < tries_max(fw)) {
        f->server = (f->begin + f->tries++) % fw->n_servers;
        f->ticket = ++fw->tickets;
        const struct forward_wish wish = {
            .ticket = f->ticket, .server = (uint8_t)f->server, .stream = f->stream};
        if (getrandom(&f->id, sizeof(f->id), GRND_NONBLOCK) != sizeof(f->id) ||
            write(fw->asks, &wish, sizeof(wish)) != sizeof(wish))
            continue;
        loop_timer_set(fw->loop, &f->timer, PATIENCE_MS / tries_max(fw));
        return true;
    }
    return false;
}

static void try_server(struct forward *f)
{
    hang_up(f);
    if (!ask_next(f))
        finish(f, NULL, 0);
}

static void out_of_time(void *data)
{
    try_server(data);
}

/* Whether another server may know better: this one has trouble, or does not want. */
static bool is_useful(const uint8_t *answer)
{
    unsigned code = dns_code(answer);
    return code == DNS_OK || code == DNS_NAME_ERROR;
}

static void take(struct forward *f, uint8_t *answer, size_t n)
{
    if (is_useful(answer) || f->tries >= f->forwarder->n_servers)
        finish(f, answer, n);
    else
        try_server(f);
}

static void read_datagram(struct forward *f)
{
    static struct datagram datagram;
    ssize_t n = read(f->fd, datagram.bytes, sizeof(datagram.bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        try_server(f); /* nobody listens there */
    else if (dns_is_answer(datagram.bytes, (size_t)n, f->id, f->query, &f->q))
        take(f, datagram.bytes, (size_t)n);
}

/* The length in front says how much memory it takes, and then how much there is to come. */
static void read_stream(struct forward *f)
{
    size_t expected = 2;
    if (f->have >= 2)
        expected += (size_t)(f->message[0] << 8 | f->message[1]);
    ssize_t n = read(f->fd, f->message + f->have, expected - f->have);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        try_server(f);
        return;
    }
    f->have += (size_t)n;
    if (f->have == 2) {
        size_t length = (size_t)(f->message[0] << 8 | f->message[1]);
        uint8_t *bigger = length >= DNS_HEADER ? realloc(f->message, 2 + length) : NULL;
        if (bigger)
            f->message = bigger;
        else
            try_server(f);
    } else if (f->have > 2 && f->have == expected) {
        if (dns_is_answer(f->message + 2, f->have - 2, f->id, f->query, &f->q))
            take(f, f->message + 2, f->have - 2);
        else
            try_server(f);
    }
}

static bool send_question(struct forward *f)
{
    uint8_t message[2 + DNS_QUERY_MAX];
    size_t n = f->q.end, skip = f->stream ? 0 : 2;
    message[0] = (uint8_t)(n >> 8);
    message[1] = (uint8_t)n;
    memcpy(message + 2, f->query, n);
    dns_set_id(message + 2, f->id);
    /* So little always fits into an empty socket. */
    return write(f->fd, message + skip, n + 2 - skip) == (ssize_t)(n + 2 - skip);
}

static void ready(void *data, uint32_t events)
{
    struct forward *f = data;
    if (!f->stream) {
        read_datagram(f);
    } else if (f->message) {
        read_stream(f);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        try_server(f);
    } else { /* connected */
        f->message = malloc(2);
        if (!f->message || !send_question(f) || loop_watch(f->forwarder->loop, &f->source, EPOLLIN))
            try_server(f);
    }
}

/* The socket that was asked for. */
static void take_socket(struct forward *f, int fd)
{
    f->fd = fd;
    loop_source_init(&f->source, fd, ready, f);
    if ((!f->stream && !send_question(f)) ||
        loop_watch(f->forwarder->loop, &f->source, f->stream ? EPOLLOUT : EPOLLIN) < 0)
        try_server(f);
}

static void take_grant(struct forwarder *fw, const struct forward_grant *grant, int fd)
{
    struct forward *f = fw->first;
    while (f && (f->ticket != grant->ticket || f->fd >= 0))
        f = f->next;
    if (f && fd >= 0)
        take_socket(f, fd);
    else if (f)
        try_server(f);
    else if (fd >= 0)
        close(fd); /* too late */
}

static void read_grant(void *data, uint32_t events)
{
    struct forwarder *fw = data;
    struct forward_grant grant;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&grant, sizeof(grant)};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    (void)events;
    ssize_t n = recvmsg(fw->asks, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    int fd = -EBADF;
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    if (n == sizeof(grant))
        take_grant(fw, &grant, fd);
    else
        _exit(1); /* the monitor is gone: nobody asks any more */
}

int forwarder_open(struct forwarder *fw, struct loop *loop, int asks, size_t n_servers)
{
    *fw = (struct forwarder){.loop = loop, .asks = asks, .n_servers = n_servers};
    loop_source_init(&fw->grants, asks, read_grant, fw);
    return loop_watch(loop, &fw->grants, EPOLLIN);
}

int forward_start(struct forwarder *fw, const uint8_t *query, const struct dns_question *q,
                  bool stream, forward_done done, void *owner, struct forward **ret)
{
    if (fw->n >= FORWARDS_MAX || fw->n_servers == 0)
        return -EBUSY;
    struct forward *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->forwarder = fw;
    f->done = done;
    f->owner = owner;
    f->q = *q;
    memcpy(f->query, query, q->end);
    f->stream = stream;
    f->fd = -EBADF;
    f->timer = (struct loop_timer){.expired = out_of_time, .data = f};
    f->next = fw->first;
    fw->first = f;
    fw->n++;
    f->begin = fw->preferred;
    *ret = f;
    /* Nobody is called back from here. */
    if (!ask_next(f))
        loop_timer_set(fw->loop, &f->timer, 0);
    return 0;
}
