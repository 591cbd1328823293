#include "cli/cli.h"
#include "cli/image_helper.h"
#include "cli/image_use.h"
#include "cli/size.h"
#include "cli/template.h"
#include "engine/create.h"
#include "engine/events.h"
#include "engine/inspect.h"
#include "engine/state.h"
#include "image/image.h"
#include "image/reference.h"

#include <fnmatch.h>
#include <string.h>
#include <time.h>

/* ---- import ---- */

struct import_options {
    struct option_list change;
    const char *message, *platform;
};

static const struct option_def import_table[] = {
    {"change", 'c', OPTION_LIST, offsetof(struct import_options, change), "INSTRUCTION",
     "Apply a Dockerfile instruction: CMD, ENTRYPOINT, ENV, …", "Options"},
    {"message", 'm', OPTION_STRING, offsetof(struct import_options, message), "TEXT",
     "Comment of the image", NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct import_options, platform), "OS/ARCH",
     "Set the platform", NULL},
    {0},
};

/* The arguments of skiff-image, which takes the archive apart. */
static int helper_arguments(struct cli *c, const struct import_options *o, const char *file,
                            const char *name, struct strv *args)
{
    image_helper_arguments(c, "import", c->engine.root_fd, args);
    for (size_t i = 0; i < o->change.n; i++)
        strv_addf(args, "--change=%s", o->change.v[i]);
    if (o->message)
        strv_addf(args, "--message=%s", o->message);
    if (o->platform)
        strv_addf(args, "--platform=%s", o->platform);
    if (name)
        strv_addf(args, "--name=%s", name);
    strv_add(args, "--");
    strv_add(args, file);
    return args->failed ? -ENOMEM : 0;
}

static int import_told(struct cli *c, const char *id, const char *name, struct err *e)
{
    char text[DIGEST_LEN + 1];
    snprintf(text, sizeof(text), "%s", id);
    _cleanup_reference_ struct reference reference = {0};
    _cleanup_free_ char *full = NULL;
    event_emit(&c->engine, "image", "import", text,
               (struct event_attribute[]){{"name", text}, {0}});
    if (name && reference_parse(name, &reference, NULL) == 0 && (full = reference_full(&reference)))
        event_emit(&c->engine, "image", "tag", text,
                   (struct event_attribute[]){{"name", reference_short(full)}, {0}});
    return cli_print(id, e);
}

static int run_import(struct cli *c, int argc, char **argv, struct err *e)
{
    struct import_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_import, argc, argv, &o, &words, &n, e);
    if (r == 0 && n == 2 && str_eq(words[1], IMAGE_HOST))
        r = err_set(e, EINVAL, "the image name \"%s\" is the built-in image's", IMAGE_HOST);
    _cleanup_strv_ struct strv args = {0};
    if (r == 0 && helper_arguments(c, &o, words[0], n == 2 ? words[1] : NULL, &args) < 0)
        r = err_nomem(e);
    _cleanup_free_ char *id = NULL;
    _cleanup_image_helper_ struct image_helper helper = IMAGE_HELPER_INIT;
    if (r == 1)
        r = 0;
    else if (r == 0)
        r = image_helper_start(args.v, -1, c->engine.root_fd, -1, &helper, e);
    if (r == 0 && helper.pid > 0)
        r = image_helper_finish(&helper, &id, e);
    if (r == 0 && id)
        r = import_told(c, id, n == 2 ? words[1] : NULL, e);
    options_release(import_table, &o);
    return r;
}

const struct cli_command cmd_import = {
    .line = "import [OPTIONS] FILE|- [REPOSITORY[:TAG]]",
    .summary = "Make an image of a root file system's tar archive",
    .more = "The archive is plain, or packed with gzip, bzip2, xz or zstd; \"-\" is standard\n"
            "input.",
    .options = import_table,
    .min = 1,
    .max = 2,
    .first = WORD_FILE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_import,
};

/* ---- images ---- */

struct images_options {
    bool all, quiet, no_trunc, digests;
    const char *format;
};

static const struct option_def images_table[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct images_options, all), NULL, "All of them", "Options"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct images_options, quiet), NULL, "IDs alone", NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct images_options, no_trunc), NULL,
     "Do not shorten IDs", NULL},
    {"digests", 0, OPTION_FLAG, offsetof(struct images_options, digests), NULL, "Show digests",
     NULL},
    {"format", 0, OPTION_STRING, offsetof(struct images_options, format), "TEMPLATE",
     "table TEMPLATE, TEMPLATE or json", NULL},
    {0},
};

