/*
 * The monitor: one small process that lives exactly as long as its container. It makes it, carries
 * its streams between it and clients, waits for its end, starts it again if its policy says so, and
 * cleans up. All that it knows is also on disk.
 */
#include "base/file.h"
#include "base/loop.h"
#include "engine/carrier.h"
#include "engine/change_lock.h"
#include "engine/contact.h"
#include "engine/events.h"
#include "engine/health.h"
#include "engine/hold.h"
#include "engine/launch.h"
#include "engine/lifecycle.h"
#include "engine/log.h"
#include "engine/mark.h"
#include "engine/monitor_networks.h"
#include "engine/restart.h"
#include "engine/state.h"
#include "engine/volume_use.h"
#include "kernel/process.h"
#include "runtime/exe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct monitor {
    struct start *start;
    struct launched it; /* the container, while it runs */
    struct loop loop;
    struct peers peers;
    struct log *log;
    struct loop_source listener, init;
    struct monitor_networks networks;
    struct carrier carrier;
    struct loop_timer again;    /* its next start */
    struct loop_timer patience; /* until a stop becomes a kill */
    struct loop_timer settled;  /* it lives longer than most: we rest */
    struct loop_timer breath;   /* there was no descriptor for another client */
    struct health *health;
    bool revive;  /* its end is to be followed by another life, whatever the policy */
    bool ended;   /* its first process is dead, */
    int status;   /* with this exit status */
    bool waiting; /* for the next start */
    uint64_t began_ms, delay_ms;
    unsigned restarts;
};

enum { SETTLED_MS = 300, TURN_MS = 5, BREATH_MS = 100, RESERVE = 128 };

static void tell_event(const struct monitor *m, const char *action,
                       const struct event_attribute *more)
{
    event_emit_container(m->start->engine, m->start->record, action, more);
}

/* ---- clients ---- */

static void tell_size(const struct monitor *m, const struct frame *f)
{
    char height[8], width[8];
    if (f->len != 4 || m->carrier.terminal < 0)
        return;
    snprintf(height, sizeof(height), "%u", (unsigned)f->payload[0] << 8 | f->payload[1]);
    snprintf(width, sizeof(width), "%u", (unsigned)f->payload[2] << 8 | f->payload[3]);
    tell_event(m, "resize", (struct event_attribute[]){{"height", height}, {"width", width}, {0}});
}

/* A signal that is meant to end it is a person's word, as that of `stop` is. */
static void pass_signal(struct monitor *m, int number)
{
    const struct start *s = m->start;
    if (m->it.container.pidfd < 0)
        return;
    if (number == SIGKILL || number == lifecycle_stop_signal(s->record))
        mark_set(s->engine, s->record->id, MARK_STOPPED, NULL);
    pidfd_send_signal(m->it.container.pidfd, number, NULL, 0);
}

/* A port that is published while the container runs. */
static void keep_claim(struct monitor *m, struct peer *p)
{
    bool kept = !m->waiting && p->handed >= 0 &&
                endpoints_keep_claim(&m->start->beside.endpoints, TAKE_FD(p->handed)) == 1;
    peer_send_frame(p, kept ? FRAME_STARTED : FRAME_FAILED, NULL, 0);
}

static void greet(struct monitor *m, struct peer *p, const struct frame *f)
{
    if (f->kind != FRAME_HELLO || f->len != 1) {
        peer_leave(p);
        return;
    }
    p->greeted = true;
    p->wishes = f->payload[0];
    if (p->wishes == 0)
        return;
    if (p->wishes == WISH_KEEP) {
        keep_claim(m, p);
        return;
    }
    static const char text[] =
        "\1cannot attach to a restarting container, wait until it is running";
    if (m->waiting) {
        peer_send_frame(p, FRAME_FAILED, text, sizeof(text) - 1);
        return;
    }
    peer_send_frame(p, FRAME_STARTED, NULL, 0);
    if (p->wishes != WISH_ANSWER)
        tell_event(m, "attach", NULL);
}

static void end_waiting(struct monitor *m);

