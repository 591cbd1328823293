#include "cli/cli.h"
#include "cli/image_platform.h"
#include "cli/plain_text.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "engine/inspect.h"
#include "image/image.h"

#include <string.h>

enum { CREATED_BY_WIDTH = 45 }; /* Docker's */

struct history_options {
    bool human, no_trunc, quiet;
    const char *format, *platform;
};

static const struct option_def history_table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct history_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, "Options"},
    {"human", 'H', OPTION_FLAG, offsetof(struct history_options, human), NULL,
     "Sizes and times for people (default true)", NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct history_options, no_trunc), NULL,
     "Do not shorten IDs and commands", NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct history_options, platform), "OS/ARCH[/VARIANT]",
     "Fail if the image is for another one", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct history_options, quiet), NULL, "IDs alone", NULL},
    {0},
};

/* "2006-01-02T15:04:05Z" */
static json_t *time_text(const char *created, time_t at)
{
    struct tm tm;
    char text[40];
    if (!created || at < 0 || !gmtime_r(&at, &tm) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return json_string("N/A");
    return json_string(text);
}

static json_t *since_text(time_t at)
{
    _cleanup_free_ char *age = describe_duration(at < 0 ? 0 : time(NULL) - at);
    return !age ? NULL : at < 0 ? json_string("N/A") : json_sprintf("%s ago", age);
}

static json_t *command_text(const char *text, bool whole)
{
    _cleanup_free_ char *plain =
        whole ? plain_text(text) : plain_text_of_width(text, CREATED_BY_WIDTH);
    return plain ? json_string(plain) : NULL;
}

static json_t *size_text(long long size, bool human)
{
    char text[32];
    if (!human)
        return json_sprintf("%lld", size > 0 ? size : 0);
    format_size(size, text);
    return json_string(text);
}

/* Which image this entry was, if it is known: only the last one is. */
static json_t *id_text(const struct image *image, bool top, bool whole)
{
    const char *hex = strchr(image->id, ':');
    if (!top || !hex)
        return json_string("<missing>");
    return whole ? json_string(image->id) : json_stringn(hex + 1, SHORT_ID_LEN);
}

static json_t *make_row(const struct image *image, const json_t *entry, bool top, long long size,
                        const struct history_options *o)
{
    const char *created = json_str(entry, "created");
    _cleanup_free_ char *comment = plain_text(json_str(entry, "comment"));
    time_t at = image_time(created);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}", "ID", id_text(image, top, o->no_trunc),
                     "CreatedAt", time_text(created, at), "CreatedSince",
                     o->human ? since_text(at) : time_text(created, at), "CreatedBy",
                     command_text(json_str(entry, "created_by"), o->no_trunc), "Size",
                     size_text(size, o->human), "Comment", comment ? comment : "");
}

/* From the last entry to the first; each that is not empty has the next lower layer. A config may
 * tell more or less than there are layers. */
static int make_rows(struct cli *c, const struct image *image, const struct history_options *o,
                     json_t *rows, struct err *e)
{
    const json_t *history = json_at(image->config, "history");
    size_t n = json_array_size(history), layer = image->diff_ids.n;
    for (size_t i = n; i > 0; i--) {
        const json_t *entry = json_array_get(history, i - 1);
        bool empty = json_bool(entry, "empty_layer", false) || layer == 0;
        long long size = empty ? 0 : image_layer_size(c->engine.root_fd, image, --layer);
        if (size < 0)
            return err_set(e, EBADMSG, "cannot read the size of layer %s",
                           image->diff_ids.v[layer]);
        if (json_array_append_new(rows, make_row(image, entry, i == n, size, o)) < 0)
            return err_nomem(e);
    }
    for (; layer > 0; layer--) {
        bool top = json_array_size(rows) == 0;
        long long size = image_layer_size(c->engine.root_fd, image, layer - 1);
        if (size < 0)
            return err_set(e, EBADMSG, "cannot read the size of layer %s",
                           image->diff_ids.v[layer - 1]);
        if (json_array_append_new(rows, make_row(image, NULL, top, size, o)) < 0)
            return err_nomem(e);
    }
    return 0;
}

static int run_history(struct cli *c, int argc, char **argv, struct err *e)
{
    struct history_options o = {.human = true};
    char **words;
    int n;
    int r = cli_parse(&cmd_history, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_image_ struct image image = {0};
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "ID", "IMAGE", "CreatedAt", "CREATED AT",
                  "CreatedSince", o.human ? "CREATED" : "CREATED AT", "CreatedBy", "CREATED BY",
                  "Size", "SIZE", "Comment", "COMMENT");
    r = image_find(c->engine.root_fd, words[0], &image, e);
    if (r == 0)
        r = image_platform_check(&image, words[0], o.platform, e);
    if (r == 0)
        r = rows && headers ? make_rows(c, &image, &o, rows, e) : err_nomem(e);
    if (r < 0)
        return r;
    return rows_print(rows_format(o.format, o.quiet),
                      "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
                      headers, rows, e);
}

const struct cli_command cmd_history = {
    .line = "history [OPTIONS] IMAGE",
    .summary = "Show what an image was made by",
    .options = history_table,
    .min = 1,
    .max = 1,
    .first = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_history,
};
