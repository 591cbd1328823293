#include "engine/limits.h"

#include "base/str.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { CFS_PERIOD = 100000 };

enum kind { NUMBER, NUMBER_OR_NULL, TEXT, FLAG, WEIGHTS, RATES };

/* HostConfig's fields, each with the place in linux.resources that it goes to, and the option by
 * which a person knows it. Zero, "", false, null and an empty list are "not set"; where zero is a
 * value, null alone is. */
static const struct limit {
    const char *host, *group, *key, *option;
    enum kind kind;
} limits[] = {
    {"Memory", "memory", "limit", "--memory", NUMBER},
    {"MemorySwap", "memory", "swap", "--memory-swap", NUMBER},
    {"MemoryReservation", "memory", "reservation", "--memory-reservation", NUMBER},
    {"MemorySwappiness", "memory", "swappiness", "--memory-swappiness", NUMBER_OR_NULL},
    {"OomKillDisable", "memory", "disableOOMKiller", "--oom-kill-disable", FLAG},
    {"CpuShares", "cpu", "shares", "--cpu-shares", NUMBER},
    {"CpuPeriod", "cpu", "period", "--cpu-period", NUMBER},
    {"CpuQuota", "cpu", "quota", "--cpu-quota", NUMBER},
    {"CpuRealtimePeriod", "cpu", "realtimePeriod", "--cpu-rt-period", NUMBER},
    {"CpuRealtimeRuntime", "cpu", "realtimeRuntime", "--cpu-rt-runtime", NUMBER},
    {"CpusetCpus", "cpu", "cpus", "--cpuset-cpus", TEXT},
    {"CpusetMems", "cpu", "mems", "--cpuset-mems", TEXT},
    {"PidsLimit", "pids", "limit", "--pids-limit", NUMBER_OR_NULL},
    {"BlkioWeight", "blockIO", "weight", "--blkio-weight", NUMBER},
    {"BlkioWeightDevice", "blockIO", "weightDevice", "--blkio-weight-device", WEIGHTS},
    {"BlkioDeviceReadBps", "blockIO", "throttleReadBpsDevice", "--device-read-bps", RATES},
    {"BlkioDeviceWriteBps", "blockIO", "throttleWriteBpsDevice", "--device-write-bps", RATES},
    {"BlkioDeviceReadIOps", "blockIO", "throttleReadIOPSDevice", "--device-read-iops", RATES},
    {"BlkioDeviceWriteIOps", "blockIO", "throttleWriteIOPSDevice", "--device-write-iops", RATES},
};

static int put(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

static int put_in_group(json_t *resources, const char *group, const char *key, json_t *value,
                        struct err *e)
{
    json_t *g = json_object_get(resources, group);
    if (!g) {
        g = json_object();
        int r = put(resources, group, g, e);
        if (r < 0) {
            json_decref(value);
            return r;
        }
    }
    return put(g, key, value, e);
}

/* --- to linux.resources ------------------------------------------------------------------ */

static int device_number(const json_t *item, const char *option, struct stat *ret, struct err *e)
{
    const char *path = json_str(item, "Path");
    if (!path)
        return err_set(e, EINVAL, "option \"%s\": a device has no path", option);
    if (stat(path, ret) < 0)
        return err_sys(e, errno, "option \"%s\": cannot look at device \"%s\"", option, path);
    if (!S_ISBLK(ret->st_mode))
        return err_set(e, EINVAL, "option \"%s\": \"%s\" is not a block device", option, path);
    return 0;
}

static int make_devices(const struct limit *l, const json_t *list, json_t **ret, struct err *e)
{
    bool weights = l->kind == WEIGHTS;
    _cleanup_json_ json_t *out = json_array();
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        struct stat st;
        int r = device_number(item, l->option, &st, e);
        if (r < 0)
            return r;
        json_t *line = json_pack("{s:i, s:i, s:I}", "major", (int)major(st.st_rdev), "minor",
                                 (int)minor(st.st_rdev), weights ? "weight" : "rate",
                                 (json_int_t)json_int(item, weights ? "Weight" : "Rate", 0));
        if (json_array_append_new(out, line) < 0)
            return err_nomem(e);
    }
    *ret = TAKE_PTR(out);
    return *ret ? 0 : err_nomem(e);
}

static bool is_set(const struct limit *l, const json_t *value)
{
    long long n = json_integer_value(value);
    switch (l->kind) {
    case NUMBER:
        return json_is_integer(value) && n != 0;
    case NUMBER_OR_NULL: /* zero is a value */
        return json_is_integer(value) && (n >= 0 || !str_eq(l->host, "MemorySwappiness"));
    case TEXT:
        return json_string_length(value) > 0;
    case FLAG:
        return json_is_true(value);
    default:
        return json_array_size(value) > 0;
    }
}

