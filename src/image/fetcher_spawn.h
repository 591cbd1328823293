/*
 * Starting skiff-fetch (fetcher.h).
 *
 * By the coordinator; or by who becomes the coordinator, just before he does: then both programs
 * are loaded at the same time.
 */
#ifndef SKIFF_IMAGE_FETCHER_SPAWN_H
#define SKIFF_IMAGE_FETCHER_SPAWN_H

#include "base/err.h"

#include <sys/types.h>

/* *ret_pid is a child of the caller's, *ret_fd (close-on-exec) the socket that it is told things
 * by. Of our descriptors it has the standard streams alone. */
int fetcher_spawn(const char *program, pid_t *ret_pid, int *ret_fd, struct err *e);

#endif
