/* Ports of a container that is there already: published and taken back while it runs. */
#include "engine/change_lock.h"
#include "engine/contact.h"
#include "engine/endpoints_private.h"
#include "engine/network_settings.h"
#include "engine/state.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* ---- in the monitor ---- */

static int read_claim(struct publication *p)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } a = {0};
    socklen_t n = sizeof(a);
    int protocol = 0;
    socklen_t size = sizeof(protocol);
    if (getsockopt(p->claim, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
        getsockname(p->claim, &a.any, &n) < 0)
        return -errno;
    bool six = a.any.sa_family == AF_INET6;
    if (!six && a.any.sa_family != AF_INET)
        return -EAFNOSUPPORT;
    p->protocol = (uint8_t)protocol;
    p->host =
        six ? ip_from_bytes(AF_INET6, &a.six.sin6_addr) : ip_from_bytes(AF_INET, &a.four.sin_addr);
    p->host_port = ntohs(six ? a.six.sin6_port : a.four.sin_port);
    return 0;
}

int endpoints_keep_claim(struct endpoints *all, int claim)
{
    struct publication p = PUBLICATION_NONE;
    p.claim = claim;
    struct publication *more = reallocarray(all->ports, all->n_ports + 1, sizeof(*more));
    if (more)
        all->ports = more;
    if (!more || read_claim(&p) < 0) {
        close(claim);
        return 0;
    }
    all->ports[all->n_ports++] = p;
    return 1;
}

static bool is_same(const struct publication *a, const struct publication *b)
{
    return a->protocol == b->protocol && a->host_port == b->host_port &&
           ip_equal(&a->host, &b->host);
}

void endpoints_take_claims(struct endpoints *all, struct endpoints *from)
{
    for (size_t i = 0; i < all->n_ports; i++)
        for (size_t k = 0; k < from->n_ports; k++)
            if (is_same(&all->ports[i], &from->ports[k]) && all->ports[i].claim < 0)
                all->ports[i].claim = TAKE_FD(from->ports[k].claim);
}

void endpoints_review_claims(struct endpoints *all)
{
    _cleanup_json_ json_t *settings = NULL;
    _cleanup_free_ struct publication *now = NULL;
    size_t n = 0, kept = 0;
    if (!all->engine || network_settings_read(all->engine, all->record->id, &settings, NULL) < 0 ||
        endpoints_read_ports(settings, &now, &n) < 0)
        return;
    for (size_t i = 0; i < all->n_ports; i++) {
        bool there = false;
        for (size_t k = 0; k < n && !there; k++)
            there = is_same(&all->ports[i], &now[k]);
        if (there)
            all->ports[kept++] = all->ports[i];
        else
            fd_close(&all->ports[i].claim);
    }
    all->n_ports = kept;
}

/* ---- in the command ---- */

/* A container as the change finds it. */
struct change {
    struct endpoints all;
    struct endpoint ways[2]; /* where ports lead */
    json_t *settings;        /* NULL: it does not run */
};

static void change_release(struct change *x)
{
    for (size_t i = 0; i < x->all.n_ports; i++)
        fd_close(&x->all.ports[i].claim);
    free(x->all.ports);
    for (size_t i = 0; i < x->all.n; i++)
        network_record_release(&x->ways[i].network);
    json_decref(x->settings);
}
#define _cleanup_change_ _cleanup_(change_release)

static int add_way(struct change *x, const char *name, struct err *e)
{
    const struct container_record *c = x->all.record;
    struct endpoint *way = &x->ways[x->all.n];
    *way = (struct endpoint){.network = NETWORK_RECORD_INIT};
    int r = networks_find(x->all.engine, name, &way->network, e);
    if (r < 0)
        return r;
    x->all.n++;
    if (way->network.config.driver == NETWORK_CNI)
        return err_set(e, ENOTSUP,
                       "network %s is made by CNI plugins, which open ports when a container "
                       "starts: not while it runs",
                       name);
    r = endpoint_of(x->all.engine, &way->network,
                    json_object_get(json_at(x->settings, "Networks"), name), c->id, &way->end);
    return r < 0 ? err_set(e, -r, "cannot tell where container %s is on network %s", record_name(c),
                           name)
                 : 0;
}

