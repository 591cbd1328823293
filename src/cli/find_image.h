/*
 * The image that run and create make a container of, fetched first if --pull says so.
 */
#ifndef SKIFF_CLI_FIND_IMAGE_H
#define SKIFF_CLI_FIND_IMAGE_H

#include "cli/cli.h"
#include "cli/request.h"
#include "engine/create.h"

/* Checks --pull and --platform, before anything is done. */
int check_pull_options(const struct request_options *o, struct err *e);

/* Finds @name, or fetches it: the progress is shown on standard error, for standard output is the
 * container's. An image for another platform than --platform is as one that is not there. -ENOENT:
 * there is none, and none was to be fetched. */
int find_or_pull_image(struct cli *c, const struct request_options *o, const char *name,
                       struct create_image *ret, struct err *e);

#endif
