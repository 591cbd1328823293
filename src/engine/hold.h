/*
 * What the kernel keeps about a container: locks on its own folder, one byte of it each. Unlike
 * what lies in the run folder nobody can delete them, and they go with their holder however he
 * ends. Open file description locks (fcntl(2)), all shared: any number hold, and whoever wants to
 * know asks without taking one.
 *
 * They are the descriptor's, as flock's are: a child has them too, until he closes it.
 */
#ifndef SKIFF_ENGINE_HOLD_H
#define SKIFF_ENGINE_HOLD_H

#include "base/err.h"

enum hold {
    HOLD_LIFE, /* somebody makes or watches it: its layer is in use, whatever the run folder says.
                  Taken with the change lock only */
    HOLD_RESTART, /* its end is part of a restart: --rm does not remove it */
    HOLD_LOG,     /* somebody reads its log: that is not swept, but by him */
    HOLD_NETWORK, /* another container may be in its network namespace: what it has of networks is
                     handed over at its end (engine/endpoints_heirs.c) */
};

/* On @folder, a descriptor of the container's folder that nothing else has. 0 or -errno. */
int hold_take(int folder, enum hold h, struct err *e);

/* Whether another descriptor than @folder has it: 1 or 0, also when it cannot be known. */
int hold_is_taken(int folder, enum hold h);

#endif
