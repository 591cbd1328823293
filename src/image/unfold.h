/*
 * Taking a compression off a stream: one function a library, between two descriptors.
 *
 * What is refused is what Docker refuses: a stream that is cut off, a wrong checksum, anything
 * behind the end that does not begin another stream of the same kind. Several streams in a row are
 * one (gzip members: eStargz is made of them; zstd frames, of which those to be skipped are: what
 * zstd:chunked carries along).
 */
#ifndef SKIFF_IMAGE_UNFOLD_H
#define SKIFF_IMAGE_UNFOLD_H

#include "image/unpack.h"

enum { UNFOLD_BLOCK = 256 << 10 };

struct unfold {
    const char *name; /* of the compression, for people */
    int in_fd;
    int out_fd;
    const struct limits *limits;
    unsigned char *in, *out; /* UNFOLD_BLOCK bytes each */
    long long n_in, n_out;   /* what went through so far */
    const void *head;        /* its first bytes, when somebody has read them from @in_fd already */
    size_t head_len;         /* at most UNFOLD_BLOCK; 0: nobody has */
};

/* All of @u->in_fd, unfolded, to @u->out_fd. -EBADMSG: damaged; -EPIPE: nobody reads it; -E2BIG: it
 * unfolds to more than it may. */
typedef int unfold_fn(struct unfold *u, struct err *e);

unfold_fn unfold_gzip; /* RFC 1952, by ISA-L */
unfold_fn unfold_zstd; /* RFC 8878; windows of 128 MiB at most, as of the zstd program */
unfold_fn unfold_xz;   /* these two by libarchive's filters */
unfold_fn unfold_bzip2;

/* Reads into @u->in behind its first @kept bytes: how many more, 0 at the end, or a negative errno.
 */
ssize_t unfold_read(struct unfold *u, size_t kept, struct err *e);

/* Passes @n bytes on, as long as the limits allow it. */
int unfold_write(struct unfold *u, const void *bytes, size_t n, struct err *e);

/* -EBADMSG, with the story. */
int unfold_damaged(const struct unfold *u, const char *why, struct err *e);

#endif
