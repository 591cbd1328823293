#include "runtime/cgroup_resources.h"

#include "base/json.h"
#include "base/str.h"
#include "runtime/cgroup_convert.h"

#include <limits.h>
#include <string.h>

int cgroup_integer(const char *option, const json_t *value, long long min, long long *ret,
                   struct err *e)
{
    if (!json_is_integer(value) || json_integer_value(value) < min)
        return err_set(e, EINVAL, "\"linux.resources.%s\" must be an integer of at least %lld",
                       option, min);
    *ret = json_integer_value(value);
    return 0;
}

int cgroup_set_text(struct cgroup *cg, const struct cgroup_setting *s, const char *text,
                    struct err *e)
{
    bool v2 = cgroup_is_v2(cg);
    if (!s->file[v2])
        return cgroup_refuse(cg, s->option, "there is no such control", e);
    return cgroup_set(cg, s->controller[v2], s->file[v2], s->option, text, e);
}

static int set_number(struct cgroup *cg, const struct cgroup_setting *s, long long n, struct err *e)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", n);
    return cgroup_set_text(cg, s, n < 0 && cgroup_is_v2(cg) ? "max" : text, e);
}

/* -1: without a limit; 0: not set. */
static int set_limit(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                     struct err *e)
{
    long long n = 0;
    int r = cgroup_integer(s->option, value, -1, &n, e);
    return r < 0 || n == 0 ? r : set_number(cg, s, n, e);
}

/* Zero is a value as any other. */
static int set_value(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                     struct err *e)
{
    long long n = 0;
    int r = cgroup_integer(s->option, value, 0, &n, e);
    return r < 0 ? r : set_number(cg, s, n, e);
}

static int set_pids(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                    struct err *e)
{
    long long n = 0;
    int r = cgroup_integer(s->option, value, LLONG_MIN, &n, e);
    if (r < 0)
        return r;
    /* Without the controller there is no limit anyway. */
    if (n <= 0 && !cgroup_has_file(cg, "pids", "pids.max"))
        return 0;
    char text[24];
    snprintf(text, sizeof(text), "%lld", n);
    return cgroup_set_text(cg, s, n <= 0 ? "max" : text, e);
}

static int set_shares(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                      struct err *e)
{
    long long n = 0;
    int r = cgroup_integer(s->option, value, 0, &n, e);
    if (r < 0 || n == 0)
        return r;
    return set_number(cg, s, cgroup_is_v2(cg) ? cgroup_cpu_weight((unsigned long long)n) : n, e);
}

/* CPUs and memory nodes: "0-3,7". The kernel reads it; we keep out what is no such list. */
static int set_list(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                    struct err *e)
{
    const char *text = json_string_value(value);
    if (!text || strspn(text, "0123456789,-: /") != strlen(text))
        return err_set(e, EINVAL, "\"linux.resources.%s\" must be a list such as \"0-2,7\"",
                       s->option);
    return *text ? cgroup_set_text(cg, s, text, e) : 0;
}

/* What no kernel has any more, or what only one answer is right for. */
static int set_flag_off(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                        struct err *e)
{
    if (!json_is_boolean(value))
        return err_set(e, EINVAL, "\"linux.resources.%s\" must be true or false", s->option);
    if (json_is_false(value) && !s->file[cgroup_is_v2(cg)])
        return 0;
    return cgroup_set_text(cg, s, json_is_true(value) ? "1" : "0", e);
}

static int set_hierarchy(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                         struct err *e)
{
    if (json_is_true(value))
        return 0;
    return cgroup_refuse(cg, s->option, "groups are always hierarchical", e);
}

static int refuse_number(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
                         struct err *e)
{
    long long n = 0;
    int r = cgroup_integer(s->option, value, 0, &n, e);
    return r < 0 || n == 0 ? r : cgroup_refuse(cg, s->option, "there is no such control", e);
}

/* --- lists and maps ---------------------------------------------------------------------- */

