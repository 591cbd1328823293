/*
 * The environment that Docker gives a container's process.
 */
#ifndef SKIFF_ENGINE_ENVIRONMENT_H
#define SKIFF_ENGINE_ENVIRONMENT_H

#include "base/json.h"

/* For the document's @config and a process that has a terminal or not: what the engine sets stands
 * before the image's and the user's (Config.Env), which win; then what @more (a list, may be NULL)
 * adds, changes ("NAME=VALUE") or takes away ("NAME"); HOME last. *ret is the caller's. */
int environment_make(const json_t *config, bool tty, const json_t *more, const char *home,
                     json_t **ret, struct err *e);

#endif
