#include "cli/cli.h"
#include "cli/image_helper.h"
#include "cli/output_file.h"
#include "cli/transfer.h"
#include "engine/events.h"
#include "image/image.h"
#include "image/reference.h"

struct save_options {
    const char *output, *platform, *format;
};

static const struct option_def save_table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct save_options, format), "FORMAT",
     "Only \"docker-archive\" or \"oci-archive\", not both in one", "Options"},
    {"output", 'o', OPTION_STRING, offsetof(struct save_options, output), "FILE",
     "Write to a file instead of standard output", NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct save_options, platform), "OS/ARCH[/VARIANT]",
     "Only the image for that platform", NULL},
    {0},
};

struct task {
    struct cli *c;
    const struct save_options *o;
    char **names;
    size_t n;
};

static int write_archive(void *data, int fd, struct err *e)
{
    const struct task *task = data;
    struct cli *c = task->c;
    struct transfer t = TRANSFER_INIT;
    image_helper_arguments(c, "save", c->engine.root_fd, &t.args);
    if (task->o->platform && *task->o->platform)
        strv_addf(&t.args, "--platform=%s", task->o->platform);
    if (task->o->format && *task->o->format)
        strv_addf(&t.args, "--format=%s", task->o->format);
    t.words = (const char *const *)task->names;
    t.n_words = task->n;
    t.output = fd;
    int r = transfer_run(c, &t, NULL, e);
    strv_release(&t.args);
    return r;
}

/* Before anything is written: a slip in the third name leaves no archive of the first two. */
static int look_for(struct cli *c, const struct task *task, struct strv *ids, struct err *e)
{
    for (size_t i = 0; i < task->n; i++) {
        _cleanup_image_ struct image image = {0};
        if (str_eq(task->names[i], IMAGE_HOST))
            return err_set(e, EINVAL, "\"%s\" is the built-in image, which cannot be saved",
                           IMAGE_HOST);
        int r = image_find(c->engine.root_fd, task->names[i], &image, e);
        if (r < 0)
            return r;
        strv_add(ids, image.id);
    }
    return ids->failed ? err_nomem(e) : 0;
}

static int run_save(struct cli *c, int argc, char **argv, struct err *e)
{
    struct save_options o = {0};
    _cleanup_strv_ struct strv ids = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_save, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    struct task task = {.c = c, .o = &o, .names = words, .n = (size_t)n};
    bool to_file = o.output && *o.output;
    if (!to_file && isatty(STDOUT_FILENO))
        return err_set(e, ENOTTY,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    r = look_for(c, &task, &ids, e);
    if (r == 0)
        r = to_file ? output_to_file(o.output, "failed to save image", write_archive, &task, e)
                    : write_archive(&task, STDOUT_FILENO, e);
    for (size_t i = 0; r == 0 && i < ids.n; i++)
        event_emit(&c->engine, "image", "save", ids.v[i],
                   (struct event_attribute[]){{"name", words[i]}, {0}});
    return r;
}

const struct cli_command cmd_save = {
    .line = "save [OPTIONS] IMAGE [IMAGE...]",
    .summary = "Write images as an archive that load and others read",
    .options = save_table,
    .min = 1,
    .max = -1,
    .first = WORD_IMAGE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_save,
};
