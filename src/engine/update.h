/*
 * Changing limits and restart policy of a container that exists, running or not.
 */
#ifndef SKIFF_ENGINE_UPDATE_H
#define SKIFF_ENGINE_UPDATE_H

#include "engine/engine.h"

/* Changes the container of @c to what @change says: fields of HostConfig, limits and RestartPolicy
 * alone. Zero and "" say nothing. A running one's control group is changed first, then its bundle,
 * then its document, all under the change lock; when one of them fails, all are as before, but
 * for @c's document in memory. -EINVAL in Docker's words; -EBUSY: less memory than what is in
 * use. */
int update_container(const struct engine *en, struct container_record *c, const json_t *change,
                     struct err *e);

#endif
