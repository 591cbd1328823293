/*
 * libFuzzer target: any text as what is signed. What is accepted names a digest, and says nothing
 * of which the reader does not know what it means.
 */
#include "image/sigstore_payload.h"

#include "image/reference.h"
#include "image/signed_identity.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_sigstore_payload_ struct sigstore_payload p = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (sigstore_payload_parse((const char *)data, size, &p, &e) < 0) {
        if (p.value || p.digest || p.name)
            abort();
        return 0;
    }
    if (!p.name || !digest_is_valid(p.digest) ||
        json_object_size(json_object_get(p.value, "critical")) != 3)
        abort();
    (void)signed_identity_matches(NULL, "docker.io/library/rust:latest", p.name);
    return 0;
}
