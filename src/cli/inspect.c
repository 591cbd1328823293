#include "engine/inspect.h"
#include "cli/cli.h"
#include "cli/image_inspect.h"
#include "cli/network_inspect.h"
#include "cli/template.h"
#include "engine/container_size.h"
#include "engine/volume.h"
#include "image/image.h"

#include <string.h>

struct inspect_options {
    const char *format, *type, *platform;
    bool size, verbose;
};

#define FORMAT_ROW                                                                                 \
    {                                                                                              \
        "format", 'f', OPTION_STRING, offsetof(struct inspect_options, format), "TEMPLATE",        \
            "Print what a Go template says, or json", "Options"                                    \
    }
#define SIZE_ROW                                                                                   \
    {                                                                                              \
        "size", 's', OPTION_FLAG, offsetof(struct inspect_options, size), NULL,                    \
            "Also how much room a container takes", NULL                                           \
    }

static const struct option_def plain_table[] = {FORMAT_ROW, {0}};
static const struct option_def image_table[] = {
    FORMAT_ROW,
    {"platform", 0, OPTION_STRING, offsetof(struct inspect_options, platform), "OS/ARCH[/VARIANT]",
     "Fail if the image is for another one", NULL},
    {0},
};
static const struct option_def network_table[] = {
    FORMAT_ROW,
    {"verbose", 'v', OPTION_FLAG, offsetof(struct inspect_options, verbose), NULL,
     "The same: nothing is left out", NULL},
    {0},
};
static const struct option_def container_table[] = {FORMAT_ROW, SIZE_ROW, {0}};
static const struct option_def table[] = {
    FORMAT_ROW,
    {"type", 0, OPTION_STRING, offsetof(struct inspect_options, type), "TYPE",
     "container, image, volume or network", NULL},
    SIZE_ROW,
    {0},
};

static int inspect_one_container(struct cli *c, const struct inspect_options *o, const char *what,
                                 json_t **ret, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *doc = NULL;
    int r = record_find(&c->engine, what, &record, e);
    if (r == 0)
        r = inspect_container(&c->engine, &record, &doc, e);
    if (r == 0 && o->size)
        r = container_add_size(&c->engine, &record, doc, e);
    if (r == 0)
        *ret = TAKE_PTR(doc);
    return r;
}

static int inspect_one_volume(struct cli *c, const char *what, json_t **ret, struct err *e)
{
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    int r = volume_open(&c->engine, what, &v, e);
    if (r < 0)
        return r;
    *ret = volume_describe(&c->engine, &v);
    return *ret ? 0 : err_nomem(e);
}

static int not_found(struct cli *c, const char *what, struct err *e)
{
    _cleanup_free_ char *near = record_nearest(&c->engine, what);
    if (!near)
        near = image_nearest(c->engine.root_fd, what);
    return near ? err_set(e, ENOENT, "no such object: %s: did you mean \"%s\"?", what, near)
                : err_set(e, ENOENT, "no such object: %s", what);
}

static int inspect_one(struct cli *c, const struct inspect_options *o, const char *what,
                       json_t **ret, struct err *e)
{
    int r = -ENOENT;
    if (!o->type || str_eq(o->type, "container"))
        r = inspect_one_container(c, o, what, ret, e);
    if (r == -ENOENT && (!o->type || str_eq(o->type, "image")))
        r = image_inspect(c, what, o->platform, ret, e);
    if (r == -ENOENT && (!o->type || str_eq(o->type, "volume")))
        r = inspect_one_volume(c, what, ret, e);
    if (r == -ENOENT && (!o->type || str_eq(o->type, "network")))
        r = network_inspect(c, what, ret, e);
    if (r == -ENOENT && !o->type)
        return not_found(c, what, e);
    return r;
}

