/*
 * One more process in a container that runs: it joins all namespaces and the control group of the
 * container's first process, and has the limits, the user, the capabilities and the system call
 * filter that the configuration gives to its own.
 *
 * Afterwards it is handled as a container's first process is (container.h): container_let_go,
 * container_wait and container_start as ever; container_release, or container_destroy, which kills
 * this process alone.
 */
#ifndef SKIFF_RUNTIME_EXEC_H
#define SKIFF_RUNTIME_EXEC_H

#include "runtime/container.h"

struct exec_options {
    int target;            /* a pidfd of the container's first process (process_open) */
    pid_t target_pid;      /* its number */
    struct cgroup *cgroup; /* the container's (cgroup_open), which stays the caller's; NULL: none */
    int cache_fd;          /* folder for compiled filters; -1: none */
    int stdio[3];          /* the program's; unused with a terminal */
    unsigned keep_fds;     /* descriptors from 3 on that the program inherits */
    bool die_with_parent;  /* SIGKILL when the calling process ends */
};

/* Makes the process, a child of the caller, who has one thread. @s is the bundle's configuration
 * with "process" as it is to be this time: terminal, user, args, env, cwd and so on. -ESRCH: the
 * container has ended. */
int exec_create(const struct spec *s, const struct exec_options *o, struct container *ret,
                struct err *e);

/* Whether the container of this first process has ended or is ending: then that is why an exec
 * failed, whatever its story says. */
bool exec_target_ended(int target, pid_t target_pid);

#endif
