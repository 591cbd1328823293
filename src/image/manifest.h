/*
 * The manifest and config of an image at a registry, compared with their digests.
 */
#ifndef SKIFF_IMAGE_MANIFEST_H
#define SKIFF_IMAGE_MANIFEST_H

#include "image/fetcher.h"

struct remote_image {
    char *digest;   /* what the reference stands for: an index's, or the manifest's own */
    char *manifest; /* the bytes */
    size_t manifest_len;
    char *manifest_digest, *type;
    char *config;
    size_t config_len;
    json_t *manifest_value, *config_value;
    json_t *platform; /* of the image: "os", "architecture", "variant" */
};

void remote_image_release(struct remote_image *r);
#define _cleanup_remote_image_ _cleanup_(remote_image_release)

/* The digest that @repository has for @what ("latest", "sha256:…"), without its content. *ret is
 * the caller's; NULL when the registry does not say. */
int remote_digest(struct fetcher *f, const char *repository, const char *what, char **ret,
                  struct err *e);

/* Fetches both. Of an index the image for @platform is taken (image-index.md); @strict: an image
 * that is for another is refused also when there is no choice. -ENOENT: no such manifest. -EBADMSG:
 * what came is not what its digest says, or is no image. */
int remote_image_fetch(struct fetcher *f, const char *repository, const char *what,
                       const json_t *platform, bool strict, struct remote_image *ret,
                       struct err *e);

#endif
