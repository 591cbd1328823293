#include "engine/state.h"

#include "base/file.h"
#include "engine/beside.h"
#include "engine/hold.h"
#include "engine/log.h"
#include "engine/mark.h"
#include "engine/network_settings.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <sys/file.h>

enum { STATE_LIMIT = 1 << 20 };
static const char never[] = "0001-01-01T00:00:00Z";

static void format_now(char ret[40])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(now, ret);
}

static json_t *make_state(const char *status, pid_t pid, const struct state_end *end,
                          const json_t *last, const char *started, const char *finished)
{
    bool running = str_eq(status, "running"), restarting = str_eq(status, "restarting");
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:s, s:s, s:O*}", "Status",
                     status, "Running", running || restarting, "Paused", 0, "Restarting",
                     restarting, "OOMKilled", end->oom_killed, "Dead", 0, "Pid", pid, "ExitCode",
                     end->exit_code, "Error", end->error ? end->error : "", "StartedAt", started,
                     "FinishedAt", finished, "Health", json_at(last, "State.Health"));
}

json_t *state_running(pid_t pid, unsigned restarts)
{
    char now[40];
    format_now(now);
    return json_pack("{s:o, s:I, s:i, s:b}", "State",
                     make_state("running", pid, &(struct state_end){0}, NULL, now, never),
                     "StartTime", (json_int_t)process_start_time(pid), "RestartCount", restarts,
                     "Starting", 1);
}

bool state_is_starting(const json_t *state)
{
    return json_bool(state, "Starting", false);
}

void state_started(json_t *state)
{
    json_object_del(state, "Starting");
}

static const char *started_at(const json_t *last)
{
    const char *started = json_str(last, "State.StartedAt");
    return started ? started : never;
}

json_t *state_restarting(const json_t *last, const struct state_end *end)
{
    char now[40];
    format_now(now);
    return json_pack("{s:o, s:I}", "State",
                     make_state("restarting", 0, end, last, started_at(last), now), "RestartCount",
                     json_int(last, "RestartCount", 0));
}

int state_publish(const struct engine *en, const char *id, json_t *state, struct err *e)
{
    _cleanup_free_ char *path = str_printf("containers/%s/state.json", id);
    if (!state || !path)
        return err_nomem(e);
    return json_write(en->run_fd, path, state, 0600, 0, e);
}

/* What lists show of a state. */
static const char *const brief[] = {
    "State.Status",
    "State.Running",
    "State.Paused",
    "State.Restarting",
    "State.Dead",
    "State.ExitCode",
    "State.StartedAt",
    "State.FinishedAt",
    "State.Health.Status",
    "RestartCount",
    NULL,
};

/* All of it without @keys. */
static int read_state(int dir_fd, const char *path, const char *const keys[], json_t **ret,
                      struct err *e)
{
    _cleanup_json_ json_t *doc = NULL;
    int r = keys ? json_read_some(dir_fd, path, STATE_LIMIT, keys, &doc, e)
                 : json_read(dir_fd, path, STATE_LIMIT, &doc, e);
    if (r < 0)
        return r;
    if (!json_str(doc, "State.Status"))
        return err_set(e, EBADMSG, "\"%s\" is not a container's state", path);
    *ret = TAKE_PTR(doc);
    return 0;
}

static int read_published(const struct engine *en, const char *id, const char *const keys[],
                          json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = str_printf("containers/%s/state.json", id);
    if (!path)
        return err_nomem(e);
    return read_state(en->run_fd, path, keys, ret, e);
}

int state_published(const struct engine *en, const char *id, json_t **ret, struct err *e)
{
    return read_published(en, id, NULL, ret, e);
}

