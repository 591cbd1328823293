/*
 * The container's first process, from clone3 to the payload: it sets up what lies inside its
 * namespaces, step by step, reports, waits for the word to go, and executes.
 */
#ifndef SKIFF_RUNTIME_INIT_H
#define SKIFF_RUNTIME_INIT_H

#include "runtime/cgroup.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

/* A process that joins a container later (exec.h) is given the same, but for what is only to be set
 * up once: rootfs, join, hook_state. */
struct init {
    const struct spec *spec;
    struct rootfs *rootfs;
    struct cgroup *cgroup; /* entered by init itself; NULL: none, or it is in it */
    const struct seccomp_filter *filter;
    const int *join;          /* one descriptor a kind of namespace, or -EBADF */
    const int *stdio;         /* 0, 1, 2 of the payload; unused with a terminal */
    int control;              /* to the maker, control.h */
    int go_fd;                /* where the word to go comes from; -EBADF: over @control */
    unsigned keep_fds;        /* this many descriptors from 3 on stay open in the payload */
    const json_t *hook_state; /* for the hooks that init runs */
    bool no_pivot;
    bool keep_keyring;
    bool die_with_parent;
    bool in_userns;
};

/* Runs in the child; never returns. */
_Noreturn void init_main(const struct init *in);

#endif
