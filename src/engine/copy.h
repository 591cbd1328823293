/*
 * `cp`: files from a container to the host and back.
 *
 * Nothing of the container is run or loaded for it, and no path of its leads out: its side is a
 * view (rootfs_view.h), and both trees are walked by descriptors (kernel/copy_tree.h).
 */
#ifndef SKIFF_ENGINE_COPY_H
#define SKIFF_ENGINE_COPY_H

#include "engine/archive.h"
#include "engine/rootfs_view.h"

struct copy_request {
    const char *container, *inside; /* its name, and the path in it */
    const char *host;               /* the path on the host */
    bool archive;                   /* owners as they are: of the container's own, as seen inside */
    bool follow;                    /* a link at the end of the source's path */
    /* Told the size so far, as it would be in a tar archive. NULL: nobody. */
    void (*progress)(void *data, unsigned long long size);
    void *data;
};

/* Both set *ret_size to the whole, also on failure. */
int copy_from_container(const struct engine *en, const struct copy_request *q,
                        unsigned long long *ret_size, struct err *e);
int copy_to_container(const struct engine *en, const struct copy_request *q,
                      unsigned long long *ret_size, struct err *e);

/* Where an archive from standard input goes: the container's root, and the path of the folder in
 * it, which is there and can be written to. The caller's to release. */
int copy_open_folder(const struct engine *en, const struct copy_request *q,
                     struct rootfs_view *ret_view, char **ret_path, struct err *e);

/* Writes the source in the container to @out as a tar archive, with owners as it sees them. */
int copy_to_archive(const struct engine *en, const struct copy_request *q, int out, struct err *e);

/* Writes all of the container's own root file system to @out likewise, without what is mounted in
 * it. @progress may be NULL. */
int copy_root_to_archive(const struct engine *en, const char *container, int out,
                         const struct archive_progress *progress, struct err *e);

#endif
