#include "cli/containers.h"
#include "engine/lifecycle.h"
#include "engine/volume_use.h"

struct rm_options {
    bool force, volumes, link;
};

static const struct option_def table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rm_options, force), NULL,
     "Kill what runs first; no error for what is not there", "Options"},
    {"volumes", 'v', OPTION_FLAG, offsetof(struct rm_options, volumes), NULL,
     "Its anonymous volumes too", NULL},
    {"link", 'l', OPTION_FLAG, offsetof(struct rm_options, link), NULL, NULL, NULL},
    {0},
};

static int remove_one(struct cli *c, struct container_record *record, const void *data,
                      struct err *e)
{
    const struct rm_options *o = data;
    if (o->link) /* Docker's legacy links: nothing has another than its own name */
        return err_set(e, EBUSY,
                       "conflict: cannot remove the default link name of container \"%s\"",
                       record_name(record));
    int r = lifecycle_remove(&c->engine, record, o->force, e);
    if (r == 0 && o->volumes)
        volumes_forget(&c->engine, record->document);
    return r;
}

static int run_rm(struct cli *c, int argc, char **argv, struct err *e)
{
    struct rm_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_rm, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    return cli_for_each_container(c, n, words, remove_one, &o,
                                  (o.force ? FOR_EACH_FORCED : 0) | FOR_EACH_AT_ONCE);
}

const struct cli_command cmd_rm = {
    .line = "rm [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_rm,
};
