#include "oci/state.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { STATE_LIMIT = 16 << 20 };

int state_check_id(const char *id, struct err *e)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.");
    if (id[n] != '\0' || n == 0 || n > 255 || str_eq(id, ".") || str_eq(id, ".."))
        return err_set(e, EINVAL, "invalid container ID \"%s\"", id);
    return 0;
}

static int open_in(const char *root, const char *id, struct state *s, struct err *e)
{
    _cleanup_close_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    s->id = strdup(id);
    if (!s->id)
        return err_nomem(e);
    if (root_fd >= 0)
        s->dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root_fd < 0 || s->dir_fd < 0)
        return errno == ENOENT ? err_set(e, ENOENT, "container \"%s\" does not exist", id)
                               : err_sys(e, errno, "cannot open container \"%s\"", id);
    return 0;
}

int state_claim(const char *root, const char *id, struct state *ret, struct err *e)
{
    int r = state_check_id(id, e);
    if (r == 0)
        r = dir_make(AT_FDCWD, root, 0711, e);
    if (r < 0)
        return r;

    _cleanup_free_ char *path = str_printf("%s/%s", root, id);
    if (!path)
        return err_nomem(e);
    if (mkdir(path, 0711) < 0)
        return errno == EEXIST ? err_set(e, EEXIST, "container \"%s\" exists already", id)
                               : err_sys(e, errno, "cannot create folder \"%s\"", path);
    _cleanup_state_ struct state s = STATE_INIT;
    r = open_in(root, id, &s, e);
    if (r == 0 && mkfifoat(s.dir_fd, "exec.fifo", 0600) < 0)
        r = err_sys(e, errno, "cannot create \"%s/exec.fifo\"", path);
    if (r < 0) {
        dir_remove(AT_FDCWD, path, NULL);
        return r;
    }
    *ret = s;
    s = STATE_INIT;
    return 0;
}

int state_open(const char *root, const char *id, struct state *ret, struct err *e)
{
    _cleanup_state_ struct state s = STATE_INIT;
    int r = state_check_id(id, e);
    if (r == 0)
        r = open_in(root, id, &s, e);
    if (r < 0)
        return r;
    if (faccessat(s.dir_fd, "state.json", F_OK, 0) == 0) {
        r = json_read(s.dir_fd, "state.json", STATE_LIMIT, &s.document, e);
        if (r < 0)
            return err_wrap(e, "container \"%s\"", id);
        s.pid = (pid_t)json_int(s.document, "pid", 0);
        s.start_time = (uint64_t)json_int(s.document, "startTime", 0);
    }
    *ret = s;
    s = STATE_INIT;
    return 0;
}

int state_write(struct state *s, pid_t pid, const char *bundle, const char *cgroup_path,
                const json_t *annotations, struct err *e)
{
    char created[40];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(created + n, sizeof(created) - n, ".%09ldZ", now.tv_nsec);

    s->pid = pid;
    s->start_time = process_start_time(pid);
    json_decref(s->document);
    s->document =
        json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:s?, s:O*}", "ociVersion", "1.2.0", "id", s->id,
                  "pid", pid, "startTime", (json_int_t)s->start_time, "bundle", bundle, "created",
                  created, "cgroupPath", cgroup_path, "annotations", annotations);
    if (!s->document)
        return err_nomem(e);
    return json_write(s->dir_fd, "state.json", s->document, 0600, 0, e);
}

const char *state_status(const struct state *s)
{
    if (!s->document)
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
