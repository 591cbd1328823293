/*
 * A change of what a running container has of networks, so that whoever is killed in the middle
 * leaves nothing that nobody collects. It is noted in network.json ("Changing") before it is begun;
 * the note goes with the last word of what was done. Whoever finds one, the next command of the
 * kind or the container's end, undoes: the network is taken off, the ports are taken back. So
 * `disconnect` and `port rm` are the note and that, nothing else.
 *
 * What there is of a network is found whatever the killed one came to: the file of the endpoint is
 * there from before the firewall knows of it until the cable is gone, and a cable without a file is
 * one that leads into the container's namespace and that network.json does not know.
 */
#include "base/file.h"
#include "engine/contact.h"
#include "engine/endpoints_cni.h"
#include "engine/endpoints_private.h"
#include "engine/network_request.h"
#include "engine/network_settings.h"
#include "engine/state.h"
#include "network/firewall.h"
#include "network/inventory.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <string.h>

#define CHANGING "Changing"

/* ---- default routes and published ports follow ---- */

/* What is published leads from where it led, @old, to the ways that are now; or nowhere, where
 * there is none of its family, and not to whoever has the address next. */
static int move_ports(struct endpoints *all, struct publication *old, json_t *settings,
                      struct err *e)
{
    size_t moved = 0;
    int r = endpoints_aim(all, e);
    for (size_t i = 0; i < all->n_ports && r == 0; i++) {
        if (ip_equal(&old[i].target, &all->ports[i].target))
            continue;
        old[moved] = old[i];
        struct publication now = all->ports[i];
        all->ports[i] = all->ports[moved];
        all->ports[moved++] = now;
    }
    if (moved > 0)
        r = publish_remove(old, moved, NULL, e);
    if (moved > 0 && r == 0)
        r = publish_add(all->ports, moved, NULL, e);
    if (r == 0 && endpoints_describe_ways(all, settings) < 0)
        r = err_nomem(e);
    return r;
}

static int lead_out(struct endpoints *all, struct publication *old, int netns, json_t *settings,
                    struct err *e)
{
    int r = 0;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        const struct endpoint *one = &all->v[i];
        if (netns >= 0 && (one->first4 || one->first6))
            r = network_route(netns, &one->network.config, &one->end, one->first4, one->first6, e);
    }
    return r == 0 ? move_ports(all, old, settings, e) : r;
}

/* Plugins open ports when a container starts, and not later. */
static int check_plugins(const struct endpoints *all, const json_t *settings, struct err *e)
{
    const char *had = json_str(settings, "PortsNetwork");
    for (size_t i = 0; i < all->n && all->n_ports > 0; i++) {
        const struct network_record *n = &all->v[i].network;
        if (all->v[i].first4 && n->config.driver == NETWORK_CNI && !str_eq(n->name, had))
            return err_set(e, EINVAL,
                           "network %s would be the way out, and its CNI plugins cannot publish "
                           "ports of a container that runs: give it a lower --gw-priority",
                           n->name);
    }
    return 0;
}

int endpoints_put_network(const struct endpoints *of, const char *name, json_t *network, int netns,
                          json_t *settings, struct err *e)
{
    struct endpoints all = {.engine = of->engine, .record = of->record};
    _cleanup_free_ struct publication *old = NULL;
    json_t *networks = json_at(settings, "Networks");
    size_t n = 0;
    int r = endpoints_read_ports(settings, &old, &n);
    endpoints_leave_others(of->engine, of->record->id, settings, old, n);
    if (r == 0 && network)
        r = json_object_set(networks, name, network);
    else if (r == 0)
        json_object_del(networks, name);
    if (r == 0)
        r = endpoints_read_now(&all, settings);
    endpoints_choose_ways(&all);
    r = r < 0 ? err_nomem(e) : network ? check_plugins(&all, settings, e) : 0;
    if (r == 0)
        r = lead_out(&all, old, netns, settings, e);
    endpoints_release(&all);
    return r;
}

/* ---- the note ---- */

int endpoints_begin_change(const struct engine *en, const struct container_record *c,
                           json_t *settings, const char *what, json_t *value, struct err *e)
{
    json_t *change = json_pack("{s:o}", what, value);
    if (json_object_set_new(settings, CHANGING, change) < 0)
        return err_nomem(e);
    return network_settings_write(en, c->id, settings, e);
}

/* It may have ended meanwhile. Its monitor looks at the files after its first process is dead: so
 * either that one sees all that was written before, or we see him dead. */
