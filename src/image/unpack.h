/*
 * From a tar archive to a layer's folder in overlay's form.
 *
 * The names in the archive are taken below the current root, whatever they say: a leading "/" is
 * dropped, ".." is refused, and links in a parent are followed inside the root only. So it is meant
 * to run where that root is the layer's folder (see sandbox.h); nothing here depends on it.
 *
 * What is made of an entry: owners by number, modes with set-user-ID, times, "security.capability"
 * and "user." extended attributes, holes, hard links, device nodes and FIFOs as they are. Other
 * extended attributes are left out: "trusted.overlay." ones would steer the overlay. Whiteouts
 * (image-spec, layer.md) become overlay's: ".wh.NAME" a character device 0/0, ".wh..wh..opq" the
 * folder's name in the report, because setting trusted.overlay.opaque needs a capability that is
 * given up.
 *
 * An archive may also be unpacked among the files of a container, as `docker cp -` does: then names
 * are whatever they are, below one folder of it, and links are followed inside its root.
 */
#ifndef SKIFF_IMAGE_UNPACK_H
#define SKIFF_IMAGE_UNPACK_H

#include "base/err.h"
#include "base/str.h"
#include "kernel/owner_map.h"

#include <stdbool.h>

struct limits {
    long long bytes;   /* of the uncompressed archive */
    long long entries; /* in it */
    long long path;    /* bytes of a name in it */
    long long ratio;   /* uncompressed to compressed, counted from LIMITS_RATIO_FREE on */
};

#define LIMITS_RATIO_FREE (1LL << 30)
#define LIMITS_DEFAULT                                                                             \
    ((struct limits){.bytes = 256LL << 30, .entries = 4000000, .path = 4095, .ratio = 1000})

/* Replaces those that the environment sets: SKIFF_LIMIT_BYTES, _ENTRIES, _PATH, _RATIO, numbers
 * with or without a unit ("10g"). -EINVAL names the one that is none. */
int limits_from_environment(struct limits *ret, struct err *e);

struct unpacked {
    long long size; /* bytes of the regular files' content */
    long long entries;
    struct strv opaque;  /* folders that hide what lies below them */
    struct strv made_up; /* folders without an entry: like those of the layers below, if there */
    struct strv leaning; /* hard links whose file is in a layer below: a name, then the file's */
};

/* Where and how an archive goes among files that are there. */
struct placing {
    const char *into;            /* a folder below the root, which is there and keeps its owner */
    struct owner_map uids, gids; /* who owns, out here, what the archive gives to whom */
};

/* Whether the layer is whole only together with those below it: see complete.h. */
bool unpacked_leans(const struct unpacked *u);

/* Unpacks the archive that @in_fd gives into the folder @root_fd, and reads @in_fd to its end,
 * beyond the archive's. @placing NULL: as a layer, into an empty folder that nobody else uses; then
 * with @may_lean a hard link to what is not in the archive is told in @ret and left to
 * complete_layer, else refused. -EBADMSG: no tar archive, or a broken one; -E2BIG: a limit was hit.
 */
int unpack(int in_fd, int root_fd, const struct placing *placing, bool may_lean,
           const struct limits *limits, struct unpacked *ret, struct err *e);
void unpacked_release(struct unpacked *u);

#endif
