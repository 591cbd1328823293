/*
 * Compressing a layer for a registry.
 *
 * The same layer gives the same bytes each time (no times, no names in the header), so that its
 * digest is known to a registry that has it.
 */
#ifndef SKIFF_IMAGE_FOLD_H
#define SKIFF_IMAGE_FOLD_H

#include "base/err.h"

enum fold_kind { FOLD_GZIP, FOLD_ZSTD };

struct folded {
    int fd; /* a nameless file, readable from its beginning */
    char *digest;
    long long size;
};

/* Takes the compression that @blob_fd has off, if it has one, and gives it @kind, in a nameless
 * file of the folder @dir_fd. What takes a stranger's compression off is locked in (sandbox.h). */
int fold(int blob_fd, enum fold_kind kind, int dir_fd, struct folded *ret, struct err *e);

#endif
