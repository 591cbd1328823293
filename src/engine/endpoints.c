#include "engine/endpoints.h"

#include "base/file.h"
#include "engine/endpoints_cni.h"
#include "engine/endpoints_private.h"
#include "engine/network_request.h"
#include "engine/network_settings.h"
#include "network/firewall.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The resolver reads there as nobody; the run folder above is nobody else's. */
enum { MAX_NETWORKS = 128, FOLDER_MODE = 0755, PATIENCE_NS = 999999999, PATIENCE_TURNS = 100 };

int endpoints_folder(const struct engine *en, const struct network_record *network, bool make,
                     struct err *e)
{
    _cleanup_free_ char *path = str_printf("networks/%s", network->id);
    if (!path)
        return err_nomem(e);
    int fd = openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        int r = dir_make(en->run_fd, path, FOLDER_MODE, e);
        if (r < 0)
            return r;
        fd = openat(en->run_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    return fd < 0 ? err_sys(e, errno, "cannot open \"%s/%s\"", en->run, path) : fd;
}

/* ---- the plan ---- */

const char *endpoints_mode(const json_t *document)
{
    const char *mode = json_str(document, "HostConfig.NetworkMode");
    return mode && *mode && !str_eq(mode, "default") ? mode : "bridge";
}

static int add_network(struct endpoints *all, const char *name, const json_t *asked, struct err *e)
{
    struct endpoint *more = reallocarray(all->v, all->n + 1, sizeof(*more));
    if (!more)
        return err_nomem(e);
    all->v = more;
    struct endpoint *one = &all->v[all->n];
    *one = (struct endpoint){.asked = asked, .network = NETWORK_RECORD_INIT};
    int r = networks_hold(all->engine, name, &one->network, e);
    if (r < 0)
        return r;
    one->priority = (int)json_int(asked, "GwPriority", 0);
    const char *inside =
        json_str(json_at(asked, "DriverOpts"), "com.docker.network.endpoint.ifname");
    int n = inside && *inside ? snprintf(one->inside, sizeof(one->inside), "%s", inside)
                              : snprintf(one->inside, sizeof(one->inside), "eth%zu", all->n);
    all->n++;
    return n < (int)sizeof(one->inside)
               ? 0
               : err_set(e, EINVAL, "\"%s\" is too long for the name of a link (15 bytes)", inside);
}

/* Docker's rule: the highest priority, then the first by its network's name. */
static bool goes_before(const struct endpoint *a, const struct endpoint *b)
{
    return a->priority != b->priority ? a->priority > b->priority
                                      : strcmp(a->network.name, b->network.name) < 0;
}

void endpoints_choose_ways(struct endpoints *all)
{
    struct endpoint *first4 = NULL, *first6 = NULL;
    for (size_t i = 0; i < all->n; i++) {
        struct endpoint *one = &all->v[i];
        const struct network_config *c = &one->network.config;
        if (c->internal)
            continue;
        if (!c->no_ipv4 && (!first4 || goes_before(one, first4)))
            first4 = one;
        if ((c->subnet6.first.family != 0) && (!first6 || goes_before(one, first6)))
            first6 = one;
    }
    if (first4)
        first4->first4 = true;
    if (first6)
        first6->first6 = true;
}

/* What the document asks for by name, the network of its mode first; or that one alone. */
static int plan_networks(struct endpoints *all, struct err *e)
{
    const json_t *document = all->record->document;
    json_t *asked = json_at(document, "NetworkSettings.Networks"), *settings;
    const char *first = endpoints_mode(document), *name;
    json_t *of_first = json_object_get(asked, first);
    int r = of_first || !asked ? add_network(all, first, of_first, e) : 0;
    json_object_foreach (asked, name, settings) {
        if (r == 0 && !str_eq(name, first))
            r = all->n < MAX_NETWORKS
                    ? add_network(all, name, settings, e)
                    : err_set(e, E2BIG, "a container can be on %d networks", MAX_NETWORKS);
    }
    return r;
}

/* Our own default route is to be the first, so networks that plugins make come last; which is
 * theirs to be, lead_out decides. */
static void put_plugins_last(struct endpoints *all)
{
    for (size_t done = 1; done < all->n; done++)
        for (size_t i = done; i > 0; i--) {
            struct endpoint *a = &all->v[i - 1], *b = &all->v[i];
            if (a->network.config.driver != NETWORK_CNI || b->network.config.driver == NETWORK_CNI)
                break;
            const struct endpoint held = *a;
            *a = *b;
            *b = held;
        }
}

int endpoints_plan(const struct engine *en, const struct container_record *c, struct endpoints *ret,
                   struct err *e)
{
    *ret = (struct endpoints){.engine = en, .record = c};
    int r = plan_networks(ret, e);
    if (r < 0)
        return r;
    endpoints_choose_ways(ret);
    put_plugins_last(ret);
    return endpoints_claim_ports(ret, e);
}

/* ---- the cables ---- */

/* An address that was asked for; none is any. */
static int read_address(const json_t *asked, const char *key, struct ip_address *ret, struct err *e)
{
    const char *text = json_str(json_at(asked, "IPAMConfig"), key);
    if (text && *text && ip_address_parse(text, ret) < 0)
        return err_set(e, EINVAL, "invalid %s: \"%s\"", key, text);
    return 0;
}

static int read_mac(const json_t *asked, struct network_wish *w, struct err *e)
{
    const char *text = json_str(asked, "MacAddress");
    if (!text || !*text)
        return 0;
    if (mac_parse(text, w->mac) < 0)
        return err_set(e, EINVAL, "invalid MAC address: \"%s\"", text);
    w->has_mac = true;
    return 0;
}

static int read_wish(const struct endpoints *all, const struct endpoint *one,
                     struct network_wish *w, struct err *e)
{
    *w = (struct network_wish){
        .owner = all->record->id,
        .inside = one->inside,
        .default_route4 = one->first4,
        .default_route6 = one->first6,
        .leases_fd = -EBADF,
    };
    int r = read_address(one->asked, "IPv4Address", &w->address4, e);
    if (r == 0)
        r = read_address(one->asked, "IPv6Address", &w->address6, e);
    const char *rate = json_str(json_at(one->asked, "DriverOpts"), "rate");
    if (r == 0 && rate && rate_parse(rate, &w->rate) < 0)
        r = err_set(e, EINVAL, "invalid rate \"%s\"", rate);
    return r == 0 ? read_mac(one->asked, w, e) : r;
}

static void add_name(struct strv *names, const char *name)
{
    bool there = !name || !*name;
    for (size_t k = 0; k < names->n && !there; k++)
        there = str_eq(names->v[k], name);
    if (!there)
        strv_add(names, name);
}

int endpoint_names(const struct container_record *c, const json_t *asked, struct strv *ret)
{
    const json_t *alias;
    size_t i;
    strv_add(ret, record_name(c));
    strv_addf(ret, "%.*s", SHORT_ID_LEN, c->id);
    json_array_foreach (json_at(asked, "Aliases"), i, alias)
        add_name(ret, json_string_value(alias));
    add_name(ret, json_str(c->document, "Config.Hostname"));
    return ret->failed ? -ENOMEM : 0;
}

/* What is published to an address by who had it before leads to whoever has it now. */
static void unpublish(const struct endpoints *all, const struct endpoint *one, const char *former)
{
    _cleanup_json_ json_t *settings = NULL;
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0, kept = 0;
    if (network_settings_read(all->engine, former, &settings, NULL) < 0 ||
        endpoints_read_ports(settings, &ports, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (ip_equal(&ports[i].target, &one->end.address4) ||
            ip_equal(&ports[i].target, &one->end.address6))
            ports[kept++] = ports[i];
    if (kept > 0)
        publish_remove(ports, kept, NULL, NULL);
}

/* Who may change his own interfaces (CAP_NET_ADMIN) can take away his cable and live on; and who
 * was killed may not have been cleared away yet. What he was published and let send as is his. */
static void clear_former(const struct endpoints *all, const struct endpoint *one, int folder)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    struct network_endpoint end;
    if (endpoint_file_read(folder, network_endpoint_address(&one->end), &f, NULL) < 0)
        return;
    endpoint_from_file(&one->network, &f, &end);
    firewall_remove_endpoint(&one->network.config, &end, NULL);
    if (!str_eq(f.owner, all->record->id))
        unpublish(all, one, f.owner);
}

/* A link that is being laid, and the folder that says so. */
struct laying {
    const struct endpoints *all;
    struct endpoint *one;
    int folder;
    bool said;
};

static int write_file(const struct network_endpoint *end, void *data, struct err *e)
{
    struct laying *l = data;
    _cleanup_endpoint_file_ struct endpoint_file f = {
        .address = *network_endpoint_address(end),
    };
    if (end->address4.family)
        f.other = end->address6;
    memcpy(f.owner, l->all->record->id, sizeof(f.owner));
    memcpy(f.link, end->link, sizeof(f.link));
    memcpy(f.inside, end->inside, sizeof(f.inside));
    memcpy(f.mac, end->mac, sizeof(f.mac));
    if (endpoint_names(l->all->record, l->one->asked, &f.names) < 0)
        return err_nomem(e);
    l->one->end = *end;
    clear_former(l->all, l->one, l->folder);
    int r = endpoint_file_write(l->folder, &f, e);
    l->said = r == 0;
    return r;
}

struct search {
    int folder;
    const struct ip_address *address;
};

static int has_address(const struct ip_address *address, void *arg)
{
    const struct search *s = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    return ip_equal(address, s->address) ||
           (endpoint_file_read(s->folder, address, &f, NULL) == 0 &&
            ip_equal(&f.other, s->address));
}

/* Whether somebody says that he has one of the addresses that are asked for. */
static bool is_held(int folder, const struct network_wish *w)
{
    const struct ip_address *const wanted[] = {&w->address4, &w->address6};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (wanted[i]->family != 0 &&
            endpoint_file_list(folder, has_address, &(struct search){folder, wanted[i]}, NULL) != 0)
            return true;
    return false;
}

/* An address whose holder has ended, and says so, is free once the kernel has taken the namespace
 * apart: whoever asks for it waits, and so a restart has its own again. So does who finds none. */
static int attach_patiently(int netns_fd, const struct network_config *c,
                            const struct network_wish *w, struct network_endpoint *ret,
                            struct err *e)
{
    const struct timespec pause = {.tv_nsec = PATIENCE_NS / PATIENCE_TURNS};
    int r = network_attach(netns_fd, c, w, ret, e);
    for (int i = 0; (r == -EADDRINUSE || r == -EADDRNOTAVAIL) && i < PATIENCE_TURNS &&
                    !is_held(w->leases_fd, w);
         i++) {
        err_release(e);
        nanosleep(&pause, NULL);
        r = network_attach(netns_fd, c, w, ret, e);
    }
    return r;
}

/* Of a link that lay for a moment. By now it may be another's. */
static void forget_file(const struct laying *l)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    const struct ip_address *address = network_endpoint_address(&l->one->end);
    if (endpoint_file_read(l->folder, address, &f, NULL) == 0 &&
        str_eq(f.owner, l->all->record->id))
        endpoint_file_remove(l->folder, address, NULL);
}

static int lay_by_plugins(struct laying *l, const struct network_wish *w, int netns_fd,
                          struct err *e)
{
    int r = firewall_ensure(NULL, w->ret_late, e); /* nobody else's may keep our bridge from it */
    if (r == 0)
        r = endpoint_cni_add(l->all, l->one, w, netns_fd, e);
    if (r < 0)
        return r;
    r = write_file(&l->one->end, l, e);
    if (r < 0)
        endpoint_cni_remove(l->all->engine, l->one->network.id, l->all->record->id);
    return r;
}

int endpoint_lay(struct endpoints *all, struct endpoint *one, int netns_fd, struct err *e)
{
    struct network_wish w;
    int r = read_wish(all, one, &w, e);
    if (r < 0)
        return r;
    _cleanup_close_ int folder = endpoints_folder(all->engine, &one->network, true, e);
    if (folder < 0)
        return folder;
    int late = -EBADF;
    struct laying l = {.all = all, .one = one, .folder = folder};
    w.leases_fd = folder;
    w.ret_late = &late;
    w.laid = write_file;
    w.data = &l;
    if (one->network.config.driver == NETWORK_CNI) {
        r = lay_by_plugins(&l, &w, netns_fd, e);
    } else {
        endpoints_take_back(all, one, folder, &w);
        r = attach_patiently(netns_fd, &one->network.config, &w, &one->end, e);
    }
    endpoints_put_off(all, late);
    if (r == 0)
        networks_let_go(&one->network);
    else if (l.said)
        forget_file(&l);
    return r;
}

void endpoint_remove(const struct engine *en, const struct network_record *network,
                     const struct network_endpoint *end, const char *owner, int netns_fd)
{
    _cleanup_close_ int folder = endpoints_folder(en, network, false, NULL);
    if (network->config.driver == NETWORK_CNI) /* while the network counts as used */
        endpoint_cni_remove(en, network->id, owner);
    if (network->config.driver == NETWORK_BRIDGE)
        firewall_remove_endpoint(&network->config, end, NULL);
    if (netns_fd >= 0 && network->config.driver != NETWORK_CNI)
        network_detach(netns_fd, &network->config, end, NULL);
    if (folder >= 0) /* last: it says what there is */
        endpoint_file_remove(folder, network_endpoint_address(end), NULL);
}

/* Where published ports lead: the container's end of its way out. */
static int open_ports(struct endpoints *all, struct err *e)
{
    if (all->n_ports == 0)
        return 0;
    int r = endpoints_aim(all, e);
    if (r < 0)
        return r;
    int late = -EBADF;
    r = publish_add(all->ports, all->n_ports, &late, e);
    endpoints_put_off(all, late);
    return r;
}

static void lay_off(struct endpoints *all, size_t n, int netns_fd)
{
    for (size_t i = 0; i < n; i++)
        endpoint_remove(all->engine, &all->v[i].network, &all->v[i].end, all->record->id, netns_fd);
}

/* A plugin puts its default route before those that are there. */
static int lead_out(const struct endpoints *all, int netns_fd, struct err *e)
{
    bool plugins = false;
    int r = 0;
    for (size_t i = 0; i < all->n; i++)
        plugins |= all->v[i].network.config.driver == NETWORK_CNI;
    for (size_t i = 0; plugins && all->n > 1 && r == 0 && i < all->n; i++) {
        const struct endpoint *one = &all->v[i];
        if (one->first4 || one->first6)
            r = network_route(netns_fd, &one->network.config, &one->end, one->first4, one->first6,
                              e);
    }
    return r;
}

int endpoints_attach(struct endpoints *all, int netns_fd, struct err *e)
{
    int late = -EBADF;
    int r = endpoints_repair(all->engine, &late, e);
    size_t n = 0;
    endpoints_put_off(all, late);
    r = r < 0 ? r : 0;
    for (; r == 0 && n < all->n; n++)
        r = endpoint_lay(all, &all->v[n], netns_fd, e);
    if (r < 0)
        n -= n > 0; /* that one has left nothing */
    else
        r = lead_out(all, netns_fd, e);
    if (r == 0)
        r = open_ports(all, e);
    if (r < 0)
        lay_off(all, n, netns_fd);
    all->attached = r == 0;
    return r < 0 ? err_wrap(e, "cannot connect the container to the network") : 0;
}

void endpoints_put_off(struct endpoints *all, int fd)
{
    if (fd >= 0 && all->n_late < ARRAY_LEN(all->late))
        all->late[all->n_late++] = fd;
    else if (fd >= 0)
        close(fd);
}

void endpoints_rest(struct endpoints *all)
{
    if (all->unpublished)
        firewall_settle();
    while (all->n_late > 0)
        fd_close(&all->late[--all->n_late]);
}

void endpoints_release(struct endpoints *all)
{
    for (size_t i = 0; i < all->n; i++) {
        network_record_release(&all->v[i].network);
        json_decref(all->v[i].dns);
    }
    for (size_t i = 0; i < all->n_ports; i++)
        fd_close(&all->ports[i].claim);
    endpoints_rest(all);
    while (all->n_donors > 0)
        fd_close(&all->donors[--all->n_donors]);
    free(all->v);
    free(all->ports);
    *all = ENDPOINTS_INIT;
}
