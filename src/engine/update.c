#include "engine/update.h"

#include "engine/beside.h"
#include "engine/change_lock.h"
#include "engine/events.h"
#include "engine/limits.h"
#include "engine/state.h"
#include "engine/transition.h"
#include "runtime/cgroup.h"

enum { BUNDLE_LIMIT = 16 << 20, FILE_MODE = 0600 };

/* Docker's: what is removed at its end is not started again. */
static int change_policy(json_t *host, const json_t *change, struct err *e)
{
    json_t *policy = json_object_get(change, "RestartPolicy");
    if (!policy)
        return 0;
    if (json_bool(host, "AutoRemove", false) && !str_eq(json_str(policy, "Name"), "no"))
        return err_set(e, EINVAL,
                       "restart policy cannot be updated because AutoRemove is enabled for the "
                       "container");
    return json_object_set(host, "RestartPolicy", policy) < 0 ? err_nomem(e) : 0;
}

/* *ret stays NULL when nothing runs, and so there is no group: the next life's has the limits. */
static int change_group(const struct container_record *c, const json_t *state,
                        const json_t *resources, struct cgroup **ret, struct err *e)
{
    if (state_pid(state) == 0)
        return 0;
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (!path)
        return err_nomem(e);
    int r = cgroup_open(path, &cg, e);
    if (r == 0)
        r = cgroup_change(cg, resources, e);
    if (r < 0 && state_pid(state) == 0) { /* it ended meanwhile, and its group with it */
        err_release(e);
        return 0;
    }
    if (r == 0)
        *ret = TAKE_PTR(cg);
    return r;
}

/* A container that was never started has no bundle yet. *ret_old is what to write to take it back.
 */
static int change_bundle(const struct container_record *c, json_t *resources, json_t **ret_old,
                         struct err *e)
{
    _cleanup_json_ json_t *spec = NULL;
    int r = json_read(c->dir_fd, "config.json", BUNDLE_LIMIT, &spec, e);
    if (r == -ENOENT) {
        err_release(e);
        return 0;
    }
    if (r < 0)
        return r;
    _cleanup_json_ json_t *old = json_deep_copy(spec);
    json_t *there = json_at(spec, "linux.resources");
    if (!old || !there || json_object_update_recursive(there, resources) < 0)
        return old && !there ? err_set(e, EBADMSG, "\"config.json\" has no \"linux.resources\"")
                             : err_nomem(e);
    r = json_write(c->dir_fd, "config.json", spec, FILE_MODE, 0, e);
    if (r == 0)
        *ret_old = TAKE_PTR(old);
    return r;
}

static int change_all(struct container_record *c, const json_t *state, json_t *resources,
                      struct err *e)
{
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_json_ json_t *old_bundle = NULL;
    int r = change_group(c, state, resources, &cg, e);
    if (r == 0)
        r = change_bundle(c, resources, &old_bundle, e);
    if (r == 0)
        r = record_save(c, true, e);
    if (r < 0 && old_bundle)
        json_write(c->dir_fd, "config.json", old_bundle, FILE_MODE, 0, NULL);
    if (r < 0 && cg)
        cgroup_undo(cg);
    return r;
}

static int update(const struct engine *en, struct container_record *c, const json_t *change,
                  struct err *e)
{
    _cleanup_json_ json_t *state = NULL, *part = NULL, *resources = json_object();
    json_t *host = json_object_get(c->document, "HostConfig");
    if (!resources)
        return err_nomem(e);
    int r = state_read(en, c, &state, NULL, e);
    if (r == 0)
        r = transition(VERB_UPDATE, c, state, e);
    if (r <= 0)
        return r;
    r = change_policy(host, change, e);
    if (r == 0)
        r = limits_change(host, change, &part, e);
    if (r == 0)
        r = limits_to_resources(part, resources, e);
    if (r == 0)
        r = change_all(c, state, resources, e);
    return r < 0 ? limits_explain(part, e) : 0;
}

int update_container(const struct engine *en, struct container_record *c, const json_t *change,
                     struct err *e)
{
    _cleanup_close_ int lock = change_lock(c, e);
    /* What was read before the lock was had may be old. */
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = update(en, c, change, e);
    if (r == 0)
        event_emit_container(en, c, "update", NULL);
    return r < 0 ? err_wrap(e, "cannot update container %s", record_name(c)) : 0;
}
