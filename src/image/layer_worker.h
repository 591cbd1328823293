/*
 * A process that takes one layer's bytes apart while they come: see pipeline.h, which it runs.
 *
 * It has no network. What it finds out it reports, and the coordinator compares.
 */
#ifndef SKIFF_IMAGE_LAYER_WORKER_H
#define SKIFF_IMAGE_LAYER_WORKER_H

#include "image/fresh_layer.h"

#include <sys/types.h>

struct layer_worker {
    pid_t pid;  /* 0: not there */
    int report; /* readable when it has ended, or is about to */
};
#define LAYER_WORKER_INIT ((struct layer_worker){.report = -EBADF})

/* Starts one that reads @in_fd to its end into @layer's blob and folder. */
int layer_worker_start(const struct fresh_layer *layer, int in_fd, const struct limits *limits,
                       struct layer_worker *ret, struct err *e);

/* Waits for it, and writes what it found into layer->result. */
int layer_worker_finish(struct layer_worker *w, struct fresh_layer *layer, struct err *e);

/* Ends one that is still there. */
void layer_worker_release(struct layer_worker *w);

#endif
