/*
 * The files of an archive (or folder) of images, found by their names.
 *
 * What can be read again stays where it is until somebody asks for it. Of what comes once, through
 * a pipe, documents are kept, and whatever else is an archive goes to a layer worker while it
 * comes.
 */
#ifndef SKIFF_IMAGE_BUNDLE_H
#define SKIFF_IMAGE_BUNDLE_H

#include "image/archive_images.h"
#include "image/layer_worker.h"
#include "image/progress.h"

struct bundle_file {
    char *name, *target; /* target NULL: a regular file */
    long long size, at;
    int fd;     /* where it is, from @at on; borrowed, or (of a folder) its own; -EBADF: nowhere */
    char *text; /* of a document, once it was read */
    bool is_layer; /* it was given to a worker */
    struct fresh_layer layer;
    struct layer_worker worker; /* which has not told yet */
    pid_t feeder;               /* who moves it to the worker; 0: nobody, or we ourselves */
    int failed;                 /* what became of it */
    struct err story;
};

struct bundle {
    int root_fd; /* the engine's --root */
    const struct limits *limits;
    const struct progress *progress;
    int folder_fd; /* -EBADF: an archive */
    json_t *names; /* name to its number */
    struct bundle_file **files;
    size_t n, running;
    long long kept; /* bytes of documents */
    json_t *known;  /* hex digests of what the store has: blobs, and layers by diff ID */
};
#define BUNDLE_INIT ((struct bundle){.root_fd = -EBADF, .folder_fd = -EBADF})

/* Reads what @in_fd gives, to its end. */
int bundle_read(struct bundle *a, int in_fd, struct err *e);

/* The file of that name, links followed. NULL: there is none. */
struct bundle_file *bundle_find(struct bundle *a, const char *name);

/* As archive_images_read wants it; @data is the archive. */
archive_document_fn bundle_document;

/* Begins to unpack the layer, several at a time at most. Nothing to do when it was unpacked as it
 * came. */
int bundle_unpack(struct bundle *a, struct bundle_file *f, struct err *e);

/* A layer that went into the store, and is not there (any more), is unpacked once more if it can be
 * read again. */
void bundle_forget(struct bundle_file *f);

/* Waits until it is unpacked: f->layer says what it turned out to be. */
int bundle_wait(struct bundle *a, struct bundle_file *f, struct err *e);

void bundle_release(struct bundle *a);
#define _cleanup_bundle_ _cleanup_(bundle_release)

#endif
