#include "runtime/cgroup_convert.h"

static unsigned long long clamp(unsigned long long n, unsigned long long min,
                                unsigned long long max)
{
    return n < min ? min : n > max ? max : n;
}

unsigned cgroup_cpu_weight(unsigned long long shares)
{
    return (unsigned)(1 + (clamp(shares, 2, 262144) - 2) * 9999 / 262142);
}

unsigned cgroup_io_weight(unsigned long long weight)
{
    return (unsigned)(1 + (clamp(weight, 10, 1000) - 10) * 9999 / 990);
}

int cgroup_swap_alone(long long memory, long long swap, long long *ret, struct err *e)
{
    if (swap == -1) {
        *ret = -1;
        return 0;
    }
    if (memory <= 0)
        return err_set(
            e, EINVAL,
            "\"linux.resources.memory.swap\" needs \"linux.resources.memory.limit\", which "
            "is part of it");
    if (swap < memory)
        return err_set(
            e, EINVAL,
            "\"linux.resources.memory.swap\" (%lld) is memory and swap together, and must "
            "not be less than the memory limit (%lld)",
            swap, memory);
    *ret = swap - memory;
    return 0;
}
