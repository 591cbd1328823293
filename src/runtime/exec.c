#include "runtime/exec.h"

#include "runtime/console.h"
#include "runtime/init.h"
#include "runtime/seccomp.h"
#include "runtime/stage.h"
#include "runtime/steps.h"
#include "runtime/userns.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>

/* ---- the process itself ---- */

/* In the container's own devpts, as its first process does it. */
static int open_console(struct step_state *st, struct err *e)
{
    const struct spec_process *p = &st->spec->process;
    if (!p->terminal)
        return 0;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(e, errno, "cannot open the container's root");
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    int r = console_open(root, &master, &slave, e);
    if (r < 0)
        return r;
    console_resize(slave, p->rows, p->columns);
    r = control_send(st->control, CONTROL_CONSOLE, 0, 0, NULL, master);
    if (r < 0)
        return err_sys(e, -r, "cannot hand out the terminal");
    return console_take(slave, p->uid, e);
}

static const struct step steps[] = {
    {step_start_session, STEP_SETUP},  {open_console, STEP_SETUP},
    {step_set_stdio, STEP_SETUP},      {step_close_descriptors, STEP_SETUP},
    {step_enter_cwd, STEP_EXEC},       {step_take_identity, STEP_SETUP},
    {step_find_executable, STEP_EXEC}, {step_wait_for_go, STEP_SETUP},
    {step_reset_signals, STEP_SETUP},  {step_drop_rights, STEP_SETUP},
    {step_execute, STEP_EXEC},
};

static void run(const void *in)
{
    steps_run(steps, ARRAY_LEN(steps), in);
}

/* ---- joining ---- */

struct joining {
    struct init init; /* first: what run() gets */
    int target;
    uint64_t kinds; /* CLONE_NEW* of the namespaces to join */
};

/* All at once, and by the pidfd: between two of them the container cannot become another. */
static int join(const void *data, struct err *e)
{
    const struct joining *j = data;
    if (j->kinds != 0 && setns(j->target, (int)j->kinds) < 0)
        return err_sys(e, errno, "cannot join the container's namespaces");
    return j->kinds & CLONE_NEWUSER ? userns_become_root(e) : 0;
}

/* Those that are not the caller's anyway: to join its own user namespace is an error to the kernel,
 * and a kind that it does not know, too. */
static int differing_kinds(const struct exec_options *o, uint64_t *ret, struct err *e)
{
    *ret = 0;
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        if (namespace_inode(o->target_pid, kind) != namespace_inode(0, kind))
            *ret |= namespace_types[kind].flag;
    /* As long as it lives, the number was its own. */
    return exec_target_ended(o->target, o->target_pid)
               ? err_set(e, ESRCH, "the container has ended")
               : 0;
}

bool exec_target_ended(int target, pid_t target_pid)
{
    /* Of what a process has, the root is the first to go; the others of its PID namespace are
     * killed later, and it waits for them before it is dead. */
    char path[32], some[1];
    snprintf(path, sizeof(path), "/proc/%d/root", target_pid);
    if (readlink(path, some, sizeof(some)) < 0 && errno == ENOENT)
        return true;
    struct pollfd p = {.fd = target, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static int create(const struct spec *s, const struct exec_options *o, struct container *c,
                  struct err *e)
{
    _cleanup_seccomp_filter_ struct seccomp_filter filter = {0};
    struct joining j = {.target = o->target};
    int pair[2], r = differing_kinds(o, &j.kinds, e);
    if (r == 0)
        r = seccomp_compile(s->seccomp, o->cache_fd, &filter, e);
    if (r < 0)
        return r;
    r = control_pair(pair);
    if (r < 0)
        return err_sys(e, -r, "cannot make a socket pair");
    c->control = pair[0];
    _cleanup_close_ int theirs = pair[1];
    j.init = (struct init){
        .spec = s,
        .filter = &filter,
        .stdio = o->stdio,
        .control = theirs,
        .go_fd = -EBADF,
        .keep_fds = o->keep_fds,
        .die_with_parent = o->die_with_parent,
    };
    const struct stage stage = {.cgroup = o->cgroup, .join = join, .run = run, .data = &j};
    r = stage_run(&stage, &c->pid, &c->pidfd, e);
    return r < 0 ? r : container_set_oom_score(s, c->pid, e);
}

int exec_create(const struct spec *s, const struct exec_options *o, struct container *ret,
                struct err *e)
{
    struct container c = CONTAINER_INIT;
    int r = create(s, o, &c, e);
    if (r < 0) {
        container_destroy(&c, NULL);
        return r;
    }
    *ret = c;
    return 0;
}
