#include "base/message.h"

#include "base/file.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { HEAD = 4 };

union rights {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
};

static int send_head(int socket_fd, const unsigned char *bytes, int with_fd)
{
    union rights rights = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, HEAD};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (with_fd >= 0) {
        message.msg_control = &rights;
        message.msg_controllen = sizeof(rights);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &with_fd, sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return fd_write_all(socket_fd, bytes + n, (size_t)(HEAD - n));
}

int message_send(int socket_fd, const json_t *value, int with_fd, struct err *e)
{
    _cleanup_free_ char *text = json_text(value, JSON_COMPACT);
    size_t n = text ? strlen(text) : 0;
    if (!text)
        return err_nomem(e);
    if (n > MESSAGE_MAX)
        return err_set(e, EMSGSIZE, "a message of %zu bytes is too long", n);
    const unsigned char head[HEAD] = {(unsigned char)n, (unsigned char)(n >> 8),
                                      (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
    int r = send_head(socket_fd, head, with_fd);
    if (r == 0)
        r = fd_write_all(socket_fd, text, n);
    explicit_bzero(text, n); /* there may be a password in it */
    return r < 0 ? err_sys(e, -r, "cannot send a message") : 0;
}

/* All of @n bytes: 1, or 0 when the stream ended before the first. */
static int read_whole(int fd, void *bytes, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = read(fd, (char *)bytes + have, n - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return have == 0 ? 0 : -EPROTO;
        have += (size_t)got;
    }
    return 1;
}

/* The room for one is, rounded up, room for two: the last is kept, none stays open unseen. */
static void take_rights(struct msghdr *message, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            fd_close(fd);
            memcpy(fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
}

static int receive_head(int socket_fd, unsigned char *bytes, int *fd)
{
    union rights rights = {0};
    struct iovec part = {bytes, HEAD};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &rights,
        .msg_controllen = sizeof(rights),
    };
    ssize_t n;
    do
        n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    if (n == 0)
        return 0;
    take_rights(&message, fd);
    int r = n == HEAD ? 1 : read_whole(socket_fd, bytes + n, (size_t)(HEAD - n));
    return r == 0 ? -EPROTO : r;
}

int message_receive(int socket_fd, json_t **ret, int *ret_fd, struct err *e)
{
    unsigned char head[HEAD];
    _cleanup_close_ int fd = -EBADF;
    _cleanup_json_ json_t *value = NULL;
    int r = receive_head(socket_fd, head, &fd);
    if (r <= 0)
        return r < 0 ? err_sys(e, -r, "cannot receive a message") : 0;
    size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (n > MESSAGE_MAX)
        return err_set(e, EPROTO, "a message of %zu bytes is too long", n);
    _cleanup_free_ char *text = malloc(n + 1);
    if (!text)
        return err_nomem(e);
    r = read_whole(socket_fd, text, n);
    if (r <= 0)
        return err_set(e, EPROTO, "a message ended in its middle");
    text[n] = '\0';
    r = json_parse(text, n, "message", &value, NULL);
    explicit_bzero(text, n);
    if (r < 0 || !json_is_object(value))
        return err_set(e, EPROTO, "a message cannot be read");
    *ret = TAKE_PTR(value);
    if (ret_fd)
        *ret_fd = TAKE_FD(fd);
    return 1;
}
