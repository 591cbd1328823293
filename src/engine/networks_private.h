/*
 * What the parts of networks.h share.
 */
#ifndef SKIFF_ENGINE_NETWORKS_PRIVATE_H
#define SKIFF_ENGINE_NETWORKS_PRIVATE_H

#include "engine/networks.h"

/* ROOT/networks. -ENOENT (without a story) when there is none and it is not to be made. */
int networks_folder(const struct engine *en, bool make, struct err *e);

/* Takes the lock of its file in @mode (flock(2)). -ENOENT when it was removed meanwhile. */
int networks_lock(const struct engine *en, const struct network_record *n, int mode);

/* Notes that the network of @document is being made: a lock, the caller's to close when that is
 * noted to be over, or it has ended otherwise. */
int networks_begin_making(const struct engine *en, const char *id, const json_t *document,
                          struct err *e);
void networks_end_making(const struct engine *en, const char *id);

#endif
