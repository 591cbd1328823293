/*
 * The monitor: one small process that lives exactly as long as its container. It makes it, carries
 * its streams between it and clients, waits for its end, starts it again if its policy says so, and
 * cleans up. All that it knows is also on disk.
 */
#include "base/file.h"
#include "base/loop.h"
#include "engine/contact.h"
#include "engine/events.h"
#include "engine/health.h"
#include "engine/launch.h"
#include "engine/lifecycle.h"
#include "engine/log.h"
#include "engine/mark.h"
#include "engine/peer.h"
#include "engine/restart.h"
#include "engine/state.h"
#include "engine/volume_use.h"
#include "kernel/process.h"
#include "runtime/console.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

struct monitor {
    struct start *start;
    struct launched it; /* the container, while it runs */
    struct loop loop;
    struct peers peers;
    struct log *log;
    struct loop_source listener, init, out[2], in;
    struct loop_timer again;    /* its next start */
    struct loop_timer patience; /* until a stop becomes a kill */
    struct health *health;
    bool revive;   /* its end is to be followed by another life, whatever the policy */
    bool ended;    /* its first process is dead, */
    int status;    /* with this exit status, */
    bool all_dead; /* and nobody is left who could write */
    bool waiting;  /* for the next start */
    uint64_t began_ms, delay_ms;
    unsigned restarts;
    /* What clients send to the container, and it has not taken yet. */
    uint8_t *input;
    size_t input_at, input_n, input_size;
    bool input_ends; /* no more comes */
    uint8_t output[FRAME_HEADER + FRAME_MAX];
};

static void tell_event(const struct monitor *m, const char *action,
                       const struct event_attribute *more)
{
    event_emit_container(m->start->engine, m->start->record, action, more);
}

static bool has_terminal(const struct monitor *m)
{
    return m->it.container.console >= 0;
}

static unsigned wish_of(int which)
{
    return which ? WISH_STDERR : WISH_STDOUT;
}

/* ---- input ---- */

static void close_input(struct monitor *m)
{
    m->input_at = m->input_n = 0;
    loop_watch(&m->loop, &m->in, 0);
    fd_close(&m->it.streams.in);
    m->in.fd = -EBADF;
}

/* The client whose input was the container's has no more of it. A terminal has no end of file of
 * its own: the one who types gives it. */
static void end_input(struct monitor *m)
{
    if (has_terminal(m) || !json_bool(m->start->record->document, "Config.StdinOnce", false))
        return;
    m->input_ends = true;
    if (m->input_n == 0)
        close_input(m);
}

/* Tells clients how much of their input went on, not byte by byte, and only while there is room for
 * all that they may send then. */
static void tell_taken(struct monitor *m)
{
    for (struct peer *p = m->peers.first; p; p = p->next) {
        if (p->owed < FRAME_WINDOW / 2 || m->input_n >= FRAME_WINDOW)
            continue;
        const uint32_t number = htonl(p->owed);
        p->owed = 0;
        peer_send_frame(p, FRAME_TAKEN, &number, sizeof(number));
    }
}

static void write_input(struct monitor *m)
{
    while (m->input_n > 0) {
        ssize_t n = write(m->in.fd, m->input + m->input_at, m->input_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            close_input(m);
            return;
        }
        if (n < 0)
            break;
        m->input_at += (size_t)n;
        m->input_n -= (size_t)n;
    }
    if (m->input_n == 0 && m->input_ends) {
        close_input(m);
        return;
    }
    if (m->input_n == 0)
        m->input_at = 0;
    loop_watch(&m->loop, &m->in, m->input_n > 0 ? EPOLLOUT : 0);
    tell_taken(m);
}

static void input_ready(void *data, uint32_t events)
{
    (void)events;
    write_input(data);
}

/* Input that nobody will read is never told as taken: the client stops sending. */
static void take_input(struct monitor *m, struct peer *p, const struct frame *f)
{
    if (m->in.fd < 0)
        return;
    if (f->len == 0) {
        end_input(m);
        return;
    }
    if (f->len + p->owed > FRAME_WINDOW) { /* more than was agreed on */
        peer_leave(p);
        return;
    }
    memmove(m->input, m->input + m->input_at, m->input_n);
    m->input_at = 0;
    if (m->input_n + f->len > m->input_size) {
        size_t size = m->input_n + FRAME_WINDOW;
        uint8_t *more = realloc(m->input, size);
        if (!more) {
            peer_leave(p);
            return;
        }
        m->input = more;
        m->input_size = size;
    }
    memcpy(m->input + m->input_n, f->payload, f->len);
    m->input_n += f->len;
    p->owed += (uint32_t)f->len;
    write_input(m);
}

/* ---- clients ---- */

/* Whoever writes there gets SIGPIPE or EPIPE, as if the client's stream were his own: if it was for
 * that client alone. */
static void stop_hearing(struct monitor *m, struct peer *p, int stream)
{
    int which = stream - FRAME_STDOUT;
    if (which < 0 || which > 1)
        return;
    p->wishes &= ~wish_of(which);
    if (!p->starter || has_terminal(m) || peers_wish(&m->peers, wish_of(which), p))
        return;
    loop_watch(&m->loop, &m->out[which], 0);
    fd_close(&m->it.streams.out[which]);
}