static void take_frame(void *data, struct peer *p, const struct frame *f)
{
    struct monitor *m = data;
    if (!p->greeted) {
        greet(m, p, f);
        return;
    }
    switch ((int)f->kind) {
    case FRAME_RESIZE:
        tell_size(m, f);
        carrier_take(&m->carrier, p, f);
        break;
    case FRAME_SIGNAL:
        if (f->len == 1)
            pass_signal(m, f->payload[0]);
        break;
    case FRAME_BYE:
        tell_event(m, "detach", NULL);
        carrier_take(&m->carrier, p, f);
        break;
    case FRAME_WAKE:
        if (m->waiting)
            end_waiting(m);
        else
            monitor_networks_review(&m->networks);
        break;
    default:
        carrier_take(&m->carrier, p, f);
        break;
    }
}

/* Whether there is a descriptor for one more client. Those that the container's next life takes are
 * not given away. */
static bool has_room(const struct monitor *m)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_NOFILE, &most) < 0 || most.rlim_cur == RLIM_INFINITY)
        return true;
    rlim_t reserve = most.rlim_cur / 2 < RESERVE ? most.rlim_cur / 2 : RESERVE;
    return 2 * peers_count(&m->peers) + reserve < most.rlim_cur; /* a socket and a terminal */
}

static bool accept_one(struct monitor *m)
{

    int fd = accept4(m->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && !peer_add(&m->peers, fd, false))
        close(fd);
    return fd >= 0;
}

static void listen_again(void *data)
{
    struct monitor *m = data;
    loop_watch(&m->loop, &m->listener, EPOLLIN);
}

/* Who cannot be served waits in the queue. The socket stays ready, so it is looked away from it for
 * a moment: a client may leave meanwhile. */
static void accept_peer(void *data, uint32_t events)
{
    struct monitor *m = data;
    (void)events;
    if (has_room(m) && accept_one(m))
        return;
    loop_watch(&m->loop, &m->listener, 0);
    m->breath = (struct loop_timer){.expired = listen_again, .data = m};
    loop_timer_set(&m->loop, &m->breath, BREATH_MS);
}

/* Nobody comes any more, and whoever has come is told the end. */
static void stop_listening(struct monitor *m)
{
    loop_timer_cancel(&m->loop, &m->breath);
    loop_watch(&m->loop, &m->listener, 0);
    while (accept_one(m))
        ;
    fd_close(&m->listener.fd);
}

static void log_output(void *data, int which, const uint8_t *bytes, size_t n)
{
    struct monitor *m = data;
    log_write(m->log, which ? LOG_STDERR : LOG_STDOUT, bytes, n);
}

/* ---- health ---- */

static void kill_it(struct monitor *m, int signal)
{
    if (m->it.container.pidfd >= 0)
        pidfd_send_signal(m->it.container.pidfd, signal, NULL, 0);
}

static void patience_is_over(void *data)
{
    kill_it(data, SIGKILL);
}

static void act_on_failure(struct monitor *m)
{
    const struct start *s = m->start;
    const json_t *document = s->record->document;
    const char *action = json_str(document, "Config.HealthcheckOnFailure");
    if (str_eq(action, "stop")) {
        mark_set(s->engine, s->record->id, MARK_STOPPED, NULL);
        kill_it(m, lifecycle_stop_signal(s->record));
        m->patience = (struct loop_timer){.expired = patience_is_over, .data = m};
        loop_timer_set(&m->loop, &m->patience,
                       1000 * (uint64_t)json_int(document, "Config.StopTimeout", 10));
    } else if (str_eq(action, "kill") || str_eq(action, "restart")) {
        m->revive = str_eq(action, "restart");
        kill_it(m, SIGKILL);
    }
}

static void show_health(struct monitor *m)
{
    json_t *state = json_at(m->it.state, "State");
    if (json_object_set_new(state, "Health", health_state(m->health)) == 0)
        state_publish(m->start->engine, m->start->record->id, m->it.state, NULL);
}

static void health_checked(void *data, bool status_changed)
{
    struct monitor *m = data;
    show_health(m);
    if (!status_changed)
        return;
    char action[40];
    snprintf(action, sizeof(action), "health_status: %s", health_status(m->health));
    tell_event(m, action, NULL);
    if (str_eq(health_status(m->health), "unhealthy"))
        act_on_failure(m);
}

