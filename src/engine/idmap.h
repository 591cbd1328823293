/*
 * Ranges of user and group IDs for containers with a user namespace of their own.
 */
#ifndef SKIFF_ENGINE_IDMAP_H
#define SKIFF_ENGINE_IDMAP_H

#include "base/json.h"

#include <stdint.h>

struct id_range {
    uint32_t first, size; /* IDs 0 to size-1 inside are first and so on outside */
};

/* The ranges of /etc/subuid and /etc/subgid for "skiff", else for "root" (subuid(5)); else 65536
 * IDs above 2^30 that no line of these files has. @chosen, when an object, is what was chosen
 * before: {"UID": first, "GID": first, "Size": n}. */
int idmap_choose(const json_t *chosen, struct id_range *ret_uids, struct id_range *ret_gids,
                 struct err *e);

/* As one line of an OCI mapping list; NULL when memory ran out. */
json_t *idmap_to_json(const struct id_range *r);

#endif
