/*
 * Before an exec: may it be done to this container, and what is to be executed in it: from Docker's
 * words to a "process" of the OCI configuration.
 */
#ifndef SKIFF_ENGINE_EXEC_PLAN_H
#define SKIFF_ENGINE_EXEC_PLAN_H

#include "engine/exec.h"
#include "runtime/cgroup.h"
#include "runtime/spec.h"

struct exec_plan {
    const struct engine *engine;
    const struct container_record *record;
    const struct exec_request *request;
    struct spec spec;      /* the bundle's, with the process that was asked for */
    pid_t pid;             /* the container's first process, */
    int target;            /* and a pidfd of it */
    struct cgroup *cgroup; /* where that is */
    int cache;             /* folder of compiled filters; -EBADF: none */
};
#define EXEC_PLAN_INIT ((struct exec_plan){.target = -EBADF, .cache = -EBADF})

/* -ESRCH, -EPERM: not in the state that the container is in, in Docker's words. Nothing is made. */
int exec_plan_make(const struct engine *en, const struct container_record *c,
                   const struct exec_request *request, struct exec_plan *ret, struct err *e);
void exec_plan_release(struct exec_plan *p);
#define _cleanup_exec_plan_ _cleanup_(exec_plan_release)

/* Tells @code's story, or, if the container has ended meanwhile, that, which is why. */
int exec_plan_failure(const struct exec_plan *p, int code, struct err *e);

#endif
