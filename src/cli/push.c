#include "cli/cli.h"
#include "cli/image_helper.h"
#include "cli/transfer.h"
#include "engine/events.h"
#include "image/reference.h"

#include <string.h>

struct push_options {
    bool all_tags, quiet, no_trust;
    const char *platform, *compression;
};

static const struct option_def push_table[] = {
    {"all-tags", 'a', OPTION_FLAG, offsetof(struct push_options, all_tags), NULL,
     "All tags that the repository has here", "Options"},
    {"compression", 0, OPTION_STRING, offsetof(struct push_options, compression), "gzip|zstd",
     "How layers are packed that have to be", NULL},
    {"disable-content-trust", 0, OPTION_FLAG, offsetof(struct push_options, no_trust), NULL, NULL,
     NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct push_options, platform), "OS/ARCH[/VARIANT]",
     "Only the image for that platform", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct push_options, quiet), NULL,
     "Print the image's name alone", NULL},
    {0},
};

/* "docker.io/library/rust:latest"; with all tags the repository. */
static int read_name(const char *name, const struct push_options *o, char **ret, struct err *e)
{
    _cleanup_reference_ struct reference reference = {0};
    int r = reference_parse(name, &reference, e);
    if (r < 0)
        return r;
    bool only_name = reference_is_name_only(name);
    if (reference.digest)
        return err_set(e, EINVAL, "cannot push a digest reference");
    if (o->all_tags && !only_name)
        return err_set(e, EINVAL, "tag can't be used with --all-tags/-a");
    if (!o->all_tags && !o->quiet && only_name)
        printf("Using default tag: latest\n");
    *ret = o->all_tags ? reference_repository(&reference) : reference_full(&reference);
    return *ret ? 0 : err_nomem(e);
}

static int push(struct cli *c, const struct push_options *o, const char *name, struct err *e)
{
    const char *const words[] = {name};
    struct transfer t = TRANSFER_INIT;
    image_helper_arguments(c, "push", c->engine.root_fd, &t.args);
    if (o->all_tags)
        strv_add(&t.args, "--all-tags");
    if (o->platform)
        strv_addf(&t.args, "--platform=%s", o->platform);
    if (o->compression)
        strv_addf(&t.args, "--compression=%s", o->compression);
    if (o->quiet)
        strv_add(&t.args, "--quiet");
    t.words = words;
    t.n_words = 1;
    t.screen = o->quiet ? -1 : STDOUT_FILENO;
    int r = transfer_run(c, &t, NULL, e);
    strv_release(&t.args);
    return r;
}

static int run_push(struct cli *c, int argc, char **argv, struct err *e)
{
    struct push_options o = {.no_trust = true};
    _cleanup_free_ char *full = NULL;
    char **words;
    int n;
    int r = cli_parse(&cmd_push, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    if (str_eq(words[0], IMAGE_HOST))
        return err_set(e, EINVAL, "\"%s\" is the built-in image, which cannot be pushed",
                       IMAGE_HOST);
    if (o.compression && !str_eq(o.compression, "gzip") && !str_eq(o.compression, "zstd"))
        return err_set(e, EINVAL, "option \"--compression\": \"%s\" is neither gzip nor zstd",
                       o.compression);
    r = read_name(words[0], &o, &full, e);
    if (r == 0)
        r = push(c, &o, words[0], e);
    if (r < 0)
        return r;
    event_emit(&c->engine, "image", "push", reference_short(full),
               (struct event_attribute[]){{"name", reference_short(full)}, {0}});
    if (o.quiet)
        printf("%s\n", full);
    return 0;
}

const struct cli_command cmd_push = {
    .line = "push [OPTIONS] NAME[:TAG]",
    .summary = "Bring an image to a registry",
    .options = push_table,
    .min = 1,
    .max = 1,
    .first = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_push,
};
