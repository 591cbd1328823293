/* Settings that hang together and must be written in an order: memory with swap, CPU quota with
 * period, block devices. */
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/cgroup_convert.h"
#include "runtime/cgroup_resources.h"

#include <string.h>

static int optional(const json_t *object, const char *key, const char *option, long long min,
                    long long *ret, struct err *e)
{
    const json_t *value = json_object_get(object, key);
    *ret = 0;
    return value && !json_is_null(value) ? cgroup_integer(option, value, min, ret, e) : 0;
}

/* --- memory ------------------------------------------------------------------------------ */

static void limit_text(long long n, const char *unlimited, char buf[24])
{
    if (n < 0)
        snprintf(buf, 24, "%s", unlimited);
    else
        snprintf(buf, 24, "%lld", n);
}

/* The kernel would reclaim, and kill, until the limit holds. Whoever asks for this wants to be
 * refused instead. */
static int check_usage(struct cgroup *cg, const json_t *memory, long long limit, struct err *e)
{
    unsigned long long used;
    if (!json_bool(memory, "checkBeforeUpdate", false) || limit <= 0)
        return 0;
    const char *file = cgroup_is_v2(cg) ? "memory.current" : "memory.usage_in_bytes";
    if (cgroup_read_number(cg, "memory", file, NULL, &used) == 0 &&
        used > (unsigned long long)limit)
        return err_set(e, EBUSY,
                       "cannot set \"linux.resources.memory.limit\" to %lld: %llu bytes are in use",
                       limit, used);
    return 0;
}

static int tell_busy(struct cgroup *cg, const char *option, long long limit, struct err *e)
{
    unsigned long long used = 0;
    const char *file = cgroup_is_v2(cg) ? "memory.current" : "memory.usage_in_bytes";
    cgroup_read_number(cg, "memory", file, NULL, &used);
    return err_set(e, EBUSY,
                   "cannot set \"linux.resources.%s\" to %lld: %llu bytes are in use, and no more "
                   "can be reclaimed",
                   option, limit, used);
}

/* v2 kills to get below a limit that is written. A group in use is brought below it first by
 * memory.high, for which the kernel only reclaims. */
static int set_max(struct cgroup *cg, long long limit, struct err *e)
{
    char text[24];
    unsigned long long used = 0;
    _cleanup_free_ char *high = NULL;
    const struct hierarchy *h = cgroup_hierarchy(cg, "memory");
    limit_text(limit, "max", text);
    bool squeeze = cg->undo && h && limit > 0 &&
                   cgroup_read_number(cg, "memory", "memory.current", NULL, &used) == 0 &&
                   used > (unsigned long long)limit &&
                   file_read(h->dirfd, "memory.high", 64, &high, NULL, NULL) == 0;
    if (squeeze && cgroup_write(cg, "memory", "memory.high", text) == 0)
        cgroup_read_number(cg, "memory", "memory.current", NULL, &used);
    int r = squeeze && used > (unsigned long long)limit
                ? tell_busy(cg, "memory.limit", limit, e)
                : cgroup_set(cg, "memory", "memory.max", "memory.limit", text, e);
    if (squeeze)
        cgroup_write(cg, "memory", "memory.high", high);
    return r;
}

static int set_memory_v2(struct cgroup *cg, long long limit, long long swap, struct err *e)
{
    char text[24];
    int r = 0;
    if (swap != 0 || limit == -1) {
        long long alone = -1;
        if (swap != 0)
            r = cgroup_swap_alone(limit, swap, &alone, e);
        limit_text(alone, "max", text);
        /* No limit is what a kernel without swap has anyway. */
        if (r == 0 && (alone >= 0 || cgroup_has_file(cg, "memory", "memory.swap.max")))
            r = cgroup_set(cg, "memory", "memory.swap.max", "memory.swap", text, e);
    }
    return r == 0 && limit != 0 ? set_max(cg, limit, e) : r;
}

/* v1 holds memory <= memory + swap at every moment, so the order depends on whether limits rise or
 * fall. */
static int set_memory_v1(struct cgroup *cg, long long limit, long long swap, struct err *e)
{
    static const char limit_file[] = "memory.limit_in_bytes",
                      swap_file[] = "memory.memsw.limit_in_bytes";
    char limit_value[24], swap_value[24];
    long long alone;
    int r = swap != 0 ? cgroup_swap_alone(limit, swap, &alone, e) : 0;
    if (r < 0)
        return r;
    /* Unlimited memory can only be had with unlimited swap; where the kernel counts swap at all. */
    if (swap == 0 && limit == -1 && cgroup_has_file(cg, "memory", swap_file))
        swap = -1;
    limit_text(limit, "-1", limit_value);
    limit_text(swap, "-1", swap_value);
    if (swap == -1 && !cgroup_has_file(cg, "memory", swap_file))
        swap = 0;

    bool swap_first = false;
    if (limit != 0) {
        r = cgroup_write(cg, "memory", limit_file, limit_value);
        swap_first = r == -EINVAL && swap != 0;
        if (r == -EBUSY)
            return tell_busy(cg, "memory.limit", limit, e);
        if (r < 0 && !swap_first)
            return cgroup_set(cg, "memory", limit_file, "memory.limit", limit_value, e);
    }
    if (swap != 0)
        r = cgroup_set(cg, "memory", swap_file, "memory.swap", swap_value, e);
    if (r == -EBUSY)
        return tell_busy(cg, "memory.swap", swap, e);
    if (r == 0 && swap_first)
        r = cgroup_set(cg, "memory", limit_file, "memory.limit", limit_value, e);
    return r;
}

