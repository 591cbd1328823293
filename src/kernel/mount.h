/*
 * Mounts by file descriptor: thin, checked wrappers of fsopen(2), open_tree(2), move_mount(2),
 * mount_setattr(2) and openat2(2).
 *
 * A mount is made detached (it has no place yet and nobody can see it), given its attributes, and
 * then attached at a folder that is named by a descriptor. A path that a container or an image can
 * influence is resolved once, below a root, by root_open or root_make_*, and never by name again.
 *
 * Needs Linux 5.12 (mount_setattr).
 */
#ifndef SKIFF_KERNEL_MOUNT_H
#define SKIFF_KERNEL_MOUNT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One option of a file system: `key=value`, a flag when value is NULL. */
struct mount_option {
    const char *key;
    const char *value;
};

/* A new, detached file system of @fstype with @n options and MOUNT_ATTR_* attributes.
 * Returns its descriptor. @source may be NULL. A kernel's own message (fscontext log) is part of
 * the story. */
int mount_new(const char *fstype, const char *source, const struct mount_option *options, size_t n,
              uint64_t attrs, struct err *e);

/* A detached copy of the mount at @path below @dirfd, of all mounts under it when @recursive.
 * @path "" means @dirfd itself. Follows links: @path must be the host's. */
int mount_clone(int dirfd, const char *path, bool recursive, struct err *e);

/* Sets and clears MOUNT_ATTR_* on the mount of @mount_fd (and below, when @recursive). */
int mount_change(int mount_fd, uint64_t set, uint64_t clear, bool recursive, struct err *e);

/* Sets MOUNT_ATTR_* on one mount and makes it private, in one call. */
int mount_change_private(int mount_fd, uint64_t set, struct err *e);

/* Sets the propagation (MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE) likewise. */
int mount_propagation(int mount_fd, uint64_t propagation, bool recursive, struct err *e);

/* Shifts owners through the user namespace of @userns_fd (mount_setattr(2), MOUNT_ATTR_IDMAP). */
int mount_idmap(int mount_fd, int userns_fd, bool recursive, struct err *e);

/* Attaches a detached mount over what @target_fd names. Both stay open, and the caller's. */
int mount_attach(int mount_fd, int target_fd, struct err *e);

/* Resolves @path with @root_fd as "/": links and ".." stay inside, magic links are refused.
 * @flags as open(2)'s; O_CLOEXEC is added. @resolve adds RESOLVE_* (openat2(2)). Returns the
 * descriptor or a negative errno; tells nothing. */
int root_open(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve);

/* Resolves @path below @dir_fd; what leads out of it, by ".." or a link, is refused: -EXDEV. Links
 * that stay inside are followed. Otherwise as root_open. */
int beneath_open(int dir_fd, const char *path, int flags, uint64_t resolve);

/* The folder @path inside @root_fd, its missing parts made with @mode. Returns an O_PATH
 * descriptor. Links in the path are followed inside the root. */
int root_make_dir(int root_fd, const char *path, mode_t mode, struct err *e);

/* The same for an empty file (only if nothing is there) to mount on. A link to nothing is followed
 * inside the root, and the file made where it points. Returns O_PATH. */
int root_make_file(int root_fd, const char *path, mode_t mode, struct err *e);

#endif
