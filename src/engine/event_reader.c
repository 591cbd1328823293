#include "engine/events.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

enum { CHUNK = 1 << 16 };

/* One file, and what was read of it but not taken. */
struct journal {
    int fd;
    char *text;
    size_t n, at, size;
    bool skipping; /* in a line that is too long */
};

struct event_reader {
    int root_fd; /* the engine's */
    int watch;   /* inotify; -EBADF: not following, or it cannot be had */
    bool follow;
    /* The file before, to which a writer that was slow may still add, and the newest. */
    struct journal old, now;
};

static void journal_release(struct journal *j)
{
    fd_close(&j->fd);
    free(j->text);
    *j = (struct journal){.fd = -EBADF};
}

void event_reader_free(struct event_reader *r)
{
    if (!r)
        return;
    journal_release(&r->old);
    journal_release(&r->now);
    fd_close(&r->watch);
    free(r);
}

/* The file, or -EBADF when there is none. */
static int open_file(int root_fd, const char *name, struct err *e)
{
    struct stat st;
    int fd = openat(root_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return -EBADF;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        int code = fd < 0 ? errno : EINVAL;
        fd_close(&fd);
        return err_sys(e, code, "cannot open the journal \"%s\"", name);
    }
    return fd;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool is_same_file(int a, int b)
{
    struct stat x, y;
    return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && is_same(&x, &y);
}

/* Whether the file @fd is still called @name; without a file, whether none is. */
static bool is_named(int root_fd, const char *name, int fd)
{
    struct stat named, mine;
    bool there = fstatat(root_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0;
    if (fd < 0 || !there)
        return fd < 0 && !there;
    return fstat(fd, &mine) == 0 && is_same(&mine, &named);
}

/* Both files as they belong together: the older is still the older when the newer is open. -EBADF
 * for one that is not there. */
static int open_both(int root_fd, int *ret_old, int *ret_now, struct err *e)
{
    for (;;) {
        _cleanup_close_ int old = open_file(root_fd, "events.1", e);
        if (old < 0 && old != -EBADF)
            return old;
        _cleanup_close_ int now = open_file(root_fd, "events", e);
        if (now < 0 && now != -EBADF)
            return now;
        if (!is_named(root_fd, "events.1", old))
            continue;
        *ret_old = TAKE_FD(old);
        *ret_now = TAKE_FD(now);
        return 0;
    }
}

int event_reader_open(const struct engine *en, bool follow, struct event_reader **ret,
                      struct err *e)
{
    _cleanup_event_reader_ struct event_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return err_nomem(e);
    *r = (struct event_reader){.root_fd = en->root_fd,
                               .watch = -EBADF,
                               .follow = follow,
                               .old.fd = -EBADF,
                               .now.fd = -EBADF};
    char folder[32];
    snprintf(folder, sizeof(folder), "/proc/self/fd/%d", en->root_fd);
    if (follow)
        r->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (r->watch >= 0 &&
        inotify_add_watch(r->watch, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        fd_close(&r->watch);
    int result = open_both(r->root_fd, &r->old.fd, &r->now.fd, e);
    if (result == 0)
        *ret = TAKE_PTR(r);
    return result;
}

/* Reads on. Number of bytes; 0 when there are none now. */
static int fill(struct journal *j, struct err *e)
{
    if (j->fd < 0)
        return 0;
    if (j->at > 0) {
        memmove(j->text, j->text + j->at, j->n - j->at);
        j->n -= j->at;
        j->at = 0;
    }
    if (j->n >= EVENT_LINE_LIMIT) {
        j->n = 0;
        j->skipping = true;
    }
    if (j->n + CHUNK > j->size) {
        char *more = realloc(j->text, j->n + CHUNK);
        if (!more)
            return err_nomem(e);
        j->text = more;
        j->size = j->n + CHUNK;
    }
    ssize_t n;
    do
        n = read(j->fd, j->text + j->n, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(e, errno, "cannot read the journal \"events\"");
    j->n += (size_t)n;
    return (int)n;
}

/* The next whole line that is there already, ended by a NUL; NULL: none. */
static char *take_line(struct journal *j, size_t *ret_n)
{
    for (;;) {
        if (j->at == j->n)
            return NULL;
        char *begin = j->text + j->at;
        char *end = memchr(begin, '\n', j->n - j->at);
        if (!end)
            return NULL;
        j->at = (size_t)(end + 1 - j->text);
        if (TAKE(j->skipping, false))
            continue;
        *end = '\0';
        *ret_n = (size_t)(end - begin);
        return begin;
    }
}

static bool is_event(const json_t *j)
{
    return json_is_integer(json_object_get(j, "timeNano")) && json_str(j, "Type") &&
           json_str(j, "Action") && json_str(j, "ID") &&
           json_is_object(json_object_get(j, "Attributes"));
}

/* How a line begins. No value inside of one does: attributes are strings. */
static const char beginning[] = "{\"timeNano\":";

static long long time_of(const char *line)
{
    const char *number = str_after(line, beginning);
    return number ? strtoll(number, NULL, 10) : -1;
}

/* The event of a line, or NULL. Where a writer was killed or the disk was full before its line was
 * whole, the next one's stands right behind it. */
static json_t *parse_line(const char *line, size_t n, long long since_ns)
{
    for (const char *s = line; s; s = strstr(s + 1, beginning)) {
        json_t *event = NULL;
        if (time_of(s) < since_ns ||
            json_parse(s, n - (size_t)(s - line), "events", &event, NULL) < 0)
            continue;
        if (is_event(event))
            return event;
        json_decref(event);
    }
    return NULL;
}

/* 1 and an event, or 0 when the file has no more now. */
static int journal_next(struct journal *j, long long since_ns, json_t **ret, struct err *e)
{
    for (;;) {
        size_t n = 0;
        const char *line;
        while ((line = take_line(j, &n)))
            if ((*ret = parse_line(line, n, since_ns)))
                return 1;
        int r = fill(j, e);
        if (r <= 0)
            return r;
    }
}

/* When the newest file has become the one before: on with its successor. 1 when it has. Who was
 * away while two were filled goes on with the older of them. */
static int turn(struct event_reader *r, struct err *e)
{
    if (is_named(r->root_fd, "events", r->now.fd))
        return 0;
    _cleanup_close_ int old = -EBADF, now = -EBADF;
    int result = open_both(r->root_fd, &old, &now, e);
    if (result < 0)
        return result;
    bool jump = old >= 0 && !is_same_file(r->now.fd, old) && !is_same_file(r->old.fd, old);
    int next = jump ? TAKE_FD(old) : TAKE_FD(now);
    if (next < 0)
        return 0;
    if (r->now.fd >= 0) {
        journal_release(&r->old);
        r->old = r->now;
    }
    r->now = (struct journal){.fd = next};
    return 1;
}

/* Until something may have changed. 0 when the time is over. */
static int wait_for_more(struct event_reader *r, long long until_ns, struct err *e)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    long long left = until_ns == LLONG_MAX
                         ? LLONG_MAX
                         : (until_ns - (t.tv_sec * 1000000000LL + t.tv_nsec) + 999999) / 1000000;
    if (left <= 0)
        return 0;
    /* The clock may be set meanwhile; and without inotify we look ourselves. */
    int most = r->watch >= 0 ? 60000 : 200;
    struct pollfd fd = {.fd = r->watch, .events = POLLIN};
    int n = poll(&fd, 1, left < most ? (int)left : most);
    if (n < 0 && errno != EINTR)
        return err_sys(e, errno, "cannot wait for events");
    char dropped[4096];
    while (n > 0 && read(r->watch, dropped, sizeof(dropped)) > 0)
        ;
    return 1;
}

int event_reader_next(struct event_reader *r, long long since_ns, long long until_ns, json_t **ret,
                      struct err *e)
{
    for (;;) {
        int got = journal_next(&r->old, since_ns, ret, e);
        if (got == 0)
            got = journal_next(&r->now, since_ns, ret, e);
        if (got != 0)
            return got;
        got = turn(r, e);
        if (got == 0 && r->follow)
            got = wait_for_more(r, until_ns, e);
        if (got <= 0)
            return got;
    }
}
