#include "engine/update.h"
#include "cli/cli.h"
#include "cli/containers.h"
#include "cli/request.h"

struct update_options {
    struct limit_options limits;
    const char *restart;
};

static const struct option_def table[] = {
    LIMIT_OPTION_ROWS(struct update_options),
    {"restart", 0, OPTION_STRING, offsetof(struct update_options, restart), "POLICY",
     "no, always, unless-stopped or on-failure[:N]", "Life"},
    {0},
};

static int make_change(const struct update_options *o, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *change = json_object();
    json_t *policy = NULL;
    if (!change)
        return err_nomem(e);
    int r = limit_options_put(&o->limits, change, e);
    if (r == 0 && o->restart && *o->restart) {
        r = parse_restart_policy(o->restart, &policy, e);
        if (r == 0 && json_object_set_new(change, "RestartPolicy", policy) < 0)
            r = err_nomem(e);
    }
    if (r == 0 && json_object_size(change) == 0)
        r = err_set(e, EINVAL, "you must provide one or more flags when using this command");
    if (r == 0)
        *ret = TAKE_PTR(change);
    return r;
}

static int update_one(struct cli *c, struct container_record *record, const void *data,
                      struct err *e)
{
    return update_container(&c->engine, record, data, e);
}

static int run_update(struct cli *c, int argc, char **argv, struct err *e)
{
    struct update_options o = {0};
    _cleanup_json_ json_t *change = NULL;
    char **words;
    int n;
    int r = cli_parse(&cmd_update, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = make_change(&o, &change, e);
    if (r == 0) {
        cli_reap(c);
        r = cli_for_each_container(c, n, words, update_one, change, 0);
    } else if (r == 1) {
        r = 0;
    }
    options_release(table, &o);
    return r;
}

const struct cli_command cmd_update = {
    .line = "update [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Change limits and the restart policy of containers",
    .more = "What runs is limited anew at once; what is not named stays as it is.\n",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_update,
};
