/*
 * A tmpfs of another container. POSIX shared memory is one: an IPC namespace has System V's objects
 * and the message queues, but /dev/shm is a mount, and so is shared by sharing the mount. A volume
 * of that type is another.
 */
#ifndef SKIFF_ENGINE_SHM_H
#define SKIFF_ENGINE_SHM_H

#include "base/err.h"

#include <sys/types.h>

/* A detached copy of the mount on /dev/shm that the running process @pid sees. Nothing else of that
 * process's is followed: a link or anything but a tmpfs there is refused. */
int shm_clone(pid_t pid, struct err *e);

/* The same of any @path; links are followed inside that process's root. */
int tmpfs_clone(pid_t pid, const char *path, struct err *e);

#endif
