#include "runtime/container.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/netns_maker.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp.h"
#include "runtime/stage.h"
#include "runtime/userns.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

/* All that is prepared on the host's side before the first process is made. */
struct preparation {
    int join[NS_KINDS];
    struct netns_maker netns; /* where network_beside */
    bool network_beside;
    struct rootfs rootfs;
    struct seccomp_filter filter;
};

static void preparation_init(struct preparation *p)
{
    *p = (struct preparation){.rootfs = ROOTFS_INIT, .netns = NETNS_MAKER_INIT};
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        p->join[kind] = -EBADF;
}

static void preparation_release(struct preparation *p)
{
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        fd_close(&p->join[kind]);
    netns_maker_release(&p->netns);
    rootfs_release(&p->rootfs);
    seccomp_filter_release(&p->filter);
}

static bool is_made(const struct spec *s, enum namespace_kind kind)
{
    return s->namespaces[kind].asked && !s->namespaces[kind].path;
}

static int open_namespaces(const struct spec *s, const struct container_options *o,
                           struct preparation *p, struct err *e)
{
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        if (!s->namespaces[kind].path)
            continue;
        p->join[kind] = namespace_open_path(s->namespaces[kind].path, kind, e);
        if (p->join[kind] < 0)
            return p->join[kind];
    }
    if (o->netns_fd >= 0 && is_made(s, NS_NETWORK)) {
        p->join[NS_NETWORK] = fcntl(o->netns_fd, F_DUPFD_CLOEXEC, 3);
        if (p->join[NS_NETWORK] < 0)
            return err_sys(e, errno, "network namespace");
    }
    if (o->userns_fd >= 0 && p->join[NS_USER] < 0) {
        p->join[NS_USER] = fcntl(o->userns_fd, F_DUPFD_CLOEXEC, 3);
        if (p->join[NS_USER] < 0)
            return err_sys(e, errno, "user namespace");
    } else if (s->namespaces[NS_USER].asked && p->join[NS_USER] < 0) {
        p->join[NS_USER] = userns_new(s->uid_map, s->n_uid_map, s->gid_map, s->n_gid_map, e);
        if (p->join[NS_USER] < 0)
            return p->join[NS_USER];
    }
    return 0;
}

static int prepare(const struct spec *s, const struct container_options *o, struct cgroup *cg,
                   struct preparation *p, struct err *e)
{
    int r = open_namespaces(s, o, p, e);
    if (r == 0)
        r = seccomp_compile(s->seccomp, o->cache_fd, &p->filter, e);
    if (r == 0)
        r = rootfs_open(s, o, p->join[NS_USER], cg, &p->rootfs, e);
    if (r == 0 && p->network_beside) {
        p->join[NS_NETWORK] = netns_maker_end(&p->netns, e);
        r = p->join[NS_NETWORK] < 0 ? p->join[NS_NETWORK] : 0;
    }
    return r;
}

/* The namespaces that clone3 itself makes. Not the user's, which is joined; not the cgroup's, which
 * init makes once it stands in its group; not time, which takes its offsets before. */
static uint64_t clone_flags(const struct spec *s, const struct preparation *p)
{
    uint64_t flags = 0;
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        if (is_made(s, kind) && kind != NS_USER && kind != NS_CGROUP && kind != NS_TIME &&
            p->join[kind] < 0)
            flags |= namespace_types[kind].flag;
    return flags;
}

/* Joining a PID or a time namespace works on children alone, and a user namespace cannot be left
 * again: that takes a process in between. */
static bool needs_stage(const struct spec *s, const struct preparation *p)
{
    return p->join[NS_USER] >= 0 || p->join[NS_PID] >= 0 || s->namespaces[NS_TIME].asked;
}

/* Whether init moves itself into its group: not where it is born in it. */
static bool init_enters(const struct spec *s, const struct preparation *p, const struct cgroup *cg)
{
    return cg && !needs_stage(s, p) && cgroup_clone_fd(cg) < 0;
}

static int make_time_namespace(const struct spec *s, struct err *e)
{
    if (unshare(CLONE_NEWTIME) < 0)
        return err_sys(e, errno, "cannot make a time namespace");
    const char *clock;
    json_t *offset;
    json_object_foreach ((json_t *)(uintptr_t)s->time_offsets, clock, offset) {
        char line[96];
        snprintf(line, sizeof(line), "%.32s %lld %lld\n", clock, json_int(offset, "secs", 0),
                 json_int(offset, "nanosecs", 0));
        int r = file_write(AT_FDCWD, "/proc/self/timens_offsets", line, e);
        if (r == -ERANGE)
            return err_set(e, ERANGE,
                           "cannot shift the %s clock by %lld seconds: it would stand before 0 or "
                           "beyond what the kernel counts",
                           clock, json_int(offset, "secs", 0));
        if (r < 0)
            return err_wrap(e, "cannot shift the %s clock", clock);
    }
    return 0;
}

