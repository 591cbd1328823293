/*
 * Who is on a network: its folder of endpoint files, as JSON.
 */
#include "engine/networks.h"

#include "base/file.h"
#include "engine/endpoints_private.h"
#include "engine/network_settings.h"
#include "engine/state.h"
#include "network/endpoint_file.h"
#include "network/protocol.h"

#include <fcntl.h>

struct gathering {
    const struct engine *engine;
    const struct network_record *network;
    int folder;
    json_t *list;
};

/* What is published through this network, by what the container's own file says. */
static json_t *ports_of(const struct engine *en, const char *network, const char *owner)
{
    _cleanup_json_ json_t *settings = NULL;
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0;
    json_t *list = json_array();
    if (network_settings_read(en, owner, &settings, NULL) < 0 ||
        endpoints_read_ports(settings, &ports, &n) < 0)
        return list;
    for (size_t i = 0; i < n; i++) {
        const struct publication *p = &ports[i];
        char host[IP_ADDRESS_TEXT];
        bool six = p->host.family == AF_INET6;
        const char *protocol = protocol_name(p->protocol);
        if (str_eq(json_str(settings, six ? "PortsNetwork6" : "PortsNetwork"), network))
            json_gather(&list,
                        json_pack("{s:s, s:i, s:i, s:s}", "IP", ip_address_format(&p->host, host),
                                  "PublicPort", p->host_port, "PrivatePort", p->target_port, "Type",
                                  protocol));
    }
    return list;
}

static unsigned digit(char c)
{
    return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

void network_endpoint_id(const char *container, const char *network, char ret[NETWORK_ID_LEN + 1])
{
    for (size_t i = 0; i < NETWORK_ID_LEN; i++)
        ret[i] = "0123456789abcdef"[(digit(container[i]) ^ digit(network[i])) & 15];
    ret[NETWORK_ID_LEN] = '\0';
}

/* Who got it from another is found by no name, and has one all the same. */
static char *name_of(const struct engine *en, const struct endpoint_file *f)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    if (f->names.n > 0)
        return strdup(f->names.v[0]);
    return strdup(record_open(en, f->owner, &c, NULL) == 0 ? record_name(&c) : "");
}

static json_t *describe(const struct gathering *g, const struct endpoint_file *f)
{
    char id[NETWORK_ID_LEN + 1];
    network_endpoint_id(f->owner, g->network->id, id);
    _cleanup_free_ char *name = name_of(g->engine, f);
    char first[IP_ADDRESS_TEXT], other[IP_ADDRESS_TEXT];
    const bool v4 = f->address.family == AF_INET;
    json_t *names = json_array();
    for (size_t i = 0; i < f->names.n; i++)
        json_gather(&names, json_string(f->names.v[i]));
    ip_address_format(&f->address, first);
    ip_address_format(&f->other, other);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:o, s:o}", "Owner", f->owner,
                     "EndpointID", id, "Name", name ? name : "", "IPv4Address", v4 ? first : "",
                     "IPv6Address", v4 ? other : first, "MacAddress",
                     json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", f->mac[0], f->mac[1], f->mac[2],
                                  f->mac[3], f->mac[4], f->mac[5]),
                     "Link", f->link, "Inside", f->inside, "Names", names, "Ports",
                     ports_of(g->engine, g->network->name, f->owner));
}

/* A file whose owner nobody watches stands for nobody: whoever was killed left it. */
static int see(const struct ip_address *address, void *arg)
{
    struct gathering *g = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    int r = endpoint_file_read(g->folder, address, &f, NULL);
    if (r == -ENOMEM)
        return r;
    if (r == 0 && state_holder(g->engine, f.owner, NULL) == HOLDER_ALIVE)
        json_gather(&g->list, describe(g, &f));
    return 0;
}

int networks_endpoints(const struct engine *en, const struct network_record *n, json_t **ret,
                       struct err *e)
{
    _cleanup_free_ char *path = str_printf("networks/%s", n->id);
    if (!path)
        return err_nomem(e);
    _cleanup_close_ int folder = openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct gathering g = {.engine = en, .network = n, .folder = folder, .list = json_array()};
    if (folder < 0 && errno != ENOENT) {
        json_decref(g.list);
        return err_sys(e, errno, "cannot open \"%s/%s\"", en->run, path);
    }
    int r = folder < 0 ? 0 : endpoint_file_list(folder, see, &g, e);
    if (r == 0 && !g.list)
        r = -ENOMEM;
    if (r < 0) {
        json_decref(g.list);
        return r == -ENOMEM ? err_nomem(e) : r;
    }
    *ret = g.list;
    return 0;
}
