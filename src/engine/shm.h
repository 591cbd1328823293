/*
 * POSIX shared memory of another container: an IPC namespace has System V's objects and the message
 * queues, but /dev/shm is a mount, and so is shared by sharing the mount.
 */
#ifndef SKIFF_ENGINE_SHM_H
#define SKIFF_ENGINE_SHM_H

#include "base/err.h"

#include <sys/types.h>

/* A detached copy of the mount on /dev/shm that the running process @pid sees. Nothing else of that
 * process's is followed: a link or anything but a tmpfs there is refused. */
int shm_clone(pid_t pid, struct err *e);

#endif
