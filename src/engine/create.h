/*
 * Making a container: from a request (the body of Docker's POST /containers/create, which is also
 * what the command line builds) and an image to a record on disk.
 */
#ifndef SKIFF_ENGINE_CREATE_H
#define SKIFF_ENGINE_CREATE_H

#include "engine/engine.h"
#include "image/image.h"

/* What a container is made from. */
struct create_image {
    bool built_in; /* the machine's own root; `image` is empty */
    struct image image;
};

void create_image_release(struct create_image *i);
#define _cleanup_create_image_ _cleanup_(create_image_release)

/* Finds the image of @reference; "host" is the built-in one. -ENOENT: there is none. */
int create_find_image(const struct engine *en, const char *reference, struct create_image *ret,
                      struct err *e);

/* Makes the record: fresh ID, claimed @name (NULL: chosen), document. The request's reference is
 * not stolen. On failure nothing is left on disk. */
int create_container(const struct engine *en, json_t *request, const char *name,
                     const struct create_image *image, struct container_record *ret, struct err *e);

/* Takes back what create_container made, for a start that fails: nobody has seen it. */
void create_undo(const struct engine *en, struct container_record *c);

#endif