/* Twice the memory is what engines ask for when nobody asked them: where swap is not counted there
 * is nobody to be told that it cannot be limited. */
static bool is_idle_swap(const struct cgroup *cg, long long limit, long long swap)
{
    const char *file = cgroup_is_v2(cg) ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
    return limit > 0 && swap == 2 * limit && cgroup_has_file(cg, "memory", "memory.stat") &&
           !cgroup_has_file(cg, "memory", file);
}

int cgroup_set_memory(struct cgroup *cg, const struct cgroup_setting *s, const json_t *memory,
                      struct err *e)
{
    (void)s;
    long long limit = 0, swap = 0;
    int r = optional(memory, "limit", "memory.limit", -1, &limit, e);
    if (r == 0)
        r = optional(memory, "swap", "memory.swap", -1, &swap, e);
    if (r == 0)
        r = check_usage(cg, memory, limit, e);
    if (r < 0)
        return r;
    if (is_idle_swap(cg, limit, swap))
        swap = 0;
    return cgroup_is_v2(cg) ? set_memory_v2(cg, limit, swap, e) : set_memory_v1(cg, limit, swap, e);
}

/* --- CPU bandwidth ----------------------------------------------------------------------- */

static int set_bandwidth_v1(struct cgroup *cg, const char *quota, const char *period, struct err *e)
{
    static const char quota_file[] = "cpu.cfs_quota_us", period_file[] = "cpu.cfs_period_us";
    bool quota_first = false;
    int r = 0;
    if (period) {
        r = cgroup_write(cg, "cpu", period_file, period);
        /* With the old quota the new period may be more than the parent has to give. */
        quota_first = r == -EINVAL && quota;
        if (r < 0 && !quota_first)
            return cgroup_set(cg, "cpu", period_file, "cpu.period", period, e);
    }
    if (quota)
        r = cgroup_set(cg, "cpu", quota_file, "cpu.quota", quota, e);
    if (r == 0 && quota_first)
        r = cgroup_set(cg, "cpu", period_file, "cpu.period", period, e);
    return r;
}

int cgroup_set_bandwidth(struct cgroup *cg, const struct cgroup_setting *s, const json_t *cpu,
                         struct err *e)
{
    (void)s;
    long long quota = 0, period = 0;
    int r = optional(cpu, "quota", "cpu.quota", -1, &quota, e);
    if (r == 0)
        r = optional(cpu, "period", "cpu.period", 0, &period, e);
    if (r < 0 || (quota == 0 && period == 0))
        return r;

    char quota_text[24], period_text[24], both[52];
    limit_text(quota, cgroup_is_v2(cg) ? "max" : "-1", quota_text);
    limit_text(period, "", period_text);
    if (!cgroup_is_v2(cg))
        return set_bandwidth_v1(cg, quota ? quota_text : NULL, period ? period_text : NULL, e);
    /* One file; a period alone keeps the quota that is there, which in a new group is none. */
    unsigned long long old;
    if (quota == 0 && cgroup_read_number(cg, "cpu", "cpu.max", NULL, &old) == 0)
        limit_text((long long)old, "max", quota_text);
    else if (quota == 0)
        snprintf(quota_text, sizeof(quota_text), "max");
    snprintf(both, sizeof(both), "%s %s", quota_text, period ? period_text : "");
    return cgroup_set(cg, "cpu", "cpu.max", quota ? "cpu.quota" : "cpu.period", both, e);
}

/* --- real time --------------------------------------------------------------------------- */

/* v1 only. A group has no more than the group above it gives, which for a new one is nothing. */
static int set_real_time(struct cgroup *cg, const char *file, const char *option, long long n,
                         struct err *e)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", n);
    int r = cgroup_set(cg, "cpu", file, option, text, e);
    return r == -EINVAL ? err_set(e, EINVAL,
                                  "cannot set \"linux.resources.%s\" to %lld: the group above "
                                  "\"%s\" has no such real-time share to give (\"%s\" there)",
                                  option, n, cg->path, file)
                        : r;
}

