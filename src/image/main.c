/*
 * skiff-image: the part of skiff that takes tar archives apart.
 *
 * Started by skiff, not by people: it gets the store as a descriptor. Prints the image's ID, or one
 * line on standard error that begins with --prefix, and ends as exit_status.h says.
 */
#include "base/file.h"
#include "base/json.h"
#include "image/blobs.h"
#include "image/exit_status.h"
#include "image/import.h"
#include "image/main_transfer.h"
#include "image/pipeline.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum option_id {
    OPT_ROOT_FD = 1,
    OPT_PREFIX,
    OPT_CHANGE,
    OPT_MESSAGE,
    OPT_PLATFORM,
    OPT_NAME,
    OPT_PARENT,
    OPT_SETTINGS_FD,
    OPT_AUTHOR,
    OPT_CREATED_BY,
    OPT_INTO,
    OPT_UIDS,
    OPT_GIDS,
};

enum { SETTINGS_MAX = 4 << 20 };

static const struct option options[] = {
    {"root-fd", required_argument, NULL, OPT_ROOT_FD},
    {"prefix", required_argument, NULL, OPT_PREFIX},
    {"change", required_argument, NULL, OPT_CHANGE},
    {"message", required_argument, NULL, OPT_MESSAGE},
    {"platform", required_argument, NULL, OPT_PLATFORM},
    {"name", required_argument, NULL, OPT_NAME},
    {"parent", required_argument, NULL, OPT_PARENT},
    {"settings-fd", required_argument, NULL, OPT_SETTINGS_FD},
    {"author", required_argument, NULL, OPT_AUTHOR},
    {"created-by", required_argument, NULL, OPT_CREATED_BY},
    {"into", required_argument, NULL, OPT_INTO},
    {"uids", required_argument, NULL, OPT_UIDS},
    {"gids", required_argument, NULL, OPT_GIDS},
    {0},
};

static const char usage[] =
    "usage: skiff-image import --root-fd N [--name REFERENCE] [--change INSTRUCTION]...\n"
    "                          [--message TEXT] [--platform OS/ARCH[/VARIANT]] [--prefix WORD]\n"
    "                          [--parent ID] [--settings-fd N] [--author TEXT]\n"
    "                          [--created-by TEXT]\n"
    "                          FILE|-\n"
    "       skiff-image unpack --root-fd N --into FOLDER [--uids MAP] [--gids MAP] -\n"
    "       skiff-image verify --root-fd=N\n"
    "       skiff-image pull --root-fd N [--progress-fd N] [--platform PLATFORM] [--all-tags]\n"
    "                        [--verify] REFERENCE\n"
    "       skiff-image push --root-fd N [--progress-fd N] [--platform PLATFORM] [--all-tags]\n"
    "                        [--compression gzip|zstd] REFERENCE\n"
    "       skiff-image load --root-fd N [--progress-fd N] [--platform PLATFORM] [--quiet] "
    "[--limit-…]\n"
    "       skiff-image save --root-fd N [--platform PLATFORM] [--format FORMAT] NAME...\n"
    "       skiff-image ping [--credentials-fd N] REGISTRY\n"
    "       skiff-image search [--limit N] TERM\n";

/* What is asked for: one of the two. */
struct task {
    bool unpack;
    struct import import;
    struct placing placing; /* --root-fd is import's */
};

