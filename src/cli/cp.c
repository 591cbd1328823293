#include "base/file.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "cli/image_helper.h"
#include "cli/size.h"
#include "engine/copy.h"
#include "engine/copy_path.h"

#include <fcntl.h>
#include <string.h>

struct cp_options {
    bool archive, follow, quiet;
};

static const struct option_def cp_table[] = {
    {"archive", 'a', OPTION_FLAG, offsetof(struct cp_options, archive), NULL,
     "Keep all owners: those of the container's own, as it sees them", "Options"},
    {"follow-link", 'L', OPTION_FLAG, offsetof(struct cp_options, follow), NULL,
     "Follow a symbolic link at the end of SRC_PATH", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct cp_options, quiet), NULL,
     "No progress; usual where standard output is no terminal", NULL},
    {0},
};

static void print_summary(unsigned long long size, const char *to)
{
    char text[32];
    _cleanup_str_ struct str visible = {0};
    str_add_visible(&visible, to, "");
    format_size((long long)size, text);
    fprintf(stderr, "Successfully copied %s to %s\n", text, visible.s ? visible.s : "");
}

static int from_container(struct cli *c, const struct copy_request *q, bool quiet, struct err *e)
{
    struct counting line;
    struct copy_request with_progress = *q;
    unsigned long long size = 0;
    const struct copy_side host = {.root = AT_FDCWD};
    counting_begin(&line, "Copying from container");
    with_progress.data = &line;
    with_progress.progress = quiet ? NULL : counting_show;
    int r = copy_from_container(&c->engine, &with_progress, &size, e);
    counting_end(&line);
    if (r < 0 || quiet)
        return r;
    _cleanup_free_ char *to = copy_path_absolute(&host, q->host);
    print_summary(size, to ? to : q->host);
    return 0;
}

static int to_container(struct cli *c, const struct copy_request *q, bool quiet, struct err *e)
{
    struct counting line;
    struct copy_request with_progress = *q;
    unsigned long long size = 0;
    counting_begin(&line, "Copying to container");
    with_progress.data = &line;
    with_progress.progress = quiet ? NULL : counting_show;
    int r = copy_to_container(&c->engine, &with_progress, &size, e);
    counting_end(&line);
    if (r < 0 || quiet)
        return r;
    _cleanup_free_ char *to = str_printf("%s:%s", q->container, q->inside);
    print_summary(size, to ? to : q->inside);
    return 0;
}

/* A map as the kernel writes it. */
static void add_map(struct strv *args, const char *option, const struct owner_map *m)
{
    _cleanup_str_ struct str text = {0};
    for (size_t i = 0; i < m->n; i++)
        str_addf(&text, "%u %u %u\n", m->v[i].inside, m->v[i].outside, m->v[i].size);
    if (m->n > 0)
        strv_addf(args, "%s=%s", option, text.s ? text.s : "");
    args->failed |= text.failed;
}

/* A stranger's archive is taken apart by the helper, with the container's root as its own. */
static int from_archive(struct cli *c, const struct copy_request *q, struct err *e)
{
    _cleanup_view_ struct rootfs_view view = ROOTFS_VIEW_INIT;
    _cleanup_strv_ struct strv args = {0};
    _cleanup_free_ char *folder = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_image_helper_ struct image_helper helper = IMAGE_HELPER_INIT;
    int r = copy_open_folder(&c->engine, q, &view, &folder, e);
    if (r < 0)
        return r;
    image_helper_arguments(c, "unpack", view.mount, &args);
    strv_addf(&args, "--into=%s", folder);
    add_map(&args, "--uids", &view.uids);
    add_map(&args, "--gids", &view.gids);
    strv_add(&args, "-");
    if (args.failed)
        return err_nomem(e);
    struct image_helper_files files = IMAGE_HELPER_FILES;
    files.root_fd = view.mount;
    r = image_helper_start(args.v, &files, &helper, e);
    return r < 0 ? r : image_helper_finish(&helper, &text, NULL, e);
}

static int copy(struct cli *c, const struct cp_options *o, const char *from, const char *to,
                struct err *e)
{
    _cleanup_free_ char *source = NULL;
    _cleanup_free_ char *target = NULL;
    const char *from_path, *to_path;
    if (!*from || !*to)
        return err_set(e, EINVAL, "%s can not be empty", *from ? "destination" : "source");
    if (copy_argument(from, &source, &from_path) < 0 || copy_argument(to, &target, &to_path) < 0)
        return err_nomem(e);
    if (source && target)
        return err_set(e, EINVAL, "copying between containers is not supported");
    if (!source && !target)
        return err_set(e, EINVAL, "must specify at least one container source");
    const struct copy_request q = {
        .container = source ? source : target,
        .inside = source ? from_path : to_path,
        .host = source ? to_path : from_path,
        .archive = o->archive,
        .follow = o->follow,
    };
    if (source && str_eq(to_path, "-"))
        return copy_to_archive(&c->engine, &q, 1, e);
    if (target && str_eq(from_path, "-"))
        return from_archive(c, &q, e);
    return source ? from_container(c, &q, o->quiet, e) : to_container(c, &q, o->quiet, e);
}

static int run_cp(struct cli *c, int argc, char **argv, struct err *e)
{
    struct cp_options o = {.quiet = !isatty(1)};
    char **words;
    int n;
    int r = cli_parse(&cmd_cp, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    fd_raise_limit();
    return copy(c, &o, words[0], words[1], e);
}

const struct cli_command cmd_cp = {
    .line = "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
            "       skiff cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    .summary = "Copy files between a container and this machine",
    .more = "The container need not run. \"-\" is a tar archive: on standard input, unpacked in\n"
            "a folder of the container, or on standard output.",
    .options = cp_table,
    .min = 2,
    .max = 2,
    .first = WORD_PATH,
    .rest = WORD_PATH,
    .flags = NEEDS_ENGINE,
    .run = run_cp,
};