int cgroup_set_real_time(struct cgroup *cg, const struct cgroup_setting *s, const json_t *cpu,
                         struct err *e)
{
    (void)s;
    long long period = 0, runtime = 0;
    int r = optional(cpu, "realtimePeriod", "cpu.realtimePeriod", 0, &period, e);
    if (r == 0)
        r = optional(cpu, "realtimeRuntime", "cpu.realtimeRuntime", -1, &runtime, e);
    if (r < 0 || (period == 0 && runtime == 0))
        return r;
    if (cgroup_is_v2(cg))
        return cgroup_refuse(cg, period ? "cpu.realtimePeriod" : "cpu.realtimeRuntime",
                             "there is no such control", e);
    char text[24];
    snprintf(text, sizeof(text), "%lld", period);
    /* A period shorter than the runtime that is there is refused until that is less. */
    bool last = period && runtime && cgroup_write(cg, "cpu", "cpu.rt_period_us", text) == -EINVAL;
    if (period && !last)
        r = set_real_time(cg, "cpu.rt_period_us", "cpu.realtimePeriod", period, e);
    if (r == 0 && runtime)
        r = set_real_time(cg, "cpu.rt_runtime_us", "cpu.realtimeRuntime", runtime, e);
    return r == 0 && last ? set_real_time(cg, "cpu.rt_period_us", "cpu.realtimePeriod", period, e)
                          : r;
}

/* --- block devices ----------------------------------------------------------------------- */

static const struct {
    const char *key;
    const char *v1_file;
    const char *v2_word; /* in io.max */
} throttles[] = {
    {"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
    {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"},
    {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"},
    {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"},
};

static int parse_device(const json_t *item, const char *option, const char *key, long long ret[3],
                        struct err *e)
{
    ret[0] = json_int(item, "major", -1);
    ret[1] = json_int(item, "minor", -1);
    ret[2] = json_int(item, key, -1);
    if (ret[0] < 0 || ret[1] < 0 || ret[2] < 0)
        return err_set(e, EINVAL, "\"linux.resources.%s\" needs major, minor and %s", option, key);
    return 0;
}

static int set_throttle(struct cgroup *cg, size_t k, const json_t *list, struct err *e)
{
    char option[64], line[96];
    snprintf(option, sizeof(option), "blockIO.%s", throttles[k].key);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        long long d[3];
        int r = parse_device(item, option, "rate", d, e);
        if (r < 0)
            return r;
        if (!cgroup_is_v2(cg)) {
            snprintf(line, sizeof(line), "%lld:%lld %lld", d[0], d[1], d[2]);
            r = cgroup_set(cg, "blkio", throttles[k].v1_file, option, line, e);
        } else {
            /* A rate of 0 takes the limit away, as it does in v1. */
            char rate[24];
            limit_text(d[2] ? d[2] : -1, "max", rate);
            snprintf(line, sizeof(line), "%lld:%lld %s=%s", d[0], d[1], throttles[k].v2_word, rate);
            r = cgroup_set(cg, "io", "io.max", option, line, e);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Weights belong to a scheduler: BFQ's have files of their own, in its own scale; v2's io.weight is
 * for the io.cost model. v1's CFQ left with Linux 5.0. */
static int set_weight(struct cgroup *cg, const json_t *value, struct err *e)
{
    long long n = 0;
    int r = cgroup_integer("blockIO.weight", value, 0, &n, e);
    if (r < 0 || n == 0)
        return r;
    bool v2 = cgroup_is_v2(cg);
    const char *controller = v2 ? "io" : "blkio", *bfq = v2 ? "io.bfq.weight" : "blkio.bfq.weight";
    char text[24];
    bool scale = v2 && !cgroup_has_file(cg, controller, bfq);
    snprintf(text, sizeof(text), "%lld",
             scale ? (long long)cgroup_io_weight((unsigned long long)n) : n);
    const char *plain = v2 ? "io.weight" : "blkio.weight";
    return cgroup_set(cg, controller, cgroup_has_file(cg, controller, bfq) ? bfq : plain,
                      "blockIO.weight", text, e);
}

static int set_device_weights(struct cgroup *cg, const json_t *list, struct err *e)
{
    bool v2 = cgroup_is_v2(cg);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        long long d[3];
        if (json_int(item, "leafWeight", 0) != 0)
            return cgroup_refuse(cg, "blockIO.weightDevice.leafWeight", "there is no such control",
                                 e);
        int r = parse_device(item, "blockIO.weightDevice", "weight", d, e);
        if (r < 0)
            return r;
        char line[96];
        snprintf(line, sizeof(line), "%lld:%lld %lld", d[0], d[1], d[2]);
        r = cgroup_set(cg, v2 ? "io" : "blkio", v2 ? "io.bfq.weight" : "blkio.bfq.weight_device",
                       "blockIO.weightDevice", line, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_set_block_io(struct cgroup *cg, const struct cgroup_setting *s, const json_t *block_io,
                        struct err *e)
{
    (void)s;
    const json_t *weight = json_object_get(block_io, "weight");
    int r = weight && !json_is_null(weight) ? set_weight(cg, weight, e) : 0;
    if (r == 0)
        r = set_device_weights(cg, json_object_get(block_io, "weightDevice"), e);
    for (size_t k = 0; r == 0 && k < ARRAY_LEN(throttles); k++)
        r = set_throttle(cg, k, json_object_get(block_io, throttles[k].key), e);
    return r;
}
