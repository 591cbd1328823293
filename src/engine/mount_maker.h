/*
 * Mounts that are made or copied in another mount namespace: only from inside of one can its mounts
 * be copied, and only what is attached there can be put together. A process of its own goes there
 * and sends what it made, as a detached mount.
 */
#ifndef SKIFF_ENGINE_MOUNT_MAKER_H
#define SKIFF_ENGINE_MOUNT_MAKER_H

#include "base/err.h"

/* Makes a detached mount in the process that is there. A descriptor or a negative errno. */
typedef int mount_maker_fn(void *data, struct err *e);

/* Runs @make in the mount namespace @mount_namespace, whose root is "/" then; with -1 in a private
 * copy of ours, from which nothing reaches us. A maker that does not come back is killed after ten
 * seconds: a container's file systems may be its own programs (FUSE), which need not answer. */
int mount_make_in(int mount_namespace, mount_maker_fn *make, void *data, struct err *e);

#endif
