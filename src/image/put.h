/*
 * Putting an image into the store: all of it or nothing, in one moment.
 *
 * The only way into the store, for what was imported, committed, pulled or loaded. With the store
 * locked its new layers and blobs get their names, what it shares with other images is looked for
 * once more, and last the index says that it is there.
 */
#ifndef SKIFF_IMAGE_PUT_H
#define SKIFF_IMAGE_PUT_H

#include "base/json.h"
#include "image/fresh_layer.h"

struct new_image {
    struct fresh_layer *layers; /* those that may not be in the store yet; any order */
    size_t n_layers;
    /* The very bytes whose digests others know, or were just made here. */
    const char *config, *manifest;
    size_t config_len, manifest_len;
    const char *manifest_type;
    json_t *platform;        /* for the index; borrowed */
    const char *name;        /* full, to be given to it; NULL: none */
    const char *repo_digest; /* "docker.io/library/rust@sha256:…", or NULL */
};

/* Puts it there. *ret_id, "sha256:…" of its config, is the caller's to free.
 *
 * -ESTALE: a layer that is not among the new ones is not in the store (any more); nothing was
 * changed, and its layers are still the caller's. */
int put_image(int root_fd, const struct new_image *image, char **ret_id, struct err *e);

/* What a registry calls the manifest that is here under @name. -ESTALE when it is not, or not under
 * that name, any more. */
int put_repo_digest(int root_fd, const char *manifest_digest, const char *name,
                    const char *repo_digest, struct err *e);

#endif
