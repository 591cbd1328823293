/* The life of a group: who is in it, stopping them, removing it with the groups below. */
#include "base/file.h"
#include "base/str.h"
#include "runtime/cgroup_private.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PROCS_MAX_BYTES (64u << 20)
/* The container may make groups in its own, if it was given the tree writable. */
#define MAX_DEPTH 128

#define FREEZE_TIMEOUT_MS 10000
#define REMOVE_TIMEOUT_MS 2000

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* --- processes --------------------------------------------------------------------------- */

static int append_pid(struct pid_list *list, pid_t pid)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 32;
        pid_t *more = realloc(list->v, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        list->v = more;
        list->cap = cap;
    }
    list->v[list->n++] = pid;
    return 0;
}

static int read_procs(int dirfd, struct pid_list *list)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd_read_all(fd, PROCS_MAX_BYTES, &text, NULL);
    /* A threaded group of v2: its processes are listed in the group above. Or just removed. */
    if (r == -EOPNOTSUPP || r == -ENODEV || r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    for (char *p = text; p && *p;) {
        char *end;
        long pid = strtol(p, &end, 10);
        if (end == p)
            break;
        /* 0 is a process that our PID namespace does not show. */
        if (pid > 0 && append_pid(list, (pid_t)pid) < 0)
            return -ENOMEM;
        p = end + strspn(end, "\n");
    }
    return 0;
}

/* Calls @visit for each group directly in the folder @dirfd. */
static int each_child(int dirfd, int (*visit)(int dirfd, const char *name, void *data), void *data)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    _cleanup_closedir_ DIR *d = fdopendir(fd);
    if (!d) {
        int saved = errno;
        close(fd);
        return -saved;
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_type == DT_DIR && !str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            r = visit(dirfd, entry->d_name, data);
    }
    return r;
}

struct collecting {
    struct pid_list *list;
    unsigned depth;
};

static int collect_below(int dirfd, const char *name, void *data);

static int collect(int dirfd, struct collecting *c)
{
    int r = read_procs(dirfd, c->list);
    return r < 0 ? r : each_child(dirfd, collect_below, c);
}

static int collect_below(int dirfd, const char *name, void *data)
{
    struct collecting c = *(struct collecting *)data;
    if (++c.depth > MAX_DEPTH)
        return -ELOOP;
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return collect(fd, &c);
}

int cgroup_collect_pids(int dirfd, struct pid_list *list)
{
    return collect(dirfd, &(struct collecting){.list = list});
}

/* Everybody is in all hierarchies; the freezer's is the one in which they can be held. */
static const struct hierarchy *main_hierarchy(const struct cgroup *cg)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, "freezer");
    for (size_t i = 0; !h && i < cg->n; i++) {
        if (cg->h[i].dirfd >= 0)
            h = &cg->h[i];
    }
    return h;
}

ssize_t cgroup_pids(const struct cgroup *cg, pid_t **ret, struct err *e)
{
    const struct hierarchy *h = main_hierarchy(cg);
    struct pid_list list = {0};
    int r = h ? cgroup_collect_pids(h->dirfd, &list) : 0;
    if (r < 0) {
        free(list.v);
        return err_sys(e, -r, "cannot read the processes of control group \"%s\"", cg->path);
    }
    *ret = list.v;
    return (ssize_t)list.n;
}

static int add_name(int dirfd, const char *name, void *data)
{
    struct strv *names = data;
    (void)dirfd;
    for (size_t i = 0; i < names->n; i++)
        if (str_eq(names->v[i], name))
            return 0;
    strv_add(names, name);
    return names->failed ? -ENOMEM : 0;
}

int cgroup_children(const struct cgroup *cg, struct strv *ret, struct err *e)
{
    for (size_t i = 0; i < cg->n; i++) {
        int r = cg->h[i].dirfd < 0 ? 0 : each_child(cg->h[i].dirfd, add_name, ret);
        if (r < 0)
            return err_sys(e, -r, "cannot read control group \"%s\"", cg->path);
    }
    return 0;
}

