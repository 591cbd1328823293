/*
 * A process in between, for what a process cannot do to itself: a PID namespace is joined by
 * children alone, and a user namespace cannot be left again. It joins, makes the process that is
 * wanted (a child of the caller's all the same, by CLONE_PARENT), says which that is, and is gone.
 */
#ifndef SKIFF_RUNTIME_STAGE_H
#define SKIFF_RUNTIME_STAGE_H

#include "runtime/cgroup.h"

#include <stdint.h>

struct stage {
    struct cgroup *cgroup; /* entered before the rest is joined; NULL: none */
    int (*join)(const void *data, struct err *e);
    uint64_t flags;                /* clone(2)'s for the process that is wanted */
    void (*run)(const void *data); /* what that one does; it does not return */
    const void *data;
};

/* Makes the process. Nobody but who has CAP_SYS_PTRACE in the initial user namespace can look into
 * it, from its first moment on (CVE-2016-9962). */
int stage_run(const struct stage *s, pid_t *ret_pid, int *ret_pidfd, struct err *e);

#endif
