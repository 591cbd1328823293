#include "engine/lifecycle.h"

#include "base/file.h"
#include "base/loop.h"
#include "engine/beside.h"
#include "engine/change_lock.h"
#include "engine/client.h"
#include "engine/contact.h"
#include "engine/endpoints.h"
#include "engine/events.h"
#include "engine/hold.h"
#include "engine/mark.h"
#include "engine/reap.h"
#include "engine/start.h"
#include "engine/state.h"
#include "engine/transition.h"
#include "kernel/process.h"
#include "kernel/signals.h"
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* A monitor that has said its container's end is gone a moment later. */
enum { LEAVING_MS = 10000, AGAIN_MS = 1000, DEFAULT_PATIENCE_S = 10 };

static void sleep_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int look(const struct engine *en, const struct container_record *c, enum verb verb,
                json_t **ret_state, struct err *e)
{
    bool orphan = false;
    int r = state_read(en, c, ret_state, &orphan, e);
    if (r == 0 && orphan) /* what its monitor left is put right before anybody builds on it */
        reap_orphans(en, NULL);
    return r < 0 ? r : transition(verb, c, *ret_state, e);
}

/* -EBUSY also when the run folder was deleted under a monitor that lives. */
static int watch(const struct engine *en, struct container_record *c, struct err *e)
{
    if (!hold_is_taken(c->dir_fd, HOLD_LIFE))
        return record_watch(en, c, e);
    return err_set(e, EBUSY,
                   "container %s is being started, stopped or removed, or it runs and its folder "
                   "in \"%s\" was deleted: then end its processes first",
                   c->id, en->run);
}

/* The watcher's lock, which a monitor that is just leaving may still hold. -EAGAIN: the container
 * lives by now, and is to be looked at again. */
static int watch_patiently(const struct engine *en, struct container_record *c, struct err *e)
{
    for (uint64_t deadline = loop_now_ms() + LEAVING_MS;;) {
        err_release(e);
        int r = watch(en, c, e);
        if (r != -EBUSY || loop_now_ms() > deadline)
            return r;
        _cleanup_json_ json_t *state = NULL;
        bool orphan = false;
        if (state_read(en, c, &state, &orphan, NULL) == 0 && orphan)
            reap_orphans(en, NULL);
        if (json_bool(state, "State.Running", false))
            return -EAGAIN;
        sleep_a_moment();
    }
}

/* ---- start ---- */

/* Its start has failed before there was a monitor. */
static void note_failure(const struct engine *en, struct container_record *c, bool ran_before,
                         const struct err *e)
{
    const struct state_end end = {
        .exit_code = 128, .error = err_text(e), .never_started = !ran_before};
    if (json_bool(c->document, "HostConfig.AutoRemove", false))
        create_undo(en, c);
    else
        record_end(en, c, NULL, &end);
}

