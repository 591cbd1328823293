/*
 * The monitor's part in its container's networks: it waits for questions about names, and holds the
 * claims of published ports. What is so it reads off network.json whenever it is told to look.
 */
#ifndef SKIFF_ENGINE_MONITOR_NETWORKS_H
#define SKIFF_ENGINE_MONITOR_NETWORKS_H

#include "base/loop.h"
#include "engine/beside.h"

struct monitor_networks {
    struct loop *loop;
    struct beside *beside; /* with the resolver, and the claims */
    const struct engine *engine;
    const struct container_record *record;
    struct loop_source questions;
    struct loop_timer again; /* the port of names was taken */
    unsigned tries;
    pid_t pid; /* the container's first process; 0: it does not live */
};

/* For one life of the container, whose first process is @pid; and at its end, before what it has of
 * networks is taken back. */
void monitor_networks_begin(struct monitor_networks *n, pid_t pid);
void monitor_networks_end(struct monitor_networks *n);

/* Somebody connected it to one, or took it off; or its ports are others; or it was handed what
 * another had whose namespace it is in. */
void monitor_networks_review(struct monitor_networks *n);

#endif
