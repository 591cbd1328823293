/*
 * Options that are given as KEY=VALUE, again and again.
 */
#ifndef SKIFF_CLI_PAIRS_H
#define SKIFF_CLI_PAIRS_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* What --@option was given, as one object, the caller's; a missing value is "". -EINVAL. */
int pairs_read(const char *option, const struct option_list *list, json_t **ret, struct err *e);

#endif
