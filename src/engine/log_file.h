/*
 * The log as files: entries of log_entry.h, in files of log_files.h that take turns.
 *
 * Writing never waits for anybody but the disk, and never ends the container: when there is no room
 * (or no disk), what comes is counted and dropped. Once a second it is tried again; the first that
 * can be written again is an entry of standard error that says how much is missing.
 */
#ifndef SKIFF_ENGINE_LOG_FILE_H
#define SKIFF_ENGINE_LOG_FILE_H

#include "engine/log_entry.h"

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct log_file {
    int dir_fd;         /* the container's folder; not owned */
    int fd;             /* "log"; -EBADF until something is written */
    off_t size;         /* of it */
    char *buffer;       /* of entries; NULL until something is written */
    long long max_size; /* it is never longer, but for one entry; -1: no limit */
    unsigned max_files; /* at least 1 */
    bool torn;          /* the last entry in it has no end */
    int error;          /* a positive errno while writing fails */
    time_t retry;       /* then: when it is tried again, CLOCK_MONOTONIC */
    uint64_t lost;      /* bytes that are missing, and not yet told in the log */
};

/* Allocates and opens nothing. */
void log_file_init(struct log_file *f, int dir_fd, long long max_size, unsigned max_files);

/* Appends what one read(2) gave, some hundred lines with one writev(2). `error` tells afterwards
 * whether they are in the log. */
void log_file_write(struct log_file *f, enum log_stream stream, const void *bytes, size_t n);

void log_file_close(struct log_file *f);

#endif
