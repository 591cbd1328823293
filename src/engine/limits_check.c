#include "base/file.h"
#include "base/str.h"
#include "engine/limits.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>

/* Docker's least is 6 MB, for the runtime that it starts inside the limit. Ours needs some 200 KiB
 * there until the container's program takes over. */
enum { MEMORY_MIN = 512 << 10 };

static int check_memory(const json_t *host, struct err *e)
{
    long long memory = json_int(host, "Memory", 0), swap = json_int(host, "MemorySwap", 0);
    long long reservation = json_int(host, "MemoryReservation", 0);
    const json_t *swappiness = json_object_get(host, "MemorySwappiness");
    if (memory > 0 && memory < MEMORY_MIN)
        return err_set(e, EINVAL, "minimum memory limit allowed is 512kB");
    if (memory <= 0 && swap > 0)
        return err_set(e, EINVAL, "you should always set the memory limit when using memory-swap");
    if (swap > 0 && swap < memory)
        return err_set(e, EINVAL, "minimum memoryswap limit should be larger than memory limit");
    if (json_is_integer(swappiness) &&
        (json_integer_value(swappiness) < -1 || json_integer_value(swappiness) > 100))
        return err_set(e, EINVAL, "invalid value: %lld, valid memory swappiness range is 0-100",
                       (long long)json_integer_value(swappiness));
    if (reservation > 0 && reservation < MEMORY_MIN)
        return err_set(e, EINVAL, "minimum memory reservation allowed is 512kB");
    if (memory > 0 && reservation > memory)
        return err_set(e, EINVAL,
                       "minimum memory limit can not be less than memory reservation limit");
    long long score = json_int(host, "OomScoreAdj", 0);
    if (score < -1000 || score > 1000)
        return err_set(e, EINVAL, "invalid value %lld, range for oom score adj is [-1000, 1000]",
                       score);
    return 0;
}

static int check_cpu_time(const json_t *host, struct err *e)
{
    long long nano = json_int(host, "NanoCpus", 0), shares = json_int(host, "CpuShares", 0);
    long long period = json_int(host, "CpuPeriod", 0), quota = json_int(host, "CpuQuota", 0);
    if (nano > 0 && period > 0)
        return err_set(e, EINVAL,
                       "conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (nano > 0 && quota > 0)
        return err_set(e, EINVAL,
                       "conflicting options: Nano CPUs and CPU Quota cannot both be set");
    int n = nano != 0 ? get_nprocs() : 0;
    if (nano < 0 || nano > n * 1000000000LL)
        return err_set(e, ERANGE,
                       "range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available",
                       n, n);
    if (shares < 0)
        return err_set(e, EINVAL, "invalid CPU shares (%lld): value must be a positive integer",
                       shares);
    if (period != 0 && (period < 1000 || period > 1000000))
        return err_set(e, EINVAL,
                       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
                       "(i.e. 1000000)");
    if (quota > 0 && quota < 1000)
        return err_set(e, EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    return 0;
}

static int check_real_time(const json_t *host, struct err *e)
{
    long long period = json_int(host, "CpuRealtimePeriod", 0);
    long long runtime = json_int(host, "CpuRealtimeRuntime", 0);
    if (period < 0 || runtime < 0)
        return err_set(e, EINVAL, "cpu real-time period and runtime can not be negative");
    if (period != 0 && runtime > period)
        return err_set(e, EINVAL,
                       "cpu real-time runtime cannot be higher than cpu real-time period");
    return 0;
}

/* --- CPUs and memory nodes --------------------------------------------------------------- */

/* Cuts the next range off *at: "3" or "0-7". 1; 0 at the end; -EINVAL. */
static int next_range(const char **at, unsigned long *ret_first, unsigned long *ret_last)
{
    if (**at == '\0')
        return 0;
    char *end;
    if (**at < '0' || **at > '9')
        return -EINVAL;
    *ret_first = *ret_last = strtoul(*at, &end, 10);
    if (*end == '-') {
        if (end[1] < '0' || end[1] > '9')
            return -EINVAL;
        *ret_last = strtoul(end + 1, &end, 10);
    }
    bool more = *end == ',';
    if ((*end && !more) || (more && !end[1]) || *ret_last < *ret_first)
        return -EINVAL;
    *at = end + more;
    return 1;
}

/* Whether @list, which is well-formed, has all numbers from @first to @last in one range; the
 * kernel joins neighbours when it writes one. */
static bool list_has(const char *list, unsigned long first, unsigned long last)
{
    unsigned long from, to;
    while (next_range(&list, &from, &to) > 0)
        if (first >= from && last <= to)
            return true;
    return false;
}

/* Docker's words, for @what ("cpus", "mems") of which the machine has those in the file @online.
 * Where that cannot be read the kernel has the word. */
static int check_set(const char *wanted, const char *what, const char *whole, const char *online,
                     struct err *e)
{
    if (!wanted || !*wanted)
        return 0;
    _cleanup_free_ char *available = NULL;
    if (file_read(AT_FDCWD, online, 4096, &available, NULL, NULL) == 0)
        available[strcspn(available, "\n")] = '\0';
    unsigned long first, last;
    const char *at = wanted;
    int r;
    while ((r = next_range(&at, &first, &last)) > 0)
        if (available && !list_has(available, first, last))
            return err_set(e, EINVAL,
                           "requested %s are not available - requested %s, available: %s", whole,
                           wanted, available);
    return r < 0 ? err_set(e, EINVAL, "invalid value %s for cpuset %s: it is no list such as 0-2,7",
                           wanted, what)
                 : 0;
}

/* --- devices ----------------------------------------------------------------------------- */

static int check_block_io(const json_t *host, struct err *e)
{
    long long weight = json_int(host, "BlkioWeight", 0);
    if (weight != 0 && (weight < 10 || weight > 1000))
        return err_set(e, EINVAL, "range of blkio weight is from 10 to 1000");
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(host, "BlkioWeightDevice"), i, item) {
        weight = json_int(item, "Weight", 0);
        if (weight != 0 && (weight < 10 || weight > 1000))
            return err_set(e, EINVAL, "range of blkio weight is from 10 to 1000");
    }
    return 0;
}

/* --- texts ------------------------------------------------------------------------------- */

static int check_texts(const json_t *host, struct err *e)
{
    size_t i;
    json_t *item;
    int r = 0;
    json_array_foreach (json_object_get(host, "DeviceCgroupRules"), i, item) {
        _cleanup_json_ json_t *rule = NULL;
        if (r == 0)
            r = limits_parse_device_rule(json_string_value(item), &rule, e);
    }
    json_array_foreach (json_object_get(host, "Ulimits"), i, item) {
        _cleanup_json_ json_t *rlimit = NULL;
        if (r == 0)
            r = limits_parse_ulimit(item, &rlimit, e);
    }
    return r;
}

int limits_check(const json_t *host, struct err *e)
{
    int r = check_memory(host, e);
    if (r == 0)
        r = check_cpu_time(host, e);
    if (r == 0)
        r = check_real_time(host, e);
    if (r == 0)
        r = check_set(json_str(host, "CpusetCpus"), "cpus", "CPUs",
                      "/sys/devices/system/cpu/online", e);
    if (r == 0)
        r = check_set(json_str(host, "CpusetMems"), "mems", "memory nodes",
                      "/sys/devices/system/node/online", e);
    if (r == 0)
        r = check_block_io(host, e);
    return r == 0 ? check_texts(host, e) : r;
}