static int find_ways(struct change *x, struct err *e)
{
    const char *name4 = json_str(x->settings, "PortsNetwork"),
               *name6 = json_str(x->settings, "PortsNetwork6");
    int r = 0;
    if (!name4 && !name6)
        return err_set(e, EINVAL, "container %s is on no network that a port could be published on",
                       record_name(x->all.record));
    x->all.v = x->ways;
    if (name4)
        r = add_way(x, name4, e);
    if (r == 0 && name6 && !str_eq(name4, name6))
        r = add_way(x, name6, e);
    if (r == 0 && name4)
        x->ways[0].first4 = true;
    if (r == 0 && name6)
        x->ways[x->all.n - 1].first6 = true;
    return r;
}

static int begin(const struct engine *en, struct container_record *c, struct change *x,
                 struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    const char *mode = json_str(c->document, "HostConfig.NetworkMode");
    *x = (struct change){.all = {.engine = en, .record = c}};
    if (mode && (str_eq(mode, "host") || str_eq(mode, "none") || strchr(mode, ':')))
        return err_set(e, EINVAL,
                       "container %s has the network mode \"%s\": it has no ports of its own to "
                       "publish",
                       record_name(c), mode);
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0 || state_pid(state) == 0)
        return r;
    r = network_settings_read(en, c->id, &x->settings, e);
    return r == 0 ? find_ways(x, e) : r;
}

/* PortBindings of the document, which are the next start's. */
static json_t *bindings_of(struct container_record *c)
{
    json_t *host = json_object_get(c->document, "HostConfig");
    json_t *bindings = json_object_get(host, "PortBindings");
    if (json_is_object(bindings))
        return bindings;
    bindings = json_object();
    return json_object_set_new(host, "PortBindings", bindings) < 0 ? NULL : bindings;
}

static int note(struct container_record *c, const json_t *added, struct err *e)
{
    json_t *bindings = bindings_of(c), *list;
    const char *port;
    int r = bindings ? 0 : -ENOMEM;
    json_object_foreach ((json_t *)(uintptr_t)added, port, list) {
        json_t *there = json_object_get(bindings, port);
        if (r == 0 && !json_is_array(there))
            r = json_object_set_new(bindings, port, there = json_array());
        if (r == 0)
            r = json_array_extend(there, list);
    }
    return r < 0 ? err_nomem(e) : record_save(c, false, e);
}

/* The monitor has the claims before the ports are open: whoever kills us leaves nothing open that
 * nobody holds. */
static int open_ports(struct change *x, struct container_record *c, struct err *e)
{
    const struct endpoints *all = &x->all;
    json_t *new = json_object(), *ports = json_at(x->settings, "Ports");
    int r = new ? endpoints_aim(&x->all, e) : err_nomem(e);
    for (size_t i = 0; i < all->n_ports && r == 0; i++)
        r = endpoints_describe_port(new, &all->ports[i]) < 0 ? err_nomem(e) : 0;
    if (r < 0) {
        json_decref(new);
        return r;
    }
    r = endpoints_begin_change(all->engine, c, x->settings, "Ports", new, e);
    for (size_t i = 0; i < all->n_ports && r == 0; i++)
        if (all->ports[i].claim >= 0)
            r = contact_hand_over(all->engine, c->id, all->ports[i].claim, e);
    if (r == 0)
        r = publish_add(all->ports, all->n_ports, NULL, e);
    for (size_t i = 0; i < all->n_ports && r == 0; i++)
        r = endpoints_describe_port(ports, &all->ports[i]) < 0 ? err_nomem(e) : 0;
    if (r == 0)
        r = endpoints_finish_change(all->engine, c, x->settings, e);
    if (r < 0)
        endpoints_undo_change(all->engine, c, x->settings, NULL);
    return r;
}

