/*
 * -p, -P and --expose: ports of a container, and where on this machine they are to be had.
 */
#ifndef SKIFF_CLI_PORT_OPTIONS_H
#define SKIFF_CLI_PORT_OPTIONS_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* "[IP:][HOST[-HOST]:]PORT[-PORT][/PROTOCOL]", or "target=PORT,published=PORT,protocol=…": adds to
 * @bindings, Docker's HostConfig.PortBindings ({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}),
 * one for each of the container's ports. HostPort is "" for any that is free, and "8000-8010" for
 * any of those. -EINVAL, in Docker's words; @bindings may then have some of them. */
int parse_publish(const char *text, json_t *bindings, struct err *e);

/* "PORT[-PORT][/PROTOCOL]": adds to @exposed, Docker's Config.ExposedPorts ({"80/tcp": {}}). */
int parse_expose(const char *text, json_t *exposed, struct err *e);

/* Puts what was said into a request: PortBindings and PublishAllPorts into @host, ExposedPorts,
 * where there are any, into @request. What is published is exposed too. */
int port_options_put(const struct option_list *publish, const struct option_list *expose,
                     bool publish_all, json_t *request, json_t *host, struct err *e);

#endif
