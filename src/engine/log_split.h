/*
 * Output into lines, for drivers whose messages are lines: what is longer comes in pieces, as
 * Docker's.
 */
#ifndef SKIFF_ENGINE_LOG_SPLIT_H
#define SKIFF_ENGINE_LOG_SPLIT_H

#include "base/str.h"
#include "engine/log_entry.h"

enum { LOG_LINE_MAX = 16384 };

/* Takes one line, without its end; @partial: it goes on in the next one of the same stream. */
typedef void log_line(void *data, enum log_stream stream, const char *line, size_t n, bool partial);

struct log_split {
    struct str begun[2]; /* lines that have no end yet; no memory while there is none */
};

/* Takes what one read(2) gave; calls @take for each line that is whole by now. */
void log_split_add(struct log_split *s, enum log_stream stream, const char *bytes, size_t n,
                   log_line *take, void *data);

/* Gives those that have no end, and releases. */
void log_split_end(struct log_split *s, log_line *take, void *data);

#endif
