#include "engine/change_lock.h"
#include "engine/contact.h"
#include "engine/endpoints_cni.h"
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
    return json_object_get(asked, name) || (!asked && str_eq(endpoints_mode(c->document), name));
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

static void tell_hosts(const struct container_record *c, const struct network_endpoint *end)
{
    char own[IP_ADDRESS_TEXT];
    if (end->address4.family)
        files_add_address(c, ip_address_format(&end->address4, own), NULL, NULL);
    if (end->address6.family)
        files_add_address(c, ip_address_format(&end->address6, own), NULL, NULL);
}

static int lay(struct endpoints *all, pid_t pid, json_t *settings, struct err *e)
{
    struct endpoint *one = &all->v[0];
    choose_inside(settings, one->inside);
    _cleanup_close_ int netns = namespace_open(pid, NS_NETWORK);
    if (netns < 0)
        return err_sys(e, -netns, "cannot open the container's network namespace");
    int r = endpoint_lay(all, one, netns, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *network = endpoint_describe(one, all->record);
    if (!network)
        return err_nomem(e);
    r = endpoints_put_network(all, one->network.name, network, netns, settings, e);
    if (r == 0)
        tell_hosts(all->record, &one->end);
    return r;
}

json_t *endpoints_said(struct container_record *c)
{
    json_t *said = json_at(c->document, "NetworkSettings.Networks");
    if (said)
        return said;
    json_t *settings = json_pack("{s:{s:{}}}", "Networks", endpoints_mode(c->document));
    return json_object_set_new(c->document, "NetworkSettings", settings) < 0
               ? NULL
               : json_object_get(settings, "Networks");
}

static int put_asked(struct container_record *c, const char *network, const json_t *asked,
                     struct err *e)
{
    json_t *networks = endpoints_said(c);
    if (!networks)
        return err_nomem(e);
    json_t *copy = asked ? json_deep_copy(asked) : json_object();
    return json_object_set_new(networks, network, copy) < 0 ? err_nomem(e)
                                                            : record_save(c, false, e);
}

static void tell_event(const struct engine *en, const struct container_record *c,
                       const struct network_record *network, const char *action)
{
    event_emit(en, "network", action, network->id,
               (struct event_attribute[]){{"container", c->id},
                                          {"name", network->name},
                                          {"type", json_str(network->document, "Driver")},
                                          {0}});
}

/* Noted, laid, in the document, and done. */
static int attach_running(struct endpoints *all, struct container_record *c, pid_t pid,
                          const json_t *asked, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    const char *name = all->v[0].network.name;
    int r = network_settings_read(all->engine, c->id, &settings, e);
    if (r == 0)
        r = endpoints_begin_change(all->engine, c, settings, "Network", json_string(name), e);
    if (r < 0)
        return r;
    r = lay(all, pid, settings, e);
    if (r == 0)
        r = put_asked(c, name, asked, e);
    if (r == 0)
        r = endpoints_finish_change(all->engine, c, settings, e);
    if (r < 0)
        endpoints_undo_change(all->engine, c, settings, NULL);
    return r;
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
    r = pid ? attach_running(all, c, pid, asked, e) : put_asked(c, one->network.name, asked, e);
    if (r == 0)
        tell_event(all->engine, c, &one->network, "connect");
    return r;
}

int endpoints_connect(const struct engine *en, struct container_record *c, const char *network,
                      const json_t *asked, struct err *e)
{
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = endpoints_settle(en, c, e);
    if (r < 0)
        return r;
    struct endpoint one = {.asked = asked, .network = NETWORK_RECORD_INIT};
    struct endpoints all = {.engine = en, .record = c, .v = &one, .n = 1};
    r = networks_hold(en, network, &one.network, e);
    if (r == 0)
        r = attach(&all, c, asked, e);
    network_record_release(&one.network);
    json_decref(one.dns);
    return r;
}

/* ---- and off again ---- */

/* What is left of a connection that was cut off is the same as what is left to be done of this. */
static int detach_running(const struct engine *en, struct container_record *c,
                          const struct network_record *network, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    int r = network_settings_read(en, c->id, &settings, e);
    if (r == 0)
        r = endpoints_begin_change(en, c, settings, "Network", json_string(network->name), e);
    return r == 0 ? endpoints_undo_change(en, c, settings, e) : r;
}

static int detach(const struct engine *en, struct container_record *c,
                  const struct network_record *network, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    json_t *said = endpoints_said(c);
    if (!said)
        return err_nomem(e);
    if (!json_object_get(said, network->name))
        return err_set(e, ENOENT, "container %s is not connected to network %s", c->id,
                       network->name);
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    if (state_pid(state)) {
        r = detach_running(en, c, network, e);
    } else {
        json_object_del(said, network->name);
        r = record_save(c, false, e);
    }
    if (r == 0)
        tell_event(en, c, network, "disconnect");
    if (r == 0 && network->config.driver == NETWORK_CNI)
        r = endpoint_cni_owed(en, network->id, c->id, e);
    return r;
}

int endpoints_disconnect(const struct engine *en, struct container_record *c, const char *network,
                         struct err *e)
{
    _cleanup_network_record_ struct network_record record = NETWORK_RECORD_INIT;
    _cleanup_close_ int lock = change_lock(c, e);
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = endpoints_settle(en, c, e);
    if (r == 0)
        r = networks_find(en, network, &record, e);
    return r == 0 ? detach(en, c, &record, e) : r;
}

/* ---- another name ---- */

static int put_names(const struct container_record *c, const struct endpoint *one, int folder,
                     json_t *settings, struct err *e)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    int r = endpoint_file_read(folder, network_endpoint_address(&one->end), &f, e);
    if (r < 0 || *f.former) /* what was another's has no names */
        return r;
    strv_release(&f.names);
    const json_t *asked =
        json_object_get(json_at(c->document, "NetworkSettings.Networks"), one->network.name);
    json_t *now = json_object_get(json_at(settings, "Networks"), one->network.name);
    if (endpoint_names(c, asked, &f.names) < 0 ||
        json_object_set_new(now, "DNSNames", endpoint_names_json(c, asked)) < 0)
        return err_nomem(e);
    return endpoint_file_write(folder, &f, e);
}

int endpoints_rename(const struct engine *en, const struct container_record *c, struct err *e)
{
    _cleanup_json_ json_t *settings = NULL;
    struct endpoints all = {.engine = en, .record = c};
    int r = network_settings_read(en, c->id, &settings, NULL);
    if (r < 0)
        return r == -ENOENT ? 0 : err_set(e, -r, "cannot read the networks of \"%s\"", c->id);
    r = endpoints_read_now(&all, settings) < 0 ? err_nomem(e) : 0;
    for (size_t i = 0; i < all.n && r == 0; i++) {
        _cleanup_close_ int folder = endpoints_folder(en, &all.v[i].network, false, e);
        r = folder < 0 ? folder : put_names(c, &all.v[i], folder, settings, e);
    }
    endpoints_release(&all);
    return r == 0 ? network_settings_write(en, c->id, settings, e) : r;
}
