/*
 * Images and the containers that were made of them: who may be removed, and what is told of it.
 */
#ifndef SKIFF_CLI_IMAGE_USE_H
#define SKIFF_CLI_IMAGE_USE_H

#include "cli/cli.h"
#include "image/image.h"

/* Who uses an image: the containers' documents are asked. An image_use_fn, whose data is a struct
 * cli. */
enum image_use cli_image_use(void *data, const char *id, char **ret_by);

/* Tells the event for a line of what image_remove has done. */
void cli_image_tell(struct cli *c, const char *line);

#endif
