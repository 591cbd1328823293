/*
 * Definitions of networks whose driver is "cni:…": from what a person asked for to a list of
 * plugins (network/cni.h), which is a part of the definition.
 *
 *     cni:TYPE         a plugin, with Options as its keys, addresses from IPAM, and behind it the
 *                      usual ones for ports, bandwidth and MAC addresses where they are installed
 *     cni:/PATH/FILE   a list, copied
 *     cni:NAME         one of that name in NETCONFPATH (/etc/cni/net.d), copied
 *
 * In the document: Driver is "cni:" and the first plugin's type, and CNI has List, Path (where
 * plugins are looked for), and Copied (true: the list is somebody else's).
 */
#ifndef SKIFF_ENGINE_NETWORK_CNI_H
#define SKIFF_ENGINE_NETWORK_CNI_H

#include "base/json.h"
#include "network/cni.h"

/* Whether the document is of such a network. */
bool network_cni_is(const json_t *document);

/* Of a new document: finds out which of the three it is, and copies a list. Before it is read as
 * others are. -ENOENT says where was looked. */
int network_cni_prepare(json_t *document, struct err *e);

/* What network_document_read does for it: the link of @c, and whether CNI is what it should be. */
int network_cni_read(const json_t *document, struct network_config *c, struct err *e);

/* Whether it wants a range of its own, chosen where none is given (network_create). */
bool network_cni_has_range(const json_t *document);

/* Makes the list, once ranges are known, and asks the plugins whether they are up to it. */
int network_cni_finish(json_t *document, const struct network_config *c, struct err *e);

/* The network as network/ knows it; it is the document's. */
struct cni_network network_cni_of(const json_t *document);

/* Whether a plugin of it can do something for a container; of other networks false. */
bool network_cni_can(const json_t *document, const char *capability);

#endif
