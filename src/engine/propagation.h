/*
 * Whether mounts can travel between the host and a bind mount of it: a bind that is asked to be
 * shared or a slave is so of nobody when its source is on a private mount.
 *
 * Source: mount_namespaces(7); proc_pid_mountinfo(5); statx(2), STATX_MNT_ID (Linux 5.8).
 */
#ifndef SKIFF_ENGINE_PROPAGATION_H
#define SKIFF_ENGINE_PROPAGATION_H

#include "base/err.h"

/* Checks that the bind option @word ("rshared", "slave", …; others pass) means something for
 * @source, a path of the host that exists. -EINVAL says which mount is in the way. */
int propagation_check(const char *source, const char *word, struct err *e);

#endif