/* --cpus is a quota of the usual period. */
static int add_nano_cpus(const json_t *host, json_t *resources, struct err *e)
{
    long long nano = json_int(host, "NanoCpus", 0);
    if (nano <= 0)
        return 0;
    int r =
        put_in_group(resources, "cpu", "quota", json_integer(nano / (1000000000 / CFS_PERIOD)), e);
    return r < 0 ? r : put_in_group(resources, "cpu", "period", json_integer(CFS_PERIOD), e);
}

int limits_to_resources(const json_t *host, json_t *resources, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct limit *l = &limits[i];
        json_t *value = json_object_get(host, l->host);
        if (!is_set(l, value))
            continue;
        json_t *made = NULL;
        int r = 0;
        if (l->kind == WEIGHTS || l->kind == RATES)
            r = make_devices(l, value, &made, e);
        else
            made = json_incref(value);
        if (r == 0)
            r = put_in_group(resources, l->group, l->key, made, e);
        if (r < 0)
            return r;
    }
    return add_nano_cpus(host, resources, e);
}

/* --- what inspect shows ------------------------------------------------------------------ */

static json_t *nothing_of(const struct limit *l)
{
    switch (l->kind) {
    case NUMBER_OR_NULL:
        return json_null();
    case NUMBER:
        return json_integer(0);
    case TEXT:
        return json_string("");
    case FLAG:
        return json_false();
    default:
        return json_array();
    }
}

static int default_swap(json_t *host, struct err *e)
{
    long long memory = json_int(host, "Memory", 0);
    if (memory == 0 || json_int(host, "MemorySwap", 0) != 0)
        return 0;
    long long swap = memory < 0 ? -1 : memory > LLONG_MAX / 2 ? LLONG_MAX : 2 * memory;
    return put(host, "MemorySwap", json_integer(swap), e);
}

int limits_complete(json_t *host, struct err *e)
{
    int r = default_swap(host, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(limits); i++)
        if (!json_object_get(host, limits[i].host))
            r = put(host, limits[i].host, nothing_of(&limits[i]), e);
    if (r == 0 && !json_object_get(host, "NanoCpus"))
        r = put(host, "NanoCpus", json_integer(0), e);
    /* Docker's ways to say "none": null stands for both. */
    const json_t *pids = json_object_get(host, "PidsLimit");
    const json_t *swappiness = json_object_get(host, "MemorySwappiness");
    if (r == 0 && json_is_integer(pids) && json_integer_value(pids) <= 0)
        r = put(host, "PidsLimit", json_null(), e);
    if (r == 0 && json_is_integer(swappiness) && json_integer_value(swappiness) == -1)
        r = put(host, "MemorySwappiness", json_null(), e);
    return r;
}

/* --- changing ---------------------------------------------------------------------------- */

/* Docker's: who set the one cannot get at it by the other. */
static int check_cpus(const json_t *host, const json_t *change, struct err *e)
{
    static const struct {
        const char *new_key, *old_key, *story;
    } conflicts[] = {
        {"NanoCpus", "CpuPeriod", "Nano CPUs cannot be updated as CPU Period has already been set"},
        {"NanoCpus", "CpuQuota", "Nano CPUs cannot be updated as CPU Quota has already been set"},
        {"CpuPeriod", "NanoCpus", "CPU Period cannot be updated as NanoCPUs has already been set"},
        {"CpuQuota", "NanoCpus", "CPU Quota cannot be updated as NanoCPUs has already been set"},
    };
    for (size_t i = 0; i < ARRAY_LEN(conflicts); i++)
        if (json_int(change, conflicts[i].new_key, 0) > 0 &&
            json_int(host, conflicts[i].old_key, 0) > 0)
            return err_set(e, EINVAL, "conflicting options: %s", conflicts[i].story);
    return 0;
}

/* A memory limit above what memory and swap together may have makes no sense. Without any limit of
 * the one there is none of the other either. */
static int check_swap(json_t *host, const json_t *change, struct err *e)
{
    long long memory = json_int(change, "Memory", 0), swap = json_int(host, "MemorySwap", 0);
    if (memory == 0 || json_int(change, "MemorySwap", 0) != 0)
        return 0;
    if (memory < 0)
        return put(host, "MemorySwap", json_integer(-1), e);
    if (swap > 0 && memory > swap)
        return err_set(e, EINVAL,
                       "memory limit should be smaller than already set memoryswap limit, update "
                       "the memoryswap at the same time");
    return 0;
}

