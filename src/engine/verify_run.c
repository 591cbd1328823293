/* The run folder: each lock is held, and each container's folder belongs to one that runs. */
#include "base/file.h"
#include "engine/verify_private.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <string.h>

static void look_at_lock(struct verify *v, int dir_fd, const char *name)
{
    (void)dir_fd;
    if (!verify_is_id(name)) {
        verify_add(v, "lock", name, NULL, "no container has such an ID: remove the file");
        return;
    }
    const struct verify_container *c = verify_find(v, name);
    int holder = state_holder(v->en, name, NULL);
    if (holder == HOLDER_KILLED)
        verify_add(v, "lock", name, verify_reap, "nobody holds it: %s",
                   c ? "the container's monitor was killed"
                     : "its holder was killed, and there is "
                       "no such container");
    else if (holder == HOLDER_ALIVE && !c)
        verify_add(v, "lock", name, NULL,
                   "it is held, and the container's folder is gone: end its monitor, which "
                   "/proc/locks names");
}

static int repair_run(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                      struct err *e)
{
    if (state_holder(v->en, f->subject, NULL) != HOLDER_NONE)
        return err_set(e, EBUSY, "it is somebody's now");
    _cleanup_free_ char *path = str_printf("containers/%s", f->subject);
    int r = path ? dir_remove(v->en->run_fd, path, e) : err_nomem(e);
    if (r < 0)
        return r;
    *ret_done = strdup("the folder is removed");
    return *ret_done ? 0 : err_nomem(e);
}

/* A folder that no lock goes with. What a full disk kept from its place is told with its container.
 */
static void look_at_folder(struct verify *v, int dir_fd, const char *name)
{
    (void)dir_fd;
    if (!verify_is_id(name)) {
        verify_add(v, "run folder", name, NULL, "no container has such an ID: remove it");
        return;
    }
    if (state_holder(v->en, name, NULL) != HOLDER_NONE)
        return;
    const struct verify_container *c = verify_find(v, name);
    _cleanup_json_ json_t *published = NULL;
    int r = state_published(v->en, name, &published, NULL);
    pid_t pid = r == 0 ? state_pid(published) : 0;
    if (pid > 0)
        verify_add(v, "run folder", name, NULL,
                   "its lock is gone, and process %d of it runs: 'kill -KILL %d' ends it", pid,
                   pid);
    else if (!c || r < 0 || json_bool(published, "State.Running", false))
        verify_add(v, "run folder", name, repair_run, "it belongs to no container that runs");
}

void verify_run(struct verify *v)
{
    verify_each(v, v->en->run_fd, "locks", "lock", look_at_lock);
    verify_each(v, v->en->run_fd, "containers", "run folder", look_at_folder);
}