int endpoints_publish(const struct engine *en, struct container_record *c, const json_t *bindings,
                      struct err *e)
{
    _cleanup_change_ struct change x = {0};
    _cleanup_close_ int lock = change_lock(c, e);
    const char *port;
    json_t *list;
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = endpoints_settle(en, c, e);
    if (r == 0)
        r = begin(en, c, &x, e);
    if (r == 0 && x.settings) {
        json_object_foreach ((json_t *)(uintptr_t)bindings, port, list)
            if (r == 0)
                r = endpoints_claim_port(&x.all, port, list, e);
        if (r == 0)
            r = open_ports(&x, c, e);
    }
    if (r == 0)
        r = note(c, bindings, e);
    return r < 0 ? err_wrap(e, "cannot publish a port of container %s", record_name(c)) : 0;
}

/* ---- and taken back ---- */

/* What is empty on either side is any. */
static bool says(const json_t *wanted, const json_t *there, const char *key)
{
    const char *w = json_str(wanted, key), *t = json_str(there, key);
    return !w || !*w || !t || !*t || str_eq(w, t);
}

/* Takes those of @list out that @wanted means; they are added to @out (may be NULL) for @port. */
static size_t take_out(json_t *list, const json_t *wanted, const char *port, json_t *out)
{
    size_t n = 0;
    for (size_t i = json_array_size(list); i-- > 0;) {
        json_t *one = json_array_get(list, i);
        if (!says(wanted, one, "HostIp") || !says(wanted, one, "HostPort"))
            continue;
        json_t *gone = json_object_get(out, port);
        if (out && !gone && json_object_set_new(out, port, gone = json_array()) < 0)
            return n;
        if (out)
            json_array_append(gone, one);
        json_array_remove(list, i);
        n++;
    }
    return n;
}

static size_t take_all_out(json_t *ports, const json_t *wanted, json_t *out)
{
    const char *port;
    json_t *list, *one;
    size_t n = 0, i;
    json_object_foreach ((json_t *)(uintptr_t)wanted, port, list) {
        json_t *there = json_object_get(ports, port);
        json_array_foreach (list, i, one)
            n += take_out(there, one, port, out);
        if (there && json_array_size(there) == 0)
            json_object_del(ports, port);
    }
    return n;
}

static int close_ports(struct change *x, struct container_record *c, const json_t *wanted,
                       size_t *ret_n, struct err *e)
{
    json_t *gone = json_object();
    if (!gone)
        return err_nomem(e);
    *ret_n = take_all_out(json_at(x->settings, "Ports"), wanted, gone);
    if (*ret_n == 0) {
        json_decref(gone);
        return 0;
    }
    int r = endpoints_begin_change(x->all.engine, c, x->settings, "Ports", gone, e);
    return r == 0 ? endpoints_undo_change(x->all.engine, c, x->settings, e) : r;
}

int endpoints_unpublish(const struct engine *en, struct container_record *c, const json_t *bindings,
                        struct err *e)
{
    _cleanup_change_ struct change x = {0};
    _cleanup_close_ int lock = change_lock(c, e);
    size_t n = 0;
    int r = lock < 0 ? lock : record_reload(c, e);
    if (r == 0)
        r = endpoints_settle(en, c, e);
    if (r == 0)
        r = begin(en, c, &x, e);
    if (r == 0 && x.settings)
        r = close_ports(&x, c, bindings, &n, e);
    if (r == 0)
        n += take_all_out(bindings_of(c), bindings, NULL);
    if (r == 0 && n == 0)
        r = err_set(
            e, ENOENT,
            "it publishes no such port: %s is the container's own side, and \"skiff port %s\" "
            "shows what is published",
            json_object_iter_key(json_object_iter((json_t *)bindings)), record_name(c));
    if (r == 0)
        r = record_save(c, false, e);
    return r < 0 ? err_wrap(e, "cannot take back a port of container %s", record_name(c)) : 0;
}
