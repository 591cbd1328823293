#include "engine/log_socket.h"

#include <poll.h>
#include <string.h>
#include <sys/un.h>

enum { PATIENCE_MS = 50 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, n + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int log_socket_open(struct log_socket *s, const char *path, struct err *e)
{
    *s = (struct log_socket){.fd = connect_to(path), .path = strdup(path)};
    if (s->fd < 0)
        err_sys(e, -s->fd, "cannot connect to \"%s\"", path);
    int r = s->fd < 0 ? s->fd : s->path ? 0 : err_nomem(e);
    if (r < 0)
        log_socket_close(s);
    return r;
}

void log_socket_close(struct log_socket *s)
{
    fd_close(&s->fd);
    free(s->path);
    s->path = NULL;
}

static int try_once(struct log_socket *s, const struct msghdr *message)
{
    ssize_t n;
    do
        n = sendmsg(s->fd, message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static bool is_gone(int r)
{
    return r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -EBADF;
}

int log_socket_send(struct log_socket *s, const struct msghdr *message)
{
    int r = try_once(s, message);
    if (is_gone(r)) { /* it may have been started anew */
        int fd = connect_to(s->path);
        if (fd >= 0) {
            fd_close(&s->fd);
            s->fd = fd;
            r = try_once(s, message);
        }
    }
    if (r == -EAGAIN && !s->error) {
        struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
        poll(&ready, 1, PATIENCE_MS);
        r = try_once(s, message);
    }
    if (r == -EMSGSIZE || r == -ENOBUFS)
        return r;
    s->error = -r;
    s->lost += r < 0;
    return r;
}
