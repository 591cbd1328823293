#include "cli/cli.h"
#include "cli/request.h"
#include "cli/systemd.h"
#include "engine/restart.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

struct generate_options {
    bool name, new;
    const char *restart_policy;
    long long stop_timeout, start_timeout;
    struct option_list after, requires, wants;
};

enum { UNSET = -1, DEFAULT_STOP_S = 10 };

static const struct option_def table[] = {
    {"after", 0, OPTION_LIST, offsetof(struct generate_options, after), "UNIT",
     "Start after this unit", "Options"},
    {"name", 'n', OPTION_FLAG, offsetof(struct generate_options, name), NULL,
     "Call the container by its name, not by its ID", NULL},
    {"new", 0, OPTION_FLAG, offsetof(struct generate_options, new), NULL,
     "Make the container at each start, and remove it at each stop", NULL},
    {"requires", 0, OPTION_LIST, offsetof(struct generate_options, requires), "UNIT",
     "Need this unit: stop with it", NULL},
    {"restart-policy", 0, OPTION_STRING, offsetof(struct generate_options, restart_policy),
     "POLICY", "systemd's: no, always, on-success, on-failure (default), …", NULL},
    {"start-timeout", 0, OPTION_INT, offsetof(struct generate_options, start_timeout), "SECONDS",
     "How long a start may take", NULL},
    {"stop-timeout", 't', OPTION_INT, offsetof(struct generate_options, stop_timeout), "SECONDS",
     "How long to wait before killing it (10)", NULL},
    {"wants", 0, OPTION_LIST, offsetof(struct generate_options, wants), "UNIT",
     "Start this unit too", NULL},
    {0},
};

/* Where this program is: systemd wants an absolute path. */
static int own_path(char **ret, struct err *e)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return err_sys(e, errno, "cannot tell where this program is");
    *ret = strndup(self, (size_t)n);
    return *ret ? 0 : err_nomem(e);
}

static void program(const struct cli *c, const char *self, struct strv *words)
{
    strv_add(words, self);
    if (!str_eq(c->engine.root, "/var/lib/skiff"))
        strv_addf(words, "--root=%s", c->engine.root);
    if (!str_eq(c->engine.run, "/run/skiff"))
        strv_addf(words, "--run-dir=%s", c->engine.run);
}

/* How many of the words that made a container are options: what follows is the image, or "--". */
static size_t option_words(const json_t *said)
{
    struct request_options o = REQUEST_OPTIONS_INIT;
    size_t n = json_array_size(said), left = n;
    char **copy = calloc(n + 1, sizeof(*copy)), **words;
    int rest = 0;
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = (char *)(uintptr_t)json_string_value(json_array_get(said, i));
    if (copy && options_parse(request_table, copy, (int)n, true, &o, &words, &rest, NULL) == 0)
        left = (size_t)rest;
    options_release(request_table, &o);
    free(copy);
    bool ended = left < n && str_eq(json_string_value(json_array_get(said, n - left - 1)), "--");
    return n - left - ended;
}

/* What made it, told once more: detached, called the same, and removed when it ends. */
static int add_creation(const struct container_record *record, const char *name, struct strv *words,
                        struct err *e)
{
    const json_t *said = json_at(record->document, "Config.CreateCommand");
    size_t i;
    if (json_array_size(said) == 0)
        return err_set(e, ENODATA,
                       "cannot make a unit that makes container \"%s\": what made it is not known; "
                       "without --new the unit starts this one",
                       name);
    if (restart_is_set(record->document))
        return err_set(
            e, EINVAL,
            "container \"%s\" has a restart policy, and with --new it is removed when it "
            "ends: make it without --restart, the unit restarts it",
            name);
    size_t options = option_words(said);
    strv_add(words, "run");
    for (i = 0; i < json_array_size(said); i++) {
        /* The last of the same kind counts: so ours come last. */
        if (i == options) {
            strv_add(words, "--detach");
            strv_add(words, "--rm");
            strv_addf(words, "--name=%s", name);
        }
        strv_add(words, json_string_value(json_array_get(said, i)));
    }
    return 0;
}

