/*
 * Locking a child of skiff-image in before it reads a byte of a stranger's archive.
 *
 * Unpacking archives as root is where engines have been broken most often. The child that
 * decompresses can read, write and end. The child that unpacks can reach one folder, which is its
 * root: as a mount of its own without devices, programs or set-user-ID (nodev, noexec, nosuid), in
 * namespaces of its own, with the six capabilities that setting owners and modes and making device
 * nodes need, and the system calls that unpacking makes. Whoever takes the child over finds what
 * the archive could have written anyway.
 *
 * Builds with a sanitizer leave out the system call filter and the memory limit, which its runtime
 * does not survive.
 */
#ifndef SKIFF_IMAGE_SANDBOX_H
#define SKIFF_IMAGE_SANDBOX_H

#include "base/err.h"

#include <stdint.h>

enum { SANDBOX_FDS_MAX = 8 };

/* For process_clone: the namespaces of a child that unpacks. */
extern const uint64_t sandbox_namespaces;

/* Puts @fds[i] in place of descriptor i (/dev/null for a negative one) and closes all others. The
 * process dies with its parent from now on. */
int sandbox_keep(const int *fds, size_t n, struct err *e);

/* Locks in for good a process that only computes: no files, no capabilities. */
int sandbox_enter_pure(struct err *e);

/* The same for one that moves bytes between its descriptors, which it may read at any place. */
int sandbox_enter_mover(struct err *e);

/* In the parent: a detached mount of the folder @folder_fd. A mount cannot be copied into another
 * mount namespace than its own. */
int sandbox_make_root(int folder_fd, int *ret, struct err *e);

/* In the child: makes it the root, and what was there before is gone. */
int sandbox_move_root(int mount_fd, struct err *e);

/* Locks in for good a process that unpacks below its root. */
int sandbox_enter_unpack(struct err *e);

#endif
