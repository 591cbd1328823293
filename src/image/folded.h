/*
 * What layers have become when they were compressed for a registry: images/folded.json.
 *
 * A plain layer is kept plain, and a push compresses it. The same bytes come out each time
 * (fold.h), so whoever knows their digest can ask the registry first, and need not compress what is
 * there already. A layer is named by its own digest here: one that changed is another one.
 */
#ifndef SKIFF_IMAGE_FOLDED_H
#define SKIFF_IMAGE_FOLDED_H

#include "image/fold.h"

#include <stdbool.h>

/* Whether it is known what the layer with the digest @blob becomes; *ret_digest is the caller's. */
bool folded_recall(int root_fd, const char *blob, enum fold_kind kind, char **ret_digest,
                   long long *ret_size);

/* Notes it, and forgets layers that the store has no more. Only a note: nothing tells of a failure.
 */
void folded_note(int root_fd, const char *blob, enum fold_kind kind, const char *digest,
                 long long size);

#endif