/* ^[1-9][0-9]*[KMG]B$, as it becomes part of a file's name. */
static bool is_page_size(const char *s)
{
    if (!s || *s < '1' || *s > '9')
        return false;
    size_t n = strspn(s, "0123456789");
    return n < 10 && strchr("KMG", s[n]) && s[n] && str_eq(s + n + 1, "B");
}

static int set_hugepages(struct cgroup *cg, const struct cgroup_setting *s, const json_t *list,
                         struct err *e)
{
    bool v2 = cgroup_is_v2(cg);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *size = json_str(item, "pageSize");
        const json_t *limit = json_object_get(item, "limit");
        if (!is_page_size(size) || !json_is_integer(limit) || json_integer_value(limit) < 0)
            return err_set(e, EINVAL,
                           "\"linux.resources.%s\" needs a pageSize such as \"2MB\" and a limit",
                           s->option);
        char file[64], text[24];
        snprintf(text, sizeof(text), "%lld", json_integer_value(limit));
        snprintf(file, sizeof(file), "hugetlb.%.16s.%s", size, v2 ? "max" : "limit_in_bytes");
        int r = cgroup_set(cg, "hugetlb", file, s->option, text, e);
        if (r < 0)
            return r;
        /* What is reserved counts too, where the kernel (5.7) can. */
        snprintf(file, sizeof(file), "hugetlb.%.16s.rsvd.%s", size, v2 ? "max" : "limit_in_bytes");
        r = cgroup_write(cg, "hugetlb", file, text);
        if (r < 0 && r != -ENOENT)
            return err_sys(e, -r, "cannot set \"linux.resources.%s\"", s->option);
    }
    return 0;
}

/* A name that becomes a word of a line. */
static bool is_word(const char *s)
{
    return s && *s && strlen(s) < 256 && !strpbrk(s, " \t\r\n");
}

