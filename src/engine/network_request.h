/*
 * What a container's request says of networks: which modes and options go together, and which
 * networks it is attached to when it starts.
 *
 * In the document, HostConfig.NetworkMode is the first network's name (or bridge, host, none,
 * container:NAME …), and NetworkSettings.Networks has an entry for each network of one's own, and
 * for the default bridge where more is said of it than that: what was said of the endpoint, and
 * nothing else (IPAMConfig, Aliases, MacAddress, DriverOpts, GwPriority), in the order in which it
 * was said.
 */
#ifndef SKIFF_ENGINE_NETWORK_REQUEST_H
#define SKIFF_ENGINE_NETWORK_REQUEST_H

#include "engine/networks.h"

/* Checks what @document says (HostConfig, Config) and @request's NetworkingConfig, gives networks
 * their own names in place of IDs, and puts NetworkSettings.Networks into @document where there is
 * something to say. Docker's words; -ENOENT: no such network. */
int network_request_resolve(const struct engine *en, const json_t *request, json_t *document,
                            struct err *e);

/* Checks the settings of one endpoint (Docker's EndpointSettings) on @network: addresses that are
 * in its ranges, a MAC address, aliases that are names. -EINVAL. */
int network_request_check(const struct network_record *network, const json_t *endpoint,
                          struct err *e);

/* "10mbit", "1.5gbit", "500kbit", "8000bit": bits a second, in powers of 1000, as tc(8) has them. 0
 * or -EINVAL. */
int rate_parse(const char *text, unsigned long long *ret);

#endif