static void begin_health(struct monitor *m)
{
    const struct health_listener listener = {health_checked, m};
    health_begin(&m->loop, m->start->engine, m->start->record, &listener, &m->health);
    if (m->health)
        show_health(m);
}

/* ---- one life ---- */

static void init_ready(void *data, uint32_t events)
{
    struct monitor *m = data;
    (void)events;
    m->ended = true;
}

/* What is not needed before its end is let go of: memory, descriptors. Not at once: what is freed
 * is first copied, for it is shared with whoever forked us, and most containers do not live that
 * long.
 */
static void rest(void *data)
{
    struct monitor *m = data;
    spec_release(&m->start->spec);
    exe_rest();
    fd_close(&m->start->cache);
    endpoints_rest(&m->start->beside.endpoints);
    if (m->it.container.cgroup)
        cgroup_rest(m->it.container.cgroup);
}

static void begin_life(struct monitor *m)
{
    m->settled = (struct loop_timer){.expired = rest, .data = m};
    loop_timer_set(&m->loop, &m->settled, SETTLED_MS);
    struct streams *s = &m->it.streams;
    const int out[2] = {TAKE_FD(s->out[0]), TAKE_FD(s->out[1])};
    m->carrier.once = json_bool(m->start->record->document, "Config.StdinOnce", false);
    carrier_begin(&m->carrier, TAKE_FD(m->it.container.console), TAKE_FD(s->in), out);
    loop_source_init(&m->init, m->it.container.pidfd, init_ready, m);
    loop_watch(&m->loop, &m->init, EPOLLIN);
    monitor_networks_begin(&m->networks, m->it.container.pid);
    m->ended = false;
    m->began_ms = loop_now_ms();
    state_started(m->it.state);
    state_publish(m->start->engine, m->start->record->id, m->it.state, NULL);
    tell_event(m, "start", NULL);
    begin_health(m);
}

static void live(struct monitor *m)
{
    while (!m->ended) {
        carrier_settle(&m->carrier);
        if (loop_turn(&m->loop) < 0)
            return;
    }
}

static void tell_death(const struct monitor *m, int exit_code, uint64_t lived_ms)
{
    char code[16], seconds[24];
    snprintf(code, sizeof(code), "%d", exit_code);
    snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)lived_ms / 1000);
    tell_event(m, "die",
               (struct event_attribute[]){{"exitCode", code}, {"execDuration", seconds}, {0}});
}

/* Its first process is dead: those who shared its PID namespace die with it all the same. */
static void end_life(struct monitor *m, struct state_end *ret)
{
    struct container *c = &m->it.container;
    if (c->cgroup)
        cgroup_wake(c->cgroup);
    bool oom = c->cgroup && cgroup_oom_kills(c->cgroup) > 0;
    if (oom)
        tell_event(m, "oom", NULL);
    loop_watch(&m->loop, &m->init, 0);
    loop_timer_cancel(&m->loop, &m->patience);
    loop_timer_cancel(&m->loop, &m->settled);
    health_end(TAKE_PTR(m->health));
    m->status = process_wait(c->pid);
    c->pid = 0;
    bool all_dead = c->own_pid_namespace;
    container_destroy(c, NULL);
    carrier_finish(&m->carrier, all_dead);
    monitor_networks_end(&m->networks);
    endpoints_close(&m->start->beside.endpoints);
    *ret = (struct state_end){
        .exit_code = m->status < 0 ? 255 : m->status,
        .oom_killed = oom,
        .by_user = mark_is_set(m->start->engine, m->start->record->id, MARK_STOPPED) == 1,
    };
    tell_death(m, ret->exit_code, loop_now_ms() - m->began_ms);
}

/* ---- the next life ---- */

static void end_waiting(struct monitor *m)
{
    m->waiting = false;
    loop_timer_cancel(&m->loop, &m->again);
}

static void wait_is_over(void *data)
{
    end_waiting(data);
}

static void tell_end(struct monitor *m)
{
    const uint8_t code = (uint8_t)(m->status < 0 ? 255 : m->status);
    for (struct peer *p = m->peers.first; p; p = p->next) {
        peer_send_frame(p, FRAME_EXITED, &code, 1);
        peer_forget_terminal(p);
    }
}

