/*
 * What is shown of an image: Docker's document.
 */
#ifndef SKIFF_CLI_IMAGE_INSPECT_H
#define SKIFF_CLI_IMAGE_INSPECT_H

#include "cli/cli.h"

#include <jansson.h>

/* The whole document of Docker's GET /images/NAME/json, new. @platform: NULL, or what it must be
 * for. Errors as image_find's. */
int image_inspect(struct cli *c, const char *what, const char *platform, json_t **ret,
                  struct err *e);

#endif
