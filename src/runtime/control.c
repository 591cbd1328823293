#include "runtime/control.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

struct packet {
    uint32_t kind;
    int32_t number;
    int32_t code;
    char text[CONTROL_TEXT_MAX];
};

int control_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int control_send(int sock, enum control_kind kind, int number, int code, const char *text, int fd)
{
    struct packet p = {.kind = kind, .number = number, .code = code};
    size_t len = text ? strnlen(text, sizeof(p.text) - 1) : 0;
    if (len > 0)
        memcpy(p.text, text, len);

    struct iovec iov = {.iov_base = &p, .iov_len = offsetof(struct packet, text) + len};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* The one that was expected; a second, for which the buffer has room, is closed. */
static int take_fd(struct msghdr *msg)
{
    int fd = -EBADF;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
            int more;
            memcpy(&more, CMSG_DATA(c) + at, sizeof(more));
            if (fd < 0)
                fd = more;
            else
                close(more);
        }
    }
    return fd;
}

int control_receive(int sock, struct control_message *ret)
{
    struct packet p = {0};
    struct iovec iov = {.iov_base = &p, .iov_len = sizeof(p)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    /* ECONNRESET says, once, that the peer ended without reading all of ours; what it had sent
     * before, why it ended, is still to be had. */
    ssize_t n;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return -errno;
    _cleanup_close_ int fd = take_fd(&msg); /* a packet of no bytes may have one, too */
    if (n == 0)
        return 0;
    size_t len = (size_t)n - offsetof(struct packet, text);
    if ((size_t)n < offsetof(struct packet, text) || len >= sizeof(p.text) ||
        (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || p.kind < CONTROL_PID || p.kind > CONTROL_GO)
        return -EBADMSG;

    *ret = (struct control_message){
        .kind = (enum control_kind)p.kind,
        .number = p.number,
        .code = p.code,
        .fd = TAKE_FD(fd),
    };
    memcpy(ret->text, p.text, len);
    ret->text[len] = '\0';
    return 1;
}

int control_failure(const struct control_message *m, struct err *e)
{
    return err_set(e, m->code > 0 ? m->code : EIO, "%s", m->text);
}
