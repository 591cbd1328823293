#include "cli/containers.h"
#include "engine/lifecycle.h"

static int pause_one(struct cli *c, struct container_record *record, const void *data,
                     struct err *e)
{
    (void)data;
    return lifecycle_pause(&c->engine, record, e);
}

static int unpause_one(struct cli *c, struct container_record *record, const void *data,
                       struct err *e)
{
    (void)data;
    return lifecycle_unpause(&c->engine, record, e);
}

static int each(struct cli *c, const struct cli_command *command, container_act *act, int argc,
                char **argv, struct err *e)
{
    char **words;
    int n;
    int r = cli_parse(command, argc, argv, NULL, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    return cli_for_each_container(c, n, words, act, NULL, 0);
}

static int run_pause(struct cli *c, int argc, char **argv, struct err *e)
{
    return each(c, &cmd_pause, pause_one, argc, argv, e);
}

const struct cli_command cmd_pause = {
    .line = "pause CONTAINER [CONTAINER...]",
    .summary = "Hold all processes of containers",
    .min = 1,
    .max = -1,
    .first = WORD_RUNNING,
    .rest = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_pause,
};

static int run_unpause(struct cli *c, int argc, char **argv, struct err *e)
{
    return each(c, &cmd_unpause, unpause_one, argc, argv, e);
}

const struct cli_command cmd_unpause = {
    .line = "unpause CONTAINER [CONTAINER...]",
    .summary = "Let paused containers go on",
    .min = 1,
    .max = -1,
    .first = WORD_PAUSED,
    .rest = WORD_PAUSED,
    .flags = NEEDS_ENGINE,
    .run = run_unpause,
};
