/*
 * The layer below all images' layers: the mount points that a container needs and an image may not
 * have. With it nothing is made in the container's own layer, which stays the container's.
 */
#ifndef SKIFF_ENGINE_BASE_LAYER_H
#define SKIFF_ENGINE_BASE_LAYER_H

#include "engine/engine.h"

/* The layer's folder below ROOT; made at first use. */
#define BASE_LAYER "base"

/* Makes it when it is missing. Several at once are fine; nobody sees it half made. */
int base_layer_make(const struct engine *en, struct err *e);

#endif
