#include "base/file.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "cli/output_file.h"
#include "engine/copy.h"

struct export_options {
    const char *output;
};

static const struct option_def export_table[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct export_options, output), "FILE",
     "Write to a file instead of standard output", "Options"},
    {0},
};

struct task {
    struct cli *c;
    const char *container;
};

static int write_archive(void *data, int fd, struct err *e)
{
    const struct task *task = data;
    struct counting line;
    const struct archive_progress progress = {counting_show, &line};
    counting_begin(&line, "Exporting");
    int r = copy_root_to_archive(&task->c->engine, task->container, fd,
                                 isatty(STDERR_FILENO) ? &progress : NULL, e);
    counting_end(&line);
    return r;
}

static int run_export(struct cli *c, int argc, char **argv, struct err *e)
{
    struct export_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_export, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    fd_raise_limit();
    if (o.output && *o.output)
        return output_to_file(o.output, "failed to export container", write_archive,
                              &(struct task){c, words[0]}, e);
    if (isatty(1))
        return err_set(e, ENOTTY,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    return copy_root_to_archive(&c->engine, words[0], 1, NULL, e);
}

const struct cli_command cmd_export = {
    .line = "export [OPTIONS] CONTAINER",
    .summary = "Write a container's file system as a tar archive",
    .more = "What is in its volumes is not part of it.",
    .options = export_table,
    .min = 1,
    .max = 1,
    .first = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_export,
};
