#include "cli/limit_options.h"

#include "cli/request.h"

#include <limits.h>
#include <string.h>

static int parse_number(const char *option, const char *text, long long *ret, struct err *e)
{
    if (str_to_int64(text, LLONG_MIN, LLONG_MAX, ret) < 0)
        return err_set(e, EINVAL, "option \"%s\": \"%s\" is not a number", option, text);
    return 0;
}

static int parse_nano_cpus(const char *option, const char *text, long long *ret, struct err *e)
{
    (void)option;
    return parse_cpus(text, ret, e);
}

#define FIELD(f) offsetof(struct limit_options, f)

static const struct {
    size_t field;
    const char *option, *key;
    int (*parse)(const char *option, const char *text, long long *ret, struct err *e);
} numbers[] = {
    {FIELD(memory), "--memory", "Memory", parse_bytes},
    {FIELD(memory_swap), "--memory-swap", "MemorySwap", parse_bytes},
    {FIELD(memory_reservation), "--memory-reservation", "MemoryReservation", parse_bytes},
    {FIELD(memory_swappiness), "--memory-swappiness", "MemorySwappiness", parse_number},
    {FIELD(cpus), "--cpus", "NanoCpus", parse_nano_cpus},
    {FIELD(cpu_shares), "--cpu-shares", "CpuShares", parse_number},
    {FIELD(cpu_period), "--cpu-period", "CpuPeriod", parse_number},
    {FIELD(cpu_quota), "--cpu-quota", "CpuQuota", parse_number},
    {FIELD(cpu_rt_period), "--cpu-rt-period", "CpuRealtimePeriod", parse_number},
    {FIELD(cpu_rt_runtime), "--cpu-rt-runtime", "CpuRealtimeRuntime", parse_number},
    {FIELD(pids_limit), "--pids-limit", "PidsLimit", parse_number},
    {FIELD(blkio_weight), "--blkio-weight", "BlkioWeight", parse_number},
};

static const struct {
    size_t field;
    const char *option, *key;
} texts[] = {
    {FIELD(cpuset_cpus), "--cpuset-cpus", "CpusetCpus"},
    {FIELD(cpuset_mems), "--cpuset-mems", "CpusetMems"},
};

static int parse_count(const char *option, const char *text, long long *ret, struct err *e)
{
    (void)option;
    return str_to_int64(text, 0, LLONG_MAX, ret) < 0 ? err_set(e, EINVAL, "invalid") : 0;
}

static int parse_weight(const char *option, const char *text, long long *ret, struct err *e)
{
    int r = parse_count(option, text, ret, e);
    bool good = r == 0 && (*ret == 0 || (*ret >= 10 && *ret <= 1000));
    return good ? 0 : err_set(e, EINVAL, "invalid");
}

#define RATE_STORY "invalid rate for device: the correct format is <device-path>:<number>"

/* "DEVICE:VALUE"; the story is Docker's, for a value that is none. */
static const struct device_limit {
    size_t field;
    const char *option, *key, *value_key, *story;
    int (*parse)(const char *option, const char *text, long long *ret, struct err *e);
} devices[] = {
    {FIELD(weight_device), "--blkio-weight-device", "BlkioWeightDevice", "Weight",
     "invalid weight for device", parse_weight},
    {FIELD(read_bps), "--device-read-bps", "BlkioDeviceReadBps", "Rate", RATE_STORY "[<unit>]",
     parse_bytes},
    {FIELD(write_bps), "--device-write-bps", "BlkioDeviceWriteBps", "Rate", RATE_STORY "[<unit>]",
     parse_bytes},
    {FIELD(read_iops), "--device-read-iops", "BlkioDeviceReadIOps", "Rate", RATE_STORY,
     parse_count},
    {FIELD(write_iops), "--device-write-iops", "BlkioDeviceWriteIOps", "Rate", RATE_STORY,
     parse_count},
};

static const void *field_of(const struct limit_options *o, size_t offset)
{
    return (const char *)o + offset;
}

static int put(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

static int put_numbers(const struct limit_options *o, json_t *host, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++) {
        const char *text = *(const char *const *)field_of(o, numbers[i].field);
        long long n = 0;
        if (!text)
            continue;
        r = numbers[i].parse(numbers[i].option, text, &n, e);
        if (r == 0)
            r = put(host, numbers[i].key, json_integer(n), e);
    }
    return r;
}

static int put_texts(const struct limit_options *o, json_t *host, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text = *(const char *const *)field_of(o, texts[i].field);
        if (!text)
            continue;
        json_t *j = json_string(text);
        if (!j)
            return err_set(e, EINVAL, "option \"%s\": its value is not UTF-8", texts[i].option);
        int r = put(host, texts[i].key, j, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_device_limit(const struct device_limit *d, const char *text, json_t **ret,
                              struct err *e)
{
    const char *colon = strchr(text, ':');
    const char *story = !colon || colon == text     ? "bad format"
                        : !str_after(text, "/dev/") ? "bad format for device path"
                                                    : NULL;
    long long n = 0;
    if (!story && (d->parse(d->option, colon + 1, &n, NULL) < 0 || n < 0))
        story = d->story;
    if (story)
        return err_set(e, EINVAL, "invalid argument \"%s\" for \"%s\": %s", text, d->option, story);
    *ret = json_pack("{s:o, s:I}", "Path", json_stringn(text, (size_t)(colon - text)), d->value_key,
                     (json_int_t)n);
    return *ret ? 0 : err_set(e, EINVAL, "option \"%s\": its value is not UTF-8", d->option);
}

static int put_devices(const struct limit_options *o, json_t *host, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(devices); i++) {
        const struct option_list *list = field_of(o, devices[i].field);
        if (list->n == 0)
            continue;
        json_t *array = json_array();
        r = put(host, devices[i].key, array, e);
        for (size_t k = 0; r == 0 && k < list->n; k++) {
            json_t *item = NULL;
            r = parse_device_limit(&devices[i], list->v[k], &item, e);
            if (r == 0 && json_array_append_new(array, item) < 0)
                r = err_nomem(e);
        }
    }
    return r;
}

int limit_options_put(const struct limit_options *o, json_t *host, struct err *e)
{
    int r = put_numbers(o, host, e);
    if (r == 0)
        r = put_texts(o, host, e);
    return r == 0 ? put_devices(o, host, e) : r;
}
