/*
 * A container's root file system: its image's layers, and a layer of its own on top, as a detached
 * overlay mount. It is attached in the container's mount namespace only: the host has no mount that
 * could leak or be found busy.
 *
 * Source: Documentation/filesystems/overlayfs.rst. Where the kernel is too old for layers named one
 * by one (lowerdir+, Linux 6.8) or for layers that are not attached (6.15), the calling process
 * moves into a mount namespace of its own to make it.
 */
#ifndef SKIFF_ENGINE_OVERLAY_H
#define SKIFF_ENGINE_OVERLAY_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

struct overlay {
    int root_fd;               /* folder below which the layers' paths start */
    const struct strv *layers; /* lowest first; NULL: the one layer is the machine's own root */
    const char *base;          /* a layer below them all, for mount points that they have not;
                                * NULL: none */
    int container_fd; /* has upper/ and work/, made when missing, and rootfs/ to mount on */
    int userns_fd;    /* the layers' owners are shifted through it; -1: not */
    uid_t owner_uid;  /* who owns the root folder of the container's own layer: with a user */
    gid_t owner_gid;  /* namespace its root (userns_root) */
    bool discard;     /* the container's own layer need not survive: never synced */
    bool image_alone; /* without the container's own layer, and so read-only */
};

/* Returns the detached mount's descriptor. With the machine's root as the layer, the container's
 * own layer is a tmpfs, and gone with it. */
int overlay_mount(const struct overlay *o, struct err *e);

#endif
