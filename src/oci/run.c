#include "kernel/terminal.h"
#include "oci/creation.h"
#include "oci/late_hooks.h"
#include "oci/oci.h"
#include "oci/relay.h"

static int start(struct creation *c, struct err *e)
{
    enum control_step step;
    int r = container_start(&c->container, &step, e);
    if (r < 0 && step == STEP_EXEC)
        err_wrap(e, "cannot start \"%s\"", c->spec.process.args[0]);
    if (r < 0)
        creation_undo(c);
    else
        oci_run_hooks(c->global, &c->state, HOOK_POSTSTART);
    return r;
}

static int stay(struct creation *c, int signals, struct err *e)
{
    bool ours = c->container.console >= 0 && !c->options->console_socket;
    int status = relay_until_end(c->container.pid, c->container.pidfd, signals,
                                 ours ? c->container.console : -1, e);
    if (status < 0)
        return status;
    c->container.pid = 0; /* reaped */
    if (!c->options->keep) {
        int r = container_destroy(&c->container, e);
        if (r == 0)
            r = state_remove(c->global->root, &c->state, e);
        if (r < 0)
            return r;
        oci_run_hooks(c->global, &c->state, HOOK_POSTSTOP);
    }
    return status;
}

static int run_in_foreground(struct creation *c, const char *id, struct err *e)
{
    /* From here on a signal of ours is the container's, even one that comes while it is made. */
    _cleanup_close_ int signals = relay_block_signals(e);
    if (signals < 0)
        return signals;
    struct terminal terminal = {0};
    int r = creation_make(c, id, false, e);
    if (r < 0)
        return r;
    if (c->container.console >= 0 && !c->options->console_socket) {
        terminal_copy_size(0, c->container.console);
        terminal_make_raw(0, &terminal);
    }
    r = start(c, e);
    if (r == 0)
        r = stay(c, signals, e);
    terminal_restore(&terminal);
    return r;
}

int oci_run(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    static const struct option_def table[] = {
        CREATE_OPTIONS,
        CREATE_OPTION("detach", 'd', OPTION_FLAG, detach, NULL, "Return when it runs", NULL),
        CREATE_OPTION("keep", 0, OPTION_FLAG, keep, NULL, "Do not delete it when it ends", NULL),
        {0},
    };
    struct create_options o = {0};
    char **words;
    int r = oci_parse("run [OPTIONS] ID", table, argc, argv, 1, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_creation_ struct creation c = CREATION_INIT;
    c.options = &o;
    c.global = g;
    if (!o.detach)
        return run_in_foreground(&c, words[0], e);
    r = creation_make(&c, words[0], false, e);
    return r < 0 ? r : start(&c, e);
}
