#include "cli/create.h"

#include "base/file.h"
#include "cli/find_image.h"
#include "image/platform.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

bool attaches(const struct request_options *o, const char *stream)
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
    int r = check_pull_options(o, e);
    if (r < 0)
        return r;
    if (o->cidfile && access(o->cidfile, F_OK) == 0)
        return err_set(e, EEXIST,
                       "container ID file found, make sure the other container isn't "
                       "running or delete %s",
                       o->cidfile);
    return check_attach(o, e);
}

static int write_cidfile(const char *path, const char *id, struct err *e)
{
    if (!path)
        return 0;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : fd_write_all(fd, id, strlen(id));
    return r < 0 ? err_sys(e, -r, "cannot write the container ID to \"%s\"", path) : 0;
}

json_t *cli_words(int argc, char **argv)
{
    json_t *words = json_array();
    for (int i = 0; i < argc; i++)
        json_gather(&words, json_string(argv[i]));
    return words;
}

static void warn_of_platform(const struct cli *c, const struct request_options *o,
                             const struct create_image *image)
{
    _cleanup_json_ json_t *here = NULL;
    if (o->platform || image->built_in || !json_str(image->image.config, "architecture") ||
        platform_parse(NULL, &here, NULL) < 0 || platform_serves(image->image.config, here))
        return;
    _cleanup_free_ char *wanted = platform_text(image->image.config);
    _cleanup_free_ char *own = platform_text(here);
    if (wanted && own)
        cli_warn(c,
                 "The requested image's platform (%s) does not match the detected host platform "
                 "(%s) and no specific platform was requested",
                 wanted, own);
}

/* Docker's words. */
static void warn_of(const struct cli *c, const json_t *document)
{
    if (json_bool(document, "HostConfig.OomKillDisable", false) &&
        json_int(document, "HostConfig.Memory", 0) == 0)
        cli_warn(c, "OOM killer is disabled for the container, but no memory limit is set, this "
                    "can result in the system running out of resources");
    const json_t *host = json_at(document, "HostConfig");
    if (str_eq(json_str(host, "NetworkMode"), "host") &&
        json_object_size(json_at(host, "PortBindings")) > 0)
        cli_warn(c, "Published ports are discarded when using host network mode");
}

int cli_create(struct cli *c, const struct request_options *o, int n, char **words,
               struct create_image *ret_image, struct container_record *ret_record, struct err *e)
{
    _cleanup_json_ json_t *request = NULL;
    int r = check_options(o, e);
    if (r == 0)
        r = request_build(o, words[0], n - 1, words + 1, &request, e);
    if (r == 0 && o->words &&
        json_object_set(request, "CreateCommand", (json_t *)(uintptr_t)o->words) < 0)
        r = err_nomem(e);
    if (r == 0)
        r = find_or_pull_image(c, o, words[0], ret_image, e);
    if (r == 0)
        r = create_container(&c->engine, request, o->name, ret_image, ret_record, e);
    if (r < 0)
        return r;
    warn_of(c, ret_record->document);
    warn_of_platform(c, o, ret_image);
    r = write_cidfile(o->cidfile, ret_record->id, e);
    if (r < 0)
        create_undo(&c->engine, ret_record);
    return r;
}

static int create(struct cli *c, const struct request_options *o, int n, char **words,
                  struct err *e)
{
    _cleanup_create_image_ struct create_image image = {0};
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    if (o->detach)
        return err_set(e, EINVAL,
                       "unknown option \"--detach\": a created container is started by "
                       "'skiff start'");
    int r = cli_create(c, o, n, words, &image, &record, e);
    if (r < 0)
        return r;
    record_unwatch(&c->engine, &record);
    puts(record.id);
    return 0;
}

static int run_create(struct cli *c, int argc, char **argv, struct err *e)
{
    struct request_options o = REQUEST_OPTIONS_INIT;
    _cleanup_json_ json_t *said = cli_words(argc, argv);
    char **words;
    int n;
    o.words = said;
    int r = cli_parse(&cmd_create, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = create(c, &o, n, words, e);
    else if (r == 1)
        r = 0;
    options_release(request_table, &o);
    return r;
}

const struct cli_command cmd_create = {
    .line = "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a container without starting it",
    .more = "Its options are those of run; 'skiff start' starts it.",
    .options = request_table,
    .min = 1,
    .max = -1,
    .stop_at_word = true,
    .first = WORD_IMAGE,
    .rest = WORD_FILE,
    .flags = NEEDS_ENGINE,
    .run = run_create,
};
