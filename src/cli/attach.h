/*
 * The user's terminal or streams on a container: what run, start -a and attach do once it runs.
 */
#ifndef SKIFF_CLI_ATTACH_H
#define SKIFF_CLI_ATTACH_H

#include "cli/containers.h"
#include "engine/client.h"

/* Carries streams between us and the container of @record over the socket to its monitor. Returns
 * the exit status for us: the container's, or 0 when the detach keys were typed. */
int cli_follow(struct cli *c, const struct container_record *record, const struct client *client,
               struct err *e);

#endif
