/*
 * The commands of skiff-image that move whole images: pull and its kin.
 */
#ifndef SKIFF_IMAGE_MAIN_TRANSFER_H
#define SKIFF_IMAGE_MAIN_TRANSFER_H

#include "image/unpack.h"

#include <stdbool.h>

/* Whether argv[1] is one of them. */
bool transfer_is_command(const char *word);

/* Does it, within @limits for each layer. *ret_prefix is what an error is to begin with;
 * *ret_badly: not called properly. */
int transfer_main(int argc, char **argv, const struct limits *limits, const char **ret_prefix,
                  bool *ret_badly, struct err *e);

#endif
