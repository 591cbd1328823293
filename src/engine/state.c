#include "engine/state.h"

#include "base/file.h"
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

static json_t *make_state(const char *status, pid_t pid, int exit_code, const char *error,
                          bool oom_killed, const char *started, const char *finished)
{
    bool running = str_eq(status, "running");
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:s, s:s}", "Status", status,
                     "Running", running, "Paused", 0, "Restarting", 0, "OOMKilled", oom_killed,
                     "Dead", 0, "Pid", pid, "ExitCode", exit_code, "Error", error ? error : "",
                     "StartedAt", started, "FinishedAt", finished);
}

static json_t *no_network(void)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:{}, s:{}}", "Bridge", "", "IPAddress", "",
                     "Gateway", "", "IPPrefixLen", 0, "MacAddress", "", "Ports", "Networks");
}

int state_write_running(const struct engine *en, const char *id, pid_t pid, const json_t *network,
                        struct err *e)
{
    char now[40];
    format_now(now);
    _cleanup_json_ json_t *network_settings =
        network ? json_incref((json_t *)(uintptr_t)network) : no_network();
    _cleanup_json_ json_t *doc = json_pack(
        "{s:o, s:O, s:I}", "State", make_state("running", pid, 0, NULL, false, now, never),
        "NetworkSettings", network_settings, "StartTime", (json_int_t)process_start_time(pid));
    _cleanup_free_ char *dir = str_printf("containers/%s", id);
    _cleanup_free_ char *path = str_printf("containers/%s/state.json", id);
    if (!doc || !path || !dir)
        return err_nomem(e);
    int r = dir_make(en->run_fd, dir, 0700, e);
    return r < 0 ? r : json_write(en->run_fd, path, doc, 0600, 0, e);
}

static int read_state(int dir_fd, const char *path, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *doc = NULL;
    int r = json_read(dir_fd, path, STATE_LIMIT, &doc, e);
    if (r < 0)
        return r;
    if (!json_str(doc, "State.Status") || !json_is_object(json_at(doc, "NetworkSettings")))
        return err_set(e, EBADMSG, "\"%s\" is not a container's state", path);
    *ret = TAKE_PTR(doc);
    return 0;
}

static int read_running(const struct engine *en, const char *id, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = str_printf("containers/%s/state.json", id);
    if (!path)
        return err_nomem(e);
    return read_state(en->run_fd, path, ret, e);
}

int state_write_ended(const struct engine *en, const struct container_record *c, int exit_code,
                      bool oom_killed, const char *error, struct err *e)
{
    _cleanup_json_ json_t *running = NULL;
    const char *started = never;
    if (read_running(en, c->id, &running, NULL) == 0 && json_str(running, "State.StartedAt"))
        started = json_str(running, "State.StartedAt");

    char now[40];
    format_now(now);
    _cleanup_json_ json_t *doc = json_pack(
        "{s:o, s:o}", "State", make_state("exited", 0, exit_code, error, oom_killed, started, now),
        "NetworkSettings", no_network());
    _cleanup_free_ char *path = str_printf("containers/%s/state.json", c->id);
    if (!doc || !path)
        return err_nomem(e);
    int r = json_write(c->dir_fd, "state.json", doc, 0600, 0, e);
    if (r < 0) /* a full disk: until the machine is started anew it can be read there */
        json_write(en->run_fd, path, doc, 0600, 0, NULL);
    return r;
}

static void forget(const struct engine *en, const char *place, const char *id)
{
    _cleanup_free_ char *path = str_printf("%s/%s", place, id);
    if (path)
        dir_remove(en->run_fd, path, NULL);
}

int state_settle(const struct engine *en, const struct container_record *c)
{
    _cleanup_json_ json_t *kept = NULL;
    if (read_running(en, c->id, &kept, NULL) < 0 ||
        !str_eq(json_str(kept, "State.Status"), "exited"))
        return 0;
    if (json_write(c->dir_fd, "state.json", kept, 0600, 0, NULL) == 0)
        forget(en, "containers", c->id);
    return 1;
}

void record_end(const struct engine *en, struct container_record *c, int exit_code, bool oom_killed)
{
    if (state_write_ended(en, c, exit_code, oom_killed, NULL, NULL) == 0)
        forget(en, "containers", c->id);
    forget(en, "locks", c->id);
}

enum holder { HOLDER_NONE, HOLDER_ALIVE, HOLDER_KILLED };

/* A negative errno when it cannot be known: what runs must not be taken for what does not. */
static int lock_holder(const struct engine *en, const char *id, struct err *e)
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
static json_t *lost_state(const json_t *running)
{
    const char *started = json_str(running, "State.StartedAt");
    return json_pack("{s:o, s:o}", "State",
                     make_state(running ? "exited" : "created", 0, running ? 137 : 0, NULL, false,
                                started ? started : never, never),
                     "NetworkSettings", no_network());
}

/* How it ended is written, but cannot be read. */
static json_t *broken_state(const char *story)
{
    return json_pack("{s:o, s:o}", "State",
                     make_state("exited", 0, 255, story, false, never, never), "NetworkSettings",
                     no_network());
}

/* Of a container that does not run; @running is what was last written while it did. */
static json_t *ended_state(const struct container_record *c, json_t *running)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *doc = NULL;
    int r = read_state(c->dir_fd, "state.json", &doc, &e);
    if (r == 0 || r == -ENOMEM)
        return doc;
    if (str_eq(json_str(running, "State.Status"), "exited"))
        return json_incref(running);
    return r == -ENOENT || running ? lost_state(running) : broken_state(err_text(&e));
}

int state_read(const struct engine *en, const struct container_record *c, json_t **ret,
               bool *ret_orphan, struct err *e)
{
    /* The lock first: if its holder ends meanwhile, the file that he left tells how. */
    int holder = lock_holder(en, c->id, e);
    if (holder < 0)
        return holder;
    _cleanup_json_ json_t *running = NULL;
    int r = read_running(en, c->id, &running, e);
    if (r < 0 && r != -ENOENT && (holder == HOLDER_ALIVE || r == -ENOMEM))
        return r;
    err_release(e);

    bool lives = r == 0 && holder == HOLDER_ALIVE;
    json_t *doc = lives ? json_incref(running) : ended_state(c, running);
    if (!doc)
        return err_nomem(e);
    if (ret_orphan)
        *ret_orphan = holder == HOLDER_KILLED;
    *ret = doc;
    return 0;
}

pid_t state_pid(const json_t *state)
{
    if (!json_bool(state, "State.Running", false))
        return 0;
    pid_t pid = (pid_t)json_int(state, "State.Pid", 0);
    return process_is(pid, (uint64_t)json_int(state, "StartTime", 0)) ? pid : 0;
}
