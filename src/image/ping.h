/*
 * Small questions to registries: whether one lets us in (`login`), and what it has (`search`).
 */
#ifndef SKIFF_IMAGE_PING_H
#define SKIFF_IMAGE_PING_H

#include "base/err.h"

/* Whether @registry ("docker.io", "localhost:5000") takes the credentials that come by
 * @credentials_fd (see credentials_send). -EACCES: it does not. */
int ping_run(const char *registry, int credentials_fd, struct err *e);

/* Prints what Docker Hub, or the registry that @term begins with, has under @term: JSON lines of
 * "name", "description", "star_count" and "is_official", at most @limit of them. */
int search_run(const char *term, long long limit, struct err *e);

#endif
