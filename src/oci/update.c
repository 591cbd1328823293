#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/oci.h"
#include "oci/state.h"
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { RESOURCES_LIMIT = 1 << 20 };

struct update {
    const char *resources, *memory, *reservation, *swap, *cpus, *mems;
    const char *shares, *period, *quota, *burst, *idle, *rt_period, *rt_runtime, *pids, *weight;
};

#define ROW(name, field, argument, help)                                                           \
    {                                                                                              \
        name, 0, OPTION_STRING, offsetof(struct update, field), argument, help, NULL               \
    }

static const struct option_def table[] = {
    {"resources", 'r', OPTION_STRING, offsetof(struct update, resources), "FILE",
     "All of them, as linux.resources in JSON; \"-\": standard input", "Options"},
    ROW("memory", memory, "BYTES", "Memory limit; -1: none"),
    ROW("memory-reservation", reservation, "BYTES", "Soft limit"),
    ROW("memory-swap", swap, "BYTES", "Memory and swap together; -1: no limit of swap"),
    ROW("cpu-share", shares, "N", "Relative weight"),
    ROW("cpu-period", period, "MICROSECONDS", "CFS period"),
    ROW("cpu-quota", quota, "MICROSECONDS", "CFS quota"),
    ROW("cpu-burst", burst, "MICROSECONDS", "CFS burst"),
    ROW("cpu-idle", idle, "0|1", "Run when nobody else does"),
    ROW("cpu-rt-period", rt_period, "MICROSECONDS", "Real-time period (cgroup v1)"),
    ROW("cpu-rt-runtime", rt_runtime, "MICROSECONDS", "Real-time runtime (cgroup v1)"),
    ROW("cpuset-cpus", cpus, "LIST", "Which CPUs"),
    ROW("cpuset-mems", mems, "LIST", "Which memory nodes"),
    ROW("pids-limit", pids, "N", "Number of processes; -1: no limit"),
    ROW("blkio-weight", weight, "10-1000", "Relative weight on block devices"),
    {0},
};

enum kind { NUMBER, SIZE, TEXT };

/* Where each goes in linux.resources. */
static const struct {
    size_t field;
    const char *option, *group, *key;
    enum kind kind;
} places[] = {
    {offsetof(struct update, memory), "memory", "memory", "limit", SIZE},
    {offsetof(struct update, reservation), "memory-reservation", "memory", "reservation", SIZE},
    {offsetof(struct update, swap), "memory-swap", "memory", "swap", SIZE},
    {offsetof(struct update, shares), "cpu-share", "cpu", "shares", NUMBER},
    {offsetof(struct update, period), "cpu-period", "cpu", "period", NUMBER},
    {offsetof(struct update, quota), "cpu-quota", "cpu", "quota", NUMBER},
    {offsetof(struct update, burst), "cpu-burst", "cpu", "burst", NUMBER},
    {offsetof(struct update, idle), "cpu-idle", "cpu", "idle", NUMBER},
    {offsetof(struct update, rt_period), "cpu-rt-period", "cpu", "realtimePeriod", NUMBER},
    {offsetof(struct update, rt_runtime), "cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER},
    {offsetof(struct update, cpus), "cpuset-cpus", "cpu", "cpus", TEXT},
    {offsetof(struct update, mems), "cpuset-mems", "cpu", "mems", TEXT},
    {offsetof(struct update, pids), "pids-limit", "pids", "limit", NUMBER},
    {offsetof(struct update, weight), "blkio-weight", "blockIO", "weight", NUMBER},
};

/* "1048576", "512m": powers of 1024. */
static int parse_size(const char *text, long long *ret)
{
    static const char units[] = "bkmgt";
    _cleanup_free_ char *number = strdup(text);
    size_t n = strlen(text);
    if (!number)
        return -ENOMEM;
    const char *unit = n > 1 ? strchr(units, number[n - 1] | 0x20) : NULL;
    if (unit)
        number[n - 1] = '\0';
    int r = str_to_int64(number, -1, LLONG_MAX, ret);
    for (long i = unit ? unit - units : 0; r == 0 && i > 0; i--)
        if (__builtin_mul_overflow(*ret, 1024, ret))
            r = -ERANGE;
    return r;
}

static json_t *parse(const char *text, enum kind kind)
{
    long long n = 0;
    if (kind == TEXT)
        return json_string(text);
    int r = kind == SIZE ? parse_size(text, &n) : str_to_int64(text, LLONG_MIN, LLONG_MAX, &n);
    return r < 0 ? NULL : json_integer(n);
}

static int gather(const struct update *u, json_t *resources, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *text = *(const char *const *)((const char *)u + places[i].field);
        if (!text)
            continue;
        json_t *value = parse(text, places[i].kind);
        if (!value)
            return err_set(e, EINVAL, "option \"--%s\": \"%s\" is not a number", places[i].option,
                           text);
        json_t *group = json_object_get(resources, places[i].group);
        if (!group && json_object_set_new(resources, places[i].group, json_object()) == 0)
            group = json_object_get(resources, places[i].group);
        if (json_object_set_new(group, places[i].key, value) < 0)
            return err_nomem(e);
    }
    return 0;
}

static int read_resources(const char *path, json_t **ret, struct err *e)
{
    if (!str_eq(path, "-"))
        return json_read(AT_FDCWD, path, RESOURCES_LIMIT, ret, e);
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = fd_read_all(STDIN_FILENO, RESOURCES_LIMIT, &text, &n);
    return r < 0 ? err_sys(e, -r, "cannot read the resources from standard input")
                 : json_parse(text, n, "standard input", ret, e);
}

static int change(const struct oci_global *g, const char *id, const json_t *resources,
                  struct err *e)
{
    _cleanup_state_ struct state s = STATE_INIT;
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    int r = state_open(g->root, id, &s, e);
    if (r < 0)
        return r;
    const char *status = state_status(&s);
    if (!str_eq(status, "running") && !str_eq(status, "created"))
        return err_set(e, ESRCH, "cannot update container \"%s\": it is %s", s.id, status);
    _cleanup_free_ char *path = state_cgroup(&s);
    if (!path)
        return err_set(e, ENOENT, "container \"%s\" has no control group", s.id);
    r = cgroup_open(path, &cg, e);
    return r == 0 ? cgroup_change(cg, resources, e) : r;
}

int oci_update(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct update u = {0};
    _cleanup_json_ json_t *resources = NULL;
    char **words;
    int r = oci_parse("update [OPTIONS] ID", table, argc, argv, 1, &u, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    if (u.resources) {
        r = read_resources(u.resources, &resources, e);
    } else {
        resources = json_object();
        r = resources ? gather(&u, resources, e) : err_nomem(e);
    }
    return r == 0 ? change(g, words[0], resources, e) : r;
}
