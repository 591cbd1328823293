/*
 * What a control group uses, by the kernel's own counters, on either layout.
 */
#ifndef SKIFF_RUNTIME_CGROUP_STAT_H
#define SKIFF_RUNTIME_CGROUP_STAT_H

#include "runtime/cgroup.h"

struct cgroup_stat {
    unsigned long long cpu;           /* nanoseconds that its processes ran, since it was made */
    unsigned long long memory;        /* bytes, without file pages that nobody used lately */
    unsigned long long memory_limit;  /* bytes; ULLONG_MAX: none */
    unsigned long long read, written; /* bytes, of block devices, since it was made */
    unsigned long long pids;
};

/* Reads them. What the machine does not count is zero. -ENOENT when the group is gone. */
int cgroup_stat(const struct cgroup *cg, struct cgroup_stat *ret, struct err *e);

/* Parts of it, for texts that may be cut or odd. The number behind @key at a line's beginning ("key
 * number"), or the text's first number when @key is NULL: -ENODATA when there is none, or one
 * beyond 64 bits. */
int cgroup_parse_number(const char *text, const char *key, unsigned long long *ret);

/* Adds up bytes over all devices: v1's lines "8:0 Read 4096", v2's "8:0 rbytes=4096 wbytes=0 …".
 * What is no such line counts for nothing; sums stop at ULLONG_MAX. */
void cgroup_parse_io_v1(const char *text, unsigned long long *read, unsigned long long *written);
void cgroup_parse_io_v2(const char *text, unsigned long long *read, unsigned long long *written);

#endif
