#include "cli/cli.h"
#include "engine/reap.h"
#include "engine/state.h"
#include "kernel/process.h"
#include "kernel/signals.h"

#include <signal.h>
#include <time.h>

void cli_reap(struct cli *c)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (reap_orphans(&c->engine, &e) < 0)
        cli_error(err_text(&e));
}

/* Runs @act on each name; goes on after errors, which are told one by one. With @force a missing
 * one is none. */
static int for_each(struct cli *c, int n, char **names,
                    int (*act)(struct cli *, struct container_record *, const void *, struct err *),
                    const void *data, bool force)
{
    int status = 0;
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        int r = record_find(&c->engine, names[i], &record, &e);
        if (r == -ENOENT && force)
            continue;
        if (r < 0 && force) { /* what nobody can read can still be removed */
            err_release(&e);
            r = record_find_broken(&c->engine, names[i], &record, &e);
        }
        if (r == 0)
            r = act(c, &record, data, &e);
        if (r == 0) {
            puts(names[i]);
        } else {
            cli_error(err_text(&e));
            status = 1;
        }
    }
    return status;
}

/* Until the monitor has written the end down; it needs a moment after the process is dead. */
static int wait_until_ended(struct cli *c, const struct container_record *record, struct err *e)
{
    for (int i = 0; i < 2000; i++) {
        _cleanup_json_ json_t *state = NULL;
        bool orphan = false;
        int r = state_read(&c->engine, record, &state, &orphan, e);
        if (r < 0)
            return r;
        if (orphan)
            cli_reap(c);
        if (!json_bool(state, "State.Running", false))
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return err_set(e, ETIMEDOUT, "container \"%s\" does not end", record_name(record));
}

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
    _cleanup_json_ json_t *state = NULL;
    int r = state_read(&c->engine, record, &state, NULL, e);
    if (r < 0)
        return r;
    pid_t pid = state_pid(state);
    r = pid ? process_kill(pid, (uint64_t)json_int(state, "StartTime", 0), o->number) : -ESRCH;
    if (r == -ESRCH)
        return err_set(e, ESRCH, "cannot kill container: %s: container %s is not running",
                       record_name(record), record->id);
    if (r < 0)
        return err_sys(e, -r, "cannot kill container \"%s\"", record_name(record));
    /* As Docker does: after a kill the container has ended, so that what follows can remove it. */
    return o->number == SIGKILL ? wait_until_ended(c, record, e) : 0;
}

static int run_kill(struct cli *c, int argc, char **argv, struct err *e)
{
    struct kill_options o = {.signal = "KILL"};
    char **words;
    int n;
    int r = cli_parse(&cmd_kill, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    o.number = signal_by_name(o.signal);
    if (o.number < 0)
        return err_set(e, EINVAL, "invalid signal: %s", o.signal);
    cli_reap(c);
    return for_each(c, n, words, kill_one, &o, false);
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

struct rm_options {
    bool force, volumes;
};

static const struct option_def rm_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rm_options, force), NULL,
     "Kill what runs first; no error for what is not there", "Options"},
    {"volumes", 'v', OPTION_FLAG, offsetof(struct rm_options, volumes), NULL,
     "Anonymous volumes too (there are none yet)", NULL},
    {0},
};

static int remove_one(struct cli *c, struct container_record *record, const void *data,
                      struct err *e)
{
    const struct rm_options *o = data;
    _cleanup_json_ json_t *state = NULL;
    int r = state_read(&c->engine, record, &state, NULL, e);
    if (r < 0)
        return r;
    if (json_bool(state, "State.Running", false)) {
        if (!o->force)
            return err_set(e, EBUSY,
                           "cannot remove container \"/%s\": container is running: stop "
                           "the container before removing or force remove",
                           record_name(record));
        const struct kill_options kill = {.number = SIGKILL};
        r = kill_one(c, record, &kill, e);
        if (r == -ESRCH) /* it has just died by itself */
            r = wait_until_ended(c, record, e);
    }
    return r < 0 ? r : record_remove(&c->engine, record, e);
}

static int run_rm(struct cli *c, int argc, char **argv, struct err *e)
{
    struct rm_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_rm, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    return for_each(c, n, words, remove_one, &o, o.force);
}

const struct cli_command cmd_rm = {
    .line = "rm [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .options = rm_table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_rm,
};
