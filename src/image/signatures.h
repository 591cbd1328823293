/*
 * Whether an image at a registry is signed as the policy asks.
 *
 * Signatures lie where cosign puts them, and where containers/image finds them with
 * "use-sigstore-attachments": in the image's repository, under the tag sha256-HEX.sig of the
 * digest that is signed, a manifest whose layers are the signed texts, each with its signature as
 * an annotation. Which digest: that of the manifest of layers which is used, as containers/image
 * has it, and not that of an index which names it.
 *
 * The fetcher only fetches. Everything it brings is compared with its digest, then with the keys,
 * and parsed only after that.
 */
#ifndef SKIFF_IMAGE_SIGNATURES_H
#define SKIFF_IMAGE_SIGNATURES_H

#include "image/fetcher.h"
#include "image/policy.h"
#include "image/progress.h"

struct signatures_wanted {
    const struct policy_rule *rule;  /* admitted (policy_admit) */
    const char *name;                /* of the image, full: with a tag or with a digest */
    const char *repository;          /* at the registry that the fetcher has */
    const char *digest;              /* of the manifest of layers */
    bool in_index;                   /* it was chosen from an index */
    const struct progress *progress; /* is told of each requirement; NULL: of none */
};

/* Holds the image against all requirements. -EPERM: one of them is not met; other errors: that
 * could not be found out. Nothing is fetched unless a requirement needs it. */
int signatures_check(struct fetcher *f, const struct signatures_wanted *w, struct err *e);

/* The whole of it for an image from elsewhere than a registry, from where no signature comes: reads
 * this machine's policy (policy_admit_unsigned). @progress as above. */
int signatures_admit_unsigned(const char *transport, const char *identity,
                              const struct progress *progress, struct err *e);

#endif
