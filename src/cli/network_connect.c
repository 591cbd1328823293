/*
 * `network connect`, `network disconnect`.
 */
#include "cli/cli.h"
#include "cli/network_options.h"
#include "engine/endpoints.h"

#include <string.h>

struct connect_options {
    const char *ip, *ip6, *mac;
    long long priority;
    struct option_list alias, driver_opt, link_local_ip;
};

#define OPTION(type_, name_, field_, argument_, help_, group_)                                     \
    {                                                                                              \
        name_, 0, OPTION_##type_, offsetof(struct connect_options, field_), argument_, help_,      \
            group_                                                                                 \
    }

static const struct option_def connect_table[] = {
    OPTION(STRING, "ip", ip, "ADDRESS", "Its IPv4 address", "Options"),
    OPTION(STRING, "ip6", ip6, "ADDRESS", "Its IPv6 address", NULL),
    OPTION(STRING, "mac-address", mac, "ADDRESS", "Its MAC address", NULL),
    OPTION(LIST, "alias", alias, "NAME", "Another name on the network", NULL),
    OPTION(LIST, "driver-opt", driver_opt, "KEY=VALUE", "For the network's driver", NULL),
    OPTION(INT, "gw-priority", priority, "N", "The highest has the default route (0)", NULL),
    OPTION(LIST, "link-local-ip", link_local_ip, NULL, NULL, NULL),
    {"link", 0, OPTION_LATER, 0, NULL, NULL, NULL},
    {0},
};

/* Docker's EndpointSettings. */
static int make_endpoint(const struct connect_options *o, json_t *endpoint, struct err *e)
{
    int r = 0;
    if (o->ip && *o->ip)
        r = endpoint_add_text(endpoint, "IPAMConfig.IPv4Address", "ip", o->ip, e);
    if (r == 0 && o->ip6 && *o->ip6)
        r = endpoint_add_text(endpoint, "IPAMConfig.IPv6Address", "ip6", o->ip6, e);
    if (r == 0 && o->mac && *o->mac)
        r = endpoint_add_text(endpoint, "MacAddress", "mac-address", o->mac, e);
    for (size_t i = 0; r == 0 && i < o->alias.n; i++)
        r = endpoint_add_item(endpoint, "Aliases", "alias", o->alias.v[i], e);
    for (size_t i = 0; r == 0 && i < o->link_local_ip.n; i++)
        r = endpoint_add_item(endpoint, "IPAMConfig.LinkLocalIPs", "link-local-ip",
                              o->link_local_ip.v[i], e);
    for (size_t i = 0; r == 0 && i < o->driver_opt.n; i++)
        r = parse_driver_opt(o->driver_opt.v[i], endpoint, e);
    if (r == 0 && o->priority != 0 &&
        json_object_set_new(endpoint, "GwPriority", json_integer(o->priority)) < 0)
        r = err_nomem(e);
    return r;
}

static int connect_one(struct cli *c, const struct connect_options *o, char **words, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *endpoint = json_object();
    int r = endpoint ? make_endpoint(o, endpoint, e) : err_nomem(e);
    if (r == 0)
        r = networks_find(&c->engine, words[0], &n, e);
    if (r == 0)
        r = record_find(&c->engine, words[1], &record, e);
    return r == 0 ? endpoints_connect(&c->engine, &record, n.name, endpoint, e) : r;
}

static int run_connect(struct cli *c, int argc, char **argv, struct err *e)
{
    struct connect_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_network_connect, argc, argv, &o, &words, &n, e);
    if (r == 0) {
        cli_reap(c);
        r = connect_one(c, &o, words, e);
    } else if (r == 1) {
        r = 0;
    }
    options_release(connect_table, &o);
    return r;
}

const struct cli_command cmd_network_connect = {
    .line = "network connect [OPTIONS] NETWORK CONTAINER",
    .summary = "Connect a container to a network",
    .more = "One that runs gets a card now; one that does not, when it is started.",
    .options = connect_table,
    .min = 2,
    .max = 2,
    .first = WORD_NETWORK,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_connect,
};

/* ---- disconnect ---- */

struct disconnect_options {
    bool force;
};

static const struct option_def disconnect_table[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct disconnect_options, force), NULL,
     "No error when the container is not there", "Options"},
    {0},
};

static int run_disconnect(struct cli *c, int argc, char **argv, struct err *e)
{
    struct disconnect_options o = {0};
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    char **words;
    int count;
    int r = cli_parse(&cmd_network_disconnect, argc, argv, &o, &words, &count, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    r = networks_find(&c->engine, words[0], &n, e);
    if (r < 0)
        return r;
    r = record_find(&c->engine, words[1], &record, e);
    if (r == -ENOENT && o.force)
        return 0;
    return r == 0 ? endpoints_disconnect(&c->engine, &record, n.name, e) : r;
}

const struct cli_command cmd_network_disconnect = {
    .line = "network disconnect [OPTIONS] NETWORK CONTAINER",
    .summary = "Disconnect a container from a network",
    .options = disconnect_table,
    .min = 2,
    .max = 2,
    .first = WORD_NETWORK,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_disconnect,
};