static int check_life(const struct engine *en, const struct container_record *c, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    int r = state_published(en, c->id, &state, NULL);
    return r == 0 && state_pid(state) != 0
               ? 0
               : err_set(e, ESRCH, "container %s has ended meanwhile", c->id);
}

/* It holds claims of ports, which are free when it has seen that they are nobody's now: it has when
 * it answers who comes after the one that woke it. */
static void let_monitor_see(const struct engine *en, const struct container_record *c)
{
    contact_wake(en, c->id);
    (void)contact_answers(en, c->id);
}

/* The note goes when the monitor knows what is so now. */
static int write_done(const struct engine *en, const struct container_record *c, json_t *settings,
                      struct err *e)
{
    int r = network_settings_write(en, c->id, settings, e);
    if (r < 0)
        return r;
    let_monitor_see(en, c);
    json_object_del(settings, CHANGING);
    return network_settings_write(en, c->id, settings, e);
}

int endpoints_finish_change(const struct engine *en, const struct container_record *c,
                            json_t *settings, struct err *e)
{
    _cleanup_json_ json_t *change = json_incref(json_object_get(settings, CHANGING));
    int r = write_done(en, c, settings, e);
    if (r == 0)
        r = check_life(en, c, e);
    if (r < 0) /* for whoever undoes it */
        json_object_set(settings, CHANGING, change);
    return r;
}

/* ---- what there is ---- */

struct search {
    struct endpoints *all;
    const struct network_record *network;
    int folder;
};

static int add_endpoint(struct endpoints *all, const struct network_record *network,
                        const struct endpoint_file *f)
{
    struct endpoint *more = reallocarray(all->v, all->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    all->v = more;
    struct endpoint *one = &all->v[all->n];
    *one = (struct endpoint){.network = NETWORK_RECORD_INIT};
    if (networks_find(all->engine, network->name, &one->network, NULL) < 0)
        return 0;
    endpoint_from_file(network, f, &one->end);
    all->n++;
    return 0;
}

static int see_file(const struct ip_address *address, void *arg)
{
    const struct search *s = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    if (endpoint_file_read(s->folder, address, &f, NULL) < 0 ||
        !str_eq(f.owner, s->all->record->id))
        return 0;
    for (size_t i = 0; i < s->all->n; i++)
        if (str_eq(s->all->v[i].network.id, s->network->id) &&
            ip_equal(network_endpoint_address(&s->all->v[i].end), address))
            return 0;
    return add_endpoint(s->all, s->network, &f);
}

/* Adds its endpoints on a network (by name or ID) by the files alone. */
static void find_on(struct endpoints *all, const char *what)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    if (networks_find(all->engine, what, &network, NULL) < 0)
        return;
    _cleanup_close_ int folder = endpoints_folder(all->engine, &network, false, NULL);
    if (folder >= 0)
        endpoint_file_list(folder, see_file, &(struct search){all, &network, folder}, NULL);
}

static void add_port(struct endpoints *all, const struct publication *p)
{
    struct publication *more = reallocarray(all->ports, all->n_ports + 1, sizeof(*more));
    if (!more)
        return;
    all->ports = more;
    all->ports[all->n_ports] = *p;
    all->ports[all->n_ports++].claim = -EBADF;
}

/* What may lead to @one instead of where it should. */
static void add_ports_to(struct endpoints *all, const struct publication *ports, size_t n,
                         const struct endpoint *one)
{
    for (size_t i = 0; i < n; i++) {
        struct publication p = ports[i];
        p.target = p.host.family == AF_INET6 ? one->end.address6 : one->end.address4;
        if (p.target.family)
            add_port(all, &p);
    }
}

/* Ports that are being changed, as they would be read if they were all that there is. */
static void add_changing_ports(struct endpoints *all, const json_t *settings, json_t *changing)
{
    _cleanup_json_ json_t *part = json_copy((json_t *)(uintptr_t)settings);
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0;
    if (json_object_set(part, "Ports", changing) < 0 || endpoints_read_ports(part, &ports, &n) < 0)
        return;
    endpoints_leave_others(all->engine, all->record->id, settings, ports, n);
    for (size_t i = 0; i < n; i++)
        add_port(all, &ports[i]);
}

