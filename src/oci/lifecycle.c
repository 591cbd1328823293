#include "oci/oci.h"

#include "base/file.h"
#include "base/json.h"
#include "kernel/process.h"
#include "kernel/signals.h"
#include "oci/late_hooks.h"
#include "oci/state.h"
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const struct option_def no_options[] = {{0}};

static json_t *describe(const struct state *s)
{
    const char *status = state_status(s), *bundle = json_str(s->document, "bundle");
    bool alive = str_eq(status, "running") || str_eq(status, "created");
    return json_pack("{s:s, s:s, s:s, s:i, s:s*, s:s*, s:O*}", "ociVersion", OCI_VERSION, "id",
                     s->id, "status", status, "pid", alive ? s->pid : 0, "bundle",
                     bundle ? bundle : "", "created", json_str(s->document, "created"),
                     "annotations", json_at(s->document, "annotations"));
}

static int print_json(json_t *j, struct err *e)
{
    _cleanup_free_ char *text = j ? json_text(j, JSON_INDENT(2)) : NULL;
    if (!text)
        return err_nomem(e);
    puts(text);
    return 0;
}

int oci_state(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    char **words;
    int r = oci_parse("state ID", no_options, argc, argv, 1, NULL, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_state_ struct state s = STATE_INIT;
    r = state_open(g->root, words[0], &s, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *j = describe(&s);
    return print_json(j, e);
}

/* Everything in the container's cgroup, where processes that share a PID namespace remain. */
static int kill_all(const struct state *s, int signal, struct err *e)
{
    _cleanup_free_ char *path = state_cgroup(s);
    if (!path)
        return 0;
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    int r = cgroup_open(path, &cg, e);
    if (r == -ENOENT)
        return 0;
    return r < 0 ? r : cgroup_kill(cg, signal, e);
}

int oci_kill(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct {
        bool all;
    } o = {0};
    const struct option_def table[] = {
        {"all", 'a', OPTION_FLAG, 0, NULL, "Every process of the container", "Options"}, {0}};
    char **words;
    int n, r = options_parse(table, argv, argc, false, &o, &words, &n, e);
    if (r < 0)
        return r;
    if (r == 1 || n < 1 || n > 2) {
        puts("Usage: skiff-oci kill [--all] ID [SIGNAL]");
        return r == 1 ? 0 : err_set(e, EINVAL, "kill needs a container's ID");
    }
    int signal = n == 2 ? signal_by_name(words[1]) : SIGTERM;
    if (signal < 0)
        return err_set(e, EINVAL, "unknown signal \"%s\"", words[1]);

    _cleanup_state_ struct state s = STATE_INIT;
    r = state_open(g->root, words[0], &s, e);
    if (r < 0)
        return r;
    if (o.all)
        return kill_all(&s, signal, e);
    r = s.document ? process_kill(s.pid, s.start_time, signal) : -ESRCH;
    if (r == -ESRCH)
        return err_set(e, ESRCH, "container not running");
    return r < 0 ? err_sys(e, -r, "cannot signal container \"%s\"", s.id) : 0;
}

static int wait_until_gone(const struct state *s)
{
    for (int i = 0; i < 1000 && process_is(s->pid, s->start_time); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return process_is(s->pid, s->start_time) ? -ETIMEDOUT : 0;
}

static int delete_container(const struct oci_global *g, struct state *s, bool force, struct err *e)
{
    const char *status = state_status(s);
    bool alive = str_eq(status, "running") || str_eq(status, "created");
    if (!force && (str_eq(status, "running") || str_eq(status, "creating")))
        return err_set(e, EBUSY, "cannot delete container \"%s\": it is %s (use --force)", s->id,
                       status);
    if (alive) {
        process_kill(s->pid, s->start_time, SIGKILL);
        int r = wait_until_gone(s);
        if (r < 0)
            return err_sys(e, -r, "cannot delete container \"%s\"", s->id);
    }
    _cleanup_free_ char *path = state_cgroup(s);
    if (path) {
        _cleanup_cgroup_ struct cgroup *cg = NULL;
        int r = cgroup_open(path, &cg, e);
        if (r == 0)
            r = cgroup_remove(cg, CGROUP_REMOVE_KILL, e);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    int r = state_remove(g->root, s, e);
    if (r == 0)
        oci_run_hooks(g, s, HOOK_POSTSTOP);
    return r;
}

int oci_delete(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct {
        bool force;
    } o = {0};
    const struct option_def table[] = {
        {"force", 'f', OPTION_FLAG, 0, NULL, "Kill it first; no error when it is gone", "Options"},
        {0}};
    char **words;
    int r = oci_parse("delete [--force] ID", table, argc, argv, 1, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_state_ struct state s = STATE_INIT;
    r = state_open(g->root, words[0], &s, e);
    if (r == -ENOENT && o.force)
        return 0;
    return r < 0 ? r : delete_container(g, &s, o.force, e);
}

static int list_json(DIR *dir, const char *root, json_t *list)
{
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        _cleanup_state_ struct state s = STATE_INIT;
        if (state_open(root, entry->d_name, &s, NULL) < 0)
            continue;
        if (json_array_append_new(list, describe(&s)) < 0)
            return -ENOMEM;
    }
    return 0;
}

int oci_list(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct {
        const char *format;
        bool quiet;
    } o = {.format = "table"};
    const struct option_def table[] = {
        {"format", 'f', OPTION_STRING, 0, "table|json", "Output format", "Options"},
        {"quiet", 'q', OPTION_FLAG, sizeof(char *), NULL, "IDs alone", NULL},
        {0}};
    char **words;
    int r = oci_parse("list [OPTIONS]", table, argc, argv, 0, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;

    _cleanup_closedir_ DIR *dir = opendir(g->root);
    _cleanup_json_ json_t *list = json_array();
    if (!list || list_json(dir, g->root, list) < 0)
        return err_nomem(e);
    if (str_eq(o.format, "json"))
        return print_json(list, e);
    if (!str_eq(o.format, "table"))
        return err_set(e, EINVAL, "unknown format \"%s\"", o.format);

    size_t i;
    json_t *item;
    if (!o.quiet)
        printf("%-24s %-8s %-9s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
    json_array_foreach (list, i, item) {
        const char *bundle = json_str(item, "bundle"), *created = json_str(item, "created");
        if (o.quiet)
            puts(json_str(item, "id"));
        else
            printf("%-24s %-8lld %-9s %-30s %s\n", json_str(item, "id"), json_int(item, "pid", 0),
                   json_str(item, "status"), bundle ? bundle : "", created ? created : "");
    }
    return 0;
}
