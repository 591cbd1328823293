/*
 * User namespaces: made empty beside the container, joined by its first process, and used by the
 * parent to shift the owners of mounts.
 *
 * Source: user_namespaces(7).
 */
#ifndef SKIFF_RUNTIME_USERNS_H
#define SKIFF_RUNTIME_USERNS_H

#include "runtime/spec.h"

/* A new user namespace with these maps. Returns its descriptor, which alone keeps it. Needs
 * CAP_SETUID and CAP_SETGID over the IDs outside. */
int userns_new(const struct spec_id_map *uids, size_t n_uids, const struct spec_id_map *gids,
               size_t n_gids, struct err *e);

/* Who its root is out here: the IDs that ID 0 inside is mapped to. -EINVAL when 0 is not mapped. */
int userns_root(int fd, uid_t *ret_uid, gid_t *ret_gid, struct err *e);

/* Enters it, as its root. The calling process must have one thread. */
int userns_enter(int fd, struct err *e);

/* Becomes root of the user namespace that the calling process has just entered some other way. */
int userns_become_root(struct err *e);

#endif