void endpoints_add_unfinished(struct endpoints *all, const json_t *settings)
{
    const json_t *change = json_object_get(settings, CHANGING);
    const char *network = json_str(change, "Network");
    json_t *ports = json_object_get(change, "Ports");
    if (ports)
        add_changing_ports(all, settings, ports);
    if (!network)
        return;
    size_t before = all->n_ports;
    find_on(all, network);
    for (size_t i = 0; i < all->n; i++) {
        _cleanup_free_ struct publication *copy = calloc(before + 1, sizeof(*copy));
        if (copy) { /* before or after they were moved */
            memcpy(copy, all->ports, before * sizeof(*copy));
            add_ports_to(all, copy, before, &all->v[i]);
        }
    }
}

void endpoints_find(struct endpoints *all)
{
    int fd = openat(all->engine->run_fd, "networks", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strlen(entry->d_name) == NETWORK_ID_LEN)
            find_on(all, entry->d_name);
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0;
    if (all->n == 0 || publish_list(&ports, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all->n; k++)
            if (ip_equal(&ports[i].target, &all->v[k].end.address4) ||
                ip_equal(&ports[i].target, &all->v[k].end.address6))
                add_port(all, &ports[i]);
}

/* ---- undoing ---- */

static bool is_told(const json_t *settings, const char *without, const char *link)
{
    const char *name;
    json_t *network;
    json_object_foreach (json_at(settings, "Networks"), name, network)
        if (!str_eq(name, without) && str_eq(json_str(network, "Link"), link))
            return true;
    return false;
}

/* Cables that had no file yet; and what plugins have made. */
static void remove_untold(const struct engine *en, const struct container_record *c,
                          const json_t *settings, const char *network, int netns)
{
    _cleanup_network_record_ struct network_record record = NETWORK_RECORD_INIT;
    if (networks_find(en, network, &record, NULL) == 0 && record.config.driver == NETWORK_CNI)
        endpoint_cni_remove(en, record.id, c->id);
    _cleanup_free_ struct network_cable *cables = NULL;
    size_t n = 0;
    int number = netns >= 0 ? network_namespace_number(netns) : -1;
    if (number < 0 || network_cables(&cables, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (cables[i].namespace == number && !is_told(settings, network, cables[i].link))
            network_remove_cable(cables[i].link, NULL);
}

static int forget_asked(struct container_record *c, const char *network, struct err *e)
{
    json_t *said = endpoints_said(c);
    if (!said)
        return err_nomem(e);
    if (!json_object_get(said, network))
        return 0;
    json_object_del(said, network);
    return record_save(c, false, e);
}

/* All ports lead where they should: what leads to @gone, and what the killed one may have moved. */
static int lead_again(const struct endpoints *gone, const json_t *settings, struct err *e)
{
    struct endpoints all = {.engine = gone->engine, .record = gone->record};
    int r = endpoints_read_now(&all, settings) < 0 ? err_nomem(e) : 0;
    if (r == 0 && gone->n_ports > 0)
        r = publish_remove(gone->ports, gone->n_ports, NULL, e);
    endpoints_choose_ways(&all);
    if (r == 0 && all.n_ports > 0)
        r = endpoints_aim(&all, e);
    if (r == 0 && all.n_ports > 0)
        r = publish_remove(all.ports, all.n_ports, NULL, e);
    if (r == 0 && all.n_ports > 0)
        r = publish_add(all.ports, all.n_ports, NULL, e);
    endpoints_release(&all);
    return r;
}

/* What plugins were at when they were killed no file tells but their own. */
static void remove_unsaid(const struct engine *en, const char *name, const char *id)
{
    _cleanup_network_record_ struct network_record network = NETWORK_RECORD_INIT;
    if (networks_find(en, name, &network, NULL) == 0 && network.config.driver == NETWORK_CNI)
        endpoint_cni_remove(en, network.id, id);
}

static int take_off(const struct engine *en, struct container_record *c, const char *network,
                    int netns, json_t *settings, struct err *e)
{
    struct endpoints all = {.engine = en, .record = c}, gone = all;
    int r = forget_asked(c, network, e);
    if (r == 0 && endpoints_read_ports(settings, &all.ports, &all.n_ports) < 0)
        r = err_nomem(e);
    find_on(&gone, network);
    for (size_t i = 0; i < gone.n; i++)
        add_ports_to(&gone, all.ports, all.n_ports, &gone.v[i]);
    for (size_t i = 0; i < gone.n; i++)
        endpoint_remove(en, &gone.v[i].network, &gone.v[i].end, c->id, netns);
    remove_unsaid(en, network, c->id);
    remove_untold(en, c, settings, network, netns);
    if (r == 0)
        r = endpoints_put_network(&all, network, NULL, netns, settings, e);
    if (r == 0 && gone.n_ports > 0)
        r = lead_again(&gone, settings, e);
    endpoints_release(&all);
    endpoints_release(&gone);
    return r;
}

/* What one port of a container has besides its own element is shared by those of the same target,
 * and goes with it: so the others are led anew. */
static int take_back(const struct engine *en, const struct container_record *c,
                     const json_t *settings, json_t *ports, struct err *e)
{
    struct endpoints gone = {.engine = en, .record = c};
    add_changing_ports(&gone, settings, ports);
    int r = lead_again(&gone, settings, e);
    endpoints_release(&gone);
    return r;
}

/* Its monitor has looked at the files before this was undone: nobody looks at them any more. */
static void forget_run(const struct engine *en, const struct container_record *c)
{
    _cleanup_free_ char *folder = str_printf("containers/%s", c->id);
    if (folder && state_holder(en, c->id, NULL) == HOLDER_NONE)
        dir_remove(en->run_fd, folder, NULL);
}

static void read_address(const json_t *network, const char *key, struct ip_address *ret)
{
    const char *text = json_str(network, key);
    if (!text || ip_address_parse(text, ret) < 0)
        *ret = (struct ip_address){0};
}

/* What is said of an endpoint, whose file its monitor may have taken away. */
static void read_end(const json_t *network, struct network_endpoint *ret)
{
    const char *link = json_str(network, "Link"), *mac = json_str(network, "MacAddress");
    *ret = (struct network_endpoint){0};
    read_address(network, "IPAddress", &ret->address4);
    read_address(network, "GlobalIPv6Address", &ret->address6);
    snprintf(ret->link, sizeof(ret->link), "%s", link ? link : "");
    if (!mac || mac_parse(mac, ret->mac) < 0)
        memset(ret->mac, 0, sizeof(ret->mac));
}

/* It has ended: what its monitor has taken out of the tables may have been put there once more
 * since. */
static void clear_tables(const struct engine *en, const struct container_record *c,
                         const json_t *settings)
{
    struct endpoints all = {.engine = en, .record = c}, leading = all;
    json_t *changing = json_object_get(json_object_get(settings, CHANGING), "Ports"), *network;
    const char *name;
    endpoints_read_ports(settings, &all.ports, &all.n_ports);
    if (changing)
        add_changing_ports(&all, settings, changing);
    json_object_foreach (json_at(settings, "Networks"), name, network) {
        _cleanup_network_record_ struct network_record record = NETWORK_RECORD_INIT;
        struct endpoint one;
        read_end(network, &one.end);
        add_ports_to(&leading, all.ports, all.n_ports, &one);
        if (networks_find(en, name, &record, NULL) == 0)
            firewall_remove_endpoint(&record.config, &one.end, NULL);
    }
    if (leading.n_ports > 0)
        publish_clear(leading.ports, leading.n_ports, NULL);
    endpoints_release(&leading);
    endpoints_release(&all);
    forget_run(en, c);
}

int endpoints_undo_change(const struct engine *en, struct container_record *c, json_t *settings,
                          struct err *e)
{
    _cleanup_json_ json_t *before = json_deep_copy(settings), *state = NULL;
    const json_t *change = json_object_get(before, CHANGING);
    const char *network = json_str(change, "Network");
    json_t *ports = json_object_get(change, "Ports");
    state_published(en, c->id, &state, NULL);
    pid_t pid = state_pid(state);
    _cleanup_close_ int netns = pid ? namespace_open(pid, NS_NETWORK) : -EBADF;
    int r = network ? take_off(en, c, network, netns, settings, e) : 0;
    if (r == 0 && ports)
        r = take_back(en, c, settings, ports, e);
    if (r == 0)
        r = write_done(en, c, settings, e);
    if (check_life(en, c, NULL) == 0)
        return r;
    clear_tables(en, c, before);
    return 0;
}

int endpoints_settle(const struct engine *en, struct container_record *c, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    if (network_settings_read(en, c->id, &settings, NULL) < 0 ||
        !json_object_get(settings, CHANGING))
        return 0;
    int r = endpoints_undo_change(en, c, settings, e);
    return r < 0 ? err_wrap(e, "cannot undo what was begun and not finished") : 0;
}
