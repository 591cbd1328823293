#include "runtime/exec.h"

#include "kernel/process.h"
#include "kernel/terminal.h"
#include "oci/console_socket.h"
#include "oci/exec_process.h"
#include "oci/handover.h"
#include "oci/oci.h"
#include "oci/relay.h"
#include "oci/state.h"

#include <stddef.h>

#define OPTION(name, letter, type, field, argument, help)                                          \
    {                                                                                              \
        name, letter, type, offsetof(struct exec_options_oci, field), argument, help, NULL         \
    }

static const struct option_def table[] = {
    {"process", 'p', OPTION_STRING, offsetof(struct exec_options_oci, process), "FILE",
     "JSON of the process to execute, in place of COMMAND", "Options"},
    OPTION("tty", 't', OPTION_FLAG, tty, NULL, "Give it a terminal"),
    OPTION("console-socket", 0, OPTION_STRING, console_socket, "SOCKET",
           "Unix socket that gets the terminal's master end"),
    OPTION("detach", 'd', OPTION_FLAG, detach, NULL, "Return when it runs"),
    OPTION("pid-file", 0, OPTION_STRING, pid_file, "FILE", "Write its process ID here"),
    OPTION("cwd", 0, OPTION_STRING, cwd, "DIR", "Working directory in the container"),
    OPTION("env", 'e', OPTION_LIST, env, "NAME=VALUE", "Set an environment variable"),
    OPTION("user", 'u', OPTION_STRING, user, "UID[:GID]", "Whom it runs as"),
    OPTION("additional-gids", 'g', OPTION_LIST, groups, "GID", "Add a supplementary group"),
    OPTION("cap", 'c', OPTION_LIST, caps, "NAME", "Add a capability"),
    OPTION("no-new-privs", 0, OPTION_FLAG, no_new_privs, NULL, "It gains no privileges"),
    OPTION("apparmor", 0, OPTION_STRING, apparmor, "PROFILE", NULL),
    OPTION("process-label", 0, OPTION_STRING, label, "LABEL", NULL),
    OPTION("preserve-fds", 0, OPTION_INT, preserve_fds, "N", "Pass N descriptors from 3 on"),
    OPTION("ignore-paused", 0, OPTION_FLAG, ignore_paused, NULL, "Also in a paused container"),
    {"cgroup", 0, OPTION_LATER, 0, NULL, NULL, NULL},
    {0},
};

static const char stopped[] = "cannot exec in a stopped container";
static const char usage[] = "exec [OPTIONS] ID COMMAND [ARGUMENTS], or exec --process FILE ID";

/* One exec under way. */
struct job {
    const struct exec_options_oci *options;
    struct spec spec;
    struct container process;
    int target; /* pidfd of the container's first process */
    int signals;
};

static int open_target(const struct state *s, struct err *e)
{
    int target = str_eq(state_status(s), "stopped") ? -ESRCH : process_open(s->pid, s->start_time);
    if (target == -ESRCH)
        return err_set(e, ESRCH, "%s", stopped);
    return target < 0 ? err_sys(e, -target, "cannot open container \"%s\"", s->id) : target;
}

static int create(struct job *j, const struct oci_global *g, const struct state *s, struct err *e)
{
    const struct exec_options_oci *o = j->options;
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    int r = cgroup_open_process(s->pid, &cg, e);
    if (r < 0)
        return r;
    if (!o->ignore_paused && cgroup_is_frozen(cg))
        return err_set(e, EBUSY,
                       "cannot exec in a paused container (use --ignore-paused to override)");
    _cleanup_close_ int cache = j->spec.seccomp ? handover_open_cache(g) : -EBADF;
    const struct exec_options options = {
        .target = j->target,
        .target_pid = s->pid,
        .cgroup = cg,
        .cache_fd = cache,
        .stdio = {0, 1, 2},
        .keep_fds = (unsigned)o->preserve_fds,
    };
    return exec_create(&j->spec, &options, &j->process, e);
}

static int start(struct job *j, struct err *e)
{
    enum control_step step = STEP_SETUP;
    const struct exec_options_oci *o = j->options;
    int r = container_let_go(&j->process, e);
    if (r == 0)
        r = container_wait(&j->process, &step, e);
    if (r == 0 && o->console_socket)
        r = console_socket_send(o->console_socket, j->process.console, e);
    if (r == 0)
        r = handover_write_pid(o->pid_file, j->process.pid, e);
    if (r == 0)
        r = container_start(&j->process, &step, e);
    if (r < 0 && step == STEP_EXEC)
        err_wrap(e, "cannot start \"%s\"", j->spec.process.args[0]);
    return r;
}

static int check(const struct job *j, struct err *e)
{
    const struct exec_options_oci *o = j->options;
    bool terminal = j->spec.process.terminal;
    if (terminal && o->detach && !o->console_socket)
        return err_set(e, EINVAL, "a terminal and --detach: --console-socket is needed");
    if (!terminal && o->console_socket)
        return err_set(e, EINVAL, "--console-socket is given, but no terminal is asked for");
    return handover_check_fds(o->preserve_fds, e);
}

static int stay(struct job *j, struct err *e)
{
    struct terminal terminal = {0};
    bool ours = j->process.console >= 0 && !j->options->console_socket;
    if (ours) {
        terminal_copy_size(0, j->process.console);
        terminal_make_raw(0, &terminal);
    }
    int status = relay_until_end(j->process.pid, j->process.pidfd, j->signals,
                                 ours ? j->process.console : -1, e);
    terminal_restore(&terminal);
    if (status >= 0)
        j->process.pid = 0; /* reaped */
    return status;
}

static int execute(struct job *j, const struct oci_global *g, char **words, int n, struct err *e)
{
    _cleanup_state_ struct state s = STATE_INIT;
    int r = state_open(g->root, words[0], &s, e);
    if (r == 0)
        r = exec_process_make(j->options, &s, words + 1, n - 1, &j->spec, e);
    if (r == 0)
        r = check(j, e);
    /* From here on a signal of ours is the process's, even one that comes while it is made. */
    if (r == 0 && !j->options->detach)
        r = j->signals = relay_block_signals(e);
    if (r >= 0)
        r = j->target = open_target(&s, e);
    if (r < 0)
        return r;
    r = create(j, g, &s, e);
    if (r == 0)
        r = start(j, e);
    if (r == 0)
        return j->options->detach ? 0 : stay(j, e);
    container_destroy(&j->process, NULL);
    return exec_target_ended(j->target, s.pid) ? err_set(e, ESRCH, "%s", stopped) : r;
}

int oci_exec(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct exec_options_oci o = {0};
    char **words;
    int n, r = options_parse(table, argv, argc, true, &o, &words, &n, e);
    if (r == 1)
        r = oci_parse(usage, table, argc, argv, 0, &o, &words, e);
    else if (r == 0 && (n < 1 || (n == 1) != (o.process != NULL)))
        r = err_set(e, EINVAL, "a container and what to execute in it are needed: skiff-oci %s",
                    usage);
    if (r == 0) {
        struct job j = {
            .options = &o, .process = CONTAINER_INIT, .target = -EBADF, .signals = -EBADF};
        r = execute(&j, g, words, n, e);
        fd_close(&j.signals);
        fd_close(&j.target);
        container_release(&j.process);
        spec_release(&j.spec);
    } else if (r == 1) {
        r = 0;
    }
    options_release(table, &o);
    return r;
}
