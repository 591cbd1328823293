#include "cli/cli.h"
#include "cli/image_helper.h"
#include "cli/image_use.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "cli/template.h"
#include "engine/create.h"
#include "engine/events.h"
#include "engine/inspect.h"
#include "image/image.h"
#include "image/reference.h"

#include <fnmatch.h>
#include <string.h>
#include <time.h>

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
     ROWS_FORMAT_HELP, NULL},
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
    size_t bad = 0;
    r = image_list(c->engine.root_fd, &list, &bad, e);
    if (r == 0)
        r = image_rows(c, &list, &o, n == 1 ? words[0] : NULL, rows, e);
    const char *columns = o.digests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t"
                                      "{{.CreatedSince}}\t{{.Size}}"
                                    : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t"
                                      "{{.Size}}";
    if (r == 0)
        r = rows_print(rows_format(o.format, o.quiet), columns, headers, rows, e);
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
