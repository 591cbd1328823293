/*
 * libFuzzer target: any packets on the wire between a container's init and its maker. A byte tells
 * how long a packet is and whether a descriptor comes along.
 */
#include "runtime/control.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_packet(int sock, const void *bytes, size_t n, unsigned fds)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fds > 0) {
        const int passed[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds * sizeof(int));
        memcpy(CMSG_DATA(c), passed, fds * sizeof(int));
    }
    if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

static void check(const struct control_message *m)
{
    if (m->kind < CONTROL_PID || m->kind > CONTROL_GO || !memchr(m->text, '\0', sizeof(m->text)))
        abort();
    if (m->fd >= 0)
        close(m->fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2], lowest = dup(STDERR_FILENO);
    close(lowest);
    if (control_pair(pair) < 0)
        return 0;
    unsigned sent = 0;
    while (size > 2 && sent++ < 16) {
        size_t n = (size_t)data[0] * 32 + (data[1] >> 2);
        unsigned fds = data[1] & 3;
        data += 2;
        size -= 2;
        if (n > size)
            n = size;
        send_packet(pair[0], data, n, fds);
        data += n;
        size -= n;
    }
    close(pair[0]);
    struct control_message m;
    for (int r; (r = control_receive(pair[1], &m)) != 0;)
        if (r == 1)
            check(&m);
    close(pair[1]);
    /* No descriptor that came along is left open. */
    int now = dup(STDERR_FILENO);
    close(now);
    if (now != lowest)
        abort();
    return 0;
}
