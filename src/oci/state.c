#include "oci/state.h"

#include "base/file.h"
#include "base/str.h"
#include "base/timestamp.h"
#include "kernel/process.h"
#include "oci/oci.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { STATE_LIMIT = 16 << 20 };

int state_check_id(const char *id, struct err *e)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.");
    if (id[n] != '\0' || n == 0 || n > 255 || str_eq(id, ".") || str_eq(id, ".."))
        return err_set(e, EINVAL, "invalid container ID \"%s\"", id);
    return 0;
}

static int open_in(int root_fd, const char *id, struct state *s, struct err *e)
{
    s->id = strdup(id);
    if (!s->id)
        return err_nomem(e);
    s->dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return s->dir_fd < 0 ? -errno : 0;
}

/* Opened first, and made only when it is not there: it mostly is. */
static int open_root(const char *root, struct err *e)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int r = dir_make(AT_FDCWD, root, 0711, e);
        if (r < 0)
            return r;
        fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return fd < 0 ? err_sys(e, errno, "cannot open \"%s\"", root) : fd;
}

int state_claim(const char *root, const char *id, struct state *ret, struct err *e)
{
    int r = state_check_id(id, e);
    if (r < 0)
        return r;
    _cleanup_close_ int root_fd = open_root(root, e);
    if (root_fd < 0)
        return root_fd;
    if (mkdirat(root_fd, id, 0711) < 0)
        return errno == EEXIST ? err_set(e, EEXIST, "container \"%s\" exists already", id)
                               : err_sys(e, errno, "cannot create folder \"%s/%s\"", root, id);
    _cleanup_state_ struct state s = STATE_INIT;
    r = open_in(root_fd, id, &s, e);
    if (r == 0 && flock(s.dir_fd, LOCK_EX) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(root_fd, id, AT_REMOVEDIR);
        return err_sys(e, -r, "cannot open \"%s/%s\"", root, id);
    }
    *ret = s;
    s = STATE_INIT;
    return 0;
}

void state_settle(struct state *s)
{
    flock(s->dir_fd, LOCK_UN);
}

static int read_document(struct state *s, struct err *e)
{
    if (faccessat(s->dir_fd, "state.json", F_OK, 0) < 0)
        return 0;
    int r = json_read(s->dir_fd, "state.json", STATE_LIMIT, &s->document, e);
    if (r < 0)
        return err_wrap(e, "container \"%s\"", s->id);
    s->pid = (pid_t)json_int(s->document, "pid", 0);
    s->start_time = (uint64_t)json_int(s->document, "startTime", 0);
    return 0;
}

int state_open(const char *root, const char *id, struct state *ret, struct err *e)
{
    _cleanup_state_ struct state s = STATE_INIT;
    int r = state_check_id(id, e);
    if (r < 0)
        return r;
    _cleanup_close_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    r = root_fd < 0 ? -errno : open_in(root_fd, id, &s, e);
    if (r == -ENOENT)
        return err_set(e, ENOENT, "container \"%s\" does not exist", id);
    if (r < 0)
        return err_sys(e, -r, "cannot open container \"%s\"", id);
    r = read_document(&s, e);
    if (r < 0)
        return r;
    *ret = s;
    s = STATE_INIT;
    return 0;
}

int state_note_cgroup(const struct state *s, const char *path, struct err *e)
{
    if (symlinkat(path, s->dir_fd, "cgroup") < 0)
        return err_sys(e, errno, "cannot note control group \"%s\"", path);
    return 0;
}

char *state_cgroup(const struct state *s)
{
    _cleanup_free_ char *path = calloc(1, PATH_MAX);
    if (!path || readlinkat(s->dir_fd, "cgroup", path, PATH_MAX - 1) <= 0)
        return NULL;
    return TAKE_PTR(path);
}

int state_describe(struct state *s, const char *bundle, const json_t *annotations,
                   const json_t *hooks, struct err *e)
{
    char created[40];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(now, created);
    s->document =
        json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*}", "ociVersion", OCI_VERSION, "id", s->id,
                  "bundle", bundle, "created", created, "annotations", annotations, "hooks", hooks);
    return s->document ? 0 : err_nomem(e);
}

int state_write(struct state *s, pid_t pid, struct err *e)
{
    s->pid = pid;
    s->start_time = process_start_time(pid);
    if (json_object_set_new(s->document, "pid", json_integer(pid)) < 0 ||
        json_object_set_new(s->document, "startTime", json_integer((json_int_t)s->start_time)) < 0)
        return err_nomem(e);
    return json_write(s->dir_fd, "state.json", s->document, 0600, 0, e);
}

int state_make_gate(const struct state *s, struct err *e)
{
    if (mkfifoat(s->dir_fd, "exec.fifo", 0600) < 0)
        return err_sys(e, errno, "cannot create \"exec.fifo\"");
    int fd = openat(s->dir_fd, "exec.fifo", O_RDWR | O_CLOEXEC);
    return fd < 0 ? err_sys(e, errno, "cannot open \"exec.fifo\"") : fd;
}

int state_open_gate(const struct state *s, struct err *e)
{
    _cleanup_close_ int fd = openat(s->dir_fd, "exec.fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO)
        return err_set(e, ESRCH, "cannot start container \"%s\": it has ended", s->id);
    /* Whoever takes the name away is the one who starts it. */
    if (fd < 0 || unlinkat(s->dir_fd, "exec.fifo", 0) < 0 || write(fd, "", 1) != 1)
        return err_sys(e, errno, "cannot start container \"%s\"", s->id);
    /* Its first process alone holds the other side, until it executes its program, or dies. */
    struct pollfd reader = {.fd = fd};
    while (poll(&reader, 1, -1) < 0)
        if (errno != EINTR)
            return err_sys(e, errno, "cannot wait for container \"%s\" to start", s->id);
    return 0;
}

static bool is_locked(const struct state *s)
{
    if (flock(s->dir_fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    flock(s->dir_fd, LOCK_UN);
    return false;
}

const char *state_status(const struct state *s)
{
    if (is_locked(s))
        return "creating";
    if (!process_is(s->pid, s->start_time))
        return "stopped";
    return faccessat(s->dir_fd, "exec.fifo", F_OK, 0) == 0 ? "created" : "running";
}

int state_remove(const char *root, const struct state *s, struct err *e)
{
    _cleanup_close_ int root_fd = dir_open(AT_FDCWD, root, true, e);
    return root_fd < 0 ? root_fd : dir_remove(root_fd, s->id, e);
}

void state_release(struct state *s)
{
    free(s->id);
    fd_close(&s->dir_fd);
    json_decref(s->document);
    *s = STATE_INIT;
}
