#include "network/netlink.h"

#include <arpa/inet.h>
#include <limits.h>
#include <linux/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* A dump's answer is at most as long as the buffer it is read into, up to 32 KiB (netlink(7)). */
#define ANSWER_MAX 32768

int netlink_open(struct netlink *nl, int protocol, struct err *e)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return err_sys(e, errno, "cannot open a netlink socket (protocol %d)", protocol);

    /* Better words and shorter acknowledgements: what an old kernel does not have is not missed.
     * Strict checking makes it apply a dump's filter (Linux 4.20); readers filter as well. */
    int on = 1;
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));

    nl->fd = TAKE_FD(fd);
    nl->seq = 0;
    return 0;
}

void netlink_release(struct netlink *nl)
{
    fd_close(&nl->fd);
}

int netlink_batch_large(struct netlink_batch *b, size_t max, struct err *e)
{
    NETLINK_BATCH_INIT(b);
    uint8_t *bytes = malloc(max);
    if (!bytes)
        return err_nomem(e);
    b->bytes = bytes;
    b->max = max;
    return 0;
}

void netlink_batch_release(struct netlink_batch *b)
{
    if (b->bytes != b->own)
        free(b->bytes);
    b->bytes = NULL;
}

/* Room for @n bytes, zeroed, with the padding behind them; NULL once the batch is full. */
static uint8_t *reserve(struct netlink_batch *b, size_t n)
{
    if (b->overflow || n > b->max || NLMSG_ALIGN(n) > b->max - b->len) {
        b->overflow = true;
        return NULL;
    }
    uint8_t *at = b->bytes + b->len;
    memset(at, 0, NLMSG_ALIGN(n));
    b->len += NLMSG_ALIGN(n);
    return at;
}

/* The message grows with everything put into it, so it is whole at any time. */
static void grow_message(struct netlink_batch *b)
{
    struct nlmsghdr *m = (struct nlmsghdr *)(void *)(b->bytes + b->message);
    m->nlmsg_len = (uint32_t)(b->len - b->message);
}

void netlink_begin(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header,
                   size_t n)
{
    size_t start = b->len;
    struct nlmsghdr *m = (struct nlmsghdr *)(void *)reserve(b, sizeof(struct nlmsghdr) + n);
    if (!m)
        return;
    m->nlmsg_type = type;
    m->nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
    memcpy((uint8_t *)m + sizeof(struct nlmsghdr), header, n);
    b->message = start;
    grow_message(b);
}

void netlink_put(struct netlink_batch *b, uint16_t type, const void *bytes, size_t n)
{
    if (n > UINT16_MAX - sizeof(struct nlattr)) {
        b->overflow = true;
        return;
    }
    struct nlattr *a = (struct nlattr *)(void *)reserve(b, sizeof(struct nlattr) + n);
    if (!a)
        return;
    a->nla_type = type;
    a->nla_len = (uint16_t)(sizeof(struct nlattr) + n);
    if (n > 0)
        memcpy((uint8_t *)a + sizeof(struct nlattr), bytes, n);
    grow_message(b);
}

void netlink_put_u8(struct netlink_batch *b, uint16_t type, uint8_t value)
{
    netlink_put(b, type, &value, sizeof(value));
}

