/*
 * Copying what is in one regular file to another, holes as holes.
 */
#ifndef SKIFF_KERNEL_COPY_CONTENT_H
#define SKIFF_KERNEL_COPY_CONTENT_H

#include <sys/types.h>

/* Copies at most @size bytes of @from, which its stat told, to the empty file @to; what is added to
 * a file while it is copied could have no end. A size of 0 is that of an empty file or of a
 * kernel's (procfs), which is read to its end, 64 MiB at most: -EFBIG. A file that has become
 * shorter keeps its size, with zeros. Negative errno; -EIO and the like may be of either. */
int copy_content(int from, int to, off_t size);

/* The next piece of @fd from *at on, at most up to @size: *at is where it starts, and its length is
 * returned; 0 when only a hole is left. */
off_t next_piece(int fd, off_t *at, off_t size);

#endif
