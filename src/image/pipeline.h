/*
 * One pass over a layer's archive: from its bytes, as they come, to a blob, two digests and a
 * folder.
 *
 *     main: input -> SHA-256 (blob) -> blob file --pipe--> inflate --pipe--> digest --pipe-->
 * unpack
 *
 * Each stage is a process that reads, works, writes, and is locked in (sandbox.h). Those that take
 * a stranger's bytes apart (inflate, unpack) compute no digest: taken over, they could otherwise
 * put files of their own choice under another layer's name. A plain archive needs main and unpack
 * only.
 *
 * What is kept as blob: the input as it came when the image specification has a media type for it
 * (plain, gzip, zstd), so that its digest is the one its maker knows. For others (xz, bzip2) the
 * plain archive: compressing again would cost more time than all the rest, for a disk's sake;
 * whoever pushes can still do it.
 */
#ifndef SKIFF_IMAGE_PIPELINE_H
#define SKIFF_IMAGE_PIPELINE_H

#include "image/unpack.h"

struct pipeline {
    int in_fd;
    int blob_fd;   /* empty; written to. -1: neither blob nor digests are wanted */
    int folder_fd; /* the layer's folder, empty, readable; with @placing a detached mount's root */
    const struct placing *placing; /* NULL: as a layer */
    bool may_lean; /* there are layers below: see complete.h. Else a hard link to a file that is not
                    * in the archive is refused */
    const struct limits *limits;
};

struct pipeline_result {
    char *media_type;  /* of the blob */
    char *blob_digest; /* "sha256:…" */
    char *diff_id;     /* "sha256:…" */
    long long blob_size;
    struct unpacked unpacked;
};

int pipeline_run(const struct pipeline *p, struct pipeline_result *ret, struct err *e);
void pipeline_result_release(struct pipeline_result *r);

/* What an unpacker found, as a helper process reports it. Reading takes the text apart; -EPROTO. */
void unpacked_to_text(const struct unpacked *u, struct str *text);
int unpacked_from_text(char *text, size_t n, struct unpacked *ret, struct err *e);

#endif