static int set_priorities(struct cgroup *cg, const struct cgroup_setting *s, const json_t *list,
                          struct err *e)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_str(item, "name");
        long long priority = json_int(item, "priority", -1);
        if (!is_word(name) || priority < 0)
            return err_set(e, EINVAL, "\"linux.resources.%s\" needs a name and a priority",
                           s->option);
        _cleanup_free_ char *line = str_printf("%s %lld", name, priority);
        if (!line)
            return err_nomem(e);
        int r = cgroup_set_text(cg, s, line, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_rdma(struct cgroup *cg, const struct cgroup_setting *s, const json_t *map,
                    struct err *e)
{
    const char *name;
    json_t *item;
    json_object_foreach ((json_t *)(uintptr_t)map, name, item) {
        long long handles = json_int(item, "hcaHandles", -1),
                  objects = json_int(item, "hcaObjects", -1);
        if (!is_word(name) || (handles < 0 && objects < 0))
            return err_set(e, EINVAL, "\"linux.resources.%s\" needs hcaHandles or hcaObjects",
                           s->option);
        _cleanup_str_ struct str line = {0};
        str_add(&line, name);
        if (handles >= 0)
            str_addf(&line, " hca_handle=%lld", handles);
        if (objects >= 0)
            str_addf(&line, " hca_object=%lld", objects);
        if (line.failed)
            return err_nomem(e);
        int r = cgroup_set_text(cg, s, line.s, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* v2's files by their names (OCI config-linux "Unified"). A value of several lines is written line
 * by line, as the kernel takes one a write. */
static int set_unified(struct cgroup *cg, const struct cgroup_setting *s, const json_t *map,
                       struct err *e)
{
    const char *file;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)map, file, value) {
        if (!cgroup_is_v2(cg))
            return cgroup_refuse(cg, s->option, "it needs cgroup v2", e);
        const char *dot = strchr(file, '.');
        /* cgroup.* are not resources: cgroup.procs would move processes. */
        if (!dot || strchr(file, '/') || strlen(file) > NAME_MAX || str_after(file, "cgroup.") ||
            !json_is_string(value))
            return err_set(e, EINVAL,
                           "\"linux.resources.unified\": \"%s\" is not a controller's file", file);
        _cleanup_free_ char *controller = strndup(file, (size_t)(dot - file));
        _cleanup_free_ char *lines = strdup(json_string_value(value));
        if (!controller || !lines)
            return err_nomem(e);
        char *rest = lines;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
            int r = *line ? cgroup_set(cg, controller, file, s->option, line, e) : 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* --- the table --------------------------------------------------------------------------- */

static int set_devices(struct cgroup *cg, const struct cgroup_setting *s, const json_t *list,
                       struct err *e)
{
    (void)s;
    return cg->driver->set_devices(cg, list, e);
}

#define BOTH(c)                                                                                    \
    {                                                                                              \
        c, c                                                                                       \
    }

/* In the order in which they are written: the CPUs before what is counted on them, an idle group
 * takes no shares any more, and what the user wrote himself comes last. */
static const struct cgroup_setting settings[] = {
    {"cpu.cpus", BOTH("cpuset"), BOTH("cpuset.cpus"), set_list},
    {"cpu.mems", BOTH("cpuset"), BOTH("cpuset.mems"), set_list},
    {"cpu.shares", BOTH("cpu"), {"cpu.shares", "cpu.weight"}, set_shares},
    {"cpu", BOTH("cpu"), {NULL, NULL}, cgroup_set_bandwidth},
    {"cpu.burst", BOTH("cpu"), {"cpu.cfs_burst_us", "cpu.max.burst"}, set_limit},
    {"cpu", BOTH("cpu"), {NULL, NULL}, cgroup_set_real_time},
    {"cpu.idle", BOTH("cpu"), BOTH("cpu.idle"), set_value},
    {"memory", BOTH("memory"), {NULL, NULL}, cgroup_set_memory},
    {"memory.reservation", BOTH("memory"), {"memory.soft_limit_in_bytes", "memory.low"}, set_limit},
    {"memory.kernelTCP", BOTH("memory"), {"memory.kmem.tcp.limit_in_bytes", NULL}, set_limit},
    {"memory.swappiness", BOTH("memory"), {"memory.swappiness", NULL}, set_value},
    {"memory.disableOOMKiller", BOTH("memory"), {"memory.oom_control", NULL}, set_flag_off},
    {"memory.useHierarchy", BOTH("memory"), {NULL, NULL}, set_hierarchy},
    {"pids.limit", BOTH("pids"), BOTH("pids.max"), set_pids},
    {"blockIO", {"blkio", "io"}, {NULL, NULL}, cgroup_set_block_io},
    {"blockIO.leafWeight", {"blkio", "io"}, {NULL, NULL}, refuse_number},
    {"hugepageLimits", BOTH("hugetlb"), {NULL, NULL}, set_hugepages},
    {"network.classID", BOTH("net_cls"), {"net_cls.classid", NULL}, set_limit},
    {"network.priorities", BOTH("net_prio"), {"net_prio.ifpriomap", NULL}, set_priorities},
    {"rdma", BOTH("rdma"), BOTH("rdma.max"), set_rdma},
    {"unified", BOTH(""), {NULL, NULL}, set_unified},
};

static int apply_settings(struct cgroup *cg, const json_t *resources, struct err *e)
{
    if (resources && !json_is_null(resources) && !json_is_object(resources))
        return err_set(e, EINVAL, "\"linux.resources\" must be an object");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const json_t *value = json_at(resources, settings[i].option);
        int r = value && !json_is_null(value) ? settings[i].set(cg, &settings[i], value, e) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_apply(struct cgroup *cg, const json_t *resources, struct err *e)
{
    int r = apply_settings(cg, resources, e);
    return r == 0 ? set_devices(cg, NULL, json_object_get(resources, "devices"), e) : r;
}

int cgroup_change(struct cgroup *cg, const json_t *resources, struct err *e)
{
    cgroup_undo_free(cg->undo);
    cg->undo = cgroup_undo_new();
    if (!cg->undo)
        return err_nomem(e);
    int r = apply_settings(cg, resources, e);
    if (r < 0)
        cgroup_undo(cg);
    return r;
}