/* --- stopping ---------------------------------------------------------------------------- */

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e)
{
    const char *verb = frozen ? "freeze" : "thaw";
    long long deadline = now_ms() + FREEZE_TIMEOUT_MS;
    for (long ms = 1;; ms = ms < 20 ? ms * 2 : ms) {
        /* Ordered again each time: v1 misses processes that were being born. */
        int r = cg->driver->freeze(cg, frozen);
        if (r == -ENOTSUP)
            return err_set(e, ENOTSUP, "cannot %s control group \"%s\": there is no freezer (%s)",
                           verb, cg->path, cgroup_layout(cg));
        if (r < 0)
            return err_sys(e, -r, "cannot %s control group \"%s\"", verb, cg->path);
        if (cg->driver->is_frozen(cg) == frozen)
            return 0;
        if (now_ms() > deadline)
            break;
        sleep_ms(ms);
    }
    if (frozen)
        cg->driver->freeze(cg, false);
    return err_set(e, ETIMEDOUT, "cannot %s control group \"%s\" within %d s", verb, cg->path,
                   FREEZE_TIMEOUT_MS / 1000);
}

bool cgroup_is_frozen(const struct cgroup *cg)
{
    return cg->driver->is_frozen(cg);
}

static int signal_folder(int dirfd, int signal)
{
    struct pid_list list = {0};
    int r = cgroup_collect_pids(dirfd, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (kill(list.v[i], signal) < 0 && errno != ESRCH)
            r = r < 0 ? r : -errno;
    }
    free(list.v);
    return r;
}

int cgroup_kill(struct cgroup *cg, int signal, struct err *e)
{
    const struct hierarchy *h = main_hierarchy(cg);
    if (!h)
        return 0;
    int r = -ENOTSUP;
    if (signal == SIGKILL)
        r = cg->driver->kill(cg);
    if (r == -ENOTSUP) {
        /* Frozen, they neither fork nor end, so that no number can go to another process. */
        bool held = signal == SIGKILL && cgroup_freeze(cg, true, NULL) == 0;
        r = signal_folder(h->dirfd, signal);
        if (held || (signal == SIGKILL && cg->driver->is_frozen(cg)))
            cg->driver->freeze(cg, false);
    }
    return r < 0 ? err_sys(e, -r, "cannot kill the processes of control group \"%s\"", cg->path)
                 : 0;
}

/* --- removing ---------------------------------------------------------------------------- */

static int remove_below(int dirfd, const char *name, void *data)
{
    unsigned depth = *(unsigned *)data + 1;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (depth > MAX_DEPTH)
        return -ELOOP;
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = each_child(fd, remove_below, &depth);
    if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

/* kernfs counts folders as links; asked first, for reading a folder takes memory. */
static bool has_groups_below(const struct hierarchy *h)
{
    struct stat st;
    return h->dirfd >= 0 && (fstat(h->dirfd, &st) < 0 || st.st_nlink != 2);
}

static int remove_folder(const struct hierarchy *h)
{
    if (rmdir(h->folder) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY || !has_groups_below(h))
        return -errno;
    unsigned depth = 0;
    int r = h->dirfd >= 0 ? each_child(h->dirfd, remove_below, &depth) : 0;
    if (r == 0 && rmdir(h->folder) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

/* Ending processes leave their groups a little after their parents know. */
static int remove_patiently(struct cgroup *cg, struct hierarchy *h, unsigned flags,
                            long long deadline)
{
    for (long ms = 1;; ms = ms < 32 ? ms * 2 : ms) {
        int r = remove_folder(h);
        if (r != -EBUSY || now_ms() > deadline)
            return r;
        if ((flags & CGROUP_REMOVE_KILL) && h->dirfd >= 0) {
            cgroup_kill(cg, SIGKILL, NULL);
            signal_folder(h->dirfd, SIGKILL);
        }
        sleep_ms(ms);
    }
}

int cgroup_remove(struct cgroup *cg, unsigned flags, struct err *e)
{
    long long deadline = now_ms() + REMOVE_TIMEOUT_MS;
    int first = 0;
    for (size_t i = 0; i < cg->n; i++) {
        int r = remove_patiently(cg, &cg->h[i], flags, deadline);
        if (r == -EBUSY && first == 0)
            first =
                err_set(e, EBUSY, "cannot remove control group \"%s\": there are processes in it",
                        cg->h[i].folder);
        else if (r < 0 && first == 0)
            first = err_sys(e, -r, "cannot remove control group \"%s\"", cg->h[i].folder);
    }
    return first;
}
