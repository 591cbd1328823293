/*
 * What is shown of an image: Docker's document.
 */
#ifndef SKIFF_CLI_IMAGE_INSPECT_H
#define SKIFF_CLI_IMAGE_INSPECT_H

#include "cli/cli.h"

#include <jansson.h>

/* The whole document of Docker's GET /images/NAME/json, new. Errors as image_find's. */
int image_inspect(struct cli *c, const char *what, json_t **ret, struct err *e);

#endif
