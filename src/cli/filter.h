/*
 * What `--filter KEY=VALUE` means wherever there is one.
 */
#ifndef SKIFF_CLI_FILTER_H
#define SKIFF_CLI_FILTER_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* Whether @labels (an object, or NULL) has "KEY" or "KEY=VALUE". */
bool label_matches(const json_t *labels, const char *wish);

/* Whether they pass every "label=" and "label!=" among @filters; others are not looked at. */
bool labels_pass(const struct option_list *filters, const json_t *labels);

/* "true", "1" and their opposites: 1, 0; -EINVAL. */
int filter_bool(const char *value);

/* One that nobody knows, or whose value means nothing: -EINVAL. */
int filter_invalid(const char *filter, struct err *e);

/* Whether some of @filters begin with @key ("name="), and none of them holds: any of one key will
 * do. */
bool filter_rejects(const struct option_list *filters, const char *key,
                    bool (*holds)(const void *data, const char *key, const char *value),
                    const void *data);

#endif
