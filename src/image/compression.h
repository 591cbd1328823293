/*
 * How an archive is compressed, and taking that off in process.
 *
 * No program is ever started for it: one from somewhere's PATH would decide what the archive is
 * (CVE-2026-41567).
 */
#ifndef SKIFF_IMAGE_COMPRESSION_H
#define SKIFF_IMAGE_COMPRESSION_H

#include "image/unpack.h"

enum { COMPRESSION_HEAD = 10 }; /* first bytes that tell */

struct compression;

/* By the first bytes of a stream; NULL when they are of none that is known: a plain archive. */
const struct compression *compression_detect(const unsigned char *head, size_t n);

/* "+gzip", "+zstd": behind the media type of a layer. NULL when the image specification knows no
 * layers that are compressed so. */
const char *compression_suffix(const struct compression *c);

/* Reads @in_fd and writes what it unfolds to to @out_fd. -EPIPE when nobody reads it. */
int compression_remove(const struct compression *c, int in_fd, int out_fd,
                       const struct limits *limits, struct err *e);

/* The same of a stream of which the first @n bytes, at most COMPRESSION_HEAD, were read already. */
int compression_remove_after(const struct compression *c, const void *head, size_t n, int in_fd,
                             int out_fd, const struct limits *limits, struct err *e);

#endif