/* @name is a full name, or NULL for an image without. */
static json_t *image_row(const struct image *image, const char *name, long long size,
                         const struct images_options *o)
{
    const char *shown = name ? reference_short(name) : NULL;
    const char *colon = shown ? strrchr(shown, ':') : NULL;
    _cleanup_free_ char *repository =
        colon ? strndup(shown, (size_t)(colon - shown)) : strdup(shown ? shown : "<none>");
    char bytes[32];
    time_t created = image_created(image);
    _cleanup_free_ char *age = describe_duration(created < 0 ? 0 : time(NULL) - created);
    _cleanup_free_ char *ago = age && created >= 0 ? str_printf("%s ago", age) : strdup("N/A");
    format_size(size, bytes);
    const char *hex = strchrnul(image->id, ':');
    if (!repository || !ago)
        return NULL;
    const char *made = json_str(image->config, "created");
    bool dated = made && created >= 0 && strlen(made) >= 19;
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:s}", "Repository", repository, "Tag",
                     colon ? colon + 1 : "<none>", "ID",
                     o->no_trunc ? json_string(image->id)
                                 : json_stringn(*hex ? hex + 1 : "", *hex ? SHORT_ID_LEN : 0),
                     "Digest", image->digest, "CreatedAt",
                     dated ? json_sprintf("%.10s %.8s +0000 UTC", made, made + 11)
                           : json_string("N/A"),
                     "CreatedSince", ago, "Size", bytes);
}

/* Whether a name passes "images REPOSITORY[:TAG]"; wildcards match inside one part of a path. */
static bool is_wanted(const char *name, const char *pattern)
{
    if (!pattern)
        return true;
    const char *shown = name ? reference_short(name) : "";
    const char *colon = strrchr(shown, ':');
    _cleanup_free_ char *repository = strndup(shown, colon ? (size_t)(colon - shown) : 0);
    return fnmatch(pattern, shown, FNM_PATHNAME) == 0 ||
           (repository && *repository && fnmatch(pattern, repository, FNM_PATHNAME) == 0);
}

static int image_rows(struct cli *c, const struct image_list *list, const struct images_options *o,
                      const char *pattern, json_t *rows, struct err *e)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct image *image = &list->v[i];
        long long size = image_size(c->engine.root_fd, image);
        bool shown = false;
        for (size_t k = 0; k < (image->names.n ? image->names.n : 1); k++) {
            const char *name = image->names.n ? image->names.v[k] : NULL;
            if ((o->quiet && shown) || !is_wanted(name, pattern))
                continue;
            shown = true;
            if (json_array_append_new(rows, image_row(image, name, size, o)) < 0)
                return err_nomem(e);
        }
    }
    return 0;
}

static int run_images(struct cli *c, int argc, char **argv, struct err *e)
{
    struct images_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_images, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;

    _cleanup_image_list_ struct image_list list = {0};
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Repository", "REPOSITORY", "Tag", "TAG",
                  "ID", "IMAGE ID", "Digest", "DIGEST", "CreatedAt", "CREATED AT", "CreatedSince",
                  "CREATED", "Size", "SIZE");
    _cleanup_template_format_ struct template_format format = {0};
    _cleanup_str_ struct str out = {0};
    size_t bad = 0;
    r = image_list(c->engine.root_fd, &list, &bad, e);
    if (r == 0)
        r = image_rows(c, &list, &o, n == 1 ? words[0] : NULL, rows, e);
    const char *columns = o.digests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t"
                                      "{{.CreatedSince}}\t{{.Size}}"
                                    : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t"
                                      "{{.Size}}";
    if (r == 0)
        r = template_parse_format(cli_row_format(o.format, o.quiet), columns, &format, e);
    if (r == 0)
        r = template_print_rows(&format, headers, rows, &out, e);
    if (r == 0)
        r = cli_print(out.s ? out.s : "", e);
    if (bad > 0)
        cli_warn(c, "%zu images of the store cannot be read", bad);
    return r;
}

const struct cli_command cmd_images = {
    .line = "images [OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .more = "The built-in image \"host\" is not shown.",
    .options = images_table,
    .max = 1,
    .first = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_images,
};

/* ---- rmi ---- */

struct rmi_options {
    bool force, no_prune;
};

static const struct option_def rmi_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rmi_options, force), NULL,
     "Also one with several names, or used by a stopped container", "Options"},
    {"no-prune", 0, OPTION_FLAG, offsetof(struct rmi_options, no_prune), NULL, NULL, NULL},
    {0},
};

static int run_rmi(struct cli *c, int argc, char **argv, struct err *e)
{
    struct rmi_options o = {0};
    char **words;
    int n, status = 0;
    int r = cli_parse(&cmd_rmi, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    const struct image_remove_options options = {
        .force = o.force, .in_use = cli_image_use, .data = c};
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        _cleanup_strv_ struct strv done = {0};
        r = image_remove(c->engine.root_fd, words[i], &options, &done, &mine);
        for (size_t k = 0; k < done.n; k++) {
            puts(done.v[k]);
            cli_image_tell(c, done.v[k]);
        }
        if (r < 0 && !(r == -ENOENT && o.force)) {
            cli_error(err_text(&mine));
            status = 1;
        }
    }
    return status;
}

const struct cli_command cmd_rmi = {
    .line = "rmi [OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove images",
    .options = rmi_table,
    .min = 1,
    .max = -1,
    .first = WORD_IMAGE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_rmi,
};
