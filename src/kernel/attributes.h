/*
 * Extended attributes that belong to a file wherever it goes: capabilities, what users noted down
 * ("user."), and access control lists. Others are this machine's own business: labels, and what
 * steers an overlay.
 */
#ifndef SKIFF_KERNEL_ATTRIBUTES_H
#define SKIFF_KERNEL_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

typedef int attribute_fn(void *data, const char *name, const void *value, size_t n);

/* Tells @fn those of the file or folder @fd, access control lists only @with_lists. Ends with the
 * first negative value that @fn returns. 0 or a negative errno. */
int attributes_read(int fd, bool with_lists, attribute_fn *fn, void *data);

#endif
