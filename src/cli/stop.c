#include "cli/containers.h"
#include "engine/lifecycle.h"
#include "kernel/signals.h"

#include <signal.h>

struct stop_options {
    const char *signal;
    long long patience;
    int number;
};

static const struct option_def stop_table[] = {
    {"signal", 's', OPTION_STRING, offsetof(struct stop_options, signal), "SIGNAL",
     "Signal to send (its own stop signal, else TERM)", "Options"},
    {"timeout", 't', OPTION_INT, offsetof(struct stop_options, patience), "SECONDS",
     "How long to wait before killing (its own, else 10; -1: for ever)", NULL},
    {"time", 0, OPTION_INT, offsetof(struct stop_options, patience), "SECONDS", NULL, NULL},
    {0},
};

static int parse_signal(const char *name, int *ret, struct err *e)
{
    *ret = name ? signal_by_name(name) : 0;
    return *ret < 0 ? err_set(e, EINVAL, "invalid signal: %s", name) : 0;
}

static int stop_one(struct cli *c, struct container_record *record, const void *data, struct err *e)
{
    const struct stop_options *o = data;
    return lifecycle_stop(&c->engine, record, o->number, o->patience, e);
}

static int restart_one(struct cli *c, struct container_record *record, const void *data,
                       struct err *e)
{
    const struct stop_options *o = data;
    return lifecycle_restart(&c->engine, record, o->number, o->patience, e);
}

static int stop_or_restart(struct cli *c, const struct cli_command *command, container_act *act,
                           int argc, char **argv, struct err *e)
{
    struct stop_options o = {.patience = STOP_PATIENCE_OWN};
    char **words;
    int n;
    int r = cli_parse(command, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = parse_signal(o.signal, &o.number, e);
    if (r < 0)
        return r;
    if (o.patience < STOP_PATIENCE_ENDLESS && o.patience != STOP_PATIENCE_OWN)
        return err_set(e, EINVAL, "invalid timeout %lld: seconds, or -1 to wait for ever",
                       o.patience);
    cli_reap(c);
    return cli_for_each_container(c, n, words, act, &o, FOR_EACH_AT_ONCE);
}

static int run_stop(struct cli *c, int argc, char **argv, struct err *e)
{
    return stop_or_restart(c, &cmd_stop, stop_one, argc, argv, e);
}

const struct cli_command cmd_stop = {
    .line = "stop [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Stop running containers",
    .options = stop_table,
    .min = 1,
    .max = -1,
    .first = WORD_RUNNING,
    .rest = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_stop,
};

static int run_restart(struct cli *c, int argc, char **argv, struct err *e)
{
    return stop_or_restart(c, &cmd_restart, restart_one, argc, argv, e);
}

const struct cli_command cmd_restart = {
    .line = "restart [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Restart containers",
    .options = stop_table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER,
    .run = run_restart,
};

struct kill_options {
    const char *signal;
    int number;
};

static const struct option_def kill_table[] = {
    {"signal", 's', OPTION_STRING, offsetof(struct kill_options, signal), "SIGNAL",
     "Name or number (KILL)", "Options"},
    {0},
};

static int kill_one(struct cli *c, struct container_record *record, const void *data, struct err *e)
{
    const struct kill_options *o = data;
    return lifecycle_kill(&c->engine, record, o->number, e);
}

static int run_kill(struct cli *c, int argc, char **argv, struct err *e)
{
    struct kill_options o = {.signal = "KILL"};
    char **words;
    int n;
    int r = cli_parse(&cmd_kill, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = parse_signal(o.signal, &o.number, e);
    if (r < 0)
        return r;
    cli_reap(c);
    return cli_for_each_container(c, n, words, kill_one, &o, FOR_EACH_AT_ONCE);
}

const struct cli_command cmd_kill = {
    .line = "kill [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Send a signal to running containers",
    .options = kill_table,
    .min = 1,
    .max = -1,
    .first = WORD_RUNNING,
    .rest = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_kill,
};
