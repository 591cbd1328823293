/*
 * The mount of a container's own root file system, and the user namespace that its owners are
 * shifted through: for its start, and for looking at it while it does not run.
 *
 * At a start the root is mounted before the configuration is made, for users are named by its
 * files; but with a user namespace it is mounted through that. So the maps are chosen first.
 */
#ifndef SKIFF_ENGINE_ROOT_MOUNT_H
#define SKIFF_ENGINE_ROOT_MOUNT_H

#include "engine/create.h"
#include "engine/modes.h"

/* The user namespace that the mode @user of @c asks for; -EBADF in *ret when it is the host's. Of
 * one of its own the maps are chosen at first, and written down in its document (synced, if so
 * asked): what it writes is theirs at its next start too. */
int root_userns(const struct engine *en, struct container_record *c, const struct mode *user,
                bool sync, int *ret, struct err *e);

/* Its overlay, detached. @userns may be negative; @discard as in struct overlay. */
int root_mount(const struct engine *en, const struct container_record *c,
               const struct create_image *image, int userns, bool discard, struct err *e);

/* What the image alone has, without the container's own layer: read-only. -ENOTSUP for the built-in
 * one. */
int root_mount_image(const struct engine *en, const struct container_record *c,
                     const struct create_image *image, int userns, struct err *e);

#endif
