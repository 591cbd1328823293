/*
 * Under which names an image's layers lie in the store.
 *
 * Most by their diff ID. One that leans on those below (complete.h) by its chain ID, which stands
 * for it and all of them (image-spec, config.md, "Layer ChainID").
 */
#ifndef SKIFF_IMAGE_CHAIN_H
#define SKIFF_IMAGE_CHAIN_H

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>

/* The chain IDs of the layers with @diff_ids (an array of valid digests), in order. */
int chain_ids(const json_t *diff_ids, struct strv *ret, struct err *e);

/* Which of the two folders is there for a layer; @lowest: it has none below it. Returns the ID that
 * names it, one of the arguments, or NULL: neither, or one that would have to be completed. */
const char *chain_find(int root_fd, const char *diff_id, const char *chain_id, bool lowest);

#endif
