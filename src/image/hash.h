/*
 * SHA-256 as the image specification writes it: "sha256:" and 64 hex digits.
 */
#ifndef SKIFF_IMAGE_HASH_H
#define SKIFF_IMAGE_HASH_H

#include "base/err.h"

struct hash;

/* Everything that needs files (the library's providers) is done here, so that the rest also works
 * behind a system call filter. */
int hash_new(struct hash **ret, struct err *e);
int hash_add(struct hash *h, const void *bytes, size_t n, struct err *e);

/* The digest of what was added; the caller's to free. Only once. */
int hash_finish(struct hash *h, char **ret, struct err *e);
void hash_free(struct hash **h);
#define _cleanup_hash_ _cleanup_(hash_free)

/* The digest of @n bytes. */
int hash_bytes(const void *bytes, size_t n, char **ret, struct err *e);

#endif
