#include "oci/creation.h"

#include "base/file.h"
#include "oci/console_socket.h"
#include "oci/handover.h"
#include "oci/late_hooks.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

static int load_bundle(struct creation *c, struct err *e)
{
    const char *path = c->options->bundle ? c->options->bundle : ".";
    c->bundle = realpath(path, NULL);
    if (!c->bundle)
        return err_sys(e, errno, "cannot open bundle \"%s\"", path);
    c->bundle_fd = dir_open(AT_FDCWD, c->bundle, false, e);
    if (c->bundle_fd < 0)
        return c->bundle_fd;

    _cleanup_json_ json_t *document = NULL;
    int r = spec_read(c->bundle_fd, "config.json", &document, e);
    if (r == 0)
        r = spec_parse(document, &c->spec, e);
    if (r < 0)
        return r;
    const struct create_options *o = c->options;
    if (c->spec.process.terminal && !o->console_socket && (o->detach || !isatty(0)))
        return err_set(e, EINVAL, "the config asks for a terminal: --console-socket is needed");
    if (!c->spec.process.terminal && o->console_socket)
        return err_set(e, EINVAL, "--console-socket is given, but the config asks for no terminal");
    return 0;
}

/* The group of a container whose config names none: as with runc without a parent, which would
 * stay. */
static int set_default_cgroup(struct creation *c, struct err *e)
{
    if (c->spec.cgroup_path)
        return 0;
    json_t *linux_ = json_at(c->spec.document, "linux");
    _cleanup_free_ char *path = str_printf("/skiff-oci-%s", c->state.id);
    if (!path || json_object_set_new(linux_, "cgroupsPath", json_string(path)) < 0)
        return err_nomem(e);
    c->spec.cgroup_path = json_str(linux_, "cgroupsPath");
    return 0;
}

static int make_process(struct creation *c, struct err *e)
{
    _cleanup_close_ int cache = c->spec.seccomp ? handover_open_cache(c->global) : -EBADF;
    const struct container_options options = {
        .bundle_fd = c->bundle_fd,
        .root_mount_fd = -1,
        .netns_fd = -1,
        .userns_fd = -1,
        .cache_fd = cache,
        .hook_state = c->state.document,
        .stdio = {0, 1, 2},
        .go_fd = c->fifo,
        .keep_fds = (unsigned)c->options->preserve_fds,
        .no_pivot = c->options->no_pivot,
        .keep_keyring = c->options->no_new_keyring,
    };
    return container_create(&c->spec, &options, &c->container, e);
}

static int wait_until_ready(struct creation *c, struct err *e)
{
    enum control_step step;
    int r = container_wait(&c->container, &step, e);
    if (r < 0 && step == STEP_EXEC)
        err_wrap(e, "cannot start \"%s\"", c->spec.process.args[0]);
    return r;
}

static int make_container(struct creation *c, bool gated, struct err *e)
{
    if (gated) {
        c->fifo = state_make_gate(&c->state, e);
        if (c->fifo < 0)
            return c->fifo;
    }
    int r = set_default_cgroup(c, e);
    if (r == 0)
        r = state_describe(&c->state, c->bundle, json_at(c->spec.document, "annotations"),
                           c->spec.hooks, e);
    if (r == 0)
        r = state_note_cgroup(&c->state, c->spec.cgroup_path, e);
    if (r == 0)
        r = make_process(c, e);
    /* While it sets itself up. Should we be killed before this is written, it ends by itself: it
     * has nobody to report to. */
    if (r == 0)
        r = state_write(&c->state, c->container.pid, e);
    if (r == 0 && !gated)
        r = container_let_go(&c->container, e);
    if (r == 0)
        r = wait_until_ready(c, e);
    if (r == 0 && c->options->console_socket)
        r = console_socket_send(c->options->console_socket, c->container.console, e);
    if (r == 0)
        r = handover_write_pid(c->options->pid_file, c->container.pid, e);
    return r;
}

int creation_make(struct creation *c, const char *id, bool gated, struct err *e)
{
    int r = handover_check_fds(c->options->preserve_fds, e);
    if (r == 0)
        r = load_bundle(c, e);
    if (r == 0)
        r = state_claim(c->global->root, id, &c->state, e);
    if (r < 0)
        return r;
    r = make_container(c, gated, e);
    if (r < 0)
        creation_undo(c);
    else
        state_settle(&c->state);
    return r;
}

void creation_undo(struct creation *c)
{
    container_destroy(&c->container, NULL);
    state_remove(c->global->root, &c->state, NULL);
    if (c->state.pid > 0)
        oci_run_hooks(c->global, &c->state, HOOK_POSTSTOP);
}

void creation_release(struct creation *c)
{
    free(c->bundle);
    fd_close(&c->bundle_fd);
    fd_close(&c->fifo);
    state_release(&c->state);
    spec_release(&c->spec);
    container_release(&c->container);
}
