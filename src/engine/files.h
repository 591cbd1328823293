/*
 * The files that the engine writes for each container: /etc/hosts, /etc/hostname, /etc/resolv.conf.
 * They lie in the container's folder on the host and are bind-mounted; nothing is ever written
 * through a path inside the container's root (CVE-2025-24965).
 */
#ifndef SKIFF_ENGINE_FILES_H
#define SKIFF_ENGINE_FILES_H

#include "engine/engine.h"

/* Writes all three by the container's document. With the host's network (@host_network), hosts and
 * resolv.conf are the host's own, and the host is 127.0.0.1. */
int files_write(const struct container_record *c, bool host_network, struct err *e);

/* For one that shares another's network, and with it his files: whether those are still there. */
bool files_are_lent(const struct container_record *c);

/* Adds the container's own line to hosts, once its address is known, and names that were given to
 * the host ("--add-host NAME:host-gateway"). */
int files_add_address(const struct container_record *c, const char *address, const char *gateway,
                      struct err *e);

/* Makes its resolv.conf name the resolver that is in its network namespace (network/resolver.h).
 * --dns is for that one, and does not stand there. */
int files_use_names(const struct container_record *c, struct err *e);

/* That text: the host's @text with one server, and names looked for as they are first (ndots:0)
 * where nobody said otherwise. The caller's to free; NULL when memory ran out. Pure. */
char *resolv_conf_for_names(const char *text, const json_t *search, const json_t *options);

/* The resolv.conf text for a container: the host's @text without resolvers on its own loopback,
 * which cannot be reached, or public ones when none is left. The lists replace parts of it when
 * they have entries. The caller's to free; NULL when memory ran out. Pure. */
char *resolv_conf_for_container(const char *text, const json_t *dns, const json_t *search,
                                const json_t *options, bool keep_loopback);

#endif
