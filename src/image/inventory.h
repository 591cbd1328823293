/*
 * What lies in the store, for who checks it: that each image is whole, and that there is nothing
 * that no image needs. What the files contain is not read but by blobs_check (skiff-image), which
 * compares it with the digests that they are named by.
 */
#ifndef SKIFF_IMAGE_INVENTORY_H
#define SKIFF_IMAGE_INVENTORY_H

#include "base/json.h"

#include <stdbool.h>

/* One thing that is not as it should be: @subject is an image's name or digest, or a path below
 * --root; @left: no image needs it, and image_sweep removes it. */
typedef void image_finding(void *data, const char *subject, const char *problem, bool left);

/* Looks through the store; *ret_images is how many images it has. The store is locked for the
 * moment in which leftovers are looked for. -EBADMSG and others: the index cannot be read. */
int image_inspect_store(int root_fd, image_finding *tell, void *data, size_t *ret_images,
                        struct err *e);

/* Removes what no image needs. When an image cannot be read, what it needs is not known, and only
 * what was never finished goes. */
int image_sweep(int root_fd, struct err *e);

/* That, if a look at the names says that somebody was killed. No failure is one of the caller's. */
void image_sweep_dead(int root_fd);

/* As image_sweep, and what broken pulls would go on from; *ret_bytes is how many bytes of that. */
int image_sweep_all(int root_fd, long long *ret_bytes, struct err *e);

#endif
