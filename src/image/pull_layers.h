/*
 * The layers of an image that is being pulled: several at a time, each fetched, checked and
 * unpacked in one pass.
 */
#ifndef SKIFF_IMAGE_PULL_LAYERS_H
#define SKIFF_IMAGE_PULL_LAYERS_H

#include "image/fresh_layer.h"
#include "image/manifest.h"
#include "image/progress.h"

struct layers_wanted {
    int root_fd;
    const char *repository; /* at the place */
    const struct remote_image *image;
    const struct endpoint *place;
    const struct credentials *who;
    const struct limits *limits;
    const struct progress *progress;
    struct fetcher *first; /* one that is there already, at the place; borrowed */
};

/* Fetches and unpacks what is not in the store. *ret are the caller's to release, one by one, and
 * to free. -EBADMSG: one of them is not what its digest says; it is forgotten. On other failures
 * what was fetched stays for the next pull. */
int pull_layers(const struct layers_wanted *w, struct fresh_layer **ret, size_t *ret_n,
                struct err *e);

#endif
