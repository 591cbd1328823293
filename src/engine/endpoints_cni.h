/*
 * Containers on networks that CNI plugins make: what is asked of them, and what is owed to them.
 *
 *     RUN/cni/ID/netns         the container's network namespace, bound: CNI_NETNS
 *     RUN/cni/ID/NETWORK.json  list, path, wishes, link, and, once ADD has succeeded, the result:
 *                              all that DEL needs. Written before ADD, removed after DEL. One
 *                              whose DEL failed says why ("failed"), and is not tried again but by
 *                              who means it.
 *
 * For a container without such a network nothing of it is there, and nobody looks but at its end.
 */
#ifndef SKIFF_ENGINE_ENDPOINTS_CNI_H
#define SKIFF_ENGINE_ENDPOINTS_CNI_H

#include "engine/endpoints.h"

/* Whether the network's plugins can do what the container asks of them: ports, bandwidth, addresses
 * and MAC of its own. -EINVAL names what not. */
int endpoint_cni_check(const struct network_record *network, const json_t *asked, bool ports,
                       struct err *e);

/* What it asks for, by capability; the caller's. NULL when memory ran out. */
json_t *endpoint_cni_wishes(const struct endpoints *all, const struct endpoint *one,
                            const struct network_wish *w);

/* ADD, with what @w and the document of @all ask for. On failure nothing is left that plugins would
 * take back. */
int endpoint_cni_add(const struct endpoints *all, struct endpoint *one,
                     const struct network_wish *w, int netns_fd, struct err *e);

/* DEL for one network; and for all that is still owed to the container @id, with the namespace's
 * name. What fails is noted. */
void endpoint_cni_remove(const struct engine *en, const char *network_id, const char *id);
void endpoints_cni_end(const struct engine *en, const char *id);

/* DEL again where it failed, on the network of that ID; NULL: on any. The first that fails again is
 * told. */
int endpoints_cni_retry(const struct engine *en, const char *network_id, struct err *e);

/* Whether a DEL of the container @id on that network has failed: what it said. */
int endpoint_cni_owed(const struct engine *en, const char *network_id, const char *id,
                      struct err *e);

/* Calls @see for each DEL that failed: whose, on which network (by name and ID), and why. */
typedef void endpoints_cni_debt(void *data, const char *id, const char *network,
                                const char *network_id, const char *why);
void endpoints_cni_debts(const struct engine *en, endpoints_cni_debt *see, void *data);

/* Whether all is there that plugins have made for the container @id (CHECK). */
int endpoints_cni_probe(const struct engine *en, const char *id, struct err *e);

#endif
