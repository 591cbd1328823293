#include "cli/cli.h"
#include "cli/request.h"
#include "engine/client.h"
#include "engine/start.h"
#include "image/reference.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

/* Whether "-a @stream" was given, or no -a at all. */
static bool attaches(const struct request_options *o, const char *stream)
{
    for (size_t i = 0; i < o->attach.n; i++)
        if (strcasecmp(o->attach.v[i], stream) == 0)
            return true;
    return o->attach.n == 0;
}

static int check_attach(const struct request_options *o, struct err *e)
{
    size_t known = 0;
    for (size_t i = 0; i < o->attach.n; i++)
        known += strcasecmp(o->attach.v[i], "stdin") == 0 ||
                 strcasecmp(o->attach.v[i], "stdout") == 0 ||
                 strcasecmp(o->attach.v[i], "stderr") == 0;
    if (known < o->attach.n)
        return err_set(e, EINVAL,
                       "option \"--attach\": valid streams are stdin, stdout and stderr");
    if (o->attach.n > 0 && o->detach)
        return err_set(e, EINVAL, "conflicting options: --attach and --detach");
    return 0;
}

static int check_options(const struct request_options *o, struct err *e)
{
    if (o->tty && o->interactive && !o->detach && !isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "the input device is not a TTY");
    if (o->pull && !str_eq(o->pull, "missing") && !str_eq(o->pull, "never"))
        return err_set(e, ENOTSUP, "option \"--pull\": \"%s\" is not supported yet", o->pull);
    if (o->cidfile && access(o->cidfile, F_OK) == 0)
        return err_set(e, EEXIST,
                       "container ID file found, make sure the other container isn't "
                       "running or delete %s",
                       o->cidfile);
    return check_attach(o, e);
}

/* There is no registry to pull from yet, so what to do about a missing image is said instead. */
static int find_image(struct cli *c, const char *name, struct create_image *ret, struct err *e)
{
    _cleanup_reference_ struct reference reference = {0};
    int r = create_find_image(&c->engine, name, ret, e);
    if (r != -ENOENT || reference_parse(name, &reference, NULL) < 0)
        return r;
    _cleanup_free_ char *full = reference_full(&reference);
    if (!full)
        return err_nomem(e);
    return err_set(e, ENOENT,
                   "unable to find image '%s' locally, and pulling is not there yet: 'skiff import "
                   "FILE.tar %s' makes it of a root file system's archive",
                   reference_short(full), name);
}

static int write_cidfile(const char *path, const char *id, struct err *e)
{
    if (!path)
        return 0;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : fd_write_all(fd, id, strlen(id));
    return r < 0 ? err_sys(e, -r, "cannot write the container ID to \"%s\"", path) : 0;
}

/* Attached, or just told that it runs. The monitor has it now, and removes it if it must. */
static int follow(struct cli *c, const struct request_options *o, int monitor, const char *id,
                  struct err *e)
{
    int status = client_wait_started(monitor, e);
    if (status != 0) {
        cli_error(err_text(e));
        return status;
    }
    cli_debug(c, "started");
    if (o->detach) {
        puts(id);
        return 0;
    }
    bool with_stdin = o->interactive && attaches(o, "stdin");
    const struct client client = {
        .monitor = monitor,
        .with_stdin = with_stdin,
        .unheard = {!attaches(o, "stdout"), !attaches(o, "stderr")},
        .terminal = o->tty && with_stdin && isatty(STDIN_FILENO),
        .sig_proxy = o->sig_proxy,
    };
    status = client_carry(&client, e);
    cli_debug(c, "ended with status %d", status);
    return status;
}

static int run(struct cli *c, const struct request_options *o, int n, char **words, struct err *e)
{
    _cleanup_json_ json_t *request = NULL;
    _cleanup_create_image_ struct create_image image = {0};
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;

    int r = check_options(o, e);
    if (r == 0)
        r = request_build(o, words[0], n - 1, words + 1, &request, e);
    if (r == 0)
        r = find_image(c, words[0], &image, e);
    if (r == 0)
        r = create_container(&c->engine, request, o->name, &image, &record, e);
    if (r < 0)
        return r;

    cli_debug(c, "image %s", image.built_in ? "host" : image.image.id);
    cli_debug(c, "container in %s/containers/%s", c->engine.root, record.id);

    _cleanup_start_ struct start start;
    _cleanup_close_ int monitor = -EBADF;
    r = start_prepare(&c->engine, &record, &image, &start, e);
    if (r == 0)
        r = write_cidfile(o->cidfile, record.id, e);
    if (r == 0) {
        cli_debug(c, "root mounted, config.json written");
        start.terminal = o->tty && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
        r = monitor = start_launch(&start, e);
    }
    if (r < 0) {
        start_release(&start);
        record_remove(&c->engine, &record, NULL);
        return r;
    }
    return follow(c, o, monitor, record.id, e);
}

static int run_run(struct cli *c, int argc, char **argv, struct err *e)
{
    struct request_options o = {.sig_proxy = true};
    char **words;
    int n;
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
    .first = WORD_IMAGE,
    .rest = WORD_FILE,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER | STATUS_125,
    .run = run_run,
};
