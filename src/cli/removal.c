#include "cli/removal.h"

struct removal_options {
    bool force;
};

const struct option_def removal_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct removal_options, force), NULL,
     "No error for what is not there", "Options"},
    {0},
};

int removal_run(struct cli *c, const struct cli_command *command, int argc, char **argv,
                int (*remove)(const struct engine *en, const char *name, struct err *e),
                bool tells_missing, struct err *e)
{
    struct removal_options o = {0};
    char **words;
    int n, status = 0;
    int r = cli_parse(command, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        r = remove(&c->engine, words[i], &mine);
        bool missing = r == -ENOENT && o.force;
        if (r == 0 || (missing && tells_missing)) {
            puts(words[i]);
        } else if (!missing) {
            cli_error(err_text(&mine));
            status = 1;
        }
    }
    return status;
}
