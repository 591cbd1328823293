/*
 * From what start_prepare made to a running process with its streams: the monitor's part of a
 * start.
 */
#ifndef SKIFF_ENGINE_LAUNCH_H
#define SKIFF_ENGINE_LAUNCH_H

#include "engine/start.h"
#include "runtime/container.h"

/* Our ends of the container's streams; -EBADF: none. With a terminal all of them are
 * container.console. */
struct streams {
    int in, out[2];
};

struct launched {
    struct container container;
    struct streams streams;
    json_t *state; /* as published; the caller's to change */
    int mounts;    /* its mount namespace; -EBADF: not kept */
};
#define LAUNCHED_INIT                                                                              \
    ((struct launched){                                                                            \
        .container = CONTAINER_INIT, .streams = {-EBADF, {-EBADF, -EBADF}}, .mounts = -EBADF})

/* Makes pipes for a process that has no terminal (else nothing): its own ends in @stdio, ours in
 * @ret, all of them the caller's. Its input is the null device unless @input, and so is its output
 * unless @output. */
int streams_make(bool terminal, bool input, bool output, struct streams *ret, int stdio[3],
                 struct err *e);

/* Makes the process, publishes the state, and returns once its program is executed. On failure
 * *ret_step tells where; @ret is to be released in any case. */
int launch(struct start *s, unsigned restarts, struct launched *ret, enum control_step *ret_step,
           struct err *e);

/* Kills what is left of it and lets go of everything. */
void launched_release(struct launched *l);

#endif
