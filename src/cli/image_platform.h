/*
 * --platform where an image is named that is here: whether it is that one.
 */
#ifndef SKIFF_CLI_IMAGE_PLATFORM_H
#define SKIFF_CLI_IMAGE_PLATFORM_H

#include "image/image.h"

/* Whether @image, named by @what, serves @platform ("linux/arm64"; NULL or "": any): -ENOENT with
 * Docker's words when it does not, -EINVAL when @platform is none. */
int image_platform_check(const struct image *image, const char *what, const char *platform,
                         struct err *e);

#endif
