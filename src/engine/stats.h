/*
 * What a container uses right now: its control group's counters, and its network's.
 */
#ifndef SKIFF_ENGINE_STATS_H
#define SKIFF_ENGINE_STATS_H

#include "engine/engine.h"
#include "network/counters.h"
#include "runtime/cgroup_stat.h"

struct container_stats {
    bool running;          /* else all is zero */
    unsigned long long at; /* when it was read: CLOCK_MONOTONIC, nanoseconds */
    struct cgroup_stat group;
    struct network_counters network; /* zero on the host's network, which is not its own */
};

int container_stats(const struct engine *en, const struct container_record *c,
                    struct container_stats *ret, struct err *e);

/* The share of one CPU that was used between two readings, in percent: 200 is two whole CPUs. */
double container_cpu_percent(const struct container_stats *before,
                             const struct container_stats *after);

#endif
