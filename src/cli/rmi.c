#include "cli/cli.h"
#include "cli/image_platform.h"
#include "cli/image_use.h"
#include "image/image.h"

struct rmi_options {
    bool force, no_prune;
    struct option_list platform;
};

static const struct option_def rmi_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rmi_options, force), NULL,
     "Also one with several names, or used by a stopped container", "Options"},
    {"no-prune", 0, OPTION_FLAG, offsetof(struct rmi_options, no_prune), NULL,
     "Keep parents without a name (they are always kept)", NULL},
    {"platform", 0, OPTION_LIST, offsetof(struct rmi_options, platform), "OS/ARCH[/VARIANT]",
     "Only the image for that platform", NULL},
    {0},
};

/* An image here is for one platform: whether it is one of those that were named. */
static int check_platform(struct cli *c, const struct rmi_options *o, const char *what,
                          struct err *e)
{
    _cleanup_image_ struct image image = {0};
    int r = o->platform.n > 0 ? image_find(c->engine.root_fd, what, &image, e) : 0;
    for (size_t i = 0; r == 0 && i < o->platform.n; i++) {
        r = image_platform_check(&image, what, o->platform.v[i], e);
        if (r == 0)
            break;
        r = r == -ENOENT && i + 1 < o->platform.n ? 0 : r;
    }
    return r;
}

static int remove_image(struct cli *c, const struct rmi_options *o, const char *what, struct err *e)
{
    _cleanup_strv_ struct strv done = {0};
    const struct image_remove_options options = {
        .force = o->force, .in_use = cli_image_use, .data = c};
    int r = check_platform(c, o, what, e);
    if (r == 0)
        r = image_remove(c->engine.root_fd, what, &options, &done, e);
    for (size_t k = 0; k < done.n; k++) {
        puts(done.v[k]);
        cli_image_tell(c, done.v[k]);
    }
    return r;
}

static int run_rmi(struct cli *c, int argc, char **argv, struct err *e)
{
    struct rmi_options o = {0};
    char **words;
    int n, status = 0;
    int r = cli_parse(&cmd_rmi, argc, argv, &o, &words, &n, e);
    if (r == 0)
        cli_reap(c);
    for (int i = 0; r == 0 && i < n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        int removed = remove_image(c, &o, words[i], &mine);
        if (removed < 0)
            cli_error(err_text(&mine));
        if (removed < 0 && !(removed == -ENOENT && o.force))
            status = 1;
    }
    options_release(rmi_table, &o);
    if (r != 0)
        return r == 1 ? 0 : r;
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
