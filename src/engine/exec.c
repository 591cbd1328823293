#include "engine/exec.h"

#include "base/file.h"
#include "engine/carrier.h"
#include "engine/events.h"
#include "engine/exec_plan.h"
#include "engine/exec_record.h"
#include "engine/launch.h"
#include "kernel/process.h"
#include "runtime/exec.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* The exit status that tells what failed, as Docker has it. */
static uint8_t failure_status(enum control_step step, int code)
{
    if (step != STEP_EXEC)
        return code == -ESRCH ? 1 : 125;
    return code == -ENOENT ? 127 : 126;
}

static int tell_step(const struct exec_plan *p, enum control_step step, int code, struct err *e)
{
    const char *program = p->spec.process.args[0];
    int r = exec_plan_failure(p, code, e);
    if (r != code || r == -ESRCH) /* the container's end, in its own words */
        return r;
    if (step != STEP_EXEC)
        return err_wrap(e, "cannot execute \"%s\" in container %s", program,
                        record_name(p->record));
    if (code == -ENOENT && strstr(err_text(e), "$PATH"))
        return err_set(e, ENOENT,
                       "cannot start \"%s\": executable file not found in $PATH of container %s",
                       program, record_name(p->record));
    return err_wrap(e, "cannot start \"%s\"", program);
}

/* ---- telling ---- */

/* "exec_start: sh -c …", as Docker has it. */
static void tell_command(const struct exec_plan *p, const char *what,
                         const struct exec_record *record)
{
    _cleanup_str_ struct str action = {0};
    str_addf(&action, "%s:", what);
    for (char *const *word = p->request->args; *word; word++)
        str_addf(&action, " %s", *word);
    if (!action.failed)
        event_emit_container(p->engine, p->record, action.s,
                             (struct event_attribute[]){{"execID", record->id}, {0}});
}

static void tell_end(const struct exec_plan *p, const struct exec_record *record, int status)
{
    char code[16];
    snprintf(code, sizeof(code), "%d", status);
    event_emit_container(
        p->engine, p->record, "exec_die",
        (struct event_attribute[]){{"execID", record->id}, {"exitCode", code}, {0}});
}

/* ---- making it ---- */

/* Returns once the program is executed. @stdio is closed. On failure *ret_status is for the client,
 * and nothing is left. */
static int make_process(const struct exec_plan *p, int stdio[3], struct container *ret,
                        struct exec_record *ret_record, uint8_t *ret_status, struct err *e)
{
    enum control_step step = STEP_SETUP;
    const struct exec_options options = {
        .target = p->target,
        .target_pid = p->pid,
        .cgroup = p->cgroup,
        .cache_fd = p->cache,
        .stdio = {stdio[0], stdio[1], stdio[2]},
        .die_with_parent = true,
    };
    int r = exec_create(&p->spec, &options, ret, e);
    for (int i = 0; i < 3; i++)
        fd_close(&stdio[i]);
    if (r == 0)
        r = exec_record_make(p->engine, p->record->id, ret->pid, p->request->args, ret_record, e);
    if (r == 0)
        r = container_let_go(ret, e);
    if (r == 0) /* while it sets itself up */
        tell_command(p, "exec_create", ret_record);
    if (r == 0)
        r = container_wait(ret, &step, e);
    if (r == 0)
        r = container_start(ret, &step, e);
    if (r == 0) {
        tell_command(p, "exec_start", ret_record);
        return 0;
    }
    r = tell_step(p, step, r, e);
    *ret_status = failure_status(step, r);
    exec_record_remove(ret_record);
    container_destroy(ret, NULL);
    return r;
}

/* ---- the tender ---- */

struct tender {
    struct exec_plan *plan;
    struct container process;
    struct exec_record record;
    struct loop loop;
    struct peers peers;
    struct carrier carrier;
    struct loop_source process_end;
    bool ended;
};

static void take_frame(void *data, struct peer *p, const struct frame *f)
{
    carrier_take(&((struct tender *)data)->carrier, p, f);
}

static void process_ended(void *data, uint32_t events)
{
    (void)events;
    ((struct tender *)data)->ended = true;
}

static int open_tender(struct tender *t, int client, struct err *e)
{
    const struct exec_request *request = t->plan->request;
    int r = loop_open(&t->loop);
    if (r < 0)
        return err_sys(e, -r, "cannot make an event loop");
    t->peers = (struct peers){.loop = &t->loop, .take = take_frame, .data = t};
    struct peer *p = peer_add(&t->peers, client, true);
    if (!p)
        return err_nomem(e);
    if (!request->detach)
        p->wishes = WISH_STDOUT | WISH_STDERR | (request->open_stdin ? WISH_STDIN : 0);
    if (request->terminal >= 0)
        peer_keep_terminal(p, request->terminal);
    return 0;
}

static int start(struct tender *t, uint8_t *ret_status, struct err *e)
{
    const struct exec_request *request = t->plan->request;
    struct streams streams = {-EBADF, {-EBADF, -EBADF}};
    int stdio[3] = {-EBADF, -EBADF, -EBADF};
    int r = streams_make(request->tty, request->open_stdin, !request->detach, &streams, stdio, e);
    if (r == 0)
        r = make_process(t->plan, stdio, &t->process, &t->record, ret_status, e);
    if (r < 0)
        return r;
    carrier_init(&t->carrier, &t->loop, &t->peers);
    t->carrier.pidfd = t->process.pidfd;
    t->carrier.once = true;
    carrier_begin(&t->carrier, TAKE_FD(t->process.console), streams.in, streams.out);
    loop_source_init(&t->process_end, t->process.pidfd, process_ended, t);
    return loop_watch(&t->loop, &t->process_end, EPOLLIN) < 0 ? err_nomem(e) : 0;
}

