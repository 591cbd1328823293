/*
 * The other side of --console-socket: listens at argv[1], says "listening" on standard error, takes
 * the descriptor of a terminal, copies standard input to it and it to standard output until its
 * other end is gone. Exit status 3 when no descriptor came.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int sock)
{
    char byte[64];
    int fd = -1;
    struct iovec iov = {byte, sizeof(byte)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    if (recvmsg(sock, &msg, 0) <= 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
        return 2;
    memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
        return 2;
    fputs("listening\n", stderr);
    int terminal = receive(accept(listener, NULL, NULL));
    if (terminal < 0 || !isatty(terminal))
        return 3;

    struct pollfd fds[] = {{.fd = terminal, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    for (;;) {
        char buf[4096];
        if (poll(fds, 2, -1) < 0)
            return 2;
        for (int i = 0; i < 2; i++) {
            ssize_t n = fds[i].revents ? read(fds[i].fd, buf, sizeof(buf)) : 0;
            if (fds[i].revents && n <= 0 && i == 0)
                return n < 0 && errno != EIO ? 2 : 0;
            if (fds[i].revents && n <= 0)
                fds[i].fd = -1;
            if (n > 0 && write(i == 0 ? 1 : terminal, buf, (size_t)n) != n)
                return 2;
        }
    }
}