static int take_root_fd(const char *text, int *ret, struct err *e)
{
    long long fd;
    struct stat st;
    if (str_to_int64(text, 0, INT_MAX, &fd) < 0 || fstat((int)fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(e, EINVAL, "--root-fd %s is not a folder's descriptor", text);
    *ret = (int)fd;
    return 0;
}

/* The image's settings, as JSON. */
static int take_settings(const char *text, json_t **ret, struct err *e)
{
    long long fd;
    size_t n;
    _cleanup_free_ char *json = NULL;
    if (str_to_int64(text, 0, INT_MAX, &fd) < 0)
        return err_set(e, EINVAL, "--settings-fd %s is not a descriptor", text);
    int r = fd_read_all((int)fd, SETTINGS_MAX, &json, &n);
    if (r < 0)
        return err_sys(e, -r, "cannot read the image's settings");
    json_decref(TAKE(*ret, NULL));
    return json_parse(json, n, "settings", ret, e);
}

/* Lines of a uid_map (user_namespaces(7)). */
static int take_map(const char *text, struct owner_map *ret, struct err *e)
{
    owner_map_release(ret);
    int r = owner_map_parse(text, ret);
    return r < 0 ? err_sys(e, -r, "cannot read the map of owners \"%s\"", text) : 0;
}

static int take_unpack_option(int id, const char *value, struct placing *p, struct err *e)
{
    switch (id) {
    case OPT_INTO:
        p->into = value;
        return 0;
    case OPT_UIDS:
        return take_map(value, &p->uids, e);
    case OPT_GIDS:
        return take_map(value, &p->gids, e);
    default:
        return err_set(e, EINVAL, "an option that is not known, or has no value");
    }
}

static int take_option(int id, const char *value, struct task *t, const char **prefix,
                       struct err *e)
{
    struct import *im = &t->import;
    switch (id) {
    case OPT_ROOT_FD:
        return take_root_fd(value, &im->root_fd, e);
    case OPT_PREFIX:
        *prefix = value;
        return 0;
    case OPT_CHANGE:
        strv_add(&im->changes, value);
        return im->changes.failed ? err_nomem(e) : 0;
    case OPT_MESSAGE:
        im->message = value;
        return 0;
    case OPT_PLATFORM:
        im->platform = value;
        return 0;
    case OPT_NAME:
        im->name = value;
        return 0;
    case OPT_PARENT:
        im->parent = value;
        return 0;
    case OPT_SETTINGS_FD:
        return take_settings(value, &im->settings, e);
    case OPT_AUTHOR:
        im->author = value;
        return 0;
    case OPT_CREATED_BY:
        im->created_by = value;
        return 0;
    default:
        return take_unpack_option(id, value, &t->placing, e);
    }
}

static int parse(int argc, char **argv, struct task *t, const char **prefix, struct err *e)
{
    int id;
    struct import *im = &t->import;
    t->unpack = argc >= 2 && strcmp(argv[1], "unpack") == 0;
    if (argc < 2 || (!t->unpack && strcmp(argv[1], "import") != 0))
        return err_set(e, EINVAL, "skiff-image knows two commands: import and unpack");
    opterr = 0;
    while ((id = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
        int r = take_option(id, optarg, t, prefix, e);
        if (r < 0)
            return r;
    }
    if (im->root_fd < 0)
        return err_set(e, EINVAL, "--root-fd is missing");
    if (optind + 1 != argc - 1)
        return err_set(e, EINVAL, "one file is needed: a path, or - for standard input");
    im->file = argv[optind + 1];
    if (t->unpack && (!t->placing.into || strcmp(im->file, "-") != 0))
        return err_set(e, EINVAL, "--into is missing, or a file is named");
    return 0;
}

/* Unpacks standard input. */
static int run_unpack(const struct task *t, struct err *e)
{
    const struct pipeline p = {
        .in_fd = 0,
        .blob_fd = -EBADF,
        .folder_fd = t->import.root_fd,
        .placing = &t->placing,
        .limits = &t->import.limits,
    };
    struct pipeline_result result = {0};
    int r = pipeline_run(&p, &result, e);
    pipeline_result_release(&result);
    return r;
}

static int run_import(const struct task *t, struct err *e)
{
    _cleanup_free_ char *id = NULL;
    int r = import_run(&t->import, &id, e);
    if (r == 0 && (printf("%s\n", id) < 0 || fflush(stdout) == EOF))
        r = err_sys(e, errno, "cannot print the image's ID");
    return r;
}

/* Names from the archive may be part of the story: a terminal must not obey them. */
static void print_error(const char *prefix, const struct err *e)
{
    _cleanup_str_ struct str line = {0};
    str_addf(&line, "%s: ", prefix);
    str_add_visible(&line, err_text(e), "");
    str_add(&line, "\n");
    if (!line.failed)
        (void)fd_write_all(2, line.s, line.len);
}

/* "verify --root-fd=N": a line for each blob that is not what its name says. */
static int verify_blobs(const char *root)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int root_fd = -EBADF;
    int r = root ? take_root_fd(root, &root_fd, &e) : err_set(&e, EINVAL, "--root-fd is missing");
    if (r == 0)
        r = blobs_check(root_fd, &e);
    if (r < 0)
        print_error("skiff", &e);
    return r < 0;
}

static int perform(int argc, char **argv, struct task *t, const char **prefix, bool *badly,
                   struct err *e)
{
    int r = limits_from_environment(&t->import.limits, e);
    if (r < 0)
        return r;
    if (argc >= 2 && transfer_is_command(argv[1]))
        return transfer_main(argc, argv, &t->import.limits, prefix, badly, e);
    r = parse(argc, argv, t, prefix, e);
    *badly = r < 0;
    if (r == 0)
        r = t->unpack ? run_unpack(t, e) : run_import(t, e);
    return r;
}

static int exit_status(int r)
{
    return IMAGE_STATUS_ERRNO - r <= IMAGE_STATUS_MAX ? IMAGE_STATUS_ERRNO - r : 1;
}

int main(int argc, char **argv)
{
    _cleanup_err_ struct err e = ERR_INIT;
    const char *prefix = "skiff";
    struct task task = {.import = {.root_fd = -EBADF, .limits = LIMITS_DEFAULT}};
    bool called_badly = false;

    json_setup();
    /* Our helpers have no more rights than root of a container that might see them. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && str_eq(argv[1], "verify"))
        return verify_blobs(str_after(argv[2], "--root-fd="));
    int r = perform(argc, argv, &task, &prefix, &called_badly, &e);
    strv_release(&task.import.changes);
    json_decref(task.import.settings);
    owner_map_release(&task.placing.uids);
    owner_map_release(&task.placing.gids);
    if (r == 0)
        return 0;
    print_error(prefix, &e);
    /* For who tries it by hand; what skiff calls it with is no business of a person's. */
    if (argc < 2)
        fputs(usage, stderr);
    return called_badly ? 2 : exit_status(r);
}
