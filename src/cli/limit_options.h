/*
 * The options that limit a container, which `run`, `create` and `update` share.
 */
#ifndef SKIFF_CLI_LIMIT_OPTIONS_H
#define SKIFF_CLI_LIMIT_OPTIONS_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* As they were typed; NULL: not given. */
struct limit_options {
    const char *memory, *memory_swap, *memory_reservation, *memory_swappiness;
    const char *cpus, *cpu_shares, *cpu_period, *cpu_quota, *cpu_rt_period, *cpu_rt_runtime;
    const char *cpuset_cpus, *cpuset_mems, *pids_limit, *blkio_weight;
    struct option_list weight_device, read_bps, write_bps, read_iops, write_iops;
};

#define LIMIT_ROW_(container, type, name, letter, field, argument, help, group)                    \
    {                                                                                              \
        name, letter, OPTION_##type, offsetof(container, limits.field), argument, help, group      \
    }

/* Their rows in the option table of @container, a struct with a `struct limit_options limits`. */
#define LIMIT_OPTION_ROWS(c)                                                                       \
    LIMIT_ROW_(c, STRING, "memory", 'm', memory, "BYTES", "Memory limit: 512m, 2g", "Limits"),     \
        LIMIT_ROW_(c, STRING, "memory-swap", 0, memory_swap, "BYTES",                              \
                   "Memory and swap together; -1: no limit of swap", NULL),                        \
        LIMIT_ROW_(c, STRING, "memory-reservation", 0, memory_reservation, "BYTES", "Soft limit",  \
                   NULL),                                                                          \
        LIMIT_ROW_(c, STRING, "memory-swappiness", 0, memory_swappiness, "0-100",                  \
                   "How readily it is swapped (cgroup v1)", NULL),                                 \
        LIMIT_ROW_(c, STRING, "cpus", 0, cpus, "N", "CPUs: 1.5", NULL),                            \
        LIMIT_ROW_(c, STRING, "cpu-shares", 'c', cpu_shares, "N", "Relative weight", NULL),        \
        LIMIT_ROW_(c, STRING, "cpu-period", 0, cpu_period, "MICROSECONDS", "CFS period", NULL),    \
        LIMIT_ROW_(c, STRING, "cpu-quota", 0, cpu_quota, "MICROSECONDS", "CFS quota", NULL),       \
        LIMIT_ROW_(c, STRING, "cpu-rt-period", 0, cpu_rt_period, "MICROSECONDS",                   \
                   "Real-time period (cgroup v1)", NULL),                                          \
        LIMIT_ROW_(c, STRING, "cpu-rt-runtime", 0, cpu_rt_runtime, "MICROSECONDS",                 \
                   "Real-time runtime (cgroup v1)", NULL),                                         \
        LIMIT_ROW_(c, STRING, "cpuset-cpus", 0, cpuset_cpus, "LIST", "Which CPUs: 0-3,7", NULL),   \
        LIMIT_ROW_(c, STRING, "cpuset-mems", 0, cpuset_mems, "LIST", "Which memory nodes", NULL),  \
        LIMIT_ROW_(c, STRING, "pids-limit", 0, pids_limit, "N",                                    \
                   "Number of processes; -1: no limit", NULL),                                     \
        LIMIT_ROW_(c, STRING, "blkio-weight", 0, blkio_weight, "10-1000",                          \
                   "Relative weight on block devices", NULL),                                      \
        LIMIT_ROW_(c, LIST, "blkio-weight-device", 0, weight_device, "DEV:WEIGHT",                 \
                   "The same for one device", NULL),                                               \
        LIMIT_ROW_(c, LIST, "device-read-bps", 0, read_bps, "DEV:BYTES",                           \
                   "Read no more in a second: /dev/sda:10mb", NULL),                               \
        LIMIT_ROW_(c, LIST, "device-write-bps", 0, write_bps, "DEV:BYTES",                         \
                   "Write no more in a second", NULL),                                             \
        LIMIT_ROW_(c, LIST, "device-read-iops", 0, read_iops, "DEV:N",                             \
                   "Read no more often in a second", NULL),                                        \
        LIMIT_ROW_(c, LIST, "device-write-iops", 0, write_iops, "DEV:N",                           \
                   "Write no more often in a second", NULL)

/* Puts what was given, and nothing else, into @host: the fields of Docker's HostConfig. -EINVAL
 * names the option and what it should have been. What the numbers mean the engine checks. */
int limit_options_put(const struct limit_options *o, json_t *host, struct err *e);

#endif
