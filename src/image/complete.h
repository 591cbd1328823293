/*
 * A layer that is whole only together with those below it.
 *
 * Its archive may link to a file that is in a layer below, and leave out the folders that its files
 * lie in. The unpacker, which sees one layer alone, tells both (struct unpacked). Here the file is
 * copied up, as an overlay would do it at link(2), and such folders become what they are below. The
 * result depends on the layers below, so it lies under the chain's ID.
 *
 * It is done by a process as locked in as the unpacker: its root is the layer's folder, and all
 * else it has is the view of what lies below, read-only, without devices or programs.
 */
#ifndef SKIFF_IMAGE_COMPLETE_H
#define SKIFF_IMAGE_COMPLETE_H

#include "image/unpack.h"

/* Completes the layer in the folder @folder_fd, which pipeline_run has filled and whose opaque
 * folders are marked. @below: the folders of all the layers below, the nearest first, with those
 * that lean completed before. What it did is on disk then. All descriptors are the caller's, and
 * readable. Nothing is done when !unpacked_leans(u). -EBADMSG: a link to what is not below either.
 */
int complete_layer(int folder_fd, const struct unpacked *u, const int *below, size_t n_below,
                   struct err *e);

#endif
