/*
 * From an OCI configuration to a process. This is the runtime's face: it has never heard of an
 * image, a bridge or a restart policy.
 *
 * Order of calls, in one single-threaded process that is to be the container's parent:
 *
 *     container_create   the first process exists, in its namespaces, and sets itself up meanwhile
 *     …                  the caller does what lies outside (a network cable)
 *     container_let_go   (if nothing more is to be done before the program runs)
 *     container_wait     until it is set up, or has failed to
 *     container_start    lets it execute its program
 *     container_release  lets go of the descriptors; the process lives on
 *     container_destroy  (in place of release) kills what is left and removes the cgroup
 */
#ifndef SKIFF_RUNTIME_CONTAINER_H
#define SKIFF_RUNTIME_CONTAINER_H

#include "runtime/cgroup.h"
#include "runtime/control.h"
#include "runtime/spec.h"

/* A bind of the spec whose source the caller brings along. */
struct container_source {
    const char *destination; /* as the spec has it */
    int fd;                  /* a detached mount; stays the caller's */
};

struct container_options {
    int bundle_fd;         /* the bundle's folder */
    int root_mount_fd;     /* a detached mount to be the root; -1: root.path */
    int userns_fd;         /* the user namespace, made before by userns_new; -1: as the spec says */
    int netns_fd;          /* the network namespace, made by netns_make; -1: as the spec says */
    struct cgroup *cgroup; /* taken over: spec->cgroup_path's, made by cgroup_create; NULL: it is
                            * made here */
    int cache_fd;          /* folder for compiled filters; -1: none */
    const struct container_source *sources; /* in place of those binds' own */
    size_t n_sources;
    const json_t *hook_state; /* hooks.h: the base; NULL: where the spec has no hooks */
    int stdio[3];             /* the payload's; unused with a terminal */
    int go_fd;                /* a byte read here starts the payload; -1: container_start does */
    unsigned keep_fds;        /* descriptors from 3 on that the payload inherits */
    bool no_pivot;            /* root on a ramfs */
    bool keep_keyring;        /* the payload gets the caller's session keyring, not a new one */
    bool die_with_parent;     /* SIGKILL when the calling process ends */
};

struct container {
    pid_t pid;
    int pidfd;
    int control;            /* to init, while it sets itself up; the caller may poll it */
    int console;            /* the terminal's master end, after container_wait; -EBADF: none */
    struct cgroup *cgroup;  /* NULL: none */
    bool own_pid_namespace; /* its death ends all its processes */
    bool let_go;            /* container_let_go was called */
    const json_t
        *hooks; /* those that are still to be run; the spec's, as hook_state is the caller's */
    const json_t *hook_state;
};
#define CONTAINER_INIT ((struct container){.pidfd = -EBADF, .control = -EBADF, .console = -EBADF})

/* Makes the cgroup and the process. On failure nothing is left. */
int container_create(const struct spec *s, const struct container_options *o, struct container *ret,
                     struct err *e);

/* Until init is ready (0), or a negative errno with its story. Runs the hooks prestart and
 * createRuntime meanwhile. *ret_step tells where it failed. */
int container_wait(struct container *c, enum control_step *ret_step, struct err *e);

/* Says go ahead of time: the payload starts as soon as init is ready, without another word between
 * the two. container_wait and container_start follow as ever, and tell what failed. */
int container_let_go(struct container *c, struct err *e);

/* Says go, and waits until the payload is executed (0) or could not be, as container_wait. */
int container_start(struct container *c, enum control_step *ret_step, struct err *e);

/* Gives the process @pid, a child of the caller's, the OOM score that @s asks for. A part of making
 * it: for container.c and exec.c. */
int container_set_oom_score(const struct spec *s, pid_t pid, struct err *e);

void container_release(struct container *c);

/* Kills every process, reaps the first, removes the cgroup. For a container that could not be
 * started, or that has ended: after it no trace is left. */
int container_destroy(struct container *c, struct err *e);

#endif
