#include "engine/exec_plan.h"

#include "engine/bundle.h"
#include "engine/environment.h"
#include "engine/state.h"
#include "engine/transition.h"
#include "engine/user.h"
#include "kernel/process.h"
#include "runtime/exec.h"

#include <fcntl.h>
#include <time.h>

static int not_running(const struct container_record *c, struct err *e)
{
    return err_set(e, ESRCH, "container %s is not running", c->id);
}

int exec_plan_failure(const struct exec_plan *p, int code, struct err *e)
{
    return p->target >= 0 && exec_target_ended(p->target, p->pid) ? not_running(p->record, e)
                                                                  : code;
}

/* The state of a container that can be joined: one whose first process is still making its walls
 * cannot, and is waited for; that takes milliseconds, and ends. */
static int read_joinable(const struct exec_plan *p, json_t **ret, struct err *e)
{
    for (int i = 0;; i++) {
        _cleanup_json_ json_t *state = NULL;
        int r = state_read(p->engine, p->record, &state, NULL, e);
        if (r == 0)
            r = transition(VERB_EXEC, p->record, state, e);
        if (r < 0)
            return r;
        if (!state_is_starting(state) || i == 5000) {
            *ret = TAKE_PTR(state);
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static int find_target(struct exec_plan *p, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    int r = read_joinable(p, &state, e);
    if (r < 0)
        return r;
    p->pid = state_pid(state);
    p->target = process_open(p->pid, (uint64_t)json_int(state, "StartTime", 0));
    if (p->target == -ESRCH)
        return not_running(p->record, e);
    return p->target < 0 ? err_sys(e, -p->target, "cannot open container %s", p->record->id) : 0;
}

static json_t *make_args(char *const *args, struct err *e)
{
    json_t *list = json_array();
    for (; list && *args; args++) {
        json_t *word = json_string(*args);
        if (!word || json_array_append_new(list, word) < 0) {
            err_set(e, EINVAL, "cannot execute \"%s\": it is not UTF-8", *args);
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Of what the configuration's own process may have; all there is when privileged. */
static json_t *make_capabilities(const struct exec_request *request, const json_t *process,
                                 bool root)
{
    if (request->privileged)
        return bundle_capabilities(capabilities_own(), root);
    json_t *bounding = json_at(process, "capabilities.bounding");
    json_t *own = root && bounding ? json_incref(bounding) : json_array();
    return json_pack("{s:O*, s:O, s:o}", "bounding", bounding, "effective", own, "permitted", own);
}

/* @process is a copy of the configuration's. */
static int fill_process(const struct exec_plan *p, json_t *process, const struct user *user,
                        struct err *e)
{
    const struct exec_request *request = p->request;
    json_t *args = make_args(request->args, e), *env = NULL;
    if (!args)
        return -EINVAL;
    int r = json_put(process, "args", args, e);
    if (r == 0)
        r = environment_make(json_at(p->record->document, "Config"), request->tty, request->env,
                             user->home, &env, e);
    if (r == 0)
        r = json_put(process, "env", env, e);
    if (r == 0)
        r = json_put(process, "user", bundle_user(user), e);
    if (r == 0)
        r = json_put(process, "capabilities", make_capabilities(request, process, user->uid == 0),
                     e);
    if (r == 0)
        r = json_put(process, "terminal", json_boolean(request->tty), e);
    if (r == 0)
        r = json_put(process, "consoleSize",
                     json_pack("{s:i, s:i}", "height", request->rows, "width", request->columns),
                     e);
    if (r == 0 && request->workdir && *request->workdir)
        r = json_put(process, "cwd", json_string(request->workdir), e);
    return r;
}

/* By the container's own files, as they are now. */
static int find_user(const struct exec_plan *p, struct user *ret, struct err *e)
{
    char path[32];
    const json_t *document = p->record->document;
    const char *name = p->request->user ?: json_str(document, "Config.User");
    snprintf(path, sizeof(path), "/proc/%d/root", p->pid);
    _cleanup_close_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(e, errno, "cannot open the root of container %s", p->record->id);
    return user_resolve(root, name, json_at(document, "HostConfig.GroupAdd"), ret, e);
}

static int make_spec(struct exec_plan *p, struct err *e)
{
    _cleanup_user_ struct user user = {0};
    _cleanup_json_ json_t *document = NULL;
    int r = spec_read(p->record->dir_fd, "config.json", &document, e);
    if (r == 0)
        r = find_user(p, &user, e);
    if (r < 0)
        return r;
    json_t *process = json_copy_object(json_at(document, "process"));
    r = json_put(document, "process", process, e);
    if (r == 0)
        r = fill_process(p, process, &user, e);
    return r == 0 ? spec_parse(document, &p->spec, e) : r;
}

int exec_plan_make(const struct engine *en, const struct container_record *c,
                   const struct exec_request *request, struct exec_plan *ret, struct err *e)
{
    _cleanup_exec_plan_ struct exec_plan p = EXEC_PLAN_INIT;
    p.engine = en;
    p.record = c;
    p.request = request;
    int r = find_target(&p, e);
    if (r == 0)
        r = make_spec(&p, e);
    if (r == 0)
        r = cgroup_open_process(p.pid, &p.cgroup, e);
    if (r < 0)
        return exec_plan_failure(&p, r, e);
    /* Without it, filters are compiled each time. */
    p.cache = openat(en->root_fd, "cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret = p;
    p = EXEC_PLAN_INIT;
    return 0;
}

void exec_plan_release(struct exec_plan *p)
{
    spec_release(&p->spec);
    fd_close(&p->target);
    fd_close(&p->cache);
    cgroup_free(TAKE_PTR(p->cgroup));
}