static int start_watched(const struct engine *en, struct container_record *c, unsigned wishes,
                         int terminal, int *ret_monitor, struct err *e)
{
    _cleanup_create_image_ struct create_image image = {0};
    bool ran_before = faccessat(c->dir_fd, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    struct start s;
    int r = create_find_image(en, json_str(c->document, "Image"), &image, e);
    if (r == 0) {
        r = start_prepare(en, c, &image, &s, e);
        s.existing = true;
        s.ran_before = ran_before;
        s.wishes = wishes;
        s.terminal = terminal;
        if (r == 0)
            r = *ret_monitor = start_launch(&s, e);
        start_release(&s);
    }
    if (r < 0) {
        note_failure(en, c, ran_before, e);
        return err_wrap(e, "cannot start container \"%s\"", record_name(c));
    }
    r = client_wait_started(*ret_monitor, e);
    return r > 0 ? err_wrap(e, "cannot start container \"%s\"", record_name(c)) : 0;
}

static int start_once(const struct engine *en, struct container_record *c, unsigned wishes,
                      int terminal, int *ret_monitor, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    int r = c->hold_fd = change_lock(c, e);
    if (r >= 0)
        r = record_reload(c, e);
    if (r == 0)
        r = look(en, c, VERB_START, &state, e);
    if (r <= 0)
        return r;
    r = watch_patiently(en, c, e);
    if (r < 0)
        return r;
    r = hold_take(c->hold_fd, HOLD_LIFE, e);
    if (r < 0) {
        record_unwatch(en, c);
        return r;
    }
    return start_watched(en, c, wishes, terminal, ret_monitor, e);
}

int lifecycle_start(const struct engine *en, struct container_record *c, unsigned wishes,
                    int terminal, int *ret_monitor, struct err *e)
{
    _cleanup_close_ int monitor = -EBADF;
    const uint64_t deadline = loop_now_ms() + LEAVING_MS;
    int r;
    do {
        r = start_once(en, c, wishes, terminal, &monitor, e);
        fd_close(&c->hold_fd); /* the monitor's by now, if there is one */
        /* It runs already, by its lock; but one that was killed holds that a little longer. */
        if (r == 0 && monitor < 0 && !contact_answers(en, c->id)) {
            r = loop_now_ms() < deadline ? -EAGAIN : 0;
            sleep_a_moment();
        }
    } while (r == -EAGAIN);
    *ret_monitor = r == 0 ? TAKE_FD(monitor) : -EBADF;
    return r;
}

/* ---- its end ---- */

int lifecycle_stop_signal(const struct container_record *c)
{
    const char *name = json_str(c->document, "Config.StopSignal");
    int number = name && *name ? signal_by_name(name) : SIGTERM;
    return number > 0 ? number : SIGTERM;
}

static int thaw(const struct engine *en, const struct container_record *c, struct err *e)
{
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (!path)
        return err_nomem(e);
    int r = cgroup_open(path, &cg, e);
    if (r == 0)
        r = cgroup_freeze(cg, false, e);
    return r == 0 ? mark_clear(en, c->id, MARK_PAUSED, e) : r;
}

/* What failed did so because the container ended meanwhile: then that is what is told. */
static int tell_ended(const struct container_record *c, const json_t *state, int r, struct err *e)
{
    if (r == 0 || state_pid(state) > 0)
        return r;
    return err_set(e, ESRCH, "container %s is not running", c->id);
}

/* Signals the first process; with the change lock. A frozen one takes it when it is thawed, so one
 * that is to end is. -ESRCH: it has ended meanwhile. */
static int signal_it(const struct engine *en, const struct container_record *c, const json_t *state,
                     int signal, bool to_end, struct err *e)
{
    pid_t pid = state_pid(state);
    int r = pid ? process_kill(pid, (uint64_t)json_int(state, "StartTime", 0), signal) : -ESRCH;
    if (r == -ESRCH)
        return err_set(e, ESRCH, "cannot kill container: %s: container %s is not running",
                       record_name(c), c->id);
    if (r < 0)
        return err_sys(e, -r, "cannot kill container \"%s\"", record_name(c));
    return to_end && mark_is_set(en, c->id, MARK_PAUSED) == 1
               ? tell_ended(c, state, thaw(en, c, e), e)
               : 0;
}

static void tell_kill(const struct engine *en, const struct container_record *c, int signal)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", signal);
    event_emit_container(en, c, "kill", (struct event_attribute[]){{"signal", number}, {0}});
}

/* Whether the life that @state tells of is over, and that is on disk. */
static bool is_over(const struct engine *en, const struct container_record *c, const json_t *state)
{
    _cleanup_json_ json_t *now = NULL;
    bool orphan = false;
    if (state_read(en, c, &now, &orphan, NULL) < 0)
        return false;
    return orphan || !json_bool(now, "State.Running", false) ||
           json_bool(now, "State.Restarting", false) !=
               json_bool(state, "State.Restarting", false) ||
           json_int(now, "StartTime", 0) != json_int(state, "StartTime", 0);
}

/* Waits on a monitor's word, or its death; of one that has no room for us to ask it (@contact is
 * negative) what it publishes is looked at. 1: ended; 0: not within the time. */
static int await_end(const struct engine *en, const struct container_record *c, int contact,
                     const json_t *state, long long ms)
{
    int r = contact < 0 ? 0 : contact_wait_end(contact, ms, NULL);
    if (r == -ECONNRESET)
        reap_orphans(en, NULL);
    if (contact >= 0)
        return r != 0;
    for (uint64_t begun = loop_now_ms(); !is_over(en, c, state); sleep_a_moment())
        if (ms >= 0 && loop_now_ms() - begun >= (uint64_t)ms)
            return 0;
    return 1;
}

/* How somebody wants it to end. */
struct ending {
    enum verb verb;
    int signal;
    long long patience_ms; /* then SIGKILL; -1: never */
};

/* Its life as @state has it ends, however long that takes; who pauses it meanwhile does not hold it
 * up. */
