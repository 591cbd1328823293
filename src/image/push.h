/*
 * `push`: an image of the store to a registry.
 *
 * What the registry has is not sent: it is asked first, or told in which of its other repositories
 * the blob is. The rest goes as it lies in the store, several blobs at a time, and last the
 * manifest: so nobody can pull an image of which half is missing.
 */
#ifndef SKIFF_IMAGE_PUSH_H
#define SKIFF_IMAGE_PUSH_H

#include "image/progress.h"

#include <stdbool.h>

struct push {
    int root_fd;
    const char *reference;   /* as a person types it */
    const char *platform;    /* only if the image is for it; NULL: whatever it is for */
    const char *compression; /* "gzip", "zstd": of all layers; NULL: as they are, and plain ones
                                gzip, as registries expect it */
    bool all_tags;
    struct progress progress;
};

/* -ENOENT: no such image. -EACCES: the registry does not let us. */
int push_run(const struct push *p, struct err *e);

#endif