/* For a time, or until somebody wakes us. */
static int wait_awhile(struct monitor *m, uint64_t ms)
{
    int r = 0;
    m->waiting = true;
    m->again = (struct loop_timer){.expired = wait_is_over, .data = m};
    loop_timer_set(&m->loop, &m->again, ms);
    while (r == 0 && m->waiting) {
        r = loop_turn(&m->loop);
        peers_sweep(&m->peers);
    }
    return r;
}

static int wait_for_next(struct monitor *m, const struct state_end *end)
{
    const struct start *s = m->start;
    beside_end(&m->start->beside);
    m->delay_ms = restart_delay_ms(m->delay_ms, loop_now_ms() - m->began_ms);
    json_t *state = state_restarting(m->it.state, end);
    json_decref(m->it.state);
    m->it.state = state;
    int r = state_publish(s->engine, s->record->id, state, NULL);
    tell_end(m);
    return r < 0 ? r : wait_awhile(m, m->delay_ms);
}

/* Takes the change lock, without which nobody may read its document to act on it. Commands have it
 * for a moment at a time; we serve our clients meanwhile, for the holder may be one of them. */
static int wait_for_turn(struct monitor *m)
{
    int r;
    while ((r = change_lock_again(m->start->record->hold_fd)) == -EAGAIN)
        if (wait_awhile(m, TURN_MS) < 0)
            return -EIO;
    return r;
}

/* Starts it again, as `start` would: from its document as it stands now. */
static int next_life(struct monitor *m, struct err *e)
{
    struct start *s = m->start;
    enum control_step step;
    start_release(s);
    fd_close(&m->it.mounts);
    int r = start_reload(s, e);
    if (r == 0)
        r = launch(s, ++m->restarts, &m->it, &step, e);
    return r;
}

/* By its document and marks as they are now. */
static bool is_to_live(const struct monitor *m, struct state_end *end)
{
    const struct start *s = m->start;
    end->by_user = mark_is_set(s->engine, s->record->id, MARK_STOPPED) == 1;
    return !end->by_user && record_reload(s->record, NULL) == 0 &&
           (m->revive || restart_wanted(s->record->document, end->exit_code, m->restarts));
}

/* With the change lock. */
static bool live_again(struct monitor *m, struct state_end *end)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (!is_to_live(m, end))
        return false;
    m->revive = false;
    json_t *last = TAKE_PTR(m->it.state);
    if (next_life(m, &e) == 0) {
        json_decref(last);
        begin_life(m);
        return true;
    }
    launched_release(&m->it);
    m->it.state = last;
    end->exit_code = 128;
    end->error = m->it.state ? strdup(err_text(&e)) : NULL; /* ours until we exit */
    return false;
}

/* Whether it lives again. What a command changed while it waited holds for the next life: its
 * limits, its policy, and that it is to be none. */
static bool come_back(struct monitor *m, struct state_end *end)
{
    if (!is_to_live(m, end) || wait_for_next(m, end) < 0 || wait_for_turn(m) < 0)
        return false;
    bool lives = live_again(m, end);
    change_unlock(m->start->record->hold_fd);
    return lives;
}

/* ---- from the beginning to the end ---- */

/* A first start that failed. A container made for it was never there, and one that was there stays
 * and tells, unless it is to be removed at its end. */
static _Noreturn void fail(struct monitor *m, int client, enum control_step step,
                           const struct err *e)
{
    const struct start *s = m->start;
    uint8_t payload[1 + CONTROL_TEXT_MAX];
    const char *text = err_text(e);
    size_t n = strnlen(text, sizeof(payload) - 1);
    payload[0] = step != STEP_EXEC ? 125 : e->code == ENOENT ? 127 : 126;
    memcpy(payload + 1, text, n);

    const struct state_end end = {.exit_code = payload[0] == 125 ? 128 : payload[0],
                                  .error = text,
                                  .never_started = !s->ran_before};
    launched_release(&m->it);
    start_release(m->start); /* what it had not come to use: the control group */
    tell_death(m, payload[0] == 125 ? 128 : payload[0], 0);
    if (s->existing && !s->discard) {
        record_end(s->engine, s->record, NULL, &end);
    } else {
        create_undo(s->engine, s->record);
    }
    frame_send(client, FRAME_FAILED, payload, n + 1);
    _exit(1);
}

