/*
 * `load`, and images from places that are no registries: from an archive or a folder to images in
 * the store.
 *
 * The coordinator: it has the archive read by a process that is locked in (archive_reader.h), the
 * layers unpacked by layer workers, compares what came with what the documents say, and puts images
 * into the store one by one (put.h). Nothing is written but layers. What no image names is dropped.
 */
#ifndef SKIFF_IMAGE_LOAD_H
#define SKIFF_IMAGE_LOAD_H

#include "base/str.h"
#include "image/archive_images.h"
#include "image/progress.h"
#include "image/unpack.h"

struct load {
    int root_fd;   /* the engine's --root */
    int in_fd;     /* the archive; -EBADF with a folder */
    int folder_fd; /* a folder; -EBADF with an archive */
    enum archive_form form;
    const char *only;     /* one image, by its name in there; NULL: all of them */
    bool single;          /* there may be no more than one */
    const char *platform; /* "linux/arm64"; NULL: this machine's, where there is a choice */
    struct progress progress;
    struct progress told; /* "Loaded image: …": also when nobody wants to see the progress */
    struct limits limits; /* of each layer */
};

/* Loads them. *ret_ids gets the ID of each. Images before the one that failed are in the store. */
int load_run(const struct load *l, struct strv *ret_ids, struct err *e);

#endif
