#include "network/resolver_udp.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* A question that was found left behind so often is perhaps what kills the resolver. */
enum { ATTEMPTS_MAX = 2 };

/* Rounds before others in the loop have their turn. */
enum { ROUNDS_MAX = 8 };

/* Answers on their way out, and whose they are. */
struct udp_outgoing {
    struct mmsghdr messages[UDP_BATCH];
    struct iovec parts[UDP_BATCH];
    struct udp_place *places[UDP_BATCH];
    unsigned n;
    size_t used;
    uint8_t bytes[UDP_BATCH * DNS_UDP_MIN + DNS_UDP_MAX];
};

static void free_place(struct udp_place *p)
{
    p->attempts = 0;
    p->from.sin_port = 0;
}

static void send_all(struct udp_server *s)
{
    struct udp_outgoing *out = s->out;
    for (unsigned sent = 0; sent < out->n;) {
        int n = sendmmsg(s->fd, out->messages + sent, out->n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        /* One that cannot be sent is not tried again: as if it were lost on its way. */
        sent += n > 0 ? (unsigned)n : 1;
    }
    /* Only now: killed before, they are answered once more. */
    for (unsigned i = 0; i < out->n; i++)
        free_place(out->places[i]);
    out->n = 0;
    out->used = 0;
}

/* Room for one more answer. */
static uint8_t *next_answer(struct udp_server *s)
{
    const struct udp_outgoing *out = s->out;
    if (out->n == UDP_BATCH || sizeof(out->bytes) - out->used < DNS_UDP_MAX)
        send_all(s);
    return s->out->bytes + out->used;
}

static void put_answer(struct udp_outgoing *out, struct udp_place *p, size_t n)
{
    unsigned i = out->n++;
    out->places[i] = p;
    out->parts[i] = (struct iovec){out->bytes + out->used, n};
    out->messages[i].msg_hdr = (struct msghdr){.msg_name = &p->from,
                                               .msg_namelen = sizeof(p->from),
                                               .msg_iov = &out->parts[i],
                                               .msg_iovlen = 1};
    out->used += n;
}

static void forwarded(void *owner, const uint8_t *answer, size_t n)
{
    struct udp_waiting *w = owner;
    struct udp_server *s = w->server;
    struct udp_place *p = &s->queue->places[w - s->waiting];
    uint8_t failure[DNS_UDP_MIN];
    if (!answer) {
        struct dns_question q;
        if (dns_read_query(p->query, sizeof(p->query), &q) >= 0)
            n = answer_failure(p->query, &q, failure);
        answer = failure;
    }
    struct iovec part = {(void *)(uintptr_t)answer, n};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &p->from,
                                    .msg_namelen = sizeof(p->from),
                                    .msg_iov = &part,
                                    .msg_iovlen = 1}};
    (void)sendmmsg(s->fd, &m, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    free_place(p);
}

/* @n is how much of it there is at most. */
static void handle(struct udp_server *s, struct udp_place *p, size_t n)
{
    struct udp_waiting *w = &s->waiting[p - s->queue->places];
    struct dns_question q;
    uint8_t *answer = next_answer(s);
    ssize_t length = answer_question(s->answerer, p->query, n, false, &q, answer);
    if (length < 0) {
        free_place(p);
        return;
    }
    if (length == 0) {
        struct forward *f;
        w->server = s;
        if (forward_start(s->forwarder, p->query, &q, false, forwarded, w, &f) == 0)
            return;
        length = (ssize_t)answer_failure(p->query, &q, answer);
    }
    put_answer(s->out, p, (size_t)length);
}

/* Takes what has come, up to a batch, into free places. */
static unsigned receive(struct udp_server *s, struct mmsghdr *messages, struct udp_place **places)
{
    struct iovec parts[UDP_BATCH];
    unsigned n = 0;
    size_t i;
    for (i = 0; i < UDP_PLACES && n < UDP_BATCH; i++) {
        struct udp_place *p = &s->queue->places[i];
        if (p->from.sin_port != 0)
            continue;
        places[n] = p;
        parts[n] = (struct iovec){p->query, sizeof(p->query)};
        messages[n].msg_hdr = (struct msghdr){.msg_name = &p->from,
                                              .msg_namelen = sizeof(p->from),
                                              .msg_iov = &parts[n],
                                              .msg_iovlen = 1};
        n++;
    }
    /* Before they are filled: who takes over looks no further. */
    if (s->queue->touched < i)
        s->queue->touched = (uint32_t)i;
    int got = recvmmsg(s->fd, messages, n, MSG_DONTWAIT, NULL);
    return got < 0 ? 0 : (unsigned)got;
}

static void ready(void *data, uint32_t events)
{
    struct udp_server *s = data;
    struct mmsghdr messages[UDP_BATCH];
    struct udp_place *places[UDP_BATCH];
    (void)events;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        unsigned n = receive(s, messages, places);
        if (n > 0)
            index_refresh(s->answerer->index);
        for (unsigned i = 0; i < n; i++)
            handle(s, places[i], messages[i].msg_len);
        send_all(s);
        if (n < UDP_BATCH)
            break;
    }
    s->last_ms = loop_now_ms();
}

/* Goes on where another one was killed. How long a question was nobody wrote down: it says so
 * itself, and what is behind is not looked at. */
static void take_over(struct udp_server *s)
{
    index_refresh(s->answerer->index);
    for (size_t i = 0; i < udp_queue_touched(s->queue); i++) {
        struct udp_place *p = &s->queue->places[i];
        if (p->from.sin_port == 0)
            continue;
        if (p->from.sin_family != AF_INET || p->attempts++ >= ATTEMPTS_MAX)
            free_place(p);
        else
            handle(s, p, sizeof(p->query));
    }
    send_all(s);
}

/* Pages of its own, of which few are ever touched; from the heap it might be cleared. */
static struct udp_outgoing *new_outgoing(void)
{
    void *at = mmap(NULL, sizeof(struct udp_outgoing), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

int udp_server_open(struct udp_server *s, struct loop *loop, int fd, struct udp_queue *queue,
                    struct answerer *answerer, struct forwarder *forwarder)
{
    *s = (struct udp_server){.fd = fd,
                             .queue = queue,
                             .answerer = answerer,
                             .forwarder = forwarder,
                             .out = new_outgoing(),
                             .last_ms = loop_now_ms()};
    if (!s->out)
        return -ENOMEM;
    take_over(s);
    loop_source_init(&s->source, fd, ready, s);
    return loop_watch(loop, &s->source, EPOLLIN);
}
