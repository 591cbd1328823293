/*
 * Image references: what a person types ("rust", "ghcr.io/a/b:1", "x@sha256:…") and the one full
 * form under which an image is kept.
 *
 * The grammar and the limits are those of the distribution specification's repository names and
 * tags; the defaults (docker.io, library/, latest) and the words of the errors are Docker's.
 */
#ifndef SKIFF_IMAGE_REFERENCE_H
#define SKIFF_IMAGE_REFERENCE_H

#include "base/err.h"

#include <stdbool.h>

#define DIGEST_HEX_LEN 64
#define DIGEST_LEN     (7 + DIGEST_HEX_LEN) /* "sha256:" and the digits */

/* The name of the built-in image: the engine looks for it first, no image can be named so. */
#define IMAGE_HOST "host"

struct reference {
    char *domain; /* "docker.io", "localhost:5000", "[::1]:5000" */
    char *path;   /* "library/rust"; at most 255 bytes together with the domain */
    char *tag;    /* "latest"; NULL only when there is a digest */
    char *digest; /* "sha256:…", or NULL */
};

/* Parses and completes @text: "rust" is docker.io/library/rust:latest. -EINVAL with Docker's words
 * ("invalid reference format") when it is none. Release *ret with reference_release. */
int reference_parse(const char *text, struct reference *ret, struct err *e);
void reference_release(struct reference *r);
#define _cleanup_reference_ _cleanup_(reference_release)

/* Whether @text is such a full form, as reference_full gives it. Needs no memory: what the store
 * says of names must not depend on that. */
bool reference_is_full(const char *text);

/* "docker.io/library/rust:latest", and "@sha256:…" behind it when there is a digest. The caller's
 * to free; NULL when memory ran out. */
char *reference_full(const struct reference *r);

/* "docker.io/library/rust", likewise. */
char *reference_repository(const struct reference *r);

/* The full form of a name that is to be given to an image: without a digest, not the built-in
 * one's. The caller's to free. */
int reference_claim(const char *text, char **ret, struct err *e);

/* Whether @text, a valid reference, has neither tag nor digest. */
bool reference_is_name_only(const char *text);

/* A full name as a person would type it: without docker.io/ and library/. Points into @full. */
const char *reference_short(const char *full);

/* What a full (or short) name has behind its repository: "latest", "sha256:…". Points into @full.
 */
const char *reference_suffix(const char *full);

/* Whether that is a digest. */
bool reference_has_digest(const char *full);

/* Whether @text is "host", "host:5000" or "[::1]:5000"; "library/rust". Of any length: those of
 * both together are at most REFERENCE_NAME_MAX bytes. */
enum { REFERENCE_NAME_MAX = 255 };
bool reference_domain_is_valid(const char *text);
bool reference_path_is_valid(const char *text);

/* Whether @text is "sha256:" and 64 lower-case hex digits, and nothing else: what every digest must
 * pass before it is part of a path. */
bool digest_is_valid(const char *text);

/* Whether @n bytes of @text are lower-case hex digits; false for none. */
bool hex_is_valid(const char *text, size_t n);

#endif