static _Noreturn void fail(int client, uint8_t status, const struct err *e)
{
    uint8_t payload[1 + CONTROL_TEXT_MAX];
    const char *text = err_text(e);
    size_t n = strnlen(text, sizeof(payload) - 1);
    payload[0] = status;
    memcpy(payload + 1, text, n);
    frame_send(client, FRAME_FAILED, payload, n + 1);
    _exit(1);
}

/* Its record is gone when its client hears of the end; who may then take his time with what it
 * wrote last. */
static void finish(struct tender *t)
{
    bool tty = t->plan->request->tty;
    loop_watch(&t->loop, &t->process_end, 0);
    int status = process_wait(t->process.pid);
    const uint8_t code = (uint8_t)(status < 0 ? 255 : status);
    t->process.pid = 0;
    t->carrier.pidfd = -EBADF;
    /* A terminal is hung up by the end of its session's leader: nobody writes there any more. */
    carrier_finish(&t->carrier, tty);
    exec_record_remove(&t->record);
    tell_end(t->plan, &t->record, code);
    for (struct peer *p = t->peers.first; p; p = p->next) {
        peer_send_frame(p, FRAME_EXITED, &code, 1);
        peer_forget_terminal(p);
    }
    while (peers_must_wait(&t->peers) && loop_turn(&t->loop) == 0)
        peers_sweep(&t->peers);
    container_release(&t->process);
}

static _Noreturn void tender_main(struct exec_plan *p, int client)
{
    static struct tender t; /* a frame's worth: too much for a stack */
    struct err e = ERR_INIT;
    uint8_t status = 125;
    t.plan = p;
    t.process = CONTAINER_INIT;
    t.record = EXEC_RECORD_INIT;
    int r = open_tender(&t, client, &e);
    if (r == 0)
        r = start(&t, &status, &e);
    if (r < 0)
        fail(client, status, &e);
    peer_send_frame(t.peers.first, FRAME_STARTED, NULL, 0);
    exec_plan_release(p); /* it may be long, and its memory is many times what carrying takes */
    malloc_trim(0);
    while (!t.ended) {
        carrier_settle(&t.carrier);
        if (loop_turn(&t.loop) < 0)
            break;
    }
    finish(&t);
    _exit(0);
}

int exec_launch(const struct engine *en, const struct container_record *c,
                const struct exec_request *request, struct err *e)
{
    _cleanup_exec_plan_ struct exec_plan plan = EXEC_PLAN_INIT;
    int pair[2];
    int r = exec_plan_make(en, c, request, &plan, e);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, errno, "cannot make a socket pair");
    _cleanup_close_ int mine = pair[0], theirs = pair[1];
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(e, errno, "cannot fork");
    if (pid == 0) {
        struct exec_request own = *request;
        if (own.terminal >= 0)
            own.terminal = fcntl(own.terminal, F_DUPFD_CLOEXEC, 3);
        plan.request = &own;
        close(mine);
        start_leave_caller();
        tender_main(&plan, theirs);
    }
    return TAKE_FD(mine);
}

/* ---- for a monitor ---- */

static _Noreturn void probe_main(const struct engine *en, const struct container_record *c,
                                 const struct exec_request *request, pid_t maker, int output,
                                 int leash)
{
    struct err e = ERR_INIT;
    struct exec_plan plan = EXEC_PLAN_INIT;
    struct container process = CONTAINER_INIT;
    struct exec_record record = EXEC_RECORD_INIT;
    uint8_t failed = 125;
    int stdio[3] = {open("/dev/null", O_RDONLY | O_CLOEXEC), output,
                    fcntl(output, F_DUPFD_CLOEXEC, 3)};
    /* It holds its maker's lock, too: it must not outlive him. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != maker)
        _exit(1);
    int said = fcntl(output, F_DUPFD_CLOEXEC, 3);
    int r = exec_plan_make(en, c, request, &plan, &e);
    if (r == 0)
        r = make_process(&plan, stdio, &process, &record, &failed, &e);
    if (r < 0) {
        fd_write_all(said, err_text(&e), strlen(err_text(&e)));
        _exit(failed);
    }
    close(said);
    /* Killed by us, it is reaped by us: while somebody's zombie is left in the container's PID
     * namespace, its first process does not end. */
    struct pollfd fds[] = {{.fd = process.pidfd, .events = POLLIN},
                           {.fd = leash, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (!fds[0].revents)
        pidfd_send_signal(process.pidfd, SIGKILL, NULL, 0);
    int status = process_wait(process.pid);
    exec_record_remove(&record);
    tell_end(&plan, &record, status < 0 ? 255 : status);
    _exit(status < 0 ? 255 : status);
}

int exec_probe_start(const struct engine *en, const struct container_record *c,
                     const struct exec_request *request, struct exec_probe *ret, struct err *e)
{
    int pair[2], leash[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int output = pair[0], theirs = pair[1];
    if (pipe2(leash, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int far_end = leash[0], held = leash[1];
    int pidfd = -EBADF;
    pid_t self = getpid();
    pid_t pid = process_clone(0, -1, &pidfd);
    if (pid < 0)
        return err_sys(e, -pid, "cannot fork");
    if (pid == 0) {
        fd_close(&held);
        probe_main(en, c, request, self, theirs, far_end);
    }
    *ret = (struct exec_probe){
        .pid = pid, .pidfd = pidfd, .leash = TAKE_FD(held), .output = TAKE_FD(output)};
    return 0;
}
