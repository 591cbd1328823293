#include "cli/cli.h"
#include "engine/lifecycle.h"

static int run_rename(struct cli *c, int argc, char **argv, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    char **words;
    int n;
    int r = cli_parse(&cmd_rename, argc, argv, NULL, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    r = record_find(&c->engine, words[0], &record, e);
    return r == 0 ? lifecycle_rename(&c->engine, &record, words[1], e) : r;
}

const struct cli_command cmd_rename = {
    .line = "rename CONTAINER NEW_NAME",
    .summary = "Rename a container",
    .min = 2,
    .max = 2,
    .first = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_rename,
};
