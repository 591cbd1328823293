/*
 * Which images an archive (or a folder) of images has, by the documents in it.
 *
 * Three forms: Docker's (manifest.json names a config, layers and tags), the OCI image layout
 * (index.json, blobs/sha256/HEX), and skopeo's folder of one image (manifest.json is its manifest,
 * HEX its blobs). What Docker saves since version 25 is the first two at once; then the layout
 * counts, for its manifests have digests.
 *
 * Sources: image-spec image-layout.md, image-index.md, annotations.md; Docker's image specification
 * v1.2; containers-transports(5).
 */
#ifndef SKIFF_IMAGE_ARCHIVE_IMAGES_H
#define SKIFF_IMAGE_ARCHIVE_IMAGES_H

#include "base/json.h"
#include "base/str.h"

enum archive_form { ARCHIVE_TARRED, ARCHIVE_FOLDER_OF_ONE };

struct archive_image {
    char *name;         /* full; NULL: none */
    char *ref;          /* as its maker wrote the name in an OCI layout; may be NULL */
    char *config;       /* the file */
    char *id;           /* "sha256:…", what its config's digest is said to be; NULL: not said */
    char *manifest;     /* the file; NULL: Docker's form, which has none */
    char *type;         /* of the manifest */
    struct strv layers; /* files, lowest first */
};

struct archive_images {
    struct archive_image *v;
    size_t n;
};

void archive_images_release(struct archive_images *l);
#define _cleanup_archive_images_ _cleanup_(archive_images_release)

/* The document @name, of at most LAYOUT_BLOB_MAX bytes; borrowed. NULL: -ENOENT when it is not
 * there, or another error, is in *ret_n_or_error. */
typedef const char *archive_document_fn(void *data, const char *name, ssize_t *ret_n_or_error,
                                        struct err *e);

/* @platform: which of several that one image is made for; @strict: others are refused also where
 * there is no choice. -EBADMSG: the documents are not what they should be. */
int archive_images_read(enum archive_form form, archive_document_fn *document, void *data,
                        const json_t *platform, bool strict, struct archive_images *ret,
                        struct err *e);

#endif
