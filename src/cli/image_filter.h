/*
 * Which images `images --filter KEY=VALUE` shows. Docker's meaning: of several filters with one key
 * any may pass, and every key must; but all labels must.
 */
#ifndef SKIFF_CLI_IMAGE_FILTER_H
#define SKIFF_CLI_IMAGE_FILTER_H

#include "base/options.h"
#include "image/image.h"

struct image_filter {
    const struct option_list *list;
    const char *pattern; /* the word of "images REPOSITORY[:TAG]", or NULL */
    bool has_before, has_since, has_until;
    long long before, since, until; /* nanoseconds since 1970 */
};

/* Checks the filters, and finds the images that they name. -EINVAL for one that nobody knows,
 * -ENOENT when there is no such image. @list and @pattern are borrowed. */
int image_filter_read(int root_fd, const struct option_list *list, const char *pattern,
                      struct image_filter *ret, struct err *e);

/* Whether the image passes, whatever its names. */
bool image_filter_passes(const struct image_filter *f, const struct image *image);

/* Whether it is shown under the full name @name (NULL: without one). Wildcards match inside one
 * part of a path. */
bool image_filter_shows(const struct image_filter *f, const char *name);

#endif