/* Its state is on disk, or it is gone; then its clients are told, and may take their time with what
 * it wrote last: nobody else is kept waiting for that. */
static void finish(struct monitor *m, const struct state_end *end)
{
    const struct start *s = m->start;
    bool keep = !s->discard || hold_is_taken(s->record->hold_fd, HOLD_RESTART);
    log_close(&m->log); /* whoever sees the end finds all of the log */
    if (keep)           /* it may be started again at once */
        fd_close(&m->it.mounts);
    if (!s->discard) {
        record_end(s->engine, s->record, m->it.state, end);
    } else if (keep) { /* nothing says how it ended: if it is not started again, it is lost */
        record_leave(s->engine, s->record);
    } else {
        if (record_hide(s->engine, s->record, NULL) == 0)
            tell_event(m, "destroy", NULL);
        volumes_forget(s->engine, s->record->document);
    }
    stop_listening(m);
    tell_end(m);
    while (peers_must_wait(&m->peers) && loop_turn(&m->loop) == 0)
        peers_sweep(&m->peers);
    /* Onlookers have a second; and who has heard all is gone by then: what takes time from here on
     * (space on the disk, detached mounts) no client waits for. */
    m->waiting = true;
    m->again = (struct loop_timer){.expired = wait_is_over, .data = m};
    loop_timer_set(&m->loop, &m->again, 1000);
    while (m->peers.first && m->waiting && loop_turn(&m->loop) == 0)
        peers_sweep(&m->peers);
    peers_release(&m->peers);
    beside_end(&m->start->beside);
    fd_close(&m->it.mounts);
    if (!keep)
        record_sweep(s->engine, s->record->id, NULL);
}

static int open_monitor(struct monitor *m, int client, struct err *e)
{
    struct start *s = m->start;
    int r = loop_open(&m->loop);
    if (r < 0)
        return err_sys(e, -r, "cannot make an event loop");
    m->peers = (struct peers){.loop = &m->loop, .take = take_frame, .data = m};
    carrier_init(&m->carrier, &m->loop, &m->peers);
    m->carrier.heard = log_output;
    m->carrier.data = m;
    struct peer *p = peer_add(&m->peers, client, true);
    if (!p)
        return err_nomem(e);
    p->wishes = s->wishes;
    if (s->terminal >= 0)
        peer_keep_terminal(p, TAKE_FD(s->terminal));
    r = log_open(s->engine, s->record, &m->log, e);
    if (r < 0)
        return r;
    int fd = contact_listen(s->engine, s->record->id, e);
    if (fd < 0)
        return fd;
    loop_source_init(&m->listener, fd, accept_peer, m);
    return 0;
}

_Noreturn void monitor_main(struct start *s, int client)
{
    static struct monitor m; /* a frame's worth: too much for a stack */
    struct err e = ERR_INIT;
    struct state_end end;
    enum control_step step = STEP_SETUP;
    m.start = s;
    m.it = LAUNCHED_INIT;
    m.networks = (struct monitor_networks){
        .loop = &m.loop, .beside = &s->beside, .engine = s->engine, .record = s->record};
    m.listener.fd = -EBADF;

    int r = open_monitor(&m, client, &e);
    if (r == 0)
        r = launch(s, 0, &m.it, &step, &e);
    if (r < 0)
        fail(&m, client, step, &e);
    if (s->wishes)
        tell_event(&m, "attach", NULL);
    begin_life(&m);
    change_unlock(s->record->hold_fd);
    peer_send_frame(m.peers.first, FRAME_STARTED, NULL, 0);
    loop_watch(&m.loop, &m.listener, EPOLLIN);
    do {
        live(&m);
        end_life(&m, &end);
    } while (come_back(&m, &end));
    finish(&m, &end);
    /* For a service manager, which takes us for what it started: what a person wanted is no
     * failure. */
    _exit(end.by_user ? 0 : end.exit_code);
}
