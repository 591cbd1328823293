#include "engine/reap.h"

#include "base/file.h"
#include "engine/beside.h"
#include "engine/endpoints.h"
#include "engine/events.h"
#include "engine/hold.h"
#include "engine/state.h"
#include "engine/volume_use.h"
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The lock of @id, now ours: its holder is dead. -ENOENT: there is none; -EAGAIN: it is held. */
static int take_lock(const struct engine *en, const char *id)
{
    _cleanup_free_ char *path = str_printf("locks/%s", id);
    if (!path)
        return -ENOMEM;
    _cleanup_close_ int fd = openat(en->run_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -EAGAIN;
    /* Unlinked meanwhile: the container ended in order. */
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_nlink == 0)
        return -EAGAIN;
    return TAKE_FD(fd);
}

static void remove_cgroup(const json_t *document)
{
    _cleanup_free_ char *path = container_cgroup_path(document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (path && cgroup_open(path, &cg, NULL) == 0)
        cgroup_remove(cg, CGROUP_REMOVE_KILL, NULL);
}

/* Whether processes of it are left, though nobody holds a lock: the run folder was taken away under
 * a monitor that lives. With the lock a group without any is removed. */
static bool lives(const json_t *document, bool locked)
{
    _cleanup_free_ char *path = container_cgroup_path(document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    if (!path || cgroup_open(path, &cg, NULL) < 0)
        return false;
    if (cgroup_pids(cg, &pids, NULL) > 0)
        return true;
    if (locked)
        cgroup_remove(cg, 0, NULL);
    return false;
}

static bool has_file(const struct container_record *c, const char *name)
{
    return c->dir_fd >= 0 && faccessat(c->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* It has ended and said so, or was never started. */
static bool is_at_rest(const struct container_record *c)
{
    return has_file(c, "state.json") || !has_file(c, "config.json");
}

/* Without a watcher's lock: whether it ran when the machine stopped, run folder and all, or was to
 * be started again by who was killed. */
static bool is_lost(const struct engine *en, const struct container_record *c, bool locked)
{
    return !is_at_rest(c) && !hold_is_taken(c->dir_fd, HOLD_LIFE) &&
           !hold_is_taken(c->dir_fd, HOLD_RESTART) && !lives(c->document, locked) &&
           state_settle(en, c) == 0;
}

/* One whose watcher is dead, and whose lock is ours now. */
static int end_it(const struct engine *en, struct container_record *c, bool whole, struct err *e)
{
    static const struct state_end lost = {.exit_code = 137};
    if (!whole || json_bool(c->document, "HostConfig.AutoRemove", false)) {
        int r = record_remove(en, c, e);
        if (r == 0 && whole)
            event_emit_container(en, c, "destroy", NULL);
        volumes_forget(en, c->document);
        return r < 0 ? r : 1;
    }
    /* Who was killed had not begun yet, or was done with all but this. */
    if (is_at_rest(c)) {
        record_leave(en, c);
        return 1;
    }
    if (state_settle(en, c) == 1) {
        record_unwatch(en, c);
        return 1;
    }
    _cleanup_json_ json_t *last = NULL;
    state_published(en, c->id, &last, NULL);
    record_end(en, c, last, &lost);
    event_emit_container(en, c, "die", (struct event_attribute[]){{"exitCode", "137"}, {0}});
    return 1;
}

static int put_locked_right(const struct engine *en, struct container_record *c, bool whole,
                            struct err *e)
{
    /* There is no group yet while there is no document. */
    if (whole)
        remove_cgroup(c->document);
    endpoints_forget(en, c);
    return end_it(en, c, whole, e);
}

/* One that has no lock: most of them are at rest, and looked at no further. */
static int put_lockless_right(const struct engine *en, struct container_record *c, bool whole,
                              struct err *e)
{
    if (whole && !is_lost(en, c, false))
        return 0;
    /* Somebody may be starting it right now: it is looked at again once he cannot. */
    int r = record_watch(en, c, e);
    if (r < 0)
        return r == -EBUSY ? 0 : r;
    whole = record_reload(c, NULL) == 0;
    if (whole ? is_lost(en, c, true) : !has_file(c, "container.json"))
        return end_it(en, c, whole, e);
    record_unwatch(en, c);
    return 0;
}

/* One container without a watcher; with @locked its lock is ours, else it has none. */
static int put_right(const struct engine *en, const char *id, bool locked, struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    memcpy(c.id, id, ID_LEN + 1);
    c.dir_fd = openat(en->containers_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c.dir_fd < 0 && errno != ENOENT)
        return 0;
    if (!locked && (c.dir_fd < 0 || (has_file(&c, "container.json") && is_at_rest(&c))))
        return 0;
    bool whole = c.dir_fd >= 0 && record_reload(&c, NULL) == 0;
    /* Nothing but its own document can say that a folder may go; one that cannot be read for
     * another reason than that it was never written stays, and is somebody's to look at. */
    if (!whole && has_file(&c, "container.json"))
        return 0;
    return locked ? put_locked_right(en, &c, whole, e) : put_lockless_right(en, &c, whole, e);
}

/* The names in a folder that look like IDs. */
static int list_ids(int dir_fd, const char *name, struct strv *ret)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strlen(entry->d_name) == ID_LEN)
            strv_add(ret, entry->d_name);
    return ret->failed ? -ENOMEM : 0;
}

/* What was taken away but not swept: its monitor was killed in between, or is at it right now. */
static int sweep_removed(const struct engine *en)
{
    _cleanup_strv_ struct strv ids = {0};
    if (list_ids(en->root_fd, "removed", &ids) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < ids.n; i++)
        record_resume_removal(en, ids.v[i], NULL);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int reap_orphans(const struct engine *en, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    if (sweep_removed(en) < 0)
        return err_nomem(e);
    if (list_ids(en->run_fd, "locks", &ids) < 0 || list_ids(en->root_fd, "containers", &ids) < 0)
        return err_nomem(e);

    /* Most are in both folders. */
    if (ids.n > 0)
        qsort(ids.v, ids.n, sizeof(*ids.v), by_name);
    int done = 0, first = 0;
    for (size_t i = 0; i < ids.n; i++) {
        if (i > 0 && str_eq(ids.v[i], ids.v[i - 1]))
            continue;
        _cleanup_err_ struct err mine = ERR_INIT;
        _cleanup_close_ int lock = take_lock(en, ids.v[i]);
        if (lock < 0 && lock != -ENOENT)
            continue;
        int r = put_right(en, ids.v[i], lock >= 0, &mine);
        if (r < 0 && first == 0)
            first = err_set(e, -r, "%s", err_text(&mine));
        done += r > 0;
    }
    return first < 0 ? first : done;
}
