/*
 * From the archive around images (docker save, an OCI archive) to the files in it, one after the
 * other.
 *
 * Runs in a process that can do nothing but read it and pass on what it finds (archive_reader.h):
 * for each file a head, its name, the target of a link, and the content, unless the archive can be
 * read once more at that place. Nothing is ever made of a name but a key to compare.
 *
 * Source: POSIX.1-2017 pax(1), "ustar Interchange Format", "pax Header Block"; the GNU tar manual,
 * "Basic Tar Format", for long names and large numbers.
 */
#ifndef SKIFF_IMAGE_ARCHIVE_SCAN_H
#define SKIFF_IMAGE_ARCHIVE_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    ARCHIVE_NAME_MAX = 1024,    /* bytes of a file's name, and of a link's target */
    ARCHIVE_FILES_MAX = 100000, /* in one archive; images of all registries have fewer */
};

struct archive_head {
    uint64_t size;   /* of the content */
    uint64_t at;     /* where it is in the archive */
    uint32_t name;   /* bytes of the name that follows, not 0 */
    uint32_t target; /* and of a link's target; 0: a regular file */
};

struct archive_scan {
    int in_fd, out_fd;
    bool again;       /* @in_fd is a file, read from @at on: no content is passed on */
    off_t at;         /* in the archive; 0, or where it begins in the file */
    const void *head; /* its first bytes, which were read from @in_fd already */
    size_t head_len;
    long long size_max; /* of one file; at most 2^50 */
};

/* Reads all of it. -EBADMSG: no tar archive, or a broken one; -E2BIG: too much of something;
 * -EPIPE: nobody takes it. */
int archive_scan(struct archive_scan *s, struct err *e);

#endif
