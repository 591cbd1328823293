/*
 * The content of a new volume: what the image has in the folder that the volume is mounted on.
 *
 * As Docker does, an empty volume is filled whenever a container is made with it. It is copied into
 * a folder beside (".skiff-filling"), which gets another name (".skiff-filled") when it is whole,
 * and then moved in, entry by entry. Whoever finds that second folder finishes the move; whoever
 * finds only the first begins anew. So no volume counts as filled that is half filled, whoever was
 * killed when; and what is mounted stays the same folder all the time.
 */
#ifndef SKIFF_ENGINE_VOLUME_FILL_H
#define SKIFF_ENGINE_VOLUME_FILL_H

#include "engine/create.h"

/* Fills the volumes of the container, whose document is written and names them, and which is not
 * running. Does nothing where there is no volume that wants it. */
int volumes_fill(const struct engine *en, const struct container_record *c,
                 const struct create_image *image, struct err *e);

#endif
