#include "cli/cli.h"
#include "cli/image_helper.h"
#include "cli/transfer.h"
#include "engine/events.h"
#include "image/reference.h"

#include <fcntl.h>
#include <string.h>

struct load_options {
    const char *input, *platform;
    bool quiet;
};

static const struct option_def load_table[] = {
    {"input", 'i', OPTION_STRING, offsetof(struct load_options, input), "FILE",
     "Read a file instead of standard input", "Options"},
    {"platform", 0, OPTION_STRING, offsetof(struct load_options, platform), "OS/ARCH[/VARIANT]",
     "Only the image for that platform", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct load_options, quiet), NULL,
     "Do not show the progress", NULL},
    {0},
};

/* An event for each image: its ID stands alone on a line. */
static void tell(struct cli *c, char *answer)
{
    char *rest = answer;
    for (char *line; rest && (line = strsep(&rest, "\n"));)
        if (digest_is_valid(line))
            event_emit(&c->engine, "image", "load", line,
                       (struct event_attribute[]){{"name", line}, {0}});
}

static int run_load(struct cli *c, int argc, char **argv, struct err *e)
{
    struct load_options o = {0};
    _cleanup_close_ int input = -EBADF;
    _cleanup_free_ char *answer = NULL;
    char **words;
    int n;
    int r = cli_parse(&cmd_load, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    bool from_file = o.input && *o.input;
    if (from_file && (input = open(o.input, O_RDONLY | O_NOCTTY | O_CLOEXEC)) < 0)
        return err_sys(e, errno, "cannot open \"%s\"", o.input);
    if (!from_file && isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "requested load from stdin, but stdin is empty");
    struct transfer t = TRANSFER_INIT;
    image_helper_arguments(c, "load", c->engine.root_fd, &t.args);
    if (o.platform && *o.platform)
        strv_addf(&t.args, "--platform=%s", o.platform);
    if (o.quiet)
        strv_add(&t.args, "--quiet");
    t.input = input;
    t.screen = STDOUT_FILENO; /* what was loaded is told by messages too */
    r = transfer_run(c, &t, &answer, e);
    strv_release(&t.args);
    if (r == 0)
        tell(c, answer);
    return r;
}

const struct cli_command cmd_load = {
    .line = "load [OPTIONS]",
    .summary = "Take images out of an archive that save has made",
    .more = "The archive is Docker's or an OCI layout's, plain or packed.",
    .options = load_table,
    .flags = NEEDS_ENGINE,
    .run = run_load,
};
