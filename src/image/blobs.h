/*
 * The content of blobs against the digests that they are named by.
 */
#ifndef SKIFF_IMAGE_BLOBS_H
#define SKIFF_IMAGE_BLOBS_H

#include "base/err.h"

/* Reads all blobs of the store, and prints a line for each that is not what its name says: its
 * name, a space, and what is wrong. Blobs do not change under their name, so no lock is needed. */
int blobs_check(int root_fd, struct err *e);

#endif
