/*
 * What a network is, as Docker's `network inspect` shows it, and as network/ wants to know it.
 *
 * The same document is asked for (Docker's POST /networks/create), kept in a file and shown. It is
 * read anew each time, and as a stranger's: whatever it says is checked before anything is made of
 * it.
 */
#ifndef SKIFF_ENGINE_NETWORK_DOCUMENT_H
#define SKIFF_ENGINE_NETWORK_DOCUMENT_H

#include "base/err.h"
#include "base/json.h"
#include "network/network.h"

enum { NETWORK_ID_LEN = 64, NETWORK_NAME_MAX = 128 };

/* "[a-zA-Z0-9][a-zA-Z0-9_.-]*": -EINVAL says what was wrong. */
int network_check_name(const char *name, struct err *e);

/* One of the three that are there without being made: bridge, host, none. */
bool network_is_predefined(const char *name);

/* The document of a new network: what @request (Docker's body) says, and the defaults for what it
 * leaves open. The caller's; NULL when memory ran out. */
json_t *network_document_new(const json_t *request, const char *id);

/* Reads one. *ret is the caller's (network_config_release), untouched on failure; its link is ""
 * where none is said. -EINVAL tells in Docker's words what makes no sense, -ENOTSUP what is not
 * there. */
int network_document_read(const json_t *document, struct network_config *ret, struct err *e);

/* Writes the ranges and gateways into it that were chosen for it (network_create). -ENOMEM. */
int network_document_complete(json_t *document, const struct network_config *c);

#endif
