/*
 * The process that reads the archive around images, from the side of who started it.
 *
 * It (archive_scan.h), and the one before it that decompresses, are locked in. What it says is
 * bounded here; what it passes on as content is compared with digests by others.
 */
#ifndef SKIFF_IMAGE_ARCHIVE_READER_H
#define SKIFF_IMAGE_ARCHIVE_READER_H

#include "image/archive_scan.h"
#include "image/stage.h"
#include "image/unpack.h"

struct archive_reader {
    struct stage scanner, inflater;
    int from;   /* heads, names and contents come from it */
    bool again; /* no contents: they are read from the file */
};
#define ARCHIVE_READER_INIT                                                                        \
    ((struct archive_reader){.scanner = STAGE_INIT, .inflater = STAGE_INIT, .from = -EBADF})

struct archive_item {
    char *name, *target; /* target NULL: a regular file */
    long long size, at;
};
void archive_item_release(struct archive_item *i);

/* Starts reading the archive that @in_fd gives, plain or compressed. Of a plain one in a file the
 * contents are left there (->again). */
int archive_reader_start(int in_fd, const struct limits *limits, struct archive_reader *ret,
                         struct err *e);

/* The next file: 1, or 0 at the end of a whole archive. Without ->again its content comes next from
 * ->from, and is to be read before this is called again. */
int archive_reader_next(struct archive_reader *r, struct archive_item *ret, struct err *e);

/* Instead of what is known of a content that broke off: why. Returns a negative errno. */
int archive_reader_story(struct archive_reader *r, struct err *e);

void archive_reader_release(struct archive_reader *r);
#define _cleanup_archive_reader_ _cleanup_(archive_reader_release)

#endif
