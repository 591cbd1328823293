#include "engine/inspect.h"
#include "cli/cli.h"
#include "cli/template.h"
#include "image/image.h"

#include <string.h>

struct inspect_options {
    const char *format, *type;
    bool size;
};

static const struct option_def table[] = {
    {"format", 'f', OPTION_STRING, offsetof(struct inspect_options, format), "TEMPLATE",
     "Print what a Go template says, or json", "Options"},
    {"type", 0, OPTION_STRING, offsetof(struct inspect_options, type), "TYPE", "container or image",
     NULL},
    {"size", 's', OPTION_FLAG, offsetof(struct inspect_options, size), NULL, NULL, NULL},
    {0},
};

static const struct cli_usage usage = {"inspect [OPTIONS] NAME|ID [NAME|ID...]",
                                       "Show all about containers and images as JSON.", 1, -1,
                                       false};

static int inspect_one_container(struct cli *c, const char *what, json_t **ret, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    int r = record_find(&c->engine, what, &record, e);
    return r < 0 ? r : inspect_container(&c->engine, &record, ret, e);
}

static json_t *short_names(const struct strv *names)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < names->n; i++)
        json_array_append_new(list, json_string(names->v[i]));
    return list;
}

/* Docker's GET /images/NAME/json. */
static int inspect_one_image(struct cli *c, const char *what, json_t **ret, struct err *e)
{
    _cleanup_image_ struct image image = {0};
    int r = image_find(c->engine.root_fd, what, &image, e);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:o, s:[], s:s*, s:s*, s:s*, s:s*, s:s*, s:O*, s:I, s:O*}", "Id",
                     image.id, "RepoTags", short_names(&image.names), "RepoDigests", "Created",
                     json_str(image.config, "created"), "Author", json_str(image.config, "author"),
                     "Architecture", json_str(image.config, "architecture"), "Os",
                     json_str(image.config, "os"), "Comment",
                     json_str(json_array_get(json_at(image.config, "history"), 0), "comment"),
                     "Config", json_at(image.config, "config"), "Size",
                     (json_int_t)image_size(c->engine.root_fd, &image), "RootFS",
                     json_at(image.config, "rootfs"));
    return *ret ? 0 : err_nomem(e);
}

static int inspect_one(struct cli *c, const struct inspect_options *o, const char *what,
                       json_t **ret, struct err *e)
{
    int r = -ENOENT;
    if (!str_eq(o->type, "image"))
        r = inspect_one_container(c, what, ret, e);
    if (r == -ENOENT && !str_eq(o->type, "container"))
        r = inspect_one_image(c, what, ret, e);
    if (r == -ENOENT && !o->type)
        return err_set(e, ENOENT, "no such object: %s", what);
    return r;
}

static int print_formatted(const char *format, json_t *doc, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    const char *text = str_eq(format, "json") ? "{{json .}}" : format;
    int r = template_render(text, doc, &out, e);
    str_add(&out, "\n");
    return r < 0 ? r : cli_print(out.s, e);
}

static int inspect(struct cli *c, const struct inspect_options *o, int n, char **words,
                   struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    int status = 0, r = 0;
    if (o->type && !str_eq(o->type, "image") && !str_eq(o->type, "container"))
        return err_set(e, EINVAL, "\"%s\" is not a valid value for --type", o->type);
    cli_reap(c);
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        _cleanup_json_ json_t *doc = NULL;
        r = inspect_one(c, o, words[i], &doc, &mine);
        if (r == 0 && o->format)
            r = print_formatted(o->format, doc, &mine);
        else if (r == 0)
            r = json_array_append(list, doc);
        if (r < 0) {
            cli_error(err_text(&mine));
            status = 1;
        }
    }
    if (o->format)
        return status;
    _cleanup_free_ char *text = json_dumps(list, JSON_INDENT(4));
    if (!text)
        return err_nomem(e);
    r = cli_print(text, e);
    if (r == 0)
        r = cli_print("\n", e);
    return r < 0 ? r : status;
}

int cmd_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    struct inspect_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&usage, table, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    return inspect(c, &o, n, words, e);
}
