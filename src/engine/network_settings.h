/*
 * What a running container has of networks and published ports, as Docker's NetworkSettings:
 * RUN/containers/ID/network.json. It is apart from the state because others than the monitor change
 * it (`network connect`, `port add`), all of them with the container's change lock.
 *
 * "Changing" is what such a command is about to do, noted before it is begun: {"Network": NAME} or
 * {"Ports": as in "Ports"}. It goes with the last word of what was done; whoever finds it takes the
 * network off, or the ports back (engine/endpoints_settle.c).
 */
#ifndef SKIFF_ENGINE_NETWORK_SETTINGS_H
#define SKIFF_ENGINE_NETWORK_SETTINGS_H

#include "engine/engine.h"

/* Those of a container that has no network: Docker's members, empty. NULL when memory ran out. */
json_t *network_settings_none(void);

/* -ENOENT: it has no run folder, for it does not run. */
int network_settings_write(const struct engine *en, const char *id, json_t *settings,
                           struct err *e);

/* *ret is the caller's. -ENOENT: it has none, or does not run. */
int network_settings_read(const struct engine *en, const char *id, json_t **ret, struct err *e);

#endif
