#include "cli/cli.h"
#include "engine/lifecycle.h"
#include "engine/restart.h"
#include "engine/state.h"

/* 1: it runs now; 0: it is not to; -errno. */
static int boot_one(struct cli *c, const char *id, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    _cleanup_close_ int monitor = -EBADF;
    int r = record_open(&c->engine, id, &record, e);
    if (r == 0)
        r = state_read(&c->engine, &record, &state, NULL, e);
    if (r < 0 || json_bool(state, "State.Running", false) ||
        !restart_at_boot(record.document, state))
        return r;
    r = lifecycle_start(&c->engine, &record, 0, -1, &monitor, e);
    if (r == 0)
        puts(record_name(&record));
    return r < 0 ? r : 1;
}

static int run_boot(struct cli *c, int argc, char **argv, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_boot, argc, argv, NULL, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    r = record_list(&c->engine, &ids, e);
    if (r < 0)
        return r;
    /* Those that share namespaces of others start after them: whoever fails has more turns, as long
     * as anybody gets on. */
    for (bool progress = true, last = false; !last;) {
        last = !progress; /* then what still fails is told */
        progress = false;
        r = 0;
        for (size_t i = 0; i < ids.n; i++) {
            _cleanup_err_ struct err failure = ERR_INIT;
            int one = boot_one(c, ids.v[i], &failure);
            progress |= one > 0;
            if (one < 0 && one != -ENOENT) {
                r = 1;
                if (last)
                    cli_error(err_text(&failure));
            }
        }
        if (r == 0)
            return 0;
    }
    return r;
}

const struct cli_command cmd_boot = {
    .line = "boot",
    .summary = "Start what is to run after the machine was started",
    .more = "These are those of the restart policies always and unless-stopped.",
    .min = 0,
    .max = 0,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER,
    .run = run_boot,
};
