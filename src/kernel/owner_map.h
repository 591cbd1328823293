/*
 * Owners inside and outside of a container: what its user namespace maps to what. Without one they
 * are the same.
 *
 * Source: user_namespaces(7), "/proc/PID/uid_map".
 */
#ifndef SKIFF_KERNEL_OWNER_MAP_H
#define SKIFF_KERNEL_OWNER_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { OWNER_NOBODY = 65534 }; /* who is not mapped, seen from inside */

struct owner_span {
    uint32_t inside, outside, size;
};

struct owner_map {
    struct owner_span *v; /* NULL: everybody is himself */
    size_t n;
};

void owner_map_release(struct owner_map *m);

/* One span. */
int owner_map_set(struct owner_map *m, uint32_t inside, uint32_t outside, uint32_t size);

/* Reads /proc/PID/@file ("uid_map", "gid_map"). */
int owner_map_read(pid_t pid, const char *file, struct owner_map *ret, struct err *e);

/* The same for text; -EINVAL when it is none. Pure. */
int owner_map_parse(const char *text, struct owner_map *ret);

/* False when @id is not mapped. */
bool owner_map_outside(const struct owner_map *m, uint32_t id, uint32_t *ret);
bool owner_map_inside(const struct owner_map *m, uint32_t id, uint32_t *ret);

#endif
