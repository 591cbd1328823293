#include "base/file.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "engine/changes.h"

struct diff_options {
    const char *format;
};

static const struct option_def diff_table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct diff_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, "Options"},
    {0},
};

static int print_plain(const struct changes *changes, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < changes->n; i++)
        str_addf(&out, "%c %s\n", changes->v[i].kind, changes->v[i].path);
    _cleanup_free_ char *text = str_steal(&out);
    return text ? cli_print(text, e) : err_nomem(e);
}

static int print_rows(const struct changes *changes, const char *format, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers = json_pack("{s:s, s:s}", "Type", "CHANGE TYPE", "Path", "PATH");
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *one = &changes->v[i];
        json_t *row =
            json_pack("{s:s%, s:o}", "Type", &one->kind, (size_t)1, "Path", rows_text(one->path));
        if (json_array_append_new(rows, row) < 0)
            return err_nomem(e);
    }
    return rows_print(format, "{{.Type}}\t{{.Path}}", headers, rows, e);
}

static int run_diff(struct cli *c, int argc, char **argv, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_changes_ struct changes changes = {0};
    struct diff_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_diff, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    fd_raise_limit();
    r = record_find(&c->engine, words[0], &record, e);
    if (r == 0)
        r = changes_read(&c->engine, &record, &changes, e);
    if (r < 0)
        return r;
    return o.format ? print_rows(&changes, o.format, e) : print_plain(&changes, e);
}

const struct cli_command cmd_diff = {
    .line = "diff [OPTIONS] CONTAINER",
    .summary = "Show what a container has changed of its image",
    .more = "A path was added (A), changed (C) or deleted (D).",
    .options = diff_table,
    .min = 1,
    .max = 1,
    .first = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_diff,
};
