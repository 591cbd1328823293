/*
 * How much room a container takes, as Docker counts it.
 */
#ifndef SKIFF_ENGINE_CONTAINER_SIZE_H
#define SKIFF_ENGINE_CONTAINER_SIZE_H

#include "engine/engine.h"

/* *ret_own: the bytes of the files in its own layer, hard links once, folders not. *ret_whole:
 * those of its image's layers too; zero for the built-in image, which is the machine itself and
 * whose layer is in memory. An image that is gone counts for nothing. */
int container_size(const struct engine *en, const struct container_record *c, long long *ret_own,
                   long long *ret_whole, struct err *e);

/* The same as SizeRw and SizeRootFs of the document @d. */
int container_add_size(const struct engine *en, const struct container_record *c, json_t *d,
                       struct err *e);

#endif