static int join_namespaces(const struct spec *s, const struct preparation *p, struct err *e)
{
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        if (p->join[kind] < 0 || kind == NS_USER || kind == NS_MOUNT)
            continue;
        if (setns(p->join[kind], (int)namespace_types[kind].flag) < 0)
            return err_sys(e, errno, "cannot join %s namespace", namespace_types[kind].name);
    }
    int r = is_made(s, NS_TIME) ? make_time_namespace(s, e) : 0;
    if (r == 0 && p->join[NS_USER] >= 0)
        r = userns_enter(p->join[NS_USER], e);
    return r;
}

/* What the process in between (stage.h) needs. */
struct joining {
    const struct spec *spec;
    const struct preparation *prepared;
    const struct init *init;
};

static int stage_join(const void *data, struct err *e)
{
    const struct joining *j = data;
    return join_namespaces(j->spec, j->prepared, e);
}

static void stage_init(const void *data)
{
    init_main(((const struct joining *)data)->init);
}

static int run_stage(const struct spec *s, const struct preparation *p, struct container *c,
                     const struct init *in, struct err *e)
{
    const struct joining joining = {s, p, in};
    const struct stage stage = {
        .cgroup = c->cgroup,
        .join = stage_join,
        .flags = clone_flags(s, p),
        .run = stage_init,
        .data = &joining,
    };
    return stage_run(&stage, &c->pid, &c->pidfd, e);
}

static int run_init(const struct spec *s, const struct preparation *p, struct container *c,
                    const struct init *in, struct err *e)
{
    if (needs_stage(s, p))
        return run_stage(s, p, c, in, e);

    pid_t pid =
        process_clone(clone_flags(s, p), c->cgroup ? cgroup_clone_fd(c->cgroup) : -1, &c->pidfd);
    if (pid == 0)
        init_main(in);
    if (pid < 0)
        return err_sys(e, -pid, "cannot make the container's namespaces");
    c->pid = pid;
    return 0;
}

/* The child starts where its root will be attached; we go back to where we were. */
static int run_init_in(int folder, const struct spec *s, const struct preparation *p,
                       struct container *c, const struct init *in, struct err *e)
{
    _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0 || fchdir(folder) < 0)
        return err_sys(e, errno, "cannot enter the root file system's folder");
    int r = run_init(s, p, c, in, e);
    if (fchdir(here) < 0 && r == 0)
        r = err_sys(e, errno, "cannot return to the working directory");
    return r;
}

int container_set_oom_score(const struct spec *s, pid_t pid, struct err *e)
{
    if (!s->process.has_oom_score_adj)
        return 0;
    _cleanup_free_ char *path = str_printf("/proc/%d/oom_score_adj", pid);
    char value[16];
    snprintf(value, sizeof(value), "%d", s->process.oom_score_adj);
    if (!path)
        return err_nomem(e);
    int r = file_write(AT_FDCWD, path, value, e);
    return r < 0 ? err_wrap(e, "cannot set the OOM score") : 0;
}

/* One that belongs to the container's user namespace is made in there, by clone3. */
static void begin_network(const struct spec *s, const struct container_options *o,
                          struct preparation *p)
{
    p->network_beside = is_made(s, NS_NETWORK) && o->netns_fd < 0 && !s->namespaces[NS_USER].asked;
    if (p->network_beside)
        netns_maker_begin(&p->netns);
}

static int create(const struct spec *s, const struct container_options *o, struct container *c,
                  struct err *e)
{
    _cleanup_(preparation_release) struct preparation p;
    preparation_init(&p);
    begin_network(s, o, &p);

    int r = 0;
    c->cgroup = o->cgroup;
    if (s->cgroup_path) {
        if (!c->cgroup)
            r = cgroup_create(s->cgroup_path, &c->cgroup, e);
        if (r == 0)
            r = cgroup_apply(c->cgroup, s->resources, e);
        if (r < 0)
            return r;
    }

    r = prepare(s, o, c->cgroup, &p, e);
    if (r < 0)
        return r;

