/*
 * Ports of a container in one line, as `docker ps` writes them.
 */
#ifndef SKIFF_CLI_PORT_LIST_H
#define SKIFF_CLI_PORT_LIST_H

#include "base/json.h"

/* "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 9000-9002/tcp": of @ports, Docker's
 * NetworkSettings.Ports
 * ({"80/tcp": [{"HostIp": …, "HostPort": …}]}), and what is only exposed, @exposed ({"80/tcp":
 * {}}). Neighbours are one range where they have the same number outside as inside. Either may be
 * NULL; what is no port is left out. The caller's; NULL when memory ran out. */
char *port_list(const json_t *ports, const json_t *exposed);

#endif
