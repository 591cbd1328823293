/*
 * `pull`: from a name to an image in the store.
 *
 * The coordinator: it decides whom to ask (registries.h) and as whom (credentials.h), compares
 * every manifest, config and layer with its digest, and puts the image into the store when all of
 * it is there (put.h). What it gets comes from fetchers, what it unpacks by layer workers; see
 * docs/architecture.md, "Images from elsewhere".
 */
#ifndef SKIFF_IMAGE_PULL_H
#define SKIFF_IMAGE_PULL_H

#include "base/str.h"
#include "image/fetcher.h"
#include "image/progress.h"
#include "image/unpack.h"

struct pull {
    int root_fd;           /* the engine's --root */
    const char *reference; /* as a person types it */
    const char *platform;  /* "linux/arm64"; NULL: this machine's */
    bool all_tags;
    bool verify;            /* tell what the policy (policy.h) asked for, and how that was met */
    struct fetcher fetcher; /* one that runs already, which becomes ours; FETCHER_INIT: none */
    struct progress progress;
    struct limits limits; /* of each layer */
};

/* Fetches what is not there. *ret_ids gets the image's ID, or one for each tag. -ENOENT: no
 * registry has it; -EPERM: the policy refuses it. A pull that fails or is killed leaves what it has
 * fetched to the next one. */
int pull_run(const struct pull *p, struct strv *ret_ids, struct err *e);

#endif
