#include "cli/containers.h"
#include "engine/contact.h"
#include "engine/reap.h"
#include "engine/state.h"

#include <fcntl.h>
#include <time.h>

enum condition { NOT_RUNNING, NEXT_EXIT, REMOVED, RUNNING, HEALTHY };

struct wait_options {
    const char *text;
    enum condition condition;
};

static const struct option_def table[] = {
    {"condition", 0, OPTION_STRING, offsetof(struct wait_options, text), "CONDITION",
     "exited (default), next-exit, removed, running or healthy", "Options"},
    {0},
};

static int parse_condition(const char *text, enum condition *ret, struct err *e)
{
    static const struct {
        const char *name;
        enum condition condition;
    } names[] = {
        {"exited", NOT_RUNNING},  {"not-running", NOT_RUNNING}, {"stopped", NOT_RUNNING},
        {"next-exit", NEXT_EXIT}, {"removed", REMOVED},         {"running", RUNNING},
        {"healthy", HEALTHY},
    };
    *ret = NOT_RUNNING;
    for (size_t i = 0; text && i < ARRAY_LEN(names); i++) {
        if (!str_eq(text, names[i].name))
            continue;
        *ret = names[i].condition;
        return 0;
    }
    return !text
               ? 0
               : err_set(e, EINVAL,
                         "invalid condition \"%s\": exited, next-exit, removed, running or healthy",
                         text);
}

static bool is_removed(struct cli *c, const struct container_record *record)
{
    return faccessat(c->engine.containers_fd, record->id, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

/* Whether what is waited for is so; *ret_code is the exit status then. */
static bool is_met(struct cli *c, const struct container_record *record, enum condition condition,
                   const json_t *state, bool has_ended)
{
    bool running = json_bool(state, "State.Running", false);
    switch (condition) {
    case RUNNING:
        return has_ended || str_eq(json_str(state, "State.Status"), "running");
    case HEALTHY:
        return running && str_eq(json_str(state, "State.Health.Status"), "healthy");
    case NEXT_EXIT:
        return has_ended;
    case REMOVED:
        return is_removed(c, record);
    default:
        return !running || has_ended;
    }
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Some of the conditions have nobody who would tell of them: these are looked at now and then. */
static int wait_a_little(struct cli *c, const struct container_record *record, const json_t *state,
                         bool only_end, int *ret_code)
{
    if (!json_bool(state, "State.Running", false)) {
        sleep_ms(20);
        return 0;
    }
    _cleanup_close_ int contact = contact_open(&c->engine, record->id, 0, -1, NULL);
    if (contact < 0) { /* it is just coming or going */
        sleep_ms(1);
        return 0;
    }
    int r = contact_wait_end(contact, only_end ? -1 : 20, ret_code);
    if (r == -ECONNRESET) {
        *ret_code = 137;
        reap_orphans(&c->engine, NULL);
    }
    return r != 0;
}

/* Whether a whole life lies between two looks at one that did not run: short ones do. */
static bool has_lived(const json_t *before, const json_t *now)
{
    const char *then = json_str(before, "State.FinishedAt");
    return !json_bool(now, "State.Running", false) && then &&
           !str_eq(then, json_str(now, "State.FinishedAt"));
}

static int wait_one(struct cli *c, struct container_record *record, const void *data, struct err *e)
{
    const struct wait_options *o = data;
    _cleanup_json_ json_t *before = NULL;
    bool has_ended = false;
    int code = -1;
    for (;;) {
        _cleanup_json_ json_t *state = NULL;
        int r = state_read(&c->engine, record, &state, NULL, e);
        if (r < 0)
            return r;
        /* One that has gone tells nothing any more but what was heard before. */
        if (o->condition != REMOVED && !has_ended && is_removed(c, record))
            return err_set(e, ENOENT, "no such container: %s", record->id);
        has_ended |= has_lived(before, state);
        if (is_met(c, record, o->condition, state, has_ended)) {
            bool alive = o->condition == RUNNING || o->condition == HEALTHY;
            printf("%lld\n", code >= 0 ? code : alive ? 0 : json_int(state, "State.ExitCode", 0));
            return 0;
        }
        if (!before)
            before = json_incref(state);
        bool only_end = o->condition == NOT_RUNNING || o->condition == NEXT_EXIT;
        has_ended |= wait_a_little(c, record, state, only_end, &code) == 1;
    }
}

static int run_wait(struct cli *c, int argc, char **argv, struct err *e)
{
    struct wait_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_wait, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = parse_condition(o.text, &o.condition, e);
    if (r < 0)
        return r;
    cli_reap(c);
    return cli_for_each_container(c, n, words, wait_one, &o, FOR_EACH_QUIET);
}

const struct cli_command cmd_wait = {
    .line = "wait [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Wait until containers have ended, and print their exit statuses",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_wait,
};
