/*
 * Public keys in PEM, and what is signed with them.
 *
 * ECDSA on the curves P-256, P-384 and P-521 and RSA (PKCS #1 v1.5, 2048 bits and more), both over
 * SHA-256, whatever the curve, and Ed25519: what cosign and containers/image make.
 */
#ifndef SKIFF_IMAGE_PUBLIC_KEY_H
#define SKIFF_IMAGE_PUBLIC_KEY_H

#include "base/err.h"

#include <stdbool.h>

struct public_key;

/* Reads the file @path. */
int public_key_read(const char *path, struct public_key **ret, struct err *e);

/* The one that @base64 has, PEM in base64; @name is for messages. -EINVAL: it is none, or of a
 * kind that is not taken. */
int public_key_decode(const char *base64, const char *name, struct public_key **ret, struct err *e);
void public_key_free(struct public_key *k);
static inline void public_key_freep(struct public_key **k)
{
    public_key_free(*k);
}
#define _cleanup_public_key_ _cleanup_(public_key_freep)

/* The path, or the name that was given. */
const char *public_key_name(const struct public_key *k);

/* Whether @base64 is the key's signature of the @n bytes. */
bool public_key_verifies(const struct public_key *k, const void *bytes, size_t n,
                         const char *base64);

#endif
