/*
 * A container's root file system seen from outside: a descriptor that leads into it and nowhere
 * else, for copying from it and into it.
 *
 * Of a container that runs it is a copy of the mounts in its mount namespace, as they stand at that
 * moment: its volumes and its tmpfs are there as it has them, and what it mounts later is not. Of
 * one that does not run it is its overlay, mounted for this, with its volumes. In both cases a
 * detached mount of our own: no name of the host leads there, nobody can mount anything into it,
 * and device nodes in it cannot be opened. Its files are the container's, who may change them at
 * any time: every path is resolved by root_open (kernel/mount.h), with this descriptor as its root.
 */
#ifndef SKIFF_ENGINE_ROOTFS_VIEW_H
#define SKIFF_ENGINE_ROOTFS_VIEW_H

#include "engine/engine.h"
#include "kernel/owner_map.h"

struct rootfs_view {
    int mount; /* what keeps it; can be attached somewhere else, and is gone from here then */
    int fd;    /* its root folder, readable */
    int lock;  /* the change lock of a container that does not run: it must not be started now */
    bool running;
    bool lost; /* what is written is gone with this view: a machine's own root, not running */
    struct owner_map uids, gids;
};
#define ROOTFS_VIEW_INIT ((struct rootfs_view){.mount = -EBADF, .fd = -EBADF, .lock = -EBADF})

enum rootfs_view_flags {
    VIEW_ROOT_ALONE = 1 << 0, /* without what is mounted in it: what was there before is seen */
};

/* Looks at the container as it is now. With a user namespace whose maps were not chosen yet, they
 * are chosen, and written into its document. */
int rootfs_view_open(const struct engine *en, struct container_record *c, unsigned flags,
                     struct rootfs_view *ret, struct err *e);
void rootfs_view_release(struct rootfs_view *v);
#define _cleanup_view_ _cleanup_(rootfs_view_release)

/* Who root of the container is out here. */
void rootfs_view_root(const struct rootfs_view *v, uid_t *ret_uid, gid_t *ret_gid);

/* From owners out here to owners as the container sees them. */
void rootfs_view_owner(const struct rootfs_view *v, uid_t *uid, gid_t *gid);

#endif
