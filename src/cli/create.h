/*
 * What run and create share: from options to a container on disk.
 */
#ifndef SKIFF_CLI_CREATE_H
#define SKIFF_CLI_CREATE_H

#include "cli/cli.h"
#include "cli/request.h"
#include "engine/create.h"

/* Whether "-a @stream" was given, or no -a at all. */
bool attaches(const struct request_options *o, const char *stream);

/* What was said, word by word, for who makes the container anew (generate systemd): a list, the
 * caller's; NULL when it is not text. */
json_t *cli_words(int argc, char **argv);

/* Checks the options, finds the image words[0], and makes the container with the command that
 * follows. It is watched by us (record_watch). On failure nothing is left. */
int cli_create(struct cli *c, const struct request_options *o, int n, char **words,
               struct create_image *ret_image, struct container_record *ret_record, struct err *e);

#endif
