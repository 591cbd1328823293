/*
 * Locking the resolver in before it reads a byte of a container's.
 *
 * What is left of the machine to whoever takes it over: the folders of its networks' endpoint
 * files, read-only; the two sockets inside of the container's own namespace, which can send what
 * the container can send itself; and sockets to the name servers that others connect for it
 * (resolver.h). It is user nobody in an empty root, has no capability, makes no process, no socket
 * and no connection, opens nothing for writing, and dies with its monitor.
 *
 * Builds with a sanitizer leave out the filter and the memory limit.
 */
#ifndef SKIFF_NETWORK_RESOLVER_CAGE_H
#define SKIFF_NETWORK_RESOLVER_CAGE_H

#include "base/err.h"

/* Where the descriptors are, once inside. Folders follow. */
enum { CAGE_UDP = 3, CAGE_TCP, CAGE_ASKS, CAGE_FOLDERS, CAGE_FDS_MAX = 512 };

enum { CAGE_NETWORKS_MAX = 64, CAGE_MORE_MAX = 32 };

/* In the resolver's process, by root, single-threaded. @fds are what is kept, in the order of the
 * places above, @n of them: behind the @n_folders folders, which are replaced by mounts of their
 * own, any others, up to CAGE_MORE_MAX. -E2BIG when there are more folders than CAGE_NETWORKS_MAX.
 * On failure the process must end. */
int resolver_cage_enter(const int *fds, size_t n, size_t n_folders, struct err *e);

#endif
