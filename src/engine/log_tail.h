/*
 * The last lines of a log, found from its end: what that takes grows with the lines and not with
 * the log.
 */
#ifndef SKIFF_ENGINE_LOG_TAIL_H
#define SKIFF_ENGINE_LOG_TAIL_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* Where reading begins. */
struct log_place {
    int fd; /* a file of the log, held (log_files.h); the caller's to close */
    off_t offset;
    /* So many entries of each stream from there on are not wanted: they belong to earlier lines,
     * whose pieces stand among those of the other stream. */
    uint64_t skip[2];
};

/* The place from which a reader meets the last @lines lines of both streams together, whole ones
 * and one that has no end yet. -ENOENT: there is no log. */
int log_tail_find(int dir_fd, uint64_t lines, struct log_place *ret, struct err *e);

#endif
