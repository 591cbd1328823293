/*
 * The change lock of a container: held for the moment in which a command looks at its state and
 * acts on it (create, start, pause, rename, update, remove), and by the monitor while it starts it
 * again, so that two of them do one after the other what either order of them would do.
 *
 * A flock on the container's own folder: it needs no file, goes with its holder however that ends,
 * and does not keep the folder from being removed. Order: this one, then the watcher's lock. Never
 * held across a wait for a container's end.
 */
#ifndef SKIFF_ENGINE_CHANGE_LOCK_H
#define SKIFF_ENGINE_CHANGE_LOCK_H

#include "engine/engine.h"

/* Waits for the lock of @c. Returns a descriptor that holds it until it is closed, or a negative
 * errno: -ENOENT when the container was removed meanwhile. What was read of the container before
 * may be old by now: its document too. */
int change_lock(const struct container_record *c, struct err *e);

/* For the watcher of a container, who keeps its descriptor (container_record's hold_fd): gives the
 * lock back, and takes it again, without waiting: -EAGAIN. Who holds it may be waiting for an
 * answer of his. */
void change_unlock(int lock);
int change_lock_again(int lock);

#endif
