/*
 * What `logs` prints: the entries of a log as the bytes that the container wrote; or, when
 * something is to stand before each line, as whole lines.
 */
#ifndef SKIFF_CLI_LOG_LINES_H
#define SKIFF_CLI_LOG_LINES_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/log_entry.h"

/* Standard output and error, written in big pieces, in order. */
struct log_output {
    enum log_stream stream; /* of what is collected */
    char *bytes;
    size_t n;
};

int log_output_begin(struct log_output *o, struct err *e);
int log_output_flush(struct log_output *o, struct err *e);
void log_output_release(struct log_output *o);

/* One container's lines. */
struct log_lines {
    bool whole; /* lines are put together: something stands before them */
    bool timestamps;
    char *prefix, *details; /* owned; NULL: none */
    struct {
        struct str text; /* of the line that is put together, with all that is before it */
        bool open;       /* there is one */
    } line[2];
};

/* Details are those of the container's document. */
int log_lines_begin(struct log_lines *l, const json_t *document, bool timestamps, bool details,
                    struct err *e);

/* Puts the container's name before each of its lines, as wide as the longest of all, and in a
 * colour of its own where colours are wanted. */
int log_lines_prefix(struct log_lines *l, const char *name, size_t width, size_t number,
                     struct err *e);

int log_lines_add(struct log_lines *l, const struct log_entry *entry, struct log_output *out,
                  struct err *e);

/* Prints the lines that have no end. */
int log_lines_finish(struct log_lines *l, struct log_output *out, struct err *e);

void log_lines_release(struct log_lines *l);

#endif