/* Fields of which the kernel wants all when one changes. */
static int add_companions(const json_t *host, json_t *part, struct err *e)
{
    static const char *const pairs[][2] = {
        {"Memory", "MemorySwap"},
        {"CpuPeriod", "CpuQuota"},
        {"CpuRealtimePeriod", "CpuRealtimeRuntime"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!json_object_get(part, pairs[i][0]) && !json_object_get(part, pairs[i][1]))
            continue;
        for (size_t k = 0; k < 2; k++)
            if (json_object_set(part, pairs[i][k], json_object_get(host, pairs[i][k])) < 0)
                return err_nomem(e);
    }
    return 0;
}

/* What @change asks for: zero and "" ask for nothing, which leaves what is there. */
static json_t *what_is_asked(const json_t *change)
{
    _cleanup_json_ json_t *asked = json_copy_object(change);
    for (size_t i = 0; asked && i < ARRAY_LEN(limits); i++)
        if (!is_set(&limits[i], json_object_get(asked, limits[i].host)))
            json_object_del(asked, limits[i].host);
    if (asked && json_int(asked, "NanoCpus", 0) == 0)
        json_object_del(asked, "NanoCpus");
    return TAKE_PTR(asked);
}

static bool names_path(const json_t *list, const char *path)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (str_eq(json_str(item, "Path"), path))
            return true;
    return false;
}

/* A list takes the place of the old one: devices that stood in that alone are free again. */
static int add_freed_devices(const json_t *host, json_t *part, struct err *e)
{
    for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
        const struct limit *l = &limits[k];
        const json_t *new_list = json_object_get(part, l->host);
        if ((l->kind != WEIGHTS && l->kind != RATES) || !new_list)
            continue;
        json_t *list = json_deep_copy(new_list);
        int r = put(part, l->host, list, e);
        size_t i;
        json_t *old;
        json_array_foreach (json_object_get(host, l->host), i, old) {
            const char *path = json_str(old, "Path");
            if (r < 0 || !path || names_path(list, path))
                continue;
            json_t *none =
                json_pack("{s:s, s:i}", "Path", path, l->kind == WEIGHTS ? "Weight" : "Rate", 0);
            r = json_array_append_new(list, none) < 0 ? err_nomem(e) : 0;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int limits_change(json_t *host, const json_t *change, json_t **ret_part, struct err *e)
{
    _cleanup_json_ json_t *part = what_is_asked(change);
    if (!part)
        return err_nomem(e);
    int r = check_cpus(host, part, e);
    if (r == 0)
        r = check_swap(host, part, e);
    _cleanup_json_ json_t *asked = json_copy_object(part);
    if (r == 0 && !asked)
        r = err_nomem(e);
    if (r == 0)
        r = add_freed_devices(host, part, e);
    if (r == 0 && json_object_update(host, asked) < 0)
        r = err_nomem(e);
    if (r == 0)
        r = limits_check(host, e);
    if (r == 0)
        r = limits_complete(host, e);
    if (r == 0)
        r = add_companions(host, part, e);
    if (r == 0)
        *ret_part = TAKE_PTR(part);
    return r;
}

/* --- words ------------------------------------------------------------------------------- */

/* The option for the @n bytes at @name, "memory.swap". */
static const char *option_of(const json_t *host, const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct limit *l = &limits[i];
        size_t group = strlen(l->group);
        if (n != group + 1 + strlen(l->key) || strncmp(name, l->group, group) != 0 ||
            name[group] != '.' || strncmp(name + group + 1, l->key, n - group - 1) != 0)
            continue;
        bool by_cpus = str_eq(l->host, "CpuQuota") || str_eq(l->host, "CpuPeriod");
        return by_cpus && json_int(host, "NanoCpus", 0) > 0 ? "--cpus" : l->option;
    }
    return NULL;
}

int limits_explain(const json_t *host, struct err *e)
{
    static const char prefix[] = "linux.resources.";
    _cleanup_str_ struct str story = {0};
    const char *at = err_text(e);
    for (const char *found; (found = strstr(at, prefix));) {
        const char *name = found + strlen(prefix);
        size_t n = strcspn(name, "\"");
        const char *option = option_of(host, name, n);
        str_addn(&story, at, (size_t)(found - at));
        if (option)
            str_add(&story, option);
        else
            str_addn(&story, found, (size_t)(name + n - found));
        at = name + n;
    }
    str_add(&story, at);
    return story.failed ? -e->code : err_set(e, e->code, "%s", story.s);
}