int state_write_ended(const struct engine *en, const struct container_record *c, const json_t *last,
                      const struct state_end *end, struct err *e)
{
    char now[40];
    format_now(now);
    _cleanup_json_ json_t *doc =
        json_pack("{s:o, s:I, s:b}", "State",
                  make_state(end->never_started ? "created" : "exited", 0, end, last,
                             started_at(last), end->never_started ? never : now),
                  "RestartCount", json_int(last, "RestartCount", 0), "StoppedByUser", end->by_user);
    if (!doc)
        return err_nomem(e);
    _cleanup_free_ char *trouble = log_trouble(en, c->id);
    if (!trouble || (*trouble && json_object_set_new(doc, "LogError", json_string(trouble)) < 0))
        return err_nomem(e);
    /* Who stopped it was told that it is stopped: so it is after a power cut too. */
    int r = json_write(c->dir_fd, "state.json", doc, 0600, end->by_user ? FILE_SYNC : 0, e);
    if (r < 0) /* a full disk: until the machine is started anew it can be read there */
        state_publish(en, c->id, doc, NULL);
    return r;
}

static void forget(const struct engine *en, const char *place, const char *id)
{
    _cleanup_free_ char *path = str_printf("%s/%s", place, id);
    if (path)
        dir_remove(en->run_fd, path, NULL);
}

static bool is_end(const json_t *state)
{
    return state && !json_bool(state, "State.Running", false);
}

int state_settle(const struct engine *en, const struct container_record *c)
{
    _cleanup_json_ json_t *kept = NULL;
    if (state_published(en, c->id, &kept, NULL) < 0 || !is_end(kept))
        return 0;
    if (json_write(c->dir_fd, "state.json", kept, 0600, 0, NULL) == 0)
        forget(en, "containers", c->id);
    return 1;
}

void record_end(const struct engine *en, struct container_record *c, const json_t *last,
                const struct state_end *end)
{
    if (state_write_ended(en, c, last, end, NULL) == 0)
        forget(en, "containers", c->id);
    forget(en, "locks", c->id);
    fd_close(&c->hold_fd);
}

void record_leave(const struct engine *en, struct container_record *c)
{
    forget(en, "containers", c->id);
    forget(en, "locks", c->id);
    fd_close(&c->lock_fd);
    fd_close(&c->hold_fd);
}

int state_holder(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_free_ char *path = str_printf("locks/%s", id);
    if (!path)
        return err_nomem(e);
    _cleanup_close_ int fd = openat(en->run_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? HOLDER_NONE
                               : err_sys(e, errno, "cannot open \"%s/%s\"", en->run, path);
    return flock(fd, LOCK_SH | LOCK_NB) < 0 ? HOLDER_ALIVE : HOLDER_KILLED;
}

/* Nobody watched it end: killed with its monitor, or gone with the machine. */
static json_t *lost_state(const json_t *last)
{
    const struct state_end end = {.exit_code = last ? 137 : 0};
    return json_pack(
        "{s:o, s:I}", "State",
        make_state(last ? "exited" : "created", 0, &end, last, started_at(last), never),
        "RestartCount", json_int(last, "RestartCount", 0));
}

/* How it ended is written, but cannot be read. */
static json_t *broken_state(const char *story)
{
    const struct state_end end = {.exit_code = 255, .error = story};
    return json_pack("{s:o}", "State", make_state("exited", 0, &end, NULL, never, never));
}

/* The oldest process of its control group is its first. */
static pid_t first_process(const struct container_record *c)
{
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    ssize_t n = path && cgroup_open(path, &cg, NULL) == 0 ? cgroup_pids(cg, &pids, NULL) : 0;
    pid_t first = 0;
    uint64_t least = UINT64_MAX;
    for (ssize_t i = 0; i < n; i++) {
        uint64_t began = process_start_time(pids[i]);
        if (began > 0 && began < least) {
            least = began;
            first = pids[i];
        }
    }
    return first;
}

/* Of one whose run folder was deleted under it: what the kernel knows. NULL: it is none. */
static json_t *hidden_state(const struct container_record *c)
{
    pid_t pid = hold_is_taken(c->dir_fd, HOLD_LIFE) ? first_process(c) : 0;
    json_t *doc = pid > 0 ? state_running(pid, 0) : NULL;
    if (doc)
        state_started(doc);
    return doc;
}

/* Of a container that does not run, as far as the run folder says; @last is what was published
 * while it did. */
static json_t *ended_state(const struct container_record *c, const char *const keys[],
                           enum state_holder holder, json_t *last)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *doc = NULL;
    int r = read_state(c->dir_fd, "state.json", keys, &doc, &e);
    if (r == 0 && !is_end(doc)) { /* nobody watches it, so it does not */
        json_decref(doc);
        return broken_state("\"state.json\" says that it runs");
    }
    if (r == 0 || r == -ENOMEM)
        return doc;
    if (is_end(last))
        return json_incref(last);
    if (r == -ENOENT && holder == HOLDER_NONE && (doc = hidden_state(c)))
        return doc;
    return r == -ENOENT || last ? lost_state(last) : broken_state(err_text(&e));
}

