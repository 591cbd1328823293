/*
 * --network and what goes with it: to which networks a container is attached, and how.
 */
#ifndef SKIFF_CLI_NETWORK_OPTIONS_H
#define SKIFF_CLI_NETWORK_OPTIONS_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"

/* As they were typed. All but `network` are for the first network, or for the only one. */
struct network_options {
    struct option_list network, alias, link_local_ip, opt;
    const char *ip, *ip6, *mac;
};

/* "NAME", or "name=…,ip=…,ip6=…,alias=…,mac-address=…,driver-opt=K=V,link-local-ip=…,
 * gw-priority=N" (words in small letters, as Docker has them). *ret_name is the caller's to free;
 * @endpoint, an object, gets what was said, as Docker's EndpointSettings. -EINVAL, in Docker's
 * words. */
int parse_network(const char *text, char **ret_name, json_t *endpoint, struct err *e);

/* "KEY=VALUE" for an endpoint's driver. */
int parse_driver_opt(const char *text, json_t *endpoint, struct err *e);

/* Puts HostConfig.NetworkMode ("" when nothing was said) into @host, and into @request
 * NetworkingConfig.EndpointsConfig, an entry for each network of one's own and for each of which
 * more than its name was said. What does not go together is -EINVAL. */
int network_options_put(const struct network_options *o, json_t *request, json_t *host,
                        struct err *e);

/* Parts of it, for `network connect`: add to an endpoint. Addresses are checked by the engine. */
int endpoint_add_text(json_t *endpoint, const char *path, const char *option, const char *text,
                      struct err *e);
int endpoint_add_item(json_t *endpoint, const char *path, const char *option, const char *text,
                      struct err *e);

#endif
