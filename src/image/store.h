/*
 * Writing the store: its lock, its temporary names, and getting rid of what nobody needs.
 *
 * One lock for all writers (flock on images/.lock), held while the index changes, never while an
 * archive is read or a folder tree is removed. What is not finished has a temporary name and its
 * own flock by whoever works on it:
 *
 *     images/.tmp-HEX    a blob being written
 *     layers/.tmp-HEX/   a layer being unpacked
 *     layers/.dead-HEX/  a layer being removed: nobody's any more, whoever sees it may go on
 *
 * What a killed writer leaves is one of these without a lock, or a blob or layer that no image in
 * the index names: store_sweep finds both. What counts as needed is read off the index alone.
 */
#ifndef SKIFF_IMAGE_STORE_H
#define SKIFF_IMAGE_STORE_H

#include "base/json.h"

#include <stdbool.h>

/* Makes what is missing of the store: folders (0700), oci-layout, an empty index. */
int store_make(int root_fd, struct err *e);

/* Waits for the lock of the store. Closing *ret gives it back. */
int store_lock(int root_fd, int *ret, struct err *e);

/* With the store locked: a new, locked temporary file for a blob, or folder for a layer. *ret_path
 * is below --root and the caller's to free; closing *ret_fd gives up the claim. */
int store_new_blob(int root_fd, char **ret_path, int *ret_fd, struct err *e);
int store_new_layer(int root_fd, char **ret_path, int *ret_fd, struct err *e);

/* What the images of @index need: two sets (objects) of hexadecimal digests, the caller's. A
 * negative errno when an image cannot be read, and so nobody knows. */
int store_needed(int root_fd, const json_t *index, json_t **ret_blobs, json_t **ret_layers);

/* With the store locked: whether nobody holds the flock of a temporary file or folder. */
bool store_is_abandoned(int dir_fd, const char *name);

/* With the store locked: removes the blobs that no image of @index needs, what dead writers left,
 * and takes such layers out of sight. When an image cannot be read, nobody knows what it needs:
 * then only temporary names go. */
int store_sweep(int root_fd, const json_t *index, struct err *e);

/* Takes the layer folder @path (below --root) out of sight in one step. 0 when it is not there. */
int store_condemn(int root_fd, const char *path, struct err *e);

/* Removes what store_sweep and store_condemn took out of sight. Needs no lock; takes its time. */
void store_bury(int root_fd);

#endif
