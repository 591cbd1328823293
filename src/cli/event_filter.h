/*
 * Which events `events --filter KEY=VALUE` shows. Docker's meaning: of several filters with one key
 * any may pass, and every key must; but all labels must.
 */
#ifndef SKIFF_CLI_EVENT_FILTER_H
#define SKIFF_CLI_EVENT_FILTER_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* -EINVAL for one that nobody knows. */
int event_filter_check(const struct option_list *filters, struct err *e);

/* Whether an event of the journal (engine/events.h) passes. Filters that were checked. */
bool event_filter_passes(const struct option_list *filters, const json_t *event);

#endif
