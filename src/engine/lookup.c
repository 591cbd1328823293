#include "engine/lookup.h"

#include "engine/networks.h"
#include "network/resolver_cage.h"
#include "runtime/exe.h"

#include <fcntl.h>

/* What a resolver_config points to. */
struct lookup {
    struct index_network networks[CAGE_NETWORKS_MAX];
    struct ip_address servers[UPSTREAMS_MAX];
    struct resolver_config config;
};

static void close_folders(struct lookup *l)
{
    for (size_t i = 0; i < l->config.n_networks; i++)
        fd_close(&l->networks[i].folder_fd);
}
#define _cleanup_lookup_ _cleanup_(close_folders)

/* A network whose folder is gone has no names; those of the others are found all the same. */
static void add_network(const struct engine *en, struct lookup *l, const char *name,
                        const json_t *settings)
{
    const char *id = json_str(settings, "NetworkID");
    if (!id || l->config.n_networks >= CAGE_NETWORKS_MAX)
        return;
    _cleanup_free_ char *path = str_printf("networks/%s", id);
    int fd = path ? openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    l->networks[l->config.n_networks++] = (struct index_network){fd, name};
}

/* One way out is enough to ask the host's servers; without any they are never asked. */
static bool leads_out(const struct engine *en, const char *name)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    return networks_find(en, name, &network, NULL) == 0 && !network.config.internal;
}

static void add_servers(struct lookup *l, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        if (text && l->config.n_servers < UPSTREAMS_MAX &&
            ip_address_parse(text, &l->servers[l->config.n_servers]) == 0)
            l->config.n_servers++;
    }
}

static int fork_resolver(struct resolver *r, const struct engine *en,
                         const struct container_record *c, json_t *settings, struct err *e)
{
    _cleanup_lookup_ struct lookup l = {0};
    const char *name;
    json_t *network;
    l.config = (struct resolver_config){
        .networks = l.networks, .servers = l.servers, .internal = true, .rest = exe_rest_small};
    json_object_foreach (json_at(settings, "Networks"), name, network) {
        add_network(en, &l, name, network);
        l.config.internal = l.config.internal && !leads_out(en, name);
    }
    add_servers(&l, json_at(c->document, "HostConfig.Dns"));
    bool said = l.config.n_servers > 0;
    json_object_foreach (json_at(settings, "Networks"), name, network)
        if (!said)
            add_servers(&l, json_at(network, "DNS.nameservers"));
    return resolver_fork(r, &l.config, e);
}

int lookup_turn(struct resolver *r, const struct engine *en, const struct container_record *c,
                lookup_settings settings_of, void *data, struct err *e)
{
    int wanted = resolver_turn(r, e);
    if (wanted <= 0)
        return wanted;
    _cleanup_json_ json_t *settings = settings_of(data);
    /* It is tried again: a machine short of memory for a moment is no reason to give names up. */
    (void)fork_resolver(r, en, c, settings, NULL);
    /* What that took is not needed again soon. */
    exe_rest();
    return 0;
}
