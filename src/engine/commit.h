/*
 * What becomes of a container when it is made an image: its own layer, and its settings.
 */
#ifndef SKIFF_ENGINE_COMMIT_H
#define SKIFF_ENGINE_COMMIT_H

#include "engine/archive.h"
#include "engine/engine.h"

/* Writes the container's own layer to @out as a layer's archive (image-spec layer.md): what it
 * added and changed, and whiteouts for what it deleted. -ENOTSUP for the built-in image, whose
 * containers have none on disk. @progress may be NULL. */
int commit_layer(const struct engine *en, struct container_record *c, int out,
                 const struct archive_progress *progress, struct err *e);

/* The "config" object of an image (image-spec config.md) from the container's own; the caller's.
 * NULL when memory ran out. */
json_t *commit_settings(const struct container_record *c);

/* What its history says that it was made by: the container's command. Likewise. */
char *commit_created_by(const struct container_record *c);

#endif
