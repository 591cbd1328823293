/*
 * Values of the OCI specification, which speaks v1, in v2's terms. Pure functions.
 */
#ifndef SKIFF_RUNTIME_CGROUP_CONVERT_H
#define SKIFF_RUNTIME_CGROUP_CONVERT_H

#include "base/err.h"

/* cpu.shares (2 to 262144) to cpu.weight (1 to 10000), linear: what lies outside is taken for the
 * nearest end, as the kernel does with shares. */
unsigned cgroup_cpu_weight(unsigned long long shares);

/* blkio weight (10 to 1000) to io.weight (1 to 10000), linear. */
unsigned cgroup_io_weight(unsigned long long weight);

/* memory.swap, which is memory and swap together, to memory.swap.max, which is swap alone. Both in
 * bytes, -1 without a limit; *ret -1 is "max". -EINVAL when @swap is less than @memory, or there is
 * no @memory to be part of it (0). */
int cgroup_swap_alone(long long memory, long long swap, long long *ret, struct err *e);

#endif
