/*
 * Whether what is asked of the network room makes sense. What is here may come from a command line
 * or a file that somebody edited.
 */
#ifndef SKIFF_NETWORK_NETWORK_CHECK_H
#define SKIFF_NETWORK_NETWORK_CHECK_H

#include "network/network.h"

/* -EINVAL, with the story. */
int network_check(const struct network_config *c, struct err *e);
int network_check_wish(const struct network_config *c, const struct network_wish *w, struct err *e);

#endif
