/*
 * The headers of a tar archive as they are written: ustar, with a pax header before it for what
 * that cannot say. Pure.
 *
 * Source: POSIX.1-2017 pax(1), "ustar Interchange Format", "pax Header Block"; the GNU tar manual,
 * "PAX Format, Version 1.0" for files with holes; "SCHILY.xattr." as star and others have it.
 */
#ifndef SKIFF_BASE_TAR_HEADER_H
#define SKIFF_BASE_TAR_HEADER_H

#include "base/str.h"

#include <sys/stat.h>

enum { TAR_BLOCK = 512 };

struct tar_piece {
    off_t at, n;
};

struct tar_entry {
    const char *path;   /* a folder's without a slash at its end */
    const char *target; /* of a link of either kind; else NULL */
    bool hard;          /* another name of @target, which is in the archive before it */
    mode_t mode;        /* with its type; no socket */
    uid_t uid;
    gid_t gid;
    off_t size; /* of a regular file that is no link */
    struct timespec mtime;
    dev_t rdev;
    const struct str *records; /* more pax records, of tar_add_record; NULL: none */
    const struct tar_piece
        *pieces; /* what lies between a file's holes, in order; NULL: all of it */
    size_t n_pieces;
};

/* Appends one record of a pax header: its own length, "KEY=VALUE" and a line's end. The value may
 * hold any bytes. */
void tar_add_record(struct str *records, const char *key, const void *value, size_t n);

/* Appends all that stands before the entry's content: a multiple of TAR_BLOCK. What follows is the
 * file's content, or its pieces one after the other, filled up to a multiple of TAR_BLOCK. When
 * memory ran out @out has failed. */
void tar_add_header(struct str *out, const struct tar_entry *t);

/* Zeros up to the next multiple of TAR_BLOCK after @n bytes. */
void tar_add_padding(struct str *out, unsigned long long n);

/* The archive's end. */
void tar_add_end(struct str *out);

#endif
