#include "engine/launch.h"

#include "engine/files.h"
#include "engine/limits.h"
#include "engine/state.h"

#include <fcntl.h>
#include <string.h>

static int pipe_pair(int *ret_read, int *ret_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

static int open_null(int flags, int *ret)
{
    *ret = open("/dev/null", flags | O_CLOEXEC);
    return *ret < 0 ? -errno : 0;
}

int streams_make(bool terminal, bool input, bool output, struct streams *ret, int stdio[3],
                 struct err *e)
{
    if (terminal)
        return 0;
    int r = input ? pipe_pair(&stdio[0], &ret->in) : open_null(O_RDONLY, &stdio[0]);
    for (int i = 0; r == 0 && i < 2; i++)
        r = output ? pipe_pair(&ret->out[i], &stdio[1 + i]) : open_null(O_WRONLY, &stdio[1 + i]);
    return r < 0 ? err_sys(e, -r, "cannot make pipes") : 0;
}

static int connect_network(struct start *s, const struct container *c, struct err *e)
{
    struct beside *b = &s->beside;
    if (!s->modes[NS_NETWORK].cable)
        return 0;
    if (b->netns < 0) { /* it could only be made by clone: a user namespace's */
        b->netns = namespace_open(c->pid, NS_NETWORK);
        if (b->netns < 0)
            return err_sys(e, -b->netns, "cannot open the container's network namespace");
        int r = beside_connect(b, e);
        if (r < 0)
            return r;
    }
    int r = files_use_names(s->record, e);
    return r == 0 ? endpoints_tell(&b->endpoints, e) : r;
}

static int tell_step(const struct start *s, enum control_step step, struct err *e)
{
    const char *program = s->spec.process.args[0];
    if (step != STEP_EXEC)
        return err_wrap(e, "cannot start the container");
    bool in_path = e->code == ENOENT && strstr(err_text(e), "$PATH");
    if (in_path)
        return err_set(e, ENOENT,
                       "cannot start \"%s\": executable file not found in $PATH of "
                       "image %s",
                       program, s->image_name);
    return err_wrap(e, "cannot start \"%s\"", program);
}

/* From here on it has run: nothing says any more how it ended last, and after a power cut it counts
 * as one that was running. What is to run again by itself must be known to. */
static int forget_last_end(const struct start *s, struct err *e)
{
    const struct container_record *c = s->record;
    const char *policy = json_str(c->document, "HostConfig.RestartPolicy.Name");
    if (s->existing && unlinkat(c->dir_fd, "state.json", 0) < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot remove \"state.json\"");
    if (policy && *policy && !str_eq(policy, "no") && fsync(c->dir_fd) < 0)
        return err_sys(e, errno, "cannot write the container's folder to the disk");
    return 0;
}

/* The kernel takes a mount namespace apart when its last holder lets go, and makes him wait: some
 * 0.5 ms, which would otherwise be init's, who is not dead until then. Where there is nothing in it
 * that anybody may be waiting for, the layers and the kernel's own file systems, that is for us to
 * do when the clients are gone. */
static int keep_mounts(const struct start *s, const struct container *c)
{
    bool own = json_array_size(json_at(s->record->document, "Mounts")) == 0;
    return s->discard && own ? namespace_open(c->pid, NS_MOUNT) : -EBADF;
}

int launch(struct start *s, unsigned restarts, struct launched *ret, enum control_step *ret_step,
           struct err *e)
{
    struct container *c = &ret->container;
    int stdio[3] = {-EBADF, -EBADF, -EBADF};
    *ret = LAUNCHED_INIT;
    *ret_step = STEP_SETUP;
    int r = streams_make(s->spec.process.terminal, s->stdin_open, true, &ret->streams, stdio, e);
    if (r < 0)
        return r;
    const struct container_options options = {
        .bundle_fd = s->record->dir_fd,
        .root_mount_fd = s->root_mount,
        .userns_fd = s->userns,
        .netns_fd = s->beside.netns,
        .cgroup = TAKE_PTR(s->beside.cgroup),
        .cache_fd = s->cache,
        .sources = s->sources.v,
        .n_sources = s->sources.n,
        .stdio = {stdio[0], stdio[1], stdio[2]},
        .go_fd = -EBADF,
        .die_with_parent = true,
    };
    r = container_create(&s->spec, &options, c, e);
    for (int i = 0; i < 3; i++)
        fd_close(&stdio[i]);
    fd_close(&s->root_mount);
    fd_close(&s->userns);
    if (r < 0) {
        limits_explain(json_at(s->record->document, "HostConfig"), e);
        return err_wrap(e, "cannot start the container");
    }

    ret->mounts = keep_mounts(s, c);
    _cleanup_err_ struct err network_failure = ERR_INIT;
    int connected = connect_network(s, c, &network_failure);
    /* While init is at work; should it fail, all of this goes again. */
    ret->state = state_running(c->pid, restarts);
    int published = state_publish(s->engine, s->record->id, ret->state, e);
    volume_mounts_release(&s->sources); /* who waits for one of them can find us now */
    if (published == 0)
        published = forget_last_end(s, e);
    if (connected >= 0 && published >= 0)
        container_let_go(c, NULL);
    /* What failed inside is told first: it may be why the namespace was gone. */
    r = container_wait(c, ret_step, e);
    if (r < 0)
        return tell_step(s, *ret_step, e);
    if (connected < 0)
        return err_set(e, -connected, "%s", err_text(&network_failure));
    if (published < 0)
        return published;
    r = container_start(c, ret_step, e);
    return r < 0 ? tell_step(s, *ret_step, e) : 0;
}

void launched_release(struct launched *l)
{
    for (int i = 0; i < 2; i++)
        if (l->streams.out[i] != l->container.console)
            fd_close(&l->streams.out[i]);
    fd_close(&l->streams.in);
    container_destroy(&l->container, NULL);
    fd_close(&l->mounts);
    json_decref(l->state);
    *l = LAUNCHED_INIT;
}
