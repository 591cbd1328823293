/*
 * Mounts of volumes that are more than the folder _data: of a part of it (a subpath), and of the
 * local driver's types (tmpfs, nfs, a folder bound, any file system of a device), which Docker
 * mounts on the host while they are used. Here they are detached mounts, made by the starter and
 * attached in the container alone: the host has nothing to leak or to find busy.
 *
 * A tmpfs has no other place than its mount, so a container that starts takes a copy of the mount
 * of one that runs with the same volume; it is gone with the last. Starters of the same one wait
 * for each other, by a flock on its _data, until the first can be seen to run.
 */
#ifndef SKIFF_ENGINE_VOLUME_MOUNT_H
#define SKIFF_ENGINE_VOLUME_MOUNT_H

#include "engine/volume.h"
#include "runtime/container.h"

/* Whether it was made with a type, and the folder that it binds if that is what it is; NULL: not.
 */
bool volume_has_type(const struct volume *v);
const char *volume_bind_device(const struct volume *v);

/* Whether an entry of "Mounts" is a volume, which may need such a mount. */
bool volume_is_mount(const json_t *mount);

/* Sources for the runtime's binds. */
struct volume_mounts {
    struct container_source *v; /* destinations are the document's */
    size_t n;
    int *holds; /* locks of tmpfs: until the container can be seen to run */
    size_t n_holds;
};

/* Makes those that @document's mounts need. Errors name the volume. */
int volume_mounts_open(const struct engine *en, const char *id, const json_t *document,
                       struct volume_mounts *ret, struct err *e);

/* Adds the mount @fd, which is taken over in any case, for the bind on @destination, which must
 * outlive it. */
int volume_mounts_add(struct volume_mounts *m, const char *destination, int fd, struct err *e);

/* Safe to call twice. */
void volume_mounts_release(struct volume_mounts *m);
#define _cleanup_volume_mounts_ _cleanup_(volume_mounts_release)

#endif
