/*
 * One entry of a container's log, as it stands in the file: a line in the format of Kubernetes'
 * CRI,
 *
 *     2006-01-02T15:04:05.999999999Z stdout F text
 *
 * F: a whole line of the container's, or the rest of one; its line end is the entry's own. P: a
 * piece of a line that goes on in the next entry of the same stream. Text is any bytes but line
 * ends, so what a container wrote comes back byte for byte.
 *
 * The time is always of this length and in UTC, so times are compared as bytes.
 */
#ifndef SKIFF_ENGINE_LOG_ENTRY_H
#define SKIFF_ENGINE_LOG_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

enum log_stream { LOG_STDOUT, LOG_STDERR };

enum {
    LOG_TIME_LEN = 30,
    LOG_HEADER_LEN = LOG_TIME_LEN + 10, /* time, " stdout ", "F " */
    LOG_TEXT_MAX = 65536,               /* of an entry that we write; longer lines are pieces */
};

struct log_entry {
    const char *time; /* LOG_TIME_LEN bytes */
    enum log_stream stream;
    bool partial;     /* P */
    const char *text; /* in what was parsed, as is `time` */
    size_t n;
};

/* Writes the header of an entry. */
void log_entry_header(char ret[LOG_HEADER_LEN], const char time[LOG_TIME_LEN],
                      enum log_stream stream, bool partial);

/* Takes apart the @n bytes of a line, without its end. False when it is no entry. */
bool log_entry_parse(const char *line, size_t n, struct log_entry *ret);

#endif
