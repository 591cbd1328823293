#include "engine/change_lock.h"
#include "engine/contact.h"
#include "engine/endpoints_private.h"
#include "engine/events.h"
#include "engine/files.h"
#include "engine/network_request.h"
#include "engine/network_settings.h"
#include "engine/state.h"
#include "runtime/namespaces.h"

#include <string.h>

/* By its document: what is not said is the network of its mode. */
static bool is_on(const struct container_record *c, const char *name)
{
    const json_t *asked = json_at(c->document, "NetworkSettings.Networks");
    return json_object_get(asked, name) ||
           (json_object_size(asked) == 0 && str_eq(endpoints_mode(c->document), name));
}

static int refuse(const struct container_record *c, const struct network_record *network,
                  struct err *e)
{
    const char *mode = json_str(c->document, "HostConfig.NetworkMode");
    if (str_eq(mode, "host"))
        return err_set(e, EPERM,
                       "cannot connect container to host network - container must be "
                       "created in host network mode");
    if (mode && (str_after(mode, "container:") || str_after(mode, "path:")))
        return err_set(e, EPERM,
                       "container sharing network namespace with another container or "
                       "host cannot be connected to any other network");
    if (str_eq(mode, "none"))
        return err_set(e, EPERM,
                       "container cannot be connected to multiple networks with one of "
                       "the networks in private (none) mode");
    if (is_on(c, network->name))
        return err_set(e, EEXIST, "container %s is already connected to network %s", record_name(c),
                       network->name);
    return 0;
}

/* The first of eth0, eth1, … that the container has not. */
static void choose_inside(const json_t *settings, char ret[16])
{
    const char *name;
    json_t *network;
    bool taken = true;
    for (unsigned i = 0; taken; i++) {
        snprintf(ret, 16, "eth%u", i);
        taken = false;
        json_object_foreach (json_at(settings, "Networks"), name, network)
            taken = taken || str_eq(json_str(network, "Interface"), ret);
    }
}

/* Whether some network of the container's leads out already. */
static bool has_way_out(const json_t *settings)
{
    const char *name;
    json_t *network;
    json_object_foreach (json_at(settings, "Networks"), name, network)
        if (*(json_str(network, "Gateway") ? json_str(network, "Gateway") : ""))
            return true;
    return false;
}

static int lay(struct endpoints *all, pid_t pid, struct err *e)
{
    struct endpoint *one = &all->v[0];
    _cleanup_json_ json_t *settings = NULL;
    const char *id = all->record->id;
    char own[IP_ADDRESS_TEXT];
    int r = network_settings_read(all->engine, id, &settings, e);
    if (r < 0)
        return r;
    choose_inside(settings, one->inside);
    one->first4 = one->first6 = !one->network.config.internal && !has_way_out(settings);
    _cleanup_close_ int netns = namespace_open(pid, NS_NETWORK);
    if (netns < 0)
        return err_sys(e, -netns, "cannot open the container's network namespace");
    r = endpoint_lay(all, one, netns, e);
    if (r < 0)
        return r;
    r = json_object_set_new(json_at(settings, "Networks"), one->network.name,
                            endpoint_describe(one, all->record)) < 0
            ? err_nomem(e)
            : network_settings_write(all->engine, id, settings, e);
    if (r < 0)
        endpoint_remove(all->engine, &one->network, &one->end, netns);
    else
        files_add_address(all->record, ip_address_format(&one->end.address4, own), NULL, NULL);
    return r;
}

/* With the first network that is said by name the one of its mode is, too: it stays. */
static int put_asked(struct container_record *c, const char *network, const json_t *asked,
                     struct err *e)
{
    json_t *settings = json_object_get(c->document, "NetworkSettings");
    if (!settings && json_object_set_new(c->document, "NetworkSettings",
                                         settings = json_pack("{s:{}}", "Networks")) < 0)
        return err_nomem(e);
    json_t *networks = json_object_get(settings, "Networks");
    const char *mode = endpoints_mode(c->document);
    if (!networks && json_object_set_new(settings, "Networks", networks = json_object()) < 0)
        return err_nomem(e);
    if (json_object_size(networks) == 0 && json_object_set_new(networks, mode, json_object()) < 0)
        return err_nomem(e);
    json_t *copy = asked ? json_deep_copy(asked) : json_object();
    return json_object_set_new(networks, network, copy) < 0 ? err_nomem(e)
                                                            : record_save(c, false, e);
}

static void tell_event(const struct engine *en, const struct container_record *c,
                       const struct network_record *network, const char *action)
{
    event_emit(en, "network", action, network->id,
               (struct event_attribute[]){
                   {"container", c->id}, {"name", network->name}, {"type", "bridge"}, {0}});
}

static int attach(struct endpoints *all, struct container_record *c, const json_t *asked,
                  struct err *e)
{
    struct endpoint *one = &all->v[0];
    _cleanup_json_ json_t *state = NULL;
    int r = refuse(c, &one->network, e);
    if (r == 0)
        r = network_request_check(&one->network, asked, e);
    if (r == 0)
        r = state_read(all->engine, c, &state, NULL, e);
    if (r < 0)
        return r;
    pid_t pid = state_pid(state);
    if (pid)
        r = lay(all, pid, e);
    if (r == 0)
        r = put_asked(c, one->network.name, asked, e);
    if (r == 0)
        tell_event(all->engine, c, &one->network, "connect");
    if (r == 0 && pid)
        contact_wake(all->engine, c->id);
    return r;
}

int endpoints_connect(const struct engine *en, struct container_record *c, const char *network,
                      const json_t *asked, struct err *e)
{
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r < 0)
        return r;
    struct endpoint one = {.asked = asked, .network = NETWORK_RECORD_INIT};
    struct endpoints all = {.engine = en, .record = c, .v = &one, .n = 1};
    r = networks_hold(en, network, &one.network, e);
    if (r == 0)
        r = attach(&all, c, asked, e);
    network_record_release(&one.network);
    return r;
}

/* ---- and off again ---- */

static int take_off(const struct engine *en, struct container_record *c,
                    const struct network_record *network, pid_t pid, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    struct network_endpoint end;
    int r = network_settings_read(en, c->id, &settings, e);
    if (r == 0)
        r = endpoint_of(en, network, json_object_get(json_at(settings, "Networks"), network->name),
                        c->id, &end);
    if (r < 0)
        return r;
    _cleanup_close_ int netns = namespace_open(pid, NS_NETWORK);
    endpoint_remove(en, network, &end, netns);
    json_object_del(json_at(settings, "Networks"), network->name);
    return network_settings_write(en, c->id, settings, e);
}

static int detach(const struct engine *en, struct container_record *c,
                  const struct network_record *network, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    json_t *asked = json_at(c->document, "NetworkSettings.Networks");
    if (!is_on(c, network->name))
        return err_set(e, ENOENT, "container %s is not connected to network %s", c->id,
                       network->name);
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    pid_t pid = state_pid(state);
    if (pid)
        r = take_off(en, c, network, pid, e);
    json_object_del(asked, network->name);
    if (r == 0)
        r = record_save(c, false, e);
    if (r == 0)
        tell_event(en, c, network, "disconnect");
    if (r == 0 && pid)
        contact_wake(en, c->id);
    return r;
}

int endpoints_disconnect(const struct engine *en, struct container_record *c, const char *network,
                         struct err *e)
{
    _cleanup_network_record_ struct network_record record = NETWORK_RECORD_INIT;
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = networks_find(en, network, &record, e);
    return r == 0 ? detach(en, c, &record, e) : r;
}
