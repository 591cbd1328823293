/*
 * `import`: from the archive of a root file system to an image of one layer in the store; and
 * `commit`: from the archive of a layer to an image of its parent's layers and that one.
 */
#ifndef SKIFF_IMAGE_IMPORT_H
#define SKIFF_IMAGE_IMPORT_H

#include "base/json.h"
#include "base/str.h"
#include "image/unpack.h"

struct import {
    int root_fd;         /* the engine's --root */
    const char *file;    /* path of the archive; "-": standard input */
    const char *name;    /* to give the image, or NULL */
    const char *message; /* for its history; NULL: "Imported from FILE", or none with a parent */
    const char *parent;  /* the ID of an image in the store; NULL: none */
    json_t *settings;    /* the image's "config" to begin with; NULL: an empty one. Borrowed */
    const char *author, *created_by; /* for its history, or NULL */
    const char *platform;            /* "linux/arm64/v8"; NULL: this machine's */
    struct strv changes;             /* Dockerfile instructions, see change.h */
    struct limits limits;
};

/* Imports, and gives the image's ID. On failure nothing is left in the store; what a killed import
 * leaves goes with the next command that writes. *ret_id is the caller's to free. */
int import_run(const struct import *im, char **ret_id, struct err *e);

#endif