static int kill_it(const struct engine *en, struct container_record *c, const json_t *state,
                   int contact, struct err *e)
{
    int r;
    tell_kill(en, c, SIGKILL);
    do {
        _cleanup_close_ int lock = change_lock(c, e);
        r = lock < 0 ? lock : signal_it(en, c, state, SIGKILL, true, e);
        fd_close(&lock);
    } while (r == 0 && !await_end(en, c, contact, state, AGAIN_MS));
    return r;
}

/* One life of it; with the change lock, which is given back before anybody waits. 1: it has ended,
 * and may live again by its policy; 0: its monitor could not be reached: it is just coming or
 * going. */
static int end_once(const struct engine *en, struct container_record *c, const struct ending *how,
                    int *lock, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int contact = contact_try(en, c->id, e);
    if (contact < 0 && contact != -ESRCH && contact != -EAGAIN)
        return contact;
    err_release(e);
    if (contact == -ESRCH && !hold_is_taken(c->dir_fd, HOLD_LIFE)) {
        reap_orphans(en, NULL);
        return 0;
    }
    mark_set(en, c->id, MARK_STOPPED, NULL);
    /* Looked at after the mark was set: either it still waits for its next start, and will see the
     * mark, or it is the running one. */
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    bool waits = json_bool(state, "State.Restarting", false);
    r = waits ? -ESRCH : signal_it(en, c, state, how->signal, true, e);
    fd_close(lock);
    if (r == 0)
        tell_kill(en, c, how->signal);
    if (r == -ESRCH) { /* nobody is there whom to signal, and nobody is to come */
        if (contact >= 0)
            frame_send(contact, FRAME_WAKE, NULL, 0);
        await_end(en, c, contact, state, LEAVING_MS);
    } else if (r == 0 && !await_end(en, c, contact, state, how->patience_ms)) {
        r = kill_it(en, c, state, contact, e);
    }
    if (r < 0 && r != -ESRCH && r != -ENOENT)
        return r;
    err_release(e);
    return 1;
}

/* Until it does not run: a policy may just have been starting it again. 1 when it ran, else 0. */
static int end_it(const struct engine *en, struct container_record *c, const struct ending *how,
                  struct err *e)
{
    uint64_t deadline = loop_now_ms() + LEAVING_MS;
    bool ran = false;
    for (bool first = true;; first = false) {
        _cleanup_json_ json_t *state = NULL;
        _cleanup_close_ int lock = change_lock(c, e);
        if (lock == -ENOENT && !first) { /* it went away with its end */
            err_release(e);
            return ran;
        }
        int r = lock < 0 ? lock
                : first  ? look(en, c, how->verb, &state, e)
                         : state_read(en, c, &state, NULL, e);
        if (r < 0 || !json_bool(state, "State.Running", false))
            return r < 0 ? r : ran;
        r = end_once(en, c, how, &lock, e);
        if (r < 0)
            return r;
        fd_close(&lock);
        ran |= r == 1;
        if (r == 1)
            deadline = loop_now_ms() + LEAVING_MS;
        else if (loop_now_ms() > deadline)
            return err_set(e, ETIMEDOUT, "container \"%s\" does not end", record_name(c));
        else
            sleep_a_moment();
    }
}

static struct ending stopping(const struct container_record *c, enum verb verb, int signal,
                              long long seconds)
{
    if (seconds == STOP_PATIENCE_OWN)
        seconds = json_int(c->document, "Config.StopTimeout", DEFAULT_PATIENCE_S);
    return (struct ending){
        .verb = verb,
        .signal = signal ? signal : lifecycle_stop_signal(c),
        .patience_ms = seconds < 0 ? -1 : seconds * 1000,
    };
}

int lifecycle_stop(const struct engine *en, struct container_record *c, int signal,
                   long long seconds, struct err *e)
{
    const struct ending how = stopping(c, VERB_STOP, signal, seconds);
    int r = end_it(en, c, &how, e);
    if (r > 0)
        event_emit_container(en, c, "stop", NULL);
    return r < 0 ? r : 0;
}

int lifecycle_restart(const struct engine *en, struct container_record *c, int signal,
                      long long seconds, struct err *e)
{
    _cleanup_close_ int monitor = -EBADF;
    const struct ending how = stopping(c, VERB_RESTART, signal, seconds);
    int r = c->restart_fd = dir_open(c->dir_fd, ".", false, e);
    if (r >= 0)
        r = hold_take(c->restart_fd, HOLD_RESTART, e);
    if (r == 0)
        r = end_it(en, c, &how, e);
    if (r > 0)
        event_emit_container(en, c, "stop", NULL);
    if (r >= 0)
        r = lifecycle_start(en, c, 0, -1, &monitor, e);
    if (r == 0)
        event_emit_container(en, c, "restart", NULL);
    fd_close(&c->restart_fd);
    return r;
}

