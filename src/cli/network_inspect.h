/*
 * A network as `inspect` shows it: Docker's GET /networks/NAME.
 */
#ifndef SKIFF_CLI_NETWORK_INSPECT_H
#define SKIFF_CLI_NETWORK_INSPECT_H

#include "cli/cli.h"
#include "engine/networks.h"

/* By name, ID, or the beginning of one; Containers are those that are on it now. *ret is the
 * caller's. */
int network_inspect(struct cli *c, const char *what, json_t **ret, struct err *e);

#endif
