/*
 * What a signature of an image signs, in the form that cosign and containers/image write: a JSON
 * document that names the image and its manifest's digest ("simple signing").
 *
 * Read only after the signature has been verified; strictly all the same: the keys of "critical"
 * are all known, or it means something that nobody here understands.
 */
#ifndef SKIFF_IMAGE_SIGSTORE_PAYLOAD_H
#define SKIFF_IMAGE_SIGSTORE_PAYLOAD_H

#include "base/json.h"

struct sigstore_payload {
    json_t *value;
    const char *digest; /* "sha256:…" of the manifest; belongs to the value */
    const char *name;   /* "docker.io/library/rust:latest", or without a tag; likewise */
};

/* -EBADMSG: it is something else. */
int sigstore_payload_parse(const char *text, size_t n, struct sigstore_payload *ret, struct err *e);
void sigstore_payload_release(struct sigstore_payload *p);
#define _cleanup_sigstore_payload_ _cleanup_(sigstore_payload_release)

#endif
