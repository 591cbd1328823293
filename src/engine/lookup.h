/*
 * A container's names: from its document and its networks to what network/resolver.h wants.
 *
 * Whoever starts a container calls resolver_open on its network namespace and, when that succeeds,
 * files_use_names; its monitor waits at the resolver's descriptor and calls lookup_turn whenever it
 * is readable, resolver_changed when networks have come or gone, and resolver_close at the end.
 */
#ifndef SKIFF_ENGINE_LOOKUP_H
#define SKIFF_ENGINE_LOOKUP_H

#include "engine/engine.h"
#include "network/resolver.h"

/* Does what there is to do, and forks a resolver if one is wanted: for the networks of @settings,
 * Docker's NetworkSettings as they are now. @settings_of gives them, the caller's to release, when
 * they are needed; NULL is none. Negative: names cannot be served any more; close the resolver. */
typedef json_t *(*lookup_settings)(void *data);
int lookup_turn(struct resolver *r, const struct engine *en, const struct container_record *c,
                lookup_settings settings_of, void *data, struct err *e);

#endif
