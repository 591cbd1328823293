/*
 * Where the monitor writes what a container writes: one of the drivers of log_config.h.
 *
 * Writing never fails for the caller and never keeps it waiting for another process. What cannot be
 * written is lost; while that is so, RUN/containers/ID/log-error says why, and inspect shows it as
 * LogError.
 */
#ifndef SKIFF_ENGINE_LOG_H
#define SKIFF_ENGINE_LOG_H

#include "engine/engine.h"
#include "engine/log_entry.h"

struct log;

/* Opens the log of @c, which must stay open as long, and so must @en. *ret is NULL for the driver
 * "none". What is not there (a daemon's socket) is an error here, before the container starts. The
 * files of a container are made only when it writes something. */
int log_open(const struct engine *en, const struct container_record *c, struct log **ret,
             struct err *e);

/* Takes what one read(2) gave, with the time of now. @l may be NULL. */
void log_write(struct log *l, enum log_stream stream, const void *bytes, size_t n);

/* Ends lines that have no end, where a driver waits for it. *l is NULL afterwards. */
void log_close(struct log **l);
#define _cleanup_log_ _cleanup_(log_close)

/* Why the output of a container that runs is not logged just now; a fresh string, empty when it is.
 * NULL when memory ran out. */
char *log_trouble(const struct engine *en, const char *id);

#endif
