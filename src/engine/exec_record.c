#include "engine/exec_record.h"

#include "base/file.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { RECORD_LIMIT = 16 << 20 }; /* more than any command has */

/* RUN/containers/ID/execs, made when @make; -ENOENT: the container does not run, or has none. */
static int open_folder(const struct engine *en, const char *id, bool make)
{
    _cleanup_free_ char *path = str_printf("containers/%s/execs", id);
    if (!path)
        return -ENOMEM;
    int fd = openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make &&
        (mkdirat(en->run_fd, path, 0700) == 0 || errno == EEXIST))
        fd = openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static json_t *describe(const char *id, pid_t pid, char *const *args)
{
    json_t *command = json_array();
    for (; *args; args++)
        json_gather(&command, json_string(*args));
    return json_pack("{s:s, s:i, s:I, s:o}", "ID", id, "Pid", pid, "StartTime",
                     (json_int_t)process_start_time(pid), "Command", command);
}

/* Made nameless, written, locked, and then linked. */
static int put(struct exec_record *r, const json_t *record)
{
    char self[32];
    _cleanup_free_ char *text = json_text(record, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    r->fd = openat(r->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (r->fd < 0)
        return -errno;
    int written = fd_write_all(r->fd, text, strlen(text));
    snprintf(self, sizeof(self), "/proc/self/fd/%d", r->fd);
    if (written < 0)
        return written;
    if (flock(r->fd, LOCK_EX | LOCK_NB) < 0 ||
        linkat(AT_FDCWD, self, r->dir, r->id, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return 0;
}

int exec_record_make(const struct engine *en, const char *id, pid_t pid, char *const *args,
                     struct exec_record *ret, struct err *e)
{
    struct exec_record record = EXEC_RECORD_INIT;
    int r = id_new(record.id, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *described = describe(record.id, pid, args);
    if (!described)
        return err_nomem(e);
    r = record.dir = open_folder(en, id, true);
    if (r >= 0)
        r = put(&record, described);
    if (r < 0) {
        fd_close(&record.fd);
        fd_close(&record.dir);
        return r == -ENOENT ? err_set(e, ESRCH, "container %s is not running", id)
                            : err_sys(e, -r, "cannot write \"%s/containers/%s/execs/%s\"", en->run,
                                      id, record.id);
    }
    *ret = record;
    return 0;
}

void exec_record_remove(struct exec_record *r)
{
    if (r->fd >= 0)
        unlinkat(r->dir, r->id, 0);
    fd_close(&r->fd);
    fd_close(&r->dir);
}

/* The one called @name: 1; 0 when nobody looks after it. */
static int read_one(int dir, const char *name, json_t **ret)
{
    _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        unlinkat(dir, name, 0);
        return 0;
    }
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = fd_read_all(fd, RECORD_LIMIT, &text, &n);
    if (r == 0)
        r = json_parse(text, n, name, ret, NULL);
    return r < 0 ? r : 1;
}

static int by_start(const void *a, const void *b)
{
    json_t *const *x = a, *const *y = b;
    json_int_t d = json_int(*x, "StartTime", 0) - json_int(*y, "StartTime", 0);
    return d < 0 ? -1 : d > 0 ? 1 : strcmp(json_str(*x, "ID") ?: "", json_str(*y, "ID") ?: "");
}

static int sort(json_t *list)
{
    size_t n = json_array_size(list);
    _cleanup_free_ json_t **all = calloc(n + 1, sizeof(json_t *));
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        all[i] = json_incref(json_array_get(list, i));
    qsort(all, n, sizeof(json_t *), by_start);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(list, i, all[i]);
    return 0;
}

int exec_records_read(const struct engine *en, const char *id, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    if (!list)
        return err_nomem(e);
    int fd = open_folder(en, id, false);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int r = fd == -ENOENT || dir ? 0 : fd < 0 ? fd : -errno;
    if (fd >= 0 && !dir)
        close(fd);
    for (struct dirent *entry; r == 0 && dir && (entry = readdir(dir));) {
        _cleanup_json_ json_t *one = NULL;
        if (strlen(entry->d_name) != ID_LEN)
            continue;
        int found = read_one(dirfd(dir), entry->d_name, &one);
        if (found == -ENOMEM || (found == 1 && json_array_append(list, one) < 0))
            r = -ENOMEM;
    }
    if (r == 0)
        r = sort(list);
    if (r < 0)
        return err_sys(e, -r, "cannot read the execs of container %s", id);
    *ret = TAKE_PTR(list);
    return 0;
}
