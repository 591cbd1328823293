#include "cli/attach.h"

#include "engine/contact.h"
#include "engine/lifecycle.h"

struct start_options {
    bool attach, interactive;
    const char *detach_keys;
};

static const struct option_def table[] = {
    {"attach", 'a', OPTION_FLAG, offsetof(struct start_options, attach), NULL,
     "Attach standard output and error, and pass signals on", "Options"},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct start_options, interactive), NULL,
     "Attach standard input", NULL},
    {"detach-keys", 0, OPTION_STRING, offsetof(struct start_options, detach_keys), "KEYS",
     "What to type to leave it (ctrl-p,ctrl-q)", NULL},
    {0},
};

static int start_one(struct cli *c, struct container_record *record, const void *data,
                     struct err *e)
{
    (void)data;
    _cleanup_close_ int monitor = -EBADF;
    return lifecycle_start(&c->engine, record, 0, -1, &monitor, e);
}

static int start_and_attach(struct cli *c, const struct start_options *o, const char *name,
                            struct err *e)
{
    struct detach_keys keys;
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_close_ int monitor = -EBADF;
    int r = parse_detach_keys(o->detach_keys, &keys, e);
    if (r == 0)
        r = record_find(&c->engine, name, &record, e);
    if (r < 0)
        return r;
    bool with_stdin = o->interactive && json_bool(record.document, "Config.OpenStdin", false);
    bool terminal =
        json_bool(record.document, "Config.Tty", false) && with_stdin && isatty(STDIN_FILENO);
    unsigned wishes = WISH_STDOUT | WISH_STDERR | (with_stdin ? WISH_STDIN : 0);
    r = lifecycle_start(&c->engine, &record, wishes, terminal ? STDIN_FILENO : -1, &monitor, e);
    if (r < 0)
        return r;
    if (monitor < 0)
        return err_set(e, EALREADY, "container \"%s\" runs already: 'skiff attach %s' joins it",
                       record_name(&record), record_name(&record));
    const struct client client = {
        .monitor = monitor,
        .with_stdin = with_stdin,
        .tty = json_bool(record.document, "Config.Tty", false),
        .terminal = terminal,
        .sig_proxy = true,
        .detach_keys = keys.v,
        .n_detach_keys = keys.n,
    };
    return cli_follow(c, &record, &client, e);
}

static int run_start(struct cli *c, int argc, char **argv, struct err *e)
{
    struct start_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_start, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    if (!o.attach && !o.interactive)
        return cli_for_each_container(c, n, words, start_one, NULL, 0);
    if (n > 1)
        return err_set(e, EINVAL, "you cannot start and attach multiple containers at once");
    return start_and_attach(c, &o, words[0], e);
}

const struct cli_command cmd_start = {
    .line = "start [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start containers",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_STOPPED,
    .rest = WORD_STOPPED,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER,
    .run = run_start,
};
