/*
 * A tree of files as a tar archive, written as it is read.
 *
 * The tree may be a container's that changes it meanwhile: it is walked as for a copy
 * (kernel/walk.h), and a file that becomes shorter is filled up with zeros, for its length was said
 * before.
 */
#ifndef SKIFF_ENGINE_ARCHIVE_H
#define SKIFF_ENGINE_ARCHIVE_H

#include "kernel/walk.h"

#include <stdbool.h>

/* Told how many bytes are written. */
struct archive_progress {
    void (*tell)(void *data, unsigned long long bytes);
    void *data;
};

struct archive_options {
    /* Who owns, in the archive, what *uid and *gid own. NULL: they. */
    void (*owner)(void *data, uid_t *uid, gid_t *gid);
    /* Whether what is in a folder is taken too. NULL: always. */
    bool (*enter)(void *data, const struct walk_entry *entry);
    void *data;
    /* The tree is the upper layer of an overlay: what it hides is written as an image's layer has
     * it (image-spec layer.md, "Whiteouts"). */
    bool layer;
    const struct archive_progress *progress; /* NULL: nobody */
};

/* All that is below the folder @from (readable), as @name/… with @name for itself first; with NULL
 * without it. */
int archive_folder(int out, int from, const char *name, const struct archive_options *o,
                   struct err *e);

/* What is called @from in @dir, and no folder, as @name. */
int archive_node(int out, int dir, const char *from, const char *name,
                 const struct archive_options *o, struct err *e);

#endif