static void add_units(struct systemd_unit *u, const struct generate_options *o)
{
    for (size_t i = 0; i < o->after.n; i++)
        strv_add(&u->after, o->after.v[i]);
    for (size_t i = 0; i < o->requires.n; i++)
        strv_add(&u->requires, o->requires.v[i]);
    for (size_t i = 0; i < o->wants.n; i++)
        strv_add(&u->wants, o->wants.v[i]);
}

static int fill(struct cli *c, const struct generate_options *o, struct container_record *record,
                struct systemd_unit *u, struct err *e)
{
    _cleanup_free_ char *self = NULL;
    const char *name = record_name(record), *called = o->name || o->new ? name : record->id;
    long long stop = o->stop_timeout == UNSET
                         ? json_int(record->document, "Config.StopTimeout", DEFAULT_STOP_S)
                         : o->stop_timeout;
    int r = own_path(&self, e);
    if (r < 0)
        return r;
    strv_addf(&u->description, "Container %s", name);
    program(c, self, &u->start);
    program(c, self, &u->stop);
    if (o->new)
        r = add_creation(record, name, &u->start, e);
    else {
        strv_add(&u->start, "start");
        strv_add(&u->start, called);
    }
    strv_add(&u->stop, "stop");
    strv_addf(&u->stop, "--time=%lld", stop);
    strv_add(&u->stop, called);
    if (o->new) {
        program(c, self, &u->clean);
        strv_add(&u->clean, "rm");
        strv_add(&u->clean, "--force");
        strv_add(&u->clean, called);
    }
    strv_add(&u->mounts, c->engine.root);
    strv_add(&u->mounts, c->engine.run);
    add_units(u, o);
    u->restart = o->restart_policy ? o->restart_policy : "on-failure";
    u->stop_s = (stop < 0 ? DEFAULT_STOP_S : stop) + 60;
    u->start_s = o->start_timeout;
    return r;
}

static int check(const struct generate_options *o, struct err *e)
{
    if (o->stop_timeout < UNSET || o->start_timeout < UNSET)
        return err_set(e, EINVAL, "a time limit is a number of seconds, 0 or more");
    if (o->restart_policy && !systemd_knows_restart(o->restart_policy))
        return err_set(
            e, EINVAL,
            "\"%s\" is no restart policy of systemd's: no, always, on-success, on-failure, "
            "on-abnormal, on-watchdog or on-abort",
            o->restart_policy);
    return 0;
}

static int generate(struct cli *c, const struct generate_options *o, const char *what,
                    struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_(systemd_unit_release) struct systemd_unit unit = {0};
    _cleanup_str_ struct str text = {0};
    int r = check(o, e);
    if (r == 0)
        r = record_find(&c->engine, what, &record, e);
    if (r == 0)
        r = fill(c, o, &record, &unit, e);
    if (r < 0)
        return r;
    if (!o->new &&restart_is_set(record.document))
        cli_warn(c,
                 "container \"%s\" has a restart policy of its own: 'skiff boot' starts it too; "
                 "'skiff update --restart no %s' leaves it to systemd",
                 record_name(&record), record_name(&record));
    str_addf(&text, "# container-%s.service\n",
             o->name || o->new ? record_name(&record) : record.id);
    r = systemd_write(&unit, &text, e);
    return r < 0 ? r : cli_print(text.s, e);
}

static int run_generate_systemd(struct cli *c, int argc, char **argv, struct err *e)
{
    struct generate_options o = {.stop_timeout = UNSET, .start_timeout = UNSET};
    char **words;
    int n;
    int r = cli_parse(&cmd_generate_systemd, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = generate(c, &o, words[0], e);
    else if (r == 1)
        r = 0;
    options_release(table, &o);
    return r;
}

const struct cli_command cmd_generate_systemd = {
    .line = "generate systemd [OPTIONS] CONTAINER",
    .summary = "Print a systemd unit that runs a container",
    .more = "Into /etc/systemd/system/container-NAME.service with it; 'systemctl enable --now'\n"
            "does the rest. All containers of a restart policy are started by the one unit\n"
            "skiff-boot.service instead.",
    .options = table,
    .min = 1,
    .max = 1,
    .first = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_generate_systemd,
};
