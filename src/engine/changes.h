/*
 * What a container has changed of its image: `diff`. Read off its own layer, so that it takes as
 * long as there are changes, and compared with the image's layers under it.
 */
#ifndef SKIFF_ENGINE_CHANGES_H
#define SKIFF_ENGINE_CHANGES_H

#include "engine/engine.h"

struct changes {
    struct change {
        char kind; /* 'A'dded, 'C'hanged, 'D'eleted: Docker's letters */
        char *path;
    } * v;
    size_t n, cap;
};

void changes_release(struct changes *c);
#define _cleanup_changes_ _cleanup_(changes_release)

/* In the order of the paths, a folder before what is in it. A folder in which something changed
 * counts as changed; of one that is deleted nothing below is told. -ENOTSUP for the built-in image,
 * whose containers have no layer of their own on disk. */
int changes_read(const struct engine *en, struct container_record *record, struct changes *ret,
                 struct err *e);

#endif