static int print_formatted(const char *format, json_t *doc, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    int r = template_render(format, doc, &out, e);
    str_add(&out, "\n");
    if (r < 0)
        return r;
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

static int inspect(struct cli *c, const struct inspect_options *o, int n, char **words,
                   struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    bool template = o->format && *o->format && !str_eq(o->format, "json");
    int status = 0, r = 0;
    if (o->type && !str_eq(o->type, "image") && !str_eq(o->type, "container") &&
        !str_eq(o->type, "network") && !str_eq(o->type, "volume"))
        return err_set(
            e, EINVAL,
            "unknown type: \"%s\": must be one of \"container\", \"image\", \"network\", "
            "\"volume\"",
            o->type);
    if (o->format && template_check(o->format, e) < 0) {
        cli_error(err_text(e));
        return STATUS_NO_TEMPLATE;
    }
    if (!list)
        return err_nomem(e);
    cli_reap(c);
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        _cleanup_json_ json_t *doc = NULL;
        r = inspect_one(c, o, words[i], &doc, &mine);
        if (r == 0 && template)
            r = print_formatted(o->format, doc, &mine);
        else if (r == 0)
            r = json_array_append(list, doc) < 0 ? err_nomem(&mine) : 0;
        if (r < 0) {
            cli_error(err_text(&mine));
            status = 1;
        }
    }
    if (template)
        return status;
    /* Docker's: an array all the same, on one line. */
    _cleanup_free_ char *text =
        json_text(list, str_eq(o->format, "json") ? JSON_COMPACT : JSON_INDENT(4));
    if (!text)
        return err_nomem(e);
    r = cli_print(text, e);
    if (r == 0)
        r = cli_print("\n", e);
    return r < 0 ? r : status;
}

static int inspect_type(const struct cli_command *command, const char *type, struct cli *c,
                        int argc, char **argv, struct err *e)
{
    struct inspect_options o = {.type = type};
    char **words;
    int n;
    int r = cli_parse(command, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    return inspect(c, &o, n, words, e);
}

static int run_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    return inspect_type(&cmd_inspect, NULL, c, argc, argv, e);
}

const struct cli_command cmd_inspect = {
    .line = "inspect [OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Show all about containers, images, volumes and networks as JSON",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_OBJECT,
    .rest = WORD_OBJECT,
    .flags = NEEDS_ENGINE,
    .run = run_inspect,
};

static int run_container_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    return inspect_type(&cmd_container_inspect, "container", c, argc, argv, e);
}

const struct cli_command cmd_container_inspect = {
    .line = "container inspect [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Show all about containers as JSON",
    .options = container_table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_container_inspect,
};

static int run_image_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    return inspect_type(&cmd_image_inspect, "image", c, argc, argv, e);
}

const struct cli_command cmd_image_inspect = {
    .line = "image inspect [OPTIONS] IMAGE [IMAGE...]",
    .summary = "Show all about images as JSON",
    .options = image_table,
    .min = 1,
    .max = -1,
    .first = WORD_IMAGE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_image_inspect,
};

static int run_volume_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    return inspect_type(&cmd_volume_inspect, "volume", c, argc, argv, e);
}

const struct cli_command cmd_volume_inspect = {
    .line = "volume inspect [OPTIONS] VOLUME [VOLUME...]",
    .summary = "Show all about volumes as JSON",
    .options = plain_table,
    .min = 1,
    .max = -1,
    .first = WORD_VOLUME,
    .rest = WORD_VOLUME,
    .flags = NEEDS_ENGINE,
    .run = run_volume_inspect,
};

static int run_network_inspect(struct cli *c, int argc, char **argv, struct err *e)
{
    return inspect_type(&cmd_network_inspect, "network", c, argc, argv, e);
}

const struct cli_command cmd_network_inspect = {
    .line = "network inspect [OPTIONS] NETWORK [NETWORK...]",
    .summary = "Show all about networks as JSON",
    .options = network_table,
    .min = 1,
    .max = -1,
    .first = WORD_NETWORK,
    .rest = WORD_NETWORK,
    .flags = NEEDS_ENGINE,
    .run = run_network_inspect,
};
