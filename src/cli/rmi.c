#include "cli/cli.h"
#include "cli/image_use.h"
#include "image/image.h"

struct rmi_options {
    bool force, no_prune;
};

static const struct option_def rmi_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rmi_options, force), NULL,
     "Also one with several names, or used by a stopped container", "Options"},
    {"no-prune", 0, OPTION_FLAG, offsetof(struct rmi_options, no_prune), NULL,
     "Keep parents without a name (they are always kept)", NULL},
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
        if (r < 0)
            cli_error(err_text(&mine));
        if (r < 0 && !(r == -ENOENT && o.force))
            status = 1;
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
