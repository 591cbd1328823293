/*
 * `import`: from the archive of a root file system to an image of one layer in the store.
 */
#ifndef SKIFF_IMAGE_IMPORT_H
#define SKIFF_IMAGE_IMPORT_H

#include "base/str.h"
#include "image/unpack.h"

struct import {
    int root_fd;          /* the engine's --root */
    const char *file;     /* path of the archive; "-": standard input */
    const char *name;     /* to give the image, or NULL */
    const char *message;  /* for its history; NULL: "Imported from FILE" */
    const char *platform; /* "linux/arm64/v8"; NULL: this machine's */
    struct strv changes;  /* Dockerfile instructions, see change.h */
    struct limits limits;
};

/* Imports, and gives the image's ID. On failure nothing is left in the store; what a killed import
 * leaves goes with the next command that writes. *ret_id is the caller's to free. */
int import_run(const struct import *im, char **ret_id, struct err *e);

#endif
