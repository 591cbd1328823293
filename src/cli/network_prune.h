/*
 * Removing networks that no container has, for `network prune` and `system prune`.
 */
#ifndef SKIFF_CLI_NETWORK_PRUNE_H
#define SKIFF_CLI_NETWORK_PRUNE_H

#include "cli/cli.h"

/* Those that pass @filters (until, label, label!), and that no container is on or will be on when
 * it starts. Their names are added to @removed. */
int networks_prune(struct cli *c, const struct option_list *filters, struct strv *removed,
                   struct err *e);

#endif
