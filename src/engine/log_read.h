/*
 * Reading a container's log, while it is written or afterwards: entry by entry, from the oldest
 * file to the newest, through every change of files, each entry once.
 *
 * The files are no more trusted than any other: lines that are no entries are counted and left out.
 */
#ifndef SKIFF_ENGINE_LOG_READ_H
#define SKIFF_ENGINE_LOG_READ_H

#include "base/err.h"
#include "engine/log_entry.h"

#include <stdint.h>
#include <time.h>

enum { LOG_TAIL_ALL = -1 };

struct log_read_options {
    int dir_fd;     /* the container's folder; not owned */
    long long tail; /* the last lines only; LOG_TAIL_ALL */
    /* What is written later is wanted too: then the file is made if there is none, so that it is
     * ours to read even if the container's folder goes meanwhile. Else reading ends where the log
     * ends now, however fast it grows. */
    bool follow;
    /* Entries of this time or later, and of this time or earlier; NULL: any. */
    const struct timespec *since, *until;
};

struct log_reader;

/* Finds the place to begin. That there is no log is no error. */
int log_reader_open(const struct log_read_options *options, struct log_reader **ret, struct err *e);

/* The next entry, which lies in the reader until the next call: 1; 0 when there is none now, and
 * later there may be. @final says that nobody writes any longer: then the beginning of an entry
 * whose end is missing is one too. */
int log_reader_next(struct log_reader *r, bool final, struct log_entry *ret, struct err *e);

/* How many lines were no entries, and whether files were deleted before they could be read. */
uint64_t log_reader_garbage(const struct log_reader *r);
bool log_reader_gap(const struct log_reader *r);

void log_reader_close(struct log_reader **r);
#define _cleanup_log_reader_ _cleanup_(log_reader_close)

#endif
