/*
 * Starting a container: everything from its record to a running process, watched by a monitor.
 *
 *     caller (one process)                       monitor (its child, until the container's end)
 *     start_prepare: overlay, files, config.json;
 *                    cgroup, network beside
 *     start_launch: fork ──────────────────────► clone3, wait, go
 *     attached over a socket ◄─── frames ──────► epoll: the process, its streams, the client
 */
#ifndef SKIFF_ENGINE_START_H
#define SKIFF_ENGINE_START_H

#include "engine/beside.h"
#include "engine/create.h"
#include "engine/modes.h"
#include "engine/volume_mount.h"
#include "runtime/spec.h"

struct start {
    const struct engine *engine;
    struct container_record *record;
    struct spec spec;
    struct mode modes[NS_KINDS];
    char *image_name;             /* for messages */
    int root_mount;               /* detached */
    int userns;                   /* -EBADF: none of its own */
    struct volume_mounts sources; /* of binds: volumes, and another container's /dev/shm */
    int cache;                    /* folder of compiled filters */
    struct beside beside;         /* cgroup and network, made on the side */
    bool discard;                 /* removed when it ends */
    bool stdin_open;
    /* What the caller sets between start_prepare and start_launch. */
    bool existing;   /* it is no new one: it stays if its start fails */
    bool ran_before; /* and it has been started before */
    unsigned wishes; /* the caller's client is there for these streams (enum frame_wish) */
    int terminal;    /* the caller's own, to be given back if he dies; -1: none */
};

/* Mounts the root, writes the bundle, and makes the control group and the network. On failure, or
 * when it is not launched, start_release takes all of it back but the record. */
int start_prepare(const struct engine *en, struct container_record *c,
                  const struct create_image *image, struct start *ret, struct err *e);
void start_release(struct start *s);
#define _cleanup_start_ _cleanup_(start_release)

/* The same once more, for a container whose life has ended: with its own image, and all that the
 * caller has set. In the monitor. */
int start_reload(struct start *s, struct err *e);

/* Forks the monitor, which takes over the record's locks and gives the change lock back when the
 * container runs. Returns the socket to it (frame.h): a
 * STARTED or FAILED frame comes first. */
int start_launch(struct start *s, struct err *e);

/* In a child that is to outlive its caller: a session of its own, none of his streams, deaf to the
 * signals of terminals and of people who mean him. */
void start_leave_caller(void);

/* In the monitor, monitor.c. Never returns. */
_Noreturn void monitor_main(struct start *s, int client);

#endif
