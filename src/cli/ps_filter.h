/*
 * Which containers `ps --filter KEY=VALUE` shows. Docker's meaning: of several filters with one key
 * any may pass, and every key must; but all labels must.
 */
#ifndef SKIFF_CLI_PS_FILTER_H
#define SKIFF_CLI_PS_FILTER_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "engine/engine.h"

/* Checks the filters, and finds what they name. -EINVAL for one that nobody knows, -ENOENT when a
 * container does not exist that they name. */
int ps_filter_check(const struct engine *en, const struct option_list *filters, struct err *e);

/* Whether the container with this inspect document passes. Filters that were checked. */
bool ps_filter_passes(const struct engine *en, const struct option_list *filters, const json_t *d);

/* Whether they ask for containers that do not run, which else `ps` shows with --all only. */
bool ps_filter_wants_all(const struct option_list *filters);

#endif
