#include "cli/attach.h"

#include "engine/contact.h"
#include "engine/state.h"
#include "engine/transition.h"

#include <time.h>

/* Whether the monitor has only let go of us. One that was killed closes one thing after the other,
 * its lock perhaps last. */
static bool lives_on(struct cli *c, const struct container_record *record)
{
    for (int i = 0; i < 50; i++) {
        _cleanup_json_ json_t *state = NULL;
        if (state_read(&c->engine, record, &state, NULL, NULL) < 0 ||
            !json_bool(state, "State.Running", false))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return true;
}

int cli_follow(struct cli *c, const struct container_record *record, const struct client *client,
               struct err *e)
{
    int status = client_carry(client, e);
    if (status == CLIENT_DETACHED) {
        fprintf(stderr, "read escape sequence\n");
        return 0;
    }
    if (status == CLIENT_FORCED) {
        fprintf(stderr, "\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
        return 1;
    }
    if (status == -ECONNRESET && lives_on(c, record))
        return err_set(e, ECONNRESET,
                       "container \"%s\" writes faster than is read here, and goes on without us: "
                       "'skiff logs' shows all of it",
                       record_name(record));
    cli_debug(c, "ended with status %d", status);
    return status;
}

struct attach_options {
    bool no_stdin, sig_proxy;
    const char *detach_keys;
};

static const struct option_def table[] = {
    {"no-stdin", 0, OPTION_FLAG, offsetof(struct attach_options, no_stdin), NULL,
     "Do not attach standard input", "Options"},
    {"sig-proxy", 0, OPTION_FLAG, offsetof(struct attach_options, sig_proxy), NULL,
     "Pass signals on to the process (true)", NULL},
    {"detach-keys", 0, OPTION_STRING, offsetof(struct attach_options, detach_keys), "KEYS",
     "What to type to leave it (ctrl-p,ctrl-q)", NULL},
    {0},
};

static int attach(struct cli *c, const struct attach_options *o, const char *name, struct err *e)
{
    struct detach_keys keys;
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    int r = parse_detach_keys(o->detach_keys, &keys, e);
    if (r == 0)
        r = record_find(&c->engine, name, &record, e);
    if (r == 0)
        r = state_read(&c->engine, &record, &state, NULL, e);
    if (r == 0)
        r = transition(VERB_ATTACH, &record, state, e);
    if (r < 0)
        return r;
    bool tty = json_bool(record.document, "Config.Tty", false);
    bool with_stdin = !o->no_stdin && json_bool(record.document, "Config.OpenStdin", false);
    if (tty && with_stdin && !isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "the input device is not a TTY");
    bool terminal = tty && with_stdin;

    unsigned wishes = WISH_STDOUT | WISH_STDERR | (with_stdin ? WISH_STDIN : 0);
    _cleanup_close_ int monitor =
        contact_open(&c->engine, record.id, wishes, terminal ? STDIN_FILENO : -1, e);
    if (monitor < 0)
        return monitor;
    if (client_wait_started(monitor, e) != 0) {
        cli_error(err_text(e));
        return 1;
    }
    const struct client client = {
        .monitor = monitor,
        .with_stdin = with_stdin,
        .tty = tty,
        .terminal = terminal,
        .sig_proxy = o->sig_proxy,
        .redraw = true,
        .detach_keys = keys.v,
        .n_detach_keys = keys.n,
    };
    return cli_follow(c, &record, &client, e);
}

static int run_attach(struct cli *c, int argc, char **argv, struct err *e)
{
    struct attach_options o = {.sig_proxy = true};
    char **words;
    int n;
    int r = cli_parse(&cmd_attach, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    return attach(c, &o, words[0], e);
}

const struct cli_command cmd_attach = {
    .line = "attach [OPTIONS] CONTAINER",
    .summary = "Attach to a running container",
    .options = table,
    .min = 1,
    .max = 1,
    .first = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_attach,
};
