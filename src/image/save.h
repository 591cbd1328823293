/*
 * `save`: images of the store as one archive, in the form that Docker has since version 25: an OCI
 * image layout that has Docker's own manifest.json and repositories as well.
 *
 * Blobs are copied as they are, by the kernel. The same images make the same bytes.
 */
#ifndef SKIFF_IMAGE_SAVE_H
#define SKIFF_IMAGE_SAVE_H

#include "base/err.h"

#include <stddef.h>

struct save {
    int root_fd;              /* the engine's --root */
    int out_fd;               /* a file, a pipe or a socket */
    const char *const *names; /* as people type them: a name alone stands for all its tags */
    size_t n_names;
    const char *platform; /* "linux/arm64": an image that is for another is refused; NULL: any */
    const char *format;   /* "oci-archive", "docker-archive": only what belongs to it; NULL: both */
};

/* -ENOENT: no such image; nothing was written then. */
int save_run(const struct save *s, struct err *e);

#endif
