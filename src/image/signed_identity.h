/*
 * Whether a signature for one name is good for an image of another: "signedIdentity" of
 * containers-policy.json(5).
 */
#ifndef SKIFF_IMAGE_SIGNED_IDENTITY_H
#define SKIFF_IMAGE_SIGNED_IDENTITY_H

#include "base/json.h"

#include <stdbool.h>

/* Checks a "signedIdentity" as the file has it. -EINVAL says what is wrong, without the file. */
int signed_identity_check(const json_t *identity, struct err *e);

/* Whether a signature that says @signed_name ("example.com/a/b:1") is one for the image @name
 * ("docker.io/library/rust:latest", or with a digest in place of the tag, as it is known to us). A
 * checked @identity; NULL: matchRepoDigestOrExact. */
bool signed_identity_matches(const json_t *identity, const char *name, const char *signed_name);

#endif
