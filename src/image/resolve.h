/*
 * From what a person typed to an entry of the index: shared by the readers and writers of the
 * store, and of no use outside this room.
 */
#ifndef SKIFF_IMAGE_RESOLVE_H
#define SKIFF_IMAGE_RESOLVE_H

#include "image/image.h"

#include <sys/stat.h>

/* The entry of @index that @what names, as image_find says; it belongs to @index. *ret_by_name (may
 * be NULL): the full name, or "REPOSITORY@DIGEST", when it was that that led there, else NULL; the
 * caller's to free. */
int resolve(int root_fd, const json_t *index, const char *what, json_t **ret, char **ret_by_name,
            struct err *e);

/* The name in @index that is nearest to @what, as a person would type it; the caller's to free.
 * NULL when none is near enough. */
char *resolve_nearest(const json_t *index, const char *what);

/* Reads and checks the image of @entry. @st is index.json's. */
int image_load(int root_fd, const json_t *index, const json_t *entry, const struct stat *st,
               struct image *ret, struct err *e);

#endif
