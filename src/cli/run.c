#include "cli/attach.h"
#include "cli/create.h"
#include "engine/contact.h"
#include "engine/start.h"

struct attachment {
    struct detach_keys keys;
    bool with_stdin, terminal;
    unsigned wishes;
};

static int plan_attachment(const struct request_options *o, struct attachment *a, struct err *e)
{
    int r = parse_detach_keys(o->detach_keys, &a->keys, e);
    if (r < 0 || o->detach)
        return r;
    if (o->tty && o->interactive && !isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "the input device is not a TTY");
    a->with_stdin = o->interactive; /* whatever else -a names */
    a->terminal = o->tty && a->with_stdin && isatty(STDIN_FILENO);
    a->wishes = (a->with_stdin ? WISH_STDIN : 0) | (attaches(o, "stdout") ? WISH_STDOUT : 0) |
                (attaches(o, "stderr") ? WISH_STDERR : 0);
    return 0;
}

/* Attached, or just told that it runs. The monitor has it now, and removes it if it must. */
static int follow(struct cli *c, const struct request_options *o, const struct attachment *a,
                  int monitor, const struct container_record *record, struct err *e)
{
    int status = client_wait_started(monitor, e);
    if (status != 0) {
        cli_error(err_text(e));
        return status;
    }
    cli_debug(c, "started");
    if (o->detach) {
        puts(record->id);
        return 0;
    }
    const struct client client = {
        .monitor = monitor,
        .with_stdin = a->with_stdin,
        .tty = o->tty,
        .terminal = a->terminal,
        .sig_proxy = o->sig_proxy,
        .detach_keys = a->keys.v,
        .n_detach_keys = a->keys.n,
    };
    return cli_follow(c, record, &client, e);
}

static int run(struct cli *c, const struct request_options *o, int n, char **words, struct err *e)
{
    _cleanup_create_image_ struct create_image image = {0};
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    struct attachment attachment = {0};

    int r = plan_attachment(o, &attachment, e);
    if (r == 0)
        r = cli_create(c, o, n, words, &image, &record, e);
    if (r < 0)
        return r;
    cli_debug(c, "image %s", image.built_in ? "host" : image.image.id);
    cli_debug(c, "container in %s/containers/%s", c->engine.root, record.id);

    _cleanup_start_ struct start start;
    _cleanup_close_ int monitor = -EBADF;
    r = start_prepare(&c->engine, &record, &image, &start, e);
    if (r == 0) {
        cli_debug(c, "root mounted, config.json written");
        start.wishes = attachment.wishes;
        start.terminal = o->tty && isatty(STDIN_FILENO) && !o->detach ? STDIN_FILENO : -1;
        r = monitor = start_launch(&start, e);
    }
    if (r < 0) {
        start_release(&start);
        create_undo(&c->engine, &record);
        return r;
    }
    return follow(c, o, &attachment, monitor, &record, e);
}

static int run_run(struct cli *c, int argc, char **argv, struct err *e)
{
    struct request_options o = REQUEST_OPTIONS_INIT;
    _cleanup_json_ json_t *said = cli_words(argc, argv);
    char **words;
    int n;
    o.words = said;
    int r = cli_parse(&cmd_run, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = run(c, &o, n, words, e);
    else if (r == 1)
        r = 0;
    options_release(request_table, &o);
    return r;
}

const struct cli_command cmd_run = {
    .line = "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and run a container from an image",
    .more = "The image \"host\" is built in: this machine's own root file system, read-only,\n"
            "under a fresh layer in memory. Nothing is written to the machine, but all its\n"
            "files can be read in it.",
    .options = request_table,
    .min = 1,
    .max = -1,
    .stop_at_word = true,
    .first = WORD_IMAGE_OR_HOST,
    .rest = WORD_FILE,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER | STATUS_125,
    .run = run_run,
};
