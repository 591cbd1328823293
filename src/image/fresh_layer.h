/*
 * A layer that is being unpacked, or is whole and has no name in the store yet.
 *
 * Its blob and its folder have temporary names and the flock of whoever works on it (store.h): who
 * is killed leaves them to the next sweep. put.h gives them their names.
 */
#ifndef SKIFF_IMAGE_FRESH_LAYER_H
#define SKIFF_IMAGE_FRESH_LAYER_H

#include "image/pipeline.h"

struct fresh_layer {
    int root_fd;     /* the engine's --root, borrowed */
    char *blob_path; /* below it; NULL: none (any more) */
    int blob_fd;
    bool keep_blob;    /* on release the blob stays: somebody goes on with it */
    char *folder_path; /* NULL: none (any more) */
    int folder_fd;
    struct pipeline_result result; /* what it turned out to be */
    char *chain_id; /* it was completed from the layers below: the name under which it lies; else
                     * NULL, and that is its diff ID */
};
#define FRESH_LAYER_INIT ((struct fresh_layer){.blob_fd = -EBADF, .folder_fd = -EBADF})

/* Makes a place for one, after having swept what is left in the store. */
int fresh_layer_begin(int root_fd, struct fresh_layer *ret, struct err *e);

/* Unpacks the archive that @in_fd gives into it, and has it on disk. */
int fresh_layer_unpack(struct fresh_layer *l, int in_fd, const struct limits *limits,
                       struct err *e);

/* What has no name by now goes. Not with the store locked. */
void fresh_layer_release(struct fresh_layer *l);
#define _cleanup_fresh_layer_ _cleanup_(fresh_layer_release)

#endif
