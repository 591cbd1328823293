/* Control groups: each below /skiff (or HostConfig.CgroupParent) is that of a container that runs.
 * Other roots have theirs beside ours, so one of no container of ours is only told of when nobody
 * uses it. */
#include "engine/beside.h"
#include "engine/verify_private.h"
#include "kernel/process_info.h"
#include "runtime/cgroup.h"

#include <string.h>

#define KIND "control group"

static bool contains(const pid_t *pids, ssize_t n, pid_t pid)
{
    for (ssize_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* Whether a process of the group has a parent outside that is not the machine's init: its monitor,
 * ours or another root's. */
static bool is_watched(const pid_t *pids, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++) {
        struct process_info p;
        if (process_info_read(pids[i], &p) < 0)
            continue;
        pid_t parent = p.ppid;
        process_info_release(&p);
        if (parent > 1 && !contains(pids, n, parent))
            return true;
    }
    return false;
}

/* Of a container of ours that has ended, whose processes go too; or empty, whoever's it was. */
static int repair_group(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                        struct err *e)
{
    const char *id = strrchr(f->subject, '/') + 1;
    bool ours = verify_find(v, id) != NULL;
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    if (state_holder(v->en, id, NULL) == HOLDER_ALIVE)
        return err_set(e, EBUSY, "the container is started right now");
    int r = cgroup_open(f->subject, &cg, e);
    ssize_t n = r < 0 ? r : cgroup_pids(cg, &pids, e);
    if (n > 0 && (!ours || is_watched(pids, n)))
        return err_set(e, EBUSY, "there are processes in it");
    if (n >= 0)
        r = cgroup_remove(cg, ours ? CGROUP_REMOVE_KILL : 0, e);
    if (n < 0 || r < 0)
        return n < 0 ? (int)n : r;
    *ret_done = n > 0 ? str_printf("%zd processes are killed, the group is removed", n)
                      : strdup("the group is removed");
    return *ret_done ? 0 : err_nomem(e);
}

static void look_at_group(struct verify *v, const char *parent, const char *id)
{
    _cleanup_free_ char *path = str_printf("%s/%s", parent, id);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    const struct verify_container *c = verify_find(v, id);
    if (!path) {
        v->failed = true;
        return;
    }
    /* Asked again: it may have been started since the beginning of this look. */
    if (state_holder(v->en, id, NULL) != HOLDER_NONE || cgroup_open(path, &cg, NULL) < 0)
        return;
    ssize_t n = cgroup_pids(cg, &pids, NULL);
    if (n < 0)
        return;
    bool watched = is_watched(pids, n);
    if (n == 0)
        verify_add(v, KIND, path, repair_group, "nobody is in it: %s",
                   c ? "its container has ended" : "it is that of no container");
    else if (c && watched)
        verify_add(v, KIND, path, NULL,
                   "process %d runs in it, and its lock is gone: 'kill -KILL %d' ends it", pids[0],
                   pids[0]);
    else if (c)
        verify_add(v, KIND, path, repair_group, "processes run in it, and its container has ended");
    else if (!watched)
        verify_add(v, KIND, path, NULL,
                   "process %d runs in it, nobody watches it, and it is that of no container here: "
                   "unless it is another root's, 'kill -KILL %d' ends it",
                   pids[0], pids[0]);
}

static void look_below(struct verify *v, const char *parent)
{
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_strv_ struct strv names = {0};
    if (cgroup_open(parent, &cg, NULL) < 0 || cgroup_children(cg, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (verify_is_id(names.v[i]))
            look_at_group(v, parent, names.v[i]);
}

void verify_groups(struct verify *v)
{
    _cleanup_json_ json_t *parents = json_pack("{s:n}", "/skiff");
    for (size_t i = 0; i < v->n_containers; i++) {
        if (!v->containers[i].record.document)
            continue;
        _cleanup_free_ char *path = container_cgroup_path(v->containers[i].record.document);
        char *slash = path ? strrchr(path, '/') : NULL;
        if (slash)
            *slash = '\0';
        v->failed |= !path || json_object_set_new(parents, path, json_null()) < 0;
    }
    const char *parent;
    json_t *nothing;
    json_object_foreach (parents, parent, nothing)
        look_below(v, parent);
}