static void resize(struct monitor *m, const struct frame *f)
{
    if (f->len != 4 || !has_terminal(m))
        return;
    unsigned rows = (unsigned)f->payload[0] << 8 | f->payload[1];
    unsigned columns = (unsigned)f->payload[2] << 8 | f->payload[3];
    char height[8], width[8];
    snprintf(height, sizeof(height), "%u", rows);
    snprintf(width, sizeof(width), "%u", columns);
    console_resize(m->it.container.console, (unsigned short)rows, (unsigned short)columns);
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
    static const char text[] =
        "\1cannot attach to a restarting container, wait until it is running";
    if (m->waiting) {
        peer_send_frame(p, FRAME_FAILED, text, sizeof(text) - 1);
        return;
    }
    peer_send_frame(p, FRAME_STARTED, NULL, 0);
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
    case FRAME_STDIN:
        take_input(m, p, f);
        break;
    case FRAME_RESIZE:
        resize(m, f);
        break;
    case FRAME_SIGNAL:
        if (f->len == 1)
            pass_signal(m, f->payload[0]);
        break;
    case FRAME_DEAF:
        if (f->len == 1)
            stop_hearing(m, p, f->payload[0]);
        break;
    case FRAME_BYE:
        tell_event(m, "detach", NULL);
        peer_forget_terminal(p);
        peer_leave(p);
        break;
    case FRAME_WAKE:
        if (m->waiting)
            end_waiting(m);
        break;
    default:
        break;
    }
}

static bool accept_one(struct monitor *m)
{
    int fd = accept4(m->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && !peer_add(&m->peers, fd, false))
        close(fd);
    return fd >= 0;
}

static void accept_peer(void *data, uint32_t events)
{
    (void)events;
    accept_one(data);
}

/* Nobody comes any more, and whoever has come is told the end. */
static void stop_listening(struct monitor *m)
{
    loop_watch(&m->loop, &m->listener, 0);
    while (accept_one(m))
        ;
    fd_close(&m->listener.fd);
}

/* The one whose input was the container's takes it along when it goes. */
static void sweep_peers(struct monitor *m)
{
    for (struct peer *p = m->peers.first; p; p = p->next)
        if (p->gone && (p->wishes & WISH_STDIN))
            end_input(m);
    peers_sweep(&m->peers);
}

/* ---- output ---- */

static void close_output(struct monitor *m, int which)
{
    loop_watch(&m->loop, &m->out[which], 0);
    if (has_terminal(m)) /* it is out[0] */
        m->it.container.console = -EBADF;
    fd_close(&m->it.streams.out[which]);
}

/* One read of what the container wrote: into the log, and to all who wish it. */
static void hear_container(struct monitor *m, int which)
{
    ssize_t n;
    do
        n = read(m->it.streams.out[which], m->output + FRAME_HEADER, FRAME_MAX);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        close_output(m, which);
        return;
    }
    log_write(m->log, which ? LOG_STDERR : LOG_STDOUT, m->output + FRAME_HEADER, (size_t)n);
    frame_header(m->output, which ? FRAME_STDERR : FRAME_STDOUT, (size_t)n);
    peers_send(&m->peers, wish_of(which), m->output, FRAME_HEADER + (size_t)n);
}

static void stdout_ready(void *data, uint32_t events)
{
    (void)events;
    hear_container(data, 0);
}

static void stderr_ready(void *data, uint32_t events)
{
    (void)events;
    hear_container(data, 1);
}

/* Reads the rest: what is in the pipes, so a bounded amount. With a PID namespace of its own all
 * that could write is dead, and the streams end; otherwise what is there now is all. */
