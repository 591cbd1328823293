#include "base/file.h"
#include "cli/cli.h"
#include "engine/changes.h"

static const struct option_def diff_table[] = {{0}};

static int run_diff(struct cli *c, int argc, char **argv, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_changes_ struct changes changes = {0};
    char nothing, **words;
    int n;
    int r = cli_parse(&cmd_diff, argc, argv, &nothing, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    fd_raise_limit();
    r = record_find(&c->engine, words[0], &record, e);
    if (r == 0)
        r = changes_read(&c->engine, &record, &changes, e);
    if (r < 0)
        return r;
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < changes.n; i++)
        str_addf(&out, "%c %s\n", changes.v[i].kind, changes.v[i].path);
    _cleanup_free_ char *text = str_steal(&out);
    return text ? cli_print(text, e) : err_nomem(e);
}

const struct cli_command cmd_diff = {
    .line = "diff CONTAINER",
    .summary = "Show what a container has changed of its image",
    .more = "A path was added (A), changed (C) or deleted (D).",
    .options = diff_table,
    .min = 1,
    .max = 1,
    .first = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_diff,
};