/* The mark says that asking is worth while; the freezer knows. */
static int tell_paused(const struct engine *en, const struct container_record *c, json_t *doc)
{
    int marked = mark_is_set(en, c->id, MARK_PAUSED);
    if (marked <= 0 || !str_eq(json_str(doc, "State.Status"), "running"))
        return marked < 0 ? marked : 0;
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (!path)
        return -ENOMEM;
    int r = cgroup_open(path, &cg, NULL);
    if (r < 0 || !cgroup_is_frozen(cg))
        return r == -ENOMEM ? r : 0;
    json_t *state = json_at(doc, "State");
    return json_object_set_new(state, "Status", json_string("paused")) < 0 ||
                   json_object_set_new(state, "Paused", json_true()) < 0
               ? -ENOMEM
               : 0;
}

/* Others than the watcher have a hand in it, so it lies in a file of its own. */
static int add_network(const struct engine *en, const char *id, bool lives, json_t *doc)
{
    json_t *network = NULL;
    int r = lives ? network_settings_read(en, id, &network, NULL) : -ENOENT;
    if (r < 0 && r != -ENOMEM)
        network = network_settings_none();
    return json_object_set_new(doc, "NetworkSettings", network) < 0 ? -ENOMEM : 0;
}

static int read_now(const struct engine *en, const struct container_record *c,
                    const char *const keys[], json_t **ret, bool *ret_orphan, struct err *e)
{
    /* The lock first: if its holder ends meanwhile, the file that he left tells how. */
    int holder = state_holder(en, c->id, e);
    if (holder < 0)
        return holder;
    _cleanup_json_ json_t *last = NULL;
    int r = read_published(en, c->id, keys, &last, e);
    if (r < 0 && r != -ENOENT && (holder == HOLDER_ALIVE || r == -ENOMEM))
        return r;
    err_release(e);

    bool lives = r == 0 && holder == HOLDER_ALIVE && !is_end(last);
    _cleanup_json_ json_t *doc =
        lives ? json_incref(last) : ended_state(c, keys, (enum state_holder)holder, last);
    if (!doc || (lives && tell_paused(en, c, doc) < 0) ||
        (!keys && add_network(en, c->id, lives, doc) < 0))
        return err_nomem(e);
    if (ret_orphan)
        *ret_orphan = holder == HOLDER_KILLED;
    *ret = TAKE_PTR(doc);
    return 0;
}

int state_read(const struct engine *en, const struct container_record *c, json_t **ret,
               bool *ret_orphan, struct err *e)
{
    return read_now(en, c, NULL, ret, ret_orphan, e);
}

int state_read_brief(const struct engine *en, const struct container_record *c, json_t **ret,
                     struct err *e)
{
    return read_now(en, c, brief, ret, NULL, e);
}

pid_t state_pid(const json_t *state)
{
    if (!json_bool(state, "State.Running", false))
        return 0;
    pid_t pid = (pid_t)json_int(state, "State.Pid", 0);
    return process_is(pid, (uint64_t)json_int(state, "StartTime", 0)) ? pid : 0;
}
