#include "base/file.h"
#include "cli/cli.h"
#include "engine/copy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

struct export_options {
    const char *output;
};

static const struct option_def export_table[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct export_options, output), "FILE",
     "Write to a file instead of standard output", "Options"},
    {0},
};

/* What is there already and no regular file, such as /dev/null or a FIFO, is written to. */
static int export_in_place(struct cli *c, const char *container, const char *path, struct err *e)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", path);
    return copy_root_to_archive(&c->engine, container, fd, e);
}

/* The file appears when it is whole. */
static int export_to_file(struct cli *c, const char *container, const char *path, struct err *e)
{
    struct stat st;
    unsigned long long nonce = 0;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_sys(e, EISDIR, "failed to export container: cannot write \"%s\"", path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return export_in_place(c, container, path, e);
    if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
        return err_sys(e, errno, "cannot get random bytes");
    _cleanup_free_ char *temporary = str_printf("%s.tmp-%016llx", path, nonce);
    if (!temporary)
        return err_nomem(e);
    _cleanup_close_ int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "failed to export container: cannot create \"%s\"", path);
    int r = copy_root_to_archive(&c->engine, container, fd, e);
    if (r == 0 && rename(temporary, path) < 0)
        r = err_sys(e, errno, "cannot rename \"%s\" to \"%s\"", temporary, path);
    if (r < 0)
        unlink(temporary);
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
        return export_to_file(c, words[0], o.output, e);
    if (isatty(1))
        return err_set(e, ENOTTY,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    return copy_root_to_archive(&c->engine, words[0], 1, e);
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
