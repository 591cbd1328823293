#include "engine/log_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>

enum {
    WITHOUT_MS = 100, /* when nothing tells us */
    FALLING_MS = 2,   /* the lock is let go just after its file was closed */
    SURELY_MS = 2000, /* in case that something was not told */
};

void log_watch_begin(struct log_watch *w)
{
    *w = (struct log_watch){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
}

void log_watch_end(struct log_watch *w)
{
    fd_close(&w->fd);
}

static bool watch(struct log_watch *w, int dir_fd, const char *name, uint32_t mask)
{
    _cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dir_fd, name);
    return path && inotify_add_watch(w->fd, path, mask) >= 0;
}

void log_watch_add(struct log_watch *w, const struct engine *en, const struct container_record *c)
{
    _cleanup_free_ char *lock = str_printf("locks/%s", c->id);
    if (w->fd < 0)
        return;
    /* A lock that is not there any more is seen when that is asked. */
    bool whole =
        watch(w, c->dir_fd, ".", IN_MODIFY | IN_CREATE | IN_MOVED_TO) &&
        (watch(w, en->run_fd, lock ? lock : "", IN_CLOSE_WRITE | IN_ATTRIB) || errno == ENOENT);
    if (!whole)
        log_watch_end(w);
}

static void read_events(struct log_watch *w)
{
    _Alignas(struct inotify_event) char buf[4096];
    ssize_t n;
    while ((n = read(w->fd, buf, sizeof(buf))) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(buf + at);
            w->lock_fell |= (event->mask & (IN_CLOSE_WRITE | IN_ATTRIB | IN_IGNORED)) != 0;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
}

int log_watch_wait(struct log_watch *w, int out, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = w->fd, .events = POLLIN}, {.fd = out}};
    int most = w->fd < 0 ? WITHOUT_MS : w->lock_fell ? FALLING_MS : SURELY_MS;
    w->lock_fell = false;
    if (timeout_ms < 0 || timeout_ms > most)
        timeout_ms = most;
    if (poll(fds, 2, timeout_ms) <= 0)
        return 0;
    if (fds[0].revents)
        read_events(w);
    return fds[1].revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE : 0;
}

bool log_is_written(const struct engine *en, const char *id)
{
    _cleanup_free_ char *path = str_printf("locks/%s", id);
    _cleanup_close_ int fd = path ? openat(en->run_fd, path, O_RDONLY | O_CLOEXEC) : -1;
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}
