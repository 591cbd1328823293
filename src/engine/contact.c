#include "engine/contact.h"

#include "base/file.h"
#include "base/loop.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 128, ANSWER_MS = 1000 };

/* An address has room for 107 bytes, and a run folder may be anywhere: so by its descriptor. */
static int socket_address(const struct engine *en, const char *id, struct sockaddr_un *ret,
                          int *ret_folder, struct err *e)
{
    _cleanup_free_ char *path = str_printf("containers/%s", id);
    if (!path)
        return err_nomem(e);
    *ret_folder = openat(en->run_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_folder < 0)
        return errno == ENOENT ? err_set(e, ESRCH, "container %s is not running", id)
                               : err_sys(e, errno, "cannot open \"%s/%s\"", en->run, path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/monitor.sock", *ret_folder);
    return 0;
}

static int make_folder(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_free_ char *path = str_printf("containers/%s", id);
    if (!path)
        return err_nomem(e);
    if (mkdirat(en->run_fd, path, 0700) == 0 || errno == EEXIST)
        return 0;
    return dir_make(en->run_fd, path, 0700, e);
}

int contact_listen(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_close_ int folder = -EBADF;
    struct sockaddr_un address;
    int r = make_folder(en, id, e);
    if (r == 0)
        r = socket_address(en, id, &address, &folder, e);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    r = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
                listen(fd, BACKLOG) < 0
            ? -errno
            : 0;
    umask(mask);
    if (r < 0)
        return err_sys(e, -r, "cannot listen on \"%s/containers/%s/monitor.sock\"", en->run, id);
    return TAKE_FD(fd);
}

/* The wish, and the terminal with it. */
static int greet(int fd, unsigned wishes, int terminal)
{
    uint8_t hello[FRAME_HEADER + 1];
    frame_header(hello, FRAME_HELLO, 1);
    hello[FRAME_HEADER] = (uint8_t)wishes;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec piece = {hello, sizeof(hello)};
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
    if (terminal >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &terminal, sizeof(int));
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(hello) ? 0 : -errno;
}

static int open_contact(const struct engine *en, const char *id, unsigned wishes, int terminal,
                        int flags, struct err *e)
{
    _cleanup_close_ int folder = -EBADF;
    struct sockaddr_un address;
    int r = socket_address(en, id, &address, &folder, e);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return err_sys(e, errno, "cannot make a socket");
    while ((r = connect(fd, (struct sockaddr *)&address, sizeof(address))) < 0 && errno == EINTR)
        ;
    r = r < 0 ? -errno : greet(fd, wishes, terminal);
    if (r == -ECONNREFUSED || r == -ENOENT || r == -EPIPE || r == -ECONNRESET)
        return err_set(e, ESRCH, "container %s is not running", id);
    if (r < 0)
        return err_sys(e, -r, "cannot reach the monitor of container %s", id);
    return TAKE_FD(fd);
}

int contact_open(const struct engine *en, const char *id, unsigned wishes, int terminal,
                 struct err *e)
{
    return open_contact(en, id, wishes, terminal, 0, e);
}

int contact_try(const struct engine *en, const char *id, struct err *e)
{
    return open_contact(en, id, 0, -1, SOCK_NONBLOCK, e);
}

bool contact_answers(const struct engine *en, const char *id)
{
    _cleanup_close_ int fd = open_contact(en, id, WISH_ANSWER, -1, SOCK_NONBLOCK, NULL);
    if (fd < 0)
        return fd != -ESRCH;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ANSWER_MS) <= 0)
        return true;
    uint8_t kind;
    return recv(fd, &kind, 1, 0) == 1 && kind != FRAME_EXITED;
}

/* Of what comes only the end is of interest. 1: it came; 0: not yet; -ECONNRESET. */
static int take_frames(struct frame_reader *in, int contact, int *ret_status)
{
    struct frame f;
    int r;
    if (frame_fill(in, contact) <= 0)
        return -ECONNRESET;
    while ((r = frame_next(in, &f)) == 1) {
        bool end = f.kind == FRAME_EXITED && f.len == 1;
        if (end && ret_status)
            *ret_status = f.payload[0];
        if (end)
            return 1;
        frame_drop(in, &f);
    }
    return r < 0 ? -ECONNRESET : 0;
}

int contact_wait_end(int contact, long long ms, int *ret_status)
{
    _cleanup_free_ struct frame_reader *in = calloc(1, sizeof(*in));
    const uint64_t deadline = loop_now_ms() + (uint64_t)(ms > 0 ? ms : 0);
    if (!in)
        return -ENOMEM;
    for (;;) {
        uint64_t now = loop_now_ms();
        uint64_t left = deadline > now ? deadline - now : 0;
        struct pollfd p = {.fd = contact, .events = POLLIN};
        int n = poll(&p, 1, ms < 0 ? -1 : left > INT_MAX ? INT_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        int r = n < 0 ? 0 : take_frames(in, contact, ret_status);
        if (r != 0)
            return r;
    }
}

int contact_hand_over(const struct engine *en, const char *id, int claim, struct err *e)
{
    _cleanup_close_ int fd = open_contact(en, id, WISH_KEEP, claim, 0, e);
    if (fd < 0)
        return fd;
    struct frame_reader *in = calloc(1, sizeof(*in));
    struct frame f = {0};
    int r = in ? 0 : -ENOMEM;
    while (r == 0) {
        long n = frame_fill_one(in, fd);
        r = n > 0 || n == -EINTR ? frame_next(in, &f) : -ECONNRESET;
    }
    bool kept = r == 1 && f.kind == FRAME_STARTED;
    free(in);
    return kept ? 0 : err_set(e, EPIPE, "the monitor of container %s did not take a port", id);
}

void contact_wake(const struct engine *en, const char *id)
{
    _cleanup_close_ int fd = contact_try(en, id, NULL);
    if (fd >= 0)
        frame_send(fd, FRAME_WAKE, NULL, 0);
}
