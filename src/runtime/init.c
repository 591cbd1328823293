#include "runtime/init.h"

#include "kernel/mount.h"
#include "runtime/console.h"
#include "runtime/hooks.h"
#include "runtime/netns_maker.h"
#include "runtime/steps.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>

static int join_namespaces(struct step_state *st, struct err *e)
{
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        /* User, PID and time were joined before this process was made; with a user namespace all
         * were, by one who still had the rights. */
        if (kind == NS_USER || kind == NS_PID || kind == NS_TIME || st->in->in_userns ||
            st->in->join[kind] < 0)
            continue;
        if (setns(st->in->join[kind], (int)namespace_types[kind].flag) < 0)
            return err_sys(e, errno, "cannot join %s namespace", namespace_types[kind].name);
    }
    return 0;
}

static int enter_cgroup(struct step_state *st, struct err *e)
{
    int r = st->in->cgroup ? cgroup_enter(st->in->cgroup, e) : 0;
    if (r < 0)
        return r;
    /* Only now: a cgroup namespace is rooted where its maker stands. */
    const struct spec_namespace *ns = &st->spec->namespaces[NS_CGROUP];
    if (ns->asked && !ns->path && unshare(CLONE_NEWCGROUP) < 0)
        return err_sys(e, errno, "cannot make a cgroup namespace");
    return 0;
}

static int set_names(struct step_state *st, struct err *e)
{
    const char *host = st->spec->hostname, *domain = st->spec->domainname;
    if (host && sethostname(host, strlen(host)) < 0)
        return err_sys(e, errno, "cannot set the hostname to \"%s\"", host);
    if (domain && setdomainname(domain, strlen(domain)) < 0)
        return err_sys(e, errno, "cannot set the domain name to \"%s\"", domain);
    return 0;
}

/* Of one that was made ahead it is up already. */
static int raise_loopback(struct step_state *st, struct err *e)
{
    const struct spec_namespace *ns = &st->spec->namespaces[NS_NETWORK];
    return !ns->asked || ns->path || st->in->join[NS_NETWORK] >= 0 ? 0 : loopback_raise(e);
}

static int open_proc(struct step_state *st, struct err *e)
{
    uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    st->proc_fd = mount_new("proc", "proc", NULL, 0, attrs, e);
    if (st->proc_fd >= 0)
        return 0;
    /* A user namespace that does not own the PID namespace may not: take what the host shows. */
    err_release(e);
    st->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return st->proc_fd < 0 ? err_sys(e, errno, "cannot open \"/proc\"") : 0;
}

static int build_root(struct step_state *st, struct err *e)
{
    return rootfs_build(st->spec, st->in->rootfs, st->proc_fd, e);
}

static int open_console(struct step_state *st, struct err *e)
{
    const struct spec_process *p = &st->spec->process;
    if (!p->terminal)
        return 0;
    _cleanup_close_ int master = -EBADF, slave = -EBADF;
    int r = console_open(st->in->rootfs->mount_fd, &master, &slave, e);
    if (r < 0)
        return r;
    console_resize(slave, p->rows, p->columns);
    r = rootfs_set_console(st->in->rootfs, slave, e);
    if (r < 0)
        return r;
    r = control_send(st->control, CONTROL_CONSOLE, 0, 0, NULL, master);
    if (r < 0)
        return err_sys(e, -r, "cannot hand out the terminal");
    return console_take(slave, p->uid, e);
}

static int run_hook(struct step_state *st, enum hook which, const char *status, struct err *e)
{
    const struct hook_state state = {st->in->hook_state, status, st->pid};
    return hooks_run(st->spec->hooks, which, &state, e);
}

/* Before the root is changed. The maker runs its own first. */
static int run_hooks(struct step_state *st, struct err *e)
{
    if (!hooks_before_start(st->spec->hooks))
        return 0;
    struct control_message m;
    int r = control_send(st->control, CONTROL_HOOKS, 0, 0, NULL, -1);
    if (r < 0 || control_receive(st->control, &m) != 1 || m.kind != CONTROL_GO)
        return err_set(e, ECANCELED, "cannot wait for the hooks");
    st->pid = m.number;
    return run_hook(st, HOOK_CREATE_CONTAINER, "creating", e);
}

static int seal_root(struct step_state *st, struct err *e)
{
    /* The working directory is made, as root, while the tree can still be written. */
    _cleanup_err_ struct err ignored = ERR_INIT;
    _cleanup_close_ int made =
        root_make_dir(st->in->rootfs->mount_fd, st->spec->process.cwd, 0755, &ignored);
    return rootfs_seal(st->spec, st->in->rootfs, e);
}

static int enter_root(struct step_state *st, struct err *e)
{
    return rootfs_enter(st->spec, st->in->rootfs, st->in->no_pivot, e);
}

/* As the payload: it is the container's own program. */
static int run_start_hooks(struct step_state *st, struct err *e)
{
    return run_hook(st, HOOK_START_CONTAINER, "created", e);
}

static const struct step steps[] = {
    {join_namespaces, STEP_SETUP},
    {enter_cgroup, STEP_SETUP},
    {step_start_session, STEP_SETUP},
    {set_names, STEP_SETUP},
    {raise_loopback, STEP_SETUP},
    {open_proc, STEP_SETUP},
    {build_root, STEP_SETUP},
    {open_console, STEP_SETUP},
    {run_hooks, STEP_SETUP},
    {seal_root, STEP_SETUP},
    {enter_root, STEP_SETUP},
    {step_set_stdio, STEP_SETUP},
    {step_close_descriptors, STEP_SETUP},
    {step_enter_cwd, STEP_EXEC},
    {step_take_identity, STEP_SETUP},
    {step_find_executable, STEP_EXEC},
    {step_wait_for_go, STEP_SETUP},
    {step_reset_signals, STEP_SETUP},
    {step_drop_rights, STEP_SETUP},
    {run_start_hooks, STEP_SETUP},
    {step_execute, STEP_EXEC},
};

_Noreturn void init_main(const struct init *in)
{
    steps_run(steps, ARRAY_LEN(steps), in);
}
