/*
 * What `--filter label=…` means, wherever something has labels.
 */
#ifndef SKIFF_CLI_LABEL_FILTER_H
#define SKIFF_CLI_LABEL_FILTER_H

#include "base/json.h"
#include "base/options.h"

/* Whether @labels (an object, or NULL) has "KEY" or "KEY=VALUE". */
bool label_matches(const json_t *labels, const char *wish);

/* Whether they pass every "label=" and "label!=" among @filters; others are not looked at. */
bool labels_pass(const struct option_list *filters, const json_t *labels);

#endif
