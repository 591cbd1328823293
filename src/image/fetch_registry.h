/*
 * A registry as the distribution specification has it (1.1; Docker's registry API v2 before it),
 * and what is asked of one: get, head, upload, put.
 *
 * Each of them is tried again, after growing delays, when a connection breaks or the registry is
 * busy; a body goes on where it broke.
 */
#ifndef SKIFF_IMAGE_FETCH_REGISTRY_H
#define SKIFF_IMAGE_FETCH_REGISTRY_H

#include "base/json.h"
#include "image/fetch_auth.h"

/* Tells the coordinator what happens meanwhile: an object, which becomes the callee's. */
typedef void registry_tell(void *data, json_t *event);

struct registry;

/* From the message that names a place to ask (see fetcher.h). */
int registry_new(const json_t *place, registry_tell *tell, void *data, struct registry **ret,
                 struct err *e);
void registry_free(struct registry **r);
#define _cleanup_registry_ _cleanup_(registry_free)

/* Does what @message asks for, with the descriptor that came with it (-1: none). *ret is what to
 * answer, the caller's. */
int registry_do(struct registry *g, const json_t *message, int fd, json_t **ret, struct err *e);

#endif