int lifecycle_kill(const struct engine *en, struct container_record *c, int signal, struct err *e)
{
    const struct ending at_once = {.verb = VERB_KILL, .signal = SIGKILL, .patience_ms = -1};
    int r;
    if (signal == SIGKILL) {
        r = end_it(en, c, &at_once, e);
        return r < 0 ? r : 0;
    }
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int lock = change_lock(c, e);
    r = lock < 0 ? lock : look(en, c, VERB_KILL, &state, e);
    if (r < 0)
        return r;
    bool to_end = signal == lifecycle_stop_signal(c);
    if (to_end)
        mark_set(en, c->id, MARK_STOPPED, NULL);
    if (!json_bool(state, "State.Restarting", false)) {
        r = signal_it(en, c, state, signal, to_end, e);
        if (r == 0)
            tell_kill(en, c, signal);
        return r;
    }
    if (to_end) /* nobody is there to take it, and nobody is to come */
        contact_wake(en, c->id);
    return 0;
}

/* ---- pause ---- */

int lifecycle_pause(const struct engine *en, struct container_record *c, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (!path)
        return err_nomem(e);
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : look(en, c, VERB_PAUSE, &state, e);
    if (r <= 0)
        return r;
    r = cgroup_open(path, &cg, e);
    if (r == 0)
        r = mark_set(en, c->id, MARK_PAUSED, e);
    if (r == 0)
        r = cgroup_freeze(cg, true, e);
    if (r < 0)
        mark_clear(en, c->id, MARK_PAUSED, NULL);
    else
        event_emit_container(en, c, "pause", NULL);
    if (r < 0)
        err_wrap(e, "cannot pause container \"%s\"", record_name(c));
    return tell_ended(c, state, r, e);
}

int lifecycle_unpause(const struct engine *en, struct container_record *c, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : look(en, c, VERB_UNPAUSE, &state, e);
    if (r <= 0)
        return r;
    r = thaw(en, c, e);
    if (r == 0)
        event_emit_container(en, c, "unpause", NULL);
    return tell_ended(c, state, r, e);
}

/* ---- names, and going away ---- */

int lifecycle_rename(const struct engine *en, struct container_record *c, const char *name,
                     struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = look(en, c, VERB_RENAME, &state, e);
    if (r <= 0)
        return r;
    const char *had = json_str(c->document, "Name");
    _cleanup_free_ char *old = had ? strdup(had) : NULL;
    r = record_rename(en, c, name, e);
    if (r == 0 && json_bool(state, "State.Running", false))
        r = endpoints_rename(en, c, e);
    if (r == 0)
        event_emit_container(en, c, "rename", (struct event_attribute[]){{"oldName", old}, {0}});
    return r;
}

static int remove_ended(const struct engine *en, struct container_record *c, enum verb verb,
                        struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int lock = change_lock(c, e);
    if (lock >= 0)
        record_reload(c, NULL); /* its name may be another by now; a broken one is removed too */
    int r = lock < 0 ? lock : look(en, c, verb, &state, e);
    if (r <= 0)
        return r;
    if (json_bool(state, "State.Running", false)) /* started again meanwhile */
        return -EAGAIN;
    r = watch_patiently(en, c, e);
    if (r == 0)
        r = record_hide(en, c, e);
    if (r == 0)
        event_emit_container(en, c, "destroy", NULL);
    return r;
}

int lifecycle_remove(const struct engine *en, struct container_record *c, bool force, struct err *e)
{
    const enum verb verb = force ? VERB_REMOVE_FORCED : VERB_REMOVE;
    const struct ending at_once = {.verb = verb, .signal = SIGKILL, .patience_ms = -1};
    int r;
    do {
        r = force ? end_it(en, c, &at_once, e) : 0;
        if (r >= 0)
            r = remove_ended(en, c, verb, e);
    } while (r == -EAGAIN);
    /* One that goes away by itself has been removed all the same. */
    if (r == -ENOENT && force) {
        err_release(e);
        return 0;
    }
    return r < 0 ? r : record_sweep(en, c->id, e);
}