static void drain(struct monitor *m)
{
    for (;;) {
        int *out = m->it.streams.out;
        struct pollfd fds[] = {{.fd = out[0], .events = POLLIN}, {.fd = out[1], .events = POLLIN}};
        if ((out[0] < 0 && out[1] < 0) || poll(fds, 2, m->all_dead ? 100 : 0) <= 0)
            return;
        for (int i = 0; i < 2; i++)
            if (fds[i].revents && out[i] >= 0)
                hear_container(m, i);
    }
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

static void watch_stream(struct monitor *m, struct loop_source *s, int fd,
                         void (*ready)(void *, uint32_t))
{
    loop_source_init(s, fd, ready, m);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void begin_life(struct monitor *m)
{
    struct streams *s = &m->it.streams;
    if (has_terminal(m)) { /* a copy for input: epoll has each descriptor once */
        s->out[0] = m->it.container.console;
        s->in = fcntl(s->out[0], F_DUPFD_CLOEXEC, 3);
    }
    watch_stream(m, &m->in, s->in, input_ready);
    watch_stream(m, &m->out[0], s->out[0], stdout_ready);
    watch_stream(m, &m->out[1], s->out[1], stderr_ready);
    loop_source_init(&m->init, m->it.container.pidfd, init_ready, m);
    loop_watch(&m->loop, &m->init, EPOLLIN);
    m->ended = m->input_ends = false;
    m->input_at = m->input_n = 0;
    m->began_ms = loop_now_ms();
    spec_release(&m->start->spec);
    tell_event(m, "start", NULL);
    begin_health(m);
}

/* While the starter's client does not take what it has, nothing more is read. */
static void watch_output(struct monitor *m)
{
    uint32_t events = peers_must_wait(&m->peers) ? 0 : EPOLLIN;
    for (int i = 0; i < 2; i++)
        if (m->it.streams.out[i] >= 0)
            loop_watch(&m->loop, &m->out[i], events);
}

static void live(struct monitor *m)
{
    while (!m->ended) {
        watch_output(m);
        if (loop_turn(&m->loop) < 0)
            return;
        sweep_peers(m);
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
    bool oom = c->cgroup && cgroup_oom_kills(c->cgroup) > 0;
    if (oom)
        tell_event(m, "oom", NULL);
    int console = TAKE_FD(c->console);
    loop_watch(&m->loop, &m->init, 0);
    loop_timer_cancel(&m->loop, &m->patience);
    health_end(TAKE_PTR(m->health));
    close_input(m);
    m->status = process_wait(c->pid);
    c->pid = 0;
    m->all_dead = c->own_pid_namespace;
    container_destroy(c, NULL);
    c->console = console;
    drain(m);
    for (int i = 0; i < 2; i++) {
        loop_watch(&m->loop, &m->out[i], 0);
        fd_close(&m->it.streams.out[i]);
    }
    c->console = -EBADF;
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

/* Waits for the time of the next try, or for somebody who stops it. */
static int wait_for_next(struct monitor *m, const struct state_end *end)
{
    const struct start *s = m->start;
    m->delay_ms = restart_delay_ms(m->delay_ms, loop_now_ms() - m->began_ms);
    m->waiting = true;
    json_t *state = state_restarting(m->it.state, end);
    json_decref(m->it.state);
    m->it.state = state;
    int r = state_publish(s->engine, s->record->id, state, NULL);
    tell_end(m);
    m->again = (struct loop_timer){.expired = wait_is_over, .data = m};
    loop_timer_set(&m->loop, &m->again, m->delay_ms);
    while (r == 0 && m->waiting) {
        r = loop_turn(&m->loop);
        peers_sweep(&m->peers);
    }
    return r;
}

/* Starts it again, as `start` would: from its document as it stands now. */
static int next_life(struct monitor *m, struct err *e)
{
    struct start *s = m->start;
    enum control_step step;
    start_release(s);
    int r = start_reload(s, e);
    if (r == 0)
        r = launch(s, ++m->restarts, &m->it, &step, e);
    return r;
}

/* Whether it lives again. */
static bool come_back(struct monitor *m, struct state_end *end)
{
    const struct start *s = m->start;
    _cleanup_err_ struct err e = ERR_INIT;
    bool revive = m->revive;
    m->revive = false;
    if (end->by_user || record_reload(s->record, NULL) < 0 ||
        !(revive || restart_wanted(s->record->document, end->exit_code, m->restarts)))
        return false;
    if (wait_for_next(m, end) < 0)
        return false;
    end->by_user = mark_is_set(s->engine, s->record->id, MARK_STOPPED) == 1;
    if (end->by_user)
        return false;
    json_t *last = TAKE_PTR(m->it.state);
    if (next_life(m, &e) == 0) {
        json_decref(last);
        begin_life(m);
        /* Who stops it sets the mark, and then looks whom to signal: perhaps nobody was there yet.
         */
        if (mark_is_set(s->engine, s->record->id, MARK_STOPPED) == 1)
            pidfd_send_signal(m->it.container.pidfd, SIGKILL, NULL, 0);
        return true;
    }
    launched_release(&m->it);
    m->it.state = last;
    end->exit_code = 128;
    end->error = m->it.state ? strdup(err_text(&e)) : NULL; /* ours until we exit */
    return false;
}

/* ---- from the beginning to the end ---- */

/* A first start that failed. A container made for it was never there; one that was there stays, and
 * tells. */
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
    tell_death(m, payload[0] == 125 ? 128 : payload[0], 0);
    if (s->existing) {
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
    bool keep = !s->discard || mark_is_set(s->engine, s->record->id, MARK_KEEP) == 1;
    log_close(&m->log); /* whoever sees the end finds all of the log */
    if (keep) {
        record_end(s->engine, s->record, m->it.state, end);
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
    m.listener.fd = m.in.fd = -EBADF;

    int r = open_monitor(&m, client, &e);
    if (r == 0)
        r = launch(s, 0, &m.it, &step, &e);
    if (r < 0)
        fail(&m, client, step, &e);
    if (s->wishes)
        tell_event(&m, "attach", NULL);
    begin_life(&m);
    peer_send_frame(m.peers.first, FRAME_STARTED, NULL, 0);
    loop_watch(&m.loop, &m.listener, EPOLLIN);
    do {
        live(&m);
        end_life(&m, &end);
    } while (come_back(&m, &end));
    finish(&m, &end);
    _exit(0);
}
