#include "cli/cli.h"
#include "cli/image_filter.h"
#include "cli/image_tree.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "cli/template.h"
#include "engine/inspect.h"
#include "image/image.h"
#include "image/reference.h"

#include <string.h>
#include <time.h>

struct images_options {
    bool all, quiet, no_trunc, digests, tree;
    struct option_list filter;
    const char *format;
};

static const struct option_def images_table[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct images_options, all), NULL,
     "All of them (none is hidden)", "Options"},
    {"digests", 0, OPTION_FLAG, offsetof(struct images_options, digests), NULL, "Show digests",
     NULL},
    {"filter", 'f', OPTION_LIST, offsetof(struct images_options, filter), "KEY=VALUE",
     "before, dangling, label, label!, reference, since, until", NULL},
    {"format", 0, OPTION_STRING, offsetof(struct images_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct images_options, no_trunc), NULL,
     "Do not shorten IDs", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct images_options, quiet), NULL, "IDs alone", NULL},
    {"tree", 0, OPTION_FLAG, offsetof(struct images_options, tree), NULL,
     "The platforms of each, and what they take on the disk", NULL},
    {0},
};

/* The digest by which a registry knows it under @name, if one does; else its manifest's. */
static const char *digest_of(const struct image *image, const char *name)
{
    size_t n = name ? (size_t)(reference_suffix(name) - name - 1) : 0;
    for (size_t i = 0; i < image->repo_digests.n; i++) {
        const char *text = image->repo_digests.v[i], *at = strchr(text, '@');
        if (at && (!name || ((size_t)(at - text) == n && strncmp(text, name, n) == 0)))
            return at + 1;
    }
    return image->digest;
}

/* "rust" of "docker.io/library/rust:latest" or of a registry's name and digest; "<none>" without.
 */
static char *repository_of(const struct image *image, const char *name)
{
    const char *full = name ? name : image->repo_digests.n ? image->repo_digests.v[0] : NULL;
    if (!full)
        return strdup("<none>");
    const char *shown = reference_short(full);
    return strndup(shown, (size_t)(reference_suffix(shown) - shown - 1));
}

static const char *tag_of(const char *name)
{
    return name && !reference_has_digest(name) ? reference_suffix(name) : "<none>";
}

static json_t *id_text(const struct image *image, bool whole)
{
    const char *hex = str_after(image->id, "sha256:");
    return whole || !hex ? json_string(image->id) : json_stringn(hex, SHORT_ID_LEN);
}

/* @name is a full name, or NULL for an image without. */
static json_t *image_row(const struct image *image, const char *name, long long size,
                         const struct images_options *o)
{
    _cleanup_free_ char *repository = repository_of(image, name);
    char bytes[32];
    time_t created = image_created(image);
    _cleanup_free_ char *age = describe_duration(created < 0 ? 0 : time(NULL) - created);
    _cleanup_free_ char *ago = age && created >= 0 ? str_printf("%s ago", age) : strdup("N/A");
    format_size(size, bytes);
    if (!repository || !ago)
        return NULL;
    const char *made = json_str(image->config, "created");
    bool dated = made && created >= 0 && strlen(made) >= 19;
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "Repository",
                     repository, "Tag", tag_of(name), "ID", id_text(image, o->no_trunc), "Digest",
                     digest_of(image, name), "CreatedAt",
                     dated ? json_sprintf("%.10s %.8s +0000 UTC", made, made + 11)
                           : json_string("N/A"),
                     "CreatedSince", ago, "Size", bytes, "VirtualSize", bytes, "Containers", "N/A",
                     "SharedSize", "N/A", "UniqueSize", "N/A");
}

static int image_rows(struct cli *c, const struct image_list *list, const struct images_options *o,
                      const struct image_filter *filter, json_t *rows, struct err *e)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct image *image = &list->v[i];
        long long size = image_size(c->engine.root_fd, image);
        bool shown = false;
        if (!image_filter_passes(filter, image))
            continue;
        for (size_t k = 0; k < (image->names.n ? image->names.n : 1); k++) {
            const char *name = image->names.n ? image->names.v[k] : NULL;
            if ((o->quiet && shown) || !image_filter_shows(filter, name))
                continue;
            shown = true;
            if (json_array_append_new(rows, image_row(image, name, size, o)) < 0)
                return err_nomem(e);
        }
    }
    return 0;
}

static int print_table(struct cli *c, const struct image_list *list, const struct images_options *o,
                       const struct image_filter *filter, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Repository", "REPOSITORY",
                  "Tag", "TAG", "ID", "IMAGE ID", "Digest", "DIGEST", "CreatedAt", "CREATED AT",
                  "CreatedSince", "CREATED", "Size", "SIZE", "Containers", "CONTAINERS",
                  "SharedSize", "SHARED SIZE", "UniqueSize", "UNIQUE SIZE");
    const char *columns = o->digests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t"
                                       "{{.CreatedSince}}\t{{.Size}}"
                                     : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t"
                                       "{{.Size}}";
    int r = image_rows(c, list, o, filter, rows, e);
    return r < 0 ? r : rows_print(rows_format(o->format, o->quiet), columns, headers, rows, e);
}

/* Docker's words. */
static int check_tree(const struct images_options *o, struct err *e)
{
    const char *other = o->quiet      ? "--quiet"
                        : o->no_trunc ? "--no-trunc"
                        : o->digests  ? "--show-digest"
                        : o->format   ? "--format"
                                      : NULL;
    return o->tree && other ? err_set(e, EINVAL, "%s is not yet supported with --tree", other) : 0;
}

static int images(struct cli *c, const struct images_options *o, const char *pattern, struct err *e)
{
    _cleanup_image_list_ struct image_list list = {0};
    struct image_filter filter;
    size_t bad = 0;
    int r = check_tree(o, e);
    if (r == 0)
        r = image_filter_read(c->engine.root_fd, &o->filter, pattern, &filter, e);
    if (r == 0)
        r = image_list(c->engine.root_fd, &list, &bad, e);
    if (r < 0)
        return r;
    r = o->tree ? image_tree_print(c, &list, &filter, e) : print_table(c, &list, o, &filter, e);
    if (bad > 0)
        cli_warn(c, "%zu images of the store cannot be read", bad);
    return r;
}

static int run_images(struct cli *c, int argc, char **argv, struct err *e)
{
    struct images_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_images, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = images(c, &o, n == 1 ? words[0] : NULL, e);
    else if (r == 1)
        r = 0;
    options_release(images_table, &o);
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
