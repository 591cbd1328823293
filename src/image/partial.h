/*
 * Blobs on their way: images/partial/HEX, locked by whoever writes one.
 *
 * What a broken or killed pull leaves here is where the next one goes on. Two pulls never write the
 * same one.
 */
#ifndef SKIFF_IMAGE_PARTIAL_H
#define SKIFF_IMAGE_PARTIAL_H

#include "base/err.h"

#include <sys/types.h>

/* Claims the one of @digest (valid), made if it is not there. *ret_path is below --root and the
 * caller's; closing *ret_fd, which stands at its beginning, gives the claim up. *ret_have is how
 * much of it is there. -EAGAIN: somebody else is writing it. */
int partial_claim(int root_fd, const char *digest, char **ret_path, int *ret_fd, off_t *ret_have,
                  struct err *e);

/* With the store locked: removes what nobody has taken up for @seconds and nobody writes. Returns
 * how many bytes that were. */
long long partial_sweep(int root_fd, long long seconds);

#endif
