/*
 * Hooks: programs that a configuration wants run at certain points of the container's life, with
 * its state as JSON on their standard input.
 *
 * Source: OCI runtime-spec config.md, "POSIX-platform Hooks"; runtime.md, "Lifecycle", "State".
 */
#ifndef SKIFF_RUNTIME_HOOKS_H
#define SKIFF_RUNTIME_HOOKS_H

#include "base/json.h"

#include <sys/types.h>

/* In the order of the container's life. Where each runs, and with whose files, is its caller's
 * concern: prestart, createRuntime, poststart and poststop in the runtime's namespaces, the two
 * others in the container's. */
enum hook {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_KINDS,
};

/* Its name in the configuration. */
const char *hook_name(enum hook which);

/* Refuses an object "hooks" that is not as the specification has it (-EINVAL). NULL is none. */
int hooks_check(const json_t *hooks, struct err *e);

bool hooks_have(const json_t *hooks, enum hook which);

/* Whether there are any that init must wait for, or runs itself. */
bool hooks_before_start(const json_t *hooks);

/* What a hook reads: of @base ociVersion, id, bundle and annotations, and these two. */
struct hook_state {
    const json_t *base;
    const char *status;
    pid_t pid; /* 0: left out */
};

/* Runs the hooks of a kind one after the other, in the bundle's folder where that can be entered.
 * One that cannot be run, that ends with another status than 0, or that takes longer than its
 * timeout and is killed, is the failure told, with the first line that it wrote. The others are
 * then not run; but of poststart and poststop all are, as nothing can be undone any more. */
int hooks_run(const json_t *hooks, enum hook which, const struct hook_state *state, struct err *e);

#endif
