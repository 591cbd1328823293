/*
 * The log as messages of systemd's journal, with Docker's fields.
 *
 * Source: systemd, "Native Journal Protocol".
 */
#ifndef SKIFF_ENGINE_LOG_JOURNALD_H
#define SKIFF_ENGINE_LOG_JOURNALD_H

#include "base/json.h"
#include "engine/log_entry.h"

struct log_journald;

int log_journald_open(const json_t *document, struct log_journald **ret, struct err *e);

/* What one read(2) gave. 0, or the positive errno with which messages are lost. */
int log_journald_write(struct log_journald *j, enum log_stream stream, const char *bytes, size_t n);

void log_journald_close(struct log_journald **j);

#endif
