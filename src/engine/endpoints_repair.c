/* Somebody flushed the tables of the firewall, or deleted a bridge: chains, sets and all that stood
 * in them are put back from the files, and containers' cables into the bridge. */
#include "base/file.h"
#include "engine/endpoints_private.h"
#include "engine/network_settings.h"
#include "engine/state.h"
#include "network/firewall.h"

#include <fcntl.h>
#include <net/if.h>
#include <string.h>

enum { HANDLES_MAX = 64 };
static const char handles_file[] = "networks/tables";

static void format_handles(const struct firewall_handles *h, char ret[HANDLES_MAX])
{
    snprintf(ret, HANDLES_MAX, "%llu %llu\n", (unsigned long long)h->inet,
             (unsigned long long)h->bridge);
}

/* Which tables our elements were put into. */
static bool are_known(const struct engine *en, const struct firewall_handles *now)
{
    _cleanup_free_ char *text = NULL;
    char wanted[HANDLES_MAX];
    format_handles(now, wanted);
    return file_read(en->run_fd, handles_file, HANDLES_MAX, &text, NULL, NULL) == 0 &&
           str_eq(text, wanted);
}

int endpoints_know_tables(const struct engine *en)
{
    struct firewall_handles now;
    if (faccessat(en->run_fd, handles_file, F_OK, 0) < 0)
        return 1;
    int r = firewall_look(&now, NULL);
    return r < 0 ? r : are_known(en, &now);
}

static int remember(const struct engine *en, const struct firewall_handles *now, struct err *e)
{
    char text[HANDLES_MAX];
    format_handles(now, text);
    return file_replace(en->run_fd, handles_file, text, strlen(text), 0600, 0, e);
}

static int put_back_network(const struct engine *en, const char *id, const char *name,
                            const json_t *settings, struct err *e)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    struct network_endpoint end;
    if (networks_find(en, name, &network, NULL) < 0 || network.config.driver != NETWORK_BRIDGE ||
        endpoint_of(en, &network, settings, id, &end) < 0)
        return 0; /* it is going, or has none */
    return firewall_add_endpoint(&network.config, &end, NULL, e);
}

/* Of a family: by which bridge, which is not told with them; it leads to who uses his own, too.
 * Where it has left the address, which may be another's, they lead nowhere. */
static void aim(const struct engine *en, const char *id, const json_t *settings, sa_family_t family,
                struct publication *ports, size_t n)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    struct network_endpoint end;
    const char *name = json_str(settings, family == AF_INET6 ? "PortsNetwork6" : "PortsNetwork");
    bool there = name && networks_find(en, name, &network, NULL) == 0 &&
                 network.config.driver == NETWORK_BRIDGE &&
                 endpoint_of(en, &network, json_object_get(json_at(settings, "Networks"), name), id,
                             &end) == 0;
    bool routed = family == AF_INET6 ? network.config.routed6 : network.config.routed4;
    for (size_t i = 0; i < n; i++) {
        if (ports[i].host.family != family)
            continue;
        if (there && (routed || !ports[i].direct))
            memcpy(ports[i].bridge, network.config.link, sizeof(ports[i].bridge));
        else
            ports[i].target = (struct ip_address){0};
    }
    if (there && n > 0) /* a cable that somebody took away stands in nobody's way */
        network_reflect(&end, NULL);
}

static int put_back(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0;
    const char *name;
    json_t *network;
    if (network_settings_read(en, id, &settings, NULL) < 0)
        return 0;
    int r = endpoints_read_ports(settings, &ports, &n);
    if (r < 0)
        return err_nomem(e);
    aim(en, id, settings, AF_INET, ports, n);
    aim(en, id, settings, AF_INET6, ports, n);
    json_object_foreach (json_at(settings, "Networks"), name, network)
        if (r == 0)
            r = put_back_network(en, id, name, network, e);
    return r == 0 && n > 0 ? publish_add(ports, n, NULL, e) : r;
}

/* ---- bridges ---- */

struct rejoining {
    const struct engine *engine;
    const struct network_record *network;
    int folder;
    struct err *e;
};

/* One that is going meanwhile is none to put back. */
static int rejoin(const struct ip_address *address, void *arg)
{
    const struct rejoining *x = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    struct network_endpoint end = {0};
    if (endpoint_file_read(x->folder, address, &f, NULL) < 0 ||
        state_holder(x->engine, f.owner, NULL) != HOLDER_ALIVE || if_nametoindex(f.link) == 0)
        return 0;
    memcpy(end.link, f.link, sizeof(end.link));
    int r = network_rejoin(&x->network->config, &end, x->e);
    return r < 0 ? r : put_back(x->engine, f.owner, x->e);
}

/* The network whose folder of endpoints has the name @id: if its bridge is gone, those who are on
 * it have lost it. */
static int look_for_bridge(const struct engine *en, int networks, const char *id, struct err *e)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    char link[16];
    networks_usual_link(id, link);
    if (if_nametoindex(link) != 0 || networks_find(en, id, &network, NULL) < 0 ||
        network.config.driver != NETWORK_BRIDGE || if_nametoindex(network.config.link) != 0)
        return 0;
    _cleanup_close_ int folder = openat(networks, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rejoining x = {.engine = en, .network = &network, .folder = folder, .e = e};
    return folder < 0 ? 0 : endpoint_file_list(folder, rejoin, &x, e);
}

static int look_for_bridges(const struct engine *en, struct err *e)
{
    int fd = openat(en->run_fd, "networks", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!dir) {
        fd_close(&fd);
        return 0;
    }
    while ((entry = readdir(dir))) { /* one that cannot be had is no reason against the others */
        int one = strlen(entry->d_name) == NETWORK_ID_LEN
                      ? look_for_bridge(en, dirfd(dir), entry->d_name, r < 0 ? NULL : e)
                      : 0;
        r = r < 0 ? r : one;
    }
    return r < 0 ? err_wrap(e, "cannot put back the bridge of a network that somebody removed") : 0;
}

static int put_back_all(const struct engine *en, int *ret_late, struct err *e)
{
    struct firewall_handles now;
    _cleanup_strv_ struct strv ids = {0};
    int r = firewall_ensure(&now, ret_late, e);
    if (r < 0 || are_known(en, &now))
        return r;
    r = record_list(en, &ids, e);
    for (size_t i = 0; i < ids.n && r == 0; i++)
        r = put_back(en, ids.v[i], e);
    if (r == 0)
        r = remember(en, &now, e);
    return r < 0 ? err_wrap(e, "cannot put back the rules of networks that somebody removed") : 1;
}

int endpoints_repair(const struct engine *en, int *ret_late, struct err *e)
{
    _cleanup_err_ struct err why = ERR_INIT;
    if (faccessat(en->run_fd, "networks", F_OK, 0) < 0)
        return 0; /* nobody was ever attached since the machine started */
    int bridges = look_for_bridges(en, &why);
    int r = put_back_all(en, ret_late, e);
    return r >= 0 && bridges < 0 && !ret_late ? err_set(e, -bridges, "%s", err_text(&why)) : r;
}
