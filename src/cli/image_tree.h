/*
 * images --tree: each image with the platforms that are here.
 */
#ifndef SKIFF_CLI_IMAGE_TREE_H
#define SKIFF_CLI_IMAGE_TREE_H

#include "cli/cli.h"
#include "cli/image_filter.h"

/* Prints the images of @list that pass @filter, in Docker's columns: names, ID, what it takes on
 * the disk, what of that is archives as a registry has them, and "U" when a container was made of
 * it. Those that came from one index of several platforms are one image. */
int image_tree_print(struct cli *c, const struct image_list *list,
                     const struct image_filter *filter, struct err *e);

#endif