    int pair[2];
    r = control_pair(pair);
    if (r < 0)
        return err_sys(e, -r, "cannot make a socket pair");
    c->control = pair[0];
    _cleanup_close_ int theirs = pair[1];
    const struct init in = {
        .spec = s,
        .rootfs = &p.rootfs,
        .cgroup = init_enters(s, &p, c->cgroup) ? c->cgroup : NULL,
        .filter = &p.filter,
        .join = p.join,
        .stdio = o->stdio,
        .control = theirs,
        .go_fd = o->go_fd,
        .keep_fds = o->keep_fds,
        .hook_state = o->hook_state,
        .no_pivot = o->no_pivot,
        .keep_keyring = o->keep_keyring,
        .die_with_parent = o->die_with_parent,
        .in_userns = p.join[NS_USER] >= 0,
    };
    c->own_pid_namespace = is_made(s, NS_PID);
    c->hooks = hooks_before_start(s->hooks) ? s->hooks : NULL;
    c->hook_state = o->hook_state;
    r = run_init_in(p.rootfs.target_fd, s, &p, c, &in, e);
    return r < 0 ? r : container_set_oom_score(s, c->pid, e);
}

int container_create(const struct spec *s, const struct container_options *o, struct container *ret,
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

/* Those in our namespaces; init waits, to run its own after them. */
static int run_hooks(struct container *c, struct err *e)
{
    const struct hook_state state = {c->hook_state, "creating", c->pid};
    const json_t *hooks = TAKE_PTR(c->hooks);
    int r = hooks_run(hooks, HOOK_PRESTART, &state, e);
    if (r == 0)
        r = hooks_run(hooks, HOOK_CREATE_RUNTIME, &state, e);
    if (r < 0)
        return r;
    r = control_send(c->control, CONTROL_GO, c->pid, 0, NULL, -1);
    return r < 0 && r != -EPIPE ? err_sys(e, -r, "cannot go on after the hooks") : 0;
}

/* Takes messages until one of @until, or a failure. */
static int receive_until(struct container *c, enum control_kind until, bool end_is_success,
                         enum control_step *ret_step, struct err *e)
{
    *ret_step = STEP_SETUP;
    for (;;) {
        struct control_message m;
        int r = control_receive(c->control, &m);
        if (r == 0 && end_is_success)
            return 0;
        if (r == 0)
            return err_set(e, EIO, "the container's process was killed while it was set up");
        if (r < 0)
            return err_sys(e, -r, "cannot hear the container's process");
        _cleanup_close_ int fd = m.fd;
        if (m.kind == CONTROL_FAILED) {
            *ret_step = m.number == STEP_EXEC ? STEP_EXEC : STEP_SETUP;
            return control_failure(&m, e);
        }
        if (m.kind == CONTROL_CONSOLE && fd >= 0 && c->console < 0)
            c->console = TAKE_FD(fd);
        else if (m.kind == CONTROL_HOOKS && c->hooks)
            r = run_hooks(c, e);
        else if (m.kind == until)
            return 0;
        else
            return err_set(e, EBADMSG, "unexpected message from the container's process");
        if (r < 0)
            return r;
    }
}

int container_wait(struct container *c, enum control_step *ret_step, struct err *e)
{
    return receive_until(c, CONTROL_READY, false, ret_step, e);
}

int container_let_go(struct container *c, struct err *e)
{
    if (c->hooks) /* for which init waits first */
        return 0;
    int r = c->let_go ? 0 : control_send(c->control, CONTROL_GO, 0, 0, NULL, -1);
    if (r < 0 && r != -EPIPE) /* it has failed already, and container_wait hears why */
        return err_sys(e, -r, "cannot start the container's program");
    c->let_go = true;
    return 0;
}

int container_start(struct container *c, enum control_step *ret_step, struct err *e)
{
    *ret_step = STEP_SETUP;
    int r = container_let_go(c, e);
    if (r < 0)
        return r;
    /* It has said READY: from here on the end of file is execve's, or a kill's, which its exit
     * status tells. */
    r = receive_until(c, CONTROL_FAILED, true, ret_step, e);
    if (r == 0)
        fd_close(&c->control);
    return r;
}

void container_release(struct container *c)
{
    fd_close(&c->pidfd);
    fd_close(&c->control);
    fd_close(&c->console);
    cgroup_free(TAKE_PTR(c->cgroup));
    *c = CONTAINER_INIT;
}

int container_destroy(struct container *c, struct err *e)
{
    int r = 0;
    if (c->pid > 0) {
        /* While it is our unreaped child the number is its own. */
        kill(c->pid, SIGKILL);
        if (!c->own_pid_namespace && c->cgroup)
            cgroup_kill(c->cgroup, SIGKILL, NULL);
        process_wait(c->pid);
    }
    if (c->cgroup)
        r = cgroup_remove(c->cgroup, CGROUP_REMOVE_KILL, e);
    container_release(c);
    return r;
}