void netlink_put_u16(struct netlink_batch *b, uint16_t type, uint16_t value)
{
    netlink_put(b, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_batch *b, uint16_t type, uint32_t value)
{
    netlink_put(b, type, &value, sizeof(value));
}

void netlink_put_be32(struct netlink_batch *b, uint16_t type, uint32_t value)
{
    netlink_put_u32(b, type, htonl(value));
}

void netlink_put_string(struct netlink_batch *b, uint16_t type, const char *s)
{
    netlink_put(b, type, s, strlen(s) + 1);
}

size_t netlink_nest(struct netlink_batch *b, uint16_t type)
{
    return netlink_nest_header(b, type, NULL, 0);
}

size_t netlink_nest_header(struct netlink_batch *b, uint16_t type, const void *header, size_t n)
{
    size_t nest = b->len;
    netlink_put(b, (uint16_t)(type | NLA_F_NESTED), header, n);
    return nest;
}

void netlink_nest_end(struct netlink_batch *b, size_t nest)
{
    if (b->overflow)
        return;
    if (b->len - nest > UINT16_MAX) {
        b->overflow = true;
        return;
    }
    struct nlattr *a = (struct nlattr *)(void *)(b->bytes + nest);
    a->nla_len = (uint16_t)(b->len - nest);
}

/* Numbers the messages on from the socket's last; returns how many there are. */
static unsigned number_messages(struct netlink *nl, struct netlink_batch *b)
{
    unsigned n = 0;
    struct nlmsghdr *m = NULL;
    for (size_t at = 0; at < b->len; at += NLMSG_ALIGN(m->nlmsg_len)) {
        m = (struct nlmsghdr *)(void *)(b->bytes + at);
        m->nlmsg_seq = ++nl->seq;
        n++;
    }
    if (m)
        m->nlmsg_flags |= NLM_F_ACK;
    return n;
}

/* What has been heard of one batch so far. */
struct answer {
    uint32_t first;  /* sequence number of the batch's first message */
    unsigned n;      /* messages in the batch */
    bool confirmed;  /* something was acknowledged, or a dump came to its end */
    int error;       /* the first failure, negative errno */
    unsigned failed; /* its message */
    netlink_reader reader;
    void *arg;
};

static const struct nlattr *find_attr(const uint8_t *at, size_t n, uint16_t type, size_t min)
{
    while (n >= sizeof(struct nlattr)) {
        const struct nlattr *a = (const struct nlattr *)(const void *)at;
        if (a->nla_len < sizeof(struct nlattr) || a->nla_len > n)
            return NULL;
        if ((a->nla_type & NLA_TYPE_MASK) == type && netlink_size(a) >= min)
            return a;
        size_t step = NLMSG_ALIGN(a->nla_len);
        if (step >= n)
            return NULL;
        at += step;
        n -= step;
    }
    return NULL;
}

const struct nlattr *netlink_attr(const struct nlmsghdr *m, size_t header, uint16_t type,
                                  size_t min)
{
    size_t skip = sizeof(struct nlmsghdr) + NLMSG_ALIGN(header);
    if (m->nlmsg_len < skip)
        return NULL;
    return find_attr((const uint8_t *)m + skip, m->nlmsg_len - skip, type, min);
}

const struct nlattr *netlink_attr_in(const struct nlattr *nest, uint16_t type, size_t min)
{
    return find_attr(netlink_data(nest), netlink_size(nest), type, min);
}

/* Tells a refusal in the kernel's own words where it gave any. */
static void tell_refusal(const struct nlmsghdr *m, int code, struct err *e)
{
    const struct nlattr *words = NULL;
    if (m->nlmsg_flags & NLM_F_ACK_TLVS)
        words = netlink_attr(m, sizeof(struct nlmsgerr), NLMSGERR_ATTR_MSG, 1);
    if (words)
        err_sys(e, code, "%.*s", (int)netlink_size(words), (const char *)netlink_data(words));
    else
        err_sys(e, code, "the kernel refuses");
}

static void hear_ack(const struct nlmsghdr *m, struct answer *answer, struct err *e)
{
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
        return;
    int error = 0;
    memcpy(&error, NLMSG_DATA(m), sizeof(error));
    answer->confirmed = true;
    if (error >= 0 || answer->error != 0)
        return;

    answer->error = error;
    uint32_t number = m->nlmsg_seq - answer->first;
    answer->failed = number < answer->n ? number : UINT_MAX;
    tell_refusal(m, -error, e);
}

/* One datagram: one or more messages. */
static int hear(const uint8_t *bytes, size_t n, struct answer *answer, struct err *e)
{
    while (n >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)bytes;
        if (m->nlmsg_len < sizeof(struct nlmsghdr) || m->nlmsg_len > n)
            return err_set(e, EBADMSG, "a netlink message's length is wrong");

        if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
            hear_ack(m, answer, e);
        } else if (answer->reader && answer->error == 0 && m->nlmsg_type >= NLMSG_MIN_TYPE) {
            int r = answer->reader(m, answer->arg);
            if (r < 0)
                return err_sys(e, -r, "cannot read a netlink answer");
        }

        size_t step = NLMSG_ALIGN(m->nlmsg_len);
        if (step >= n)
            return 0;
        bytes += step;
        n -= step;
    }
    return 0;
}

/* The kernel answers inside sendmsg, and a dump's next part inside recvmsg: what is not in the
 * queue now will never come, and nothing here ever waits. */
static int hear_all(struct netlink *nl, struct answer *answer, struct err *e)
{
    _Alignas(NLMSG_ALIGNTO) uint8_t bytes[ANSWER_MAX];

    for (;;) {
        struct sockaddr_nl from = {0};
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct msghdr msg = {
            .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n = recvmsg(nl->fd, &msg, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return err_sys(e, errno, "cannot receive a netlink answer");
        if (msg.msg_flags & MSG_TRUNC)
            return err_set(e, EMSGSIZE, "a netlink answer is larger than %d bytes", ANSWER_MAX);
        /* Another process may send to our socket; only the kernel's port is 0. */
        if (from.nl_pid != 0)
            continue;
        int r = hear(bytes, (size_t)n, answer, e);
        if (r < 0)
            return r;
    }
}

int netlink_send(struct netlink *nl, struct netlink_batch *b, netlink_reader reader, void *arg,
                 unsigned *ret_failed, struct err *e)
{
    if (ret_failed)
        *ret_failed = UINT_MAX;
    if (b->overflow || b->len == 0)
        return err_set(e, EMSGSIZE, "a netlink request is empty or larger than %zu bytes", b->max);

    struct answer answer = {.first = nl->seq + 1, .reader = reader, .arg = arg, .failed = UINT_MAX};
    answer.n = number_messages(nl, b);

    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;
    do
        n = sendto(nl->fd, b->bytes, b->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(e, errno, "cannot send a netlink request");

    int r = hear_all(nl, &answer, e);
    if (r < 0)
        return r;
    if (answer.error < 0) {
        if (ret_failed)
            *ret_failed = answer.failed;
        return answer.error;
    }
    if (!answer.confirmed)
        return err_set(e, EPROTO, "the kernel did not answer a netlink request");
    return 0;
}

int netlink_link_index(const struct netlink *nl, const char *name)
{
    struct ifreq request = {0};
    if (strlen(name) >= sizeof(request.ifr_name))
        return -ENODEV;
    memcpy(request.ifr_name, name, strlen(name) + 1);
    /* Any socket will do: what a family does not know is the device layer's (netdevice(7)). */
    if (ioctl(nl->fd, SIOCGIFINDEX, &request) < 0)
        return -errno;
    return request.ifr_ifindex;
}

void netlink_link_name(const struct netlink *nl, int index, char ret[NETLINK_NAME])
{
    struct ifreq request = {.ifr_ifindex = index};
    if (ioctl(nl->fd, SIOCGIFNAME, &request) < 0)
        memcpy(ret, "?", sizeof("?"));
    else
        memcpy(ret, request.ifr_name, NETLINK_NAME);
    ret[NETLINK_NAME - 1] = '\0';
}
