#include "cli/pull.h"

#include "cli/image_helper.h"
#include "cli/transfer.h"
#include "engine/events.h"
#include "image/place.h"
#include "image/reference.h"

#include <string.h>

struct pull_options {
    bool all_tags, quiet, no_trust, verify;
    const char *platform;
};

static const struct option_def pull_table[] = {
    {"all-tags", 'a', OPTION_FLAG, offsetof(struct pull_options, all_tags), NULL,
     "All tags of the repository", "Options"},
    {"disable-content-trust", 0, OPTION_FLAG, offsetof(struct pull_options, no_trust), NULL, NULL,
     NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct pull_options, platform), "OS/ARCH[/VARIANT]",
     "That of several that an image is made for", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct pull_options, quiet), NULL,
     "Print the image's name alone", NULL},
    {"verify", 0, OPTION_FLAG, offsetof(struct pull_options, verify), NULL,
     "Show what policy.json asked for, and who signed", NULL},
    {0},
};

/* Docker's: the ID is the name as people type it. */
static void tell(struct cli *c, const char *name, bool all_tags)
{
    _cleanup_reference_ struct reference reference = {0};
    if (reference_parse(name, &reference, NULL) < 0)
        return;
    _cleanup_free_ char *full = reference_full(&reference);
    _cleanup_free_ char *repository = reference_repository(&reference);
    if (full && repository)
        event_emit(&c->engine, "image", "pull", reference_short(all_tags ? repository : full),
                   (struct event_attribute[]){{"name", reference_short(repository)}, {0}});
}

int cli_pull(struct cli *c, const struct pull *p, char **ret_id, struct err *e)
{
    const char *const words[] = {p->name};
    struct transfer t = TRANSFER_INIT;
    _cleanup_free_ char *answer = NULL;
    image_helper_arguments(c, "pull", c->engine.root_fd, &t.args);
    if (p->platform && *p->platform)
        strv_addf(&t.args, "--platform=%s", p->platform);
    if (p->all_tags)
        strv_add(&t.args, "--all-tags");
    if (p->quiet)
        strv_add(&t.args, "--quiet");
    if (p->verify)
        strv_add(&t.args, "--verify");
    t.words = words;
    t.n_words = 1;
    t.fetches = !place_is(p->name);
    t.screen = p->quiet ? -1 : p->screen;
    int r = transfer_run(c, &t, &answer, e);
    strv_release(&t.args);
    if (r < 0)
        return r;
    tell(c, p->name, p->all_tags);
    answer[strcspn(answer, "\n")] = '\0';
    if (ret_id)
        *ret_id = TAKE_PTR(answer);
    return 0;
}

/* "docker.io/library/rust:latest": what Docker prints last. */
static int full_name(const char *name, const struct pull_options *o, char **ret, struct err *e)
{
    _cleanup_reference_ struct reference reference = {0};
    int r = place_is(name) ? 0 : reference_parse(name, &reference, e);
    if (r < 0)
        return r;
    if (!reference.path)
        *ret = strdup(name);
    else
        *ret = o->all_tags ? reference_repository(&reference) : reference_full(&reference);
    return *ret ? 0 : err_nomem(e);
}

static int run_pull(struct cli *c, int argc, char **argv, struct err *e)
{
    struct pull_options o = {.no_trust = true};
    char **words;
    int n;
    int r = cli_parse(&cmd_pull, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_free_ char *full = NULL;
    if (str_eq(words[0], IMAGE_HOST))
        return err_set(e, EINVAL, "\"%s\" is the built-in image: it is there already", IMAGE_HOST);
    r = full_name(words[0], &o, &full, e);
    if (r < 0)
        return r;
    if (o.all_tags && !reference_is_name_only(words[0]))
        return err_set(e, EINVAL, "tag can't be used with --all-tags/-a");
    if (!o.all_tags && !o.quiet && !place_is(words[0]) && reference_is_name_only(words[0]))
        printf("Using default tag: latest\n");
    const struct pull p = {.name = words[0],
                           .platform = o.platform,
                           .quiet = o.quiet,
                           .all_tags = o.all_tags,
                           .verify = o.verify,
                           .screen = STDOUT_FILENO};
    r = cli_pull(c, &p, NULL, e);
    if (r < 0)
        return r;
    printf("%s\n", full);
    return 0;
}

const struct cli_command cmd_pull = {
    .line = "pull [OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Fetch an image from a registry",
    .more = "NAME is \"rust\" for docker.io/library/rust, \"REGISTRY/PATH\", or a place:\n"
            "oci:DIR, oci-archive:FILE, docker-archive:FILE, dir:DIR, docker-daemon:NAME,\n"
            "containers-storage:NAME.",
    .options = pull_table,
    .min = 1,
    .max = 1,
    .first = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_pull,
};
