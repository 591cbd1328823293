/*
 * A network namespace that several containers are in: its cables were laid for one of them, and
 * stay when he ends. Whoever is in there then gets what he had of networks: the files say his name,
 * and the firewall lets him send on. At his end it is the next one's, and nobody's when he was the
 * last.
 *
 * That somebody may be in there is said by locks on the former's folder (HOLD_NETWORK), which cost
 * who is alone one question at his end. Who it is, the kernel says: the namespace of his first
 * process has the other end of the cable. One lock makes a row of those who end at the same time
 * (endpoints_lock_heirs): after his first process is dead nobody is handed anything, and what he
 * was handed before, he sees.
 */
#include "base/loop.h"
#include "engine/contact.h"
#include "engine/endpoints_private.h"
#include "engine/hold.h"
#include "engine/network_settings.h"
#include "engine/state.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/* While somebody is just joining, it cannot be known yet whether he will be in there. */
enum { JOINING_MS = 1000, LOOK_AGAIN_NS = 5000000 };

int endpoints_lock_heirs(const struct engine *en)
{
    _cleanup_close_ int fd = openat(en->run_fd, "networks", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    while (r == 0 && flock(fd, LOCK_EX) < 0)
        r = errno == EINTR ? 0 : -errno;
    return r < 0 ? r : TAKE_FD(fd);
}

/* ---- who may be in there ---- */

/* The donor may be a guest himself, of one whose end is still to come. */
int endpoints_share(struct endpoints *all, const struct engine *en,
                    const struct container_record *c, const struct mode *mode, struct err *e)
{
    _cleanup_free_ char *name = strdup(mode->value);
    all->engine = en;
    all->record = c;
    all->attached = true; /* as far as anything can be handed to it */
    int r = name ? 0 : err_nomem(e);
    while (r == 0 && name && all->n_donors < ARRAY_LEN(all->donors)) {
        _cleanup_record_ struct container_record donor = CONTAINER_RECORD_INIT;
        struct mode next = {0};
        if (record_find(en, name, &donor, NULL) < 0)
            return 0; /* who is to be joined is missed by who looks for its process */
        int fd = openat(donor.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return err_sys(e, errno, "cannot open the folder of container \"%s\"", name);
        all->donors[all->n_donors++] = fd;
        r = hold_take(fd, HOLD_NETWORK, e);
        if (mode_of(donor.document, NS_NETWORK, &next, NULL) < 0 || next.kind != MODE_CONTAINER)
            next.value = NULL;
        free(name);
        name = next.value ? strdup(next.value) : NULL;
    }
    return r;
}

static bool is_guest(const struct container_record *c)
{
    struct mode m;
    return mode_of(c->document, NS_NETWORK, &m, NULL) == 0 && m.kind == MODE_CONTAINER;
}

bool endpoints_may_be_shared(const struct endpoints *all)
{
    const struct container_record *c = all->record;
    return (c->document && is_guest(c)) ||
           (c->dir_fd >= 0 && hold_is_taken(c->dir_fd, HOLD_NETWORK));
}

int endpoints_have_inherited(const struct endpoints *all)
{
    _cleanup_json_ json_t *settings = NULL;
    return all->n_donors > 0 &&
           network_settings_read(all->engine, all->record->id, &settings, NULL) == 0 &&
           json_object_size(json_at(settings, "Networks")) > 0;
}

/* ---- who is ---- */

struct heir {
    char id[ID_LEN + 1]; /* "": nobody */
    int netns;
    bool joining; /* somebody may be in there in a moment */
};

static bool has_any(const struct endpoints *all, int netns)
{
    for (size_t i = 0; i < all->n; i++)
        if (network_is_in(netns, &all->v[i].network.config, &all->v[i].end, NULL) > 0)
            return true;
    return false;
}

static void look_at(const struct endpoints *all, const char *id, struct heir *ret)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    if (str_eq(id, all->record->id) || state_holder(all->engine, id, NULL) != HOLDER_ALIVE ||
        record_open(all->engine, id, &c, NULL) < 0 || !is_guest(&c))
        return;
    int r = state_published(all->engine, id, &state, NULL);
    pid_t pid = r == 0 ? state_pid(state) : 0;
    _cleanup_close_ int netns = pid > 0 ? namespace_open(pid, NS_NETWORK) : -EBADF;
    if (netns >= 0 && has_any(all, netns)) {
        memcpy(ret->id, id, sizeof(ret->id));
        ret->netns = TAKE_FD(netns);
    } else if (r < 0 || state_is_starting(state)) {
        ret->joining = true;
    }
}

static void find_heir(const struct endpoints *all, struct heir *ret)
{
    for (uint64_t began = loop_now_ms();;) {
        _cleanup_strv_ struct strv ids = {0};
        *ret = (struct heir){.netns = -EBADF};
        record_list(all->engine, &ids, NULL);
        for (size_t i = 0; i < ids.n && !*ret->id; i++)
            look_at(all, ids.v[i], ret);
        if (*ret->id || !ret->joining || loop_now_ms() - began > JOINING_MS)
            return;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_NS}, NULL);
    }
}

/* ---- handing over ---- */

/* The file keeps whom the address was given to first: he may ask for it again. */
static int give_file(const struct endpoints *all, const struct endpoint *one, const char *heir)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    _cleanup_close_ int folder = endpoints_folder(all->engine, &one->network, false, NULL);
    int r = folder < 0 ? folder
                       : endpoint_file_read(folder, network_endpoint_address(&one->end), &f, NULL);
    if (r < 0)
        return r;
    if (!*f.former)
        memcpy(f.former, f.owner, sizeof(f.former));
    memcpy(f.owner, heir, sizeof(f.owner));
    strv_release(&f.names);
    f.n_ports = 0;
    return endpoint_file_write(folder, &f, NULL);
}

/* What @one has of networks becomes the heir's too. Ports were published by who ends. */
static int give_settings(const struct endpoints *all, const bool *given, const json_t *settings,
                         const char *heir)
{
    _cleanup_json_ json_t *has = NULL, *now = json_deep_copy(settings);
    json_t *networks = json_object();
    int r = now && networks ? 0 : -ENOMEM;
    if (network_settings_read(all->engine, heir, &has, NULL) == 0)
        r = r == 0 ? json_object_update(networks, json_at(has, "Networks")) : r;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        const char *name = all->v[i].network.name;
        json_t *one = json_object_get(json_at(now, "Networks"), name);
        if (!given[i])
            continue;
        json_object_del(one, "Aliases");
        json_object_del(one, "DNSNames");
        r = json_object_set(networks, name, one);
    }
    json_object_del(now, "PortsNetwork");
    json_object_del(now, "PortsNetwork6");
    if (json_object_set_new(now, "Networks", networks) < 0 ||
        json_object_set_new(now, "Ports", json_object()) < 0)
        r = -ENOMEM;
    return r == 0 ? network_settings_write(all->engine, heir, now, NULL) : r;
}

static void forget_given(struct endpoints *all, const bool *given)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (given[i])
            network_record_release(&all->v[i].network);
        else
            all->v[kept++] = all->v[i];
    }
    all->n = kept;
}

void endpoints_hand_over(struct endpoints *all, const json_t *settings)
{
    struct heir heir;
    _cleanup_free_ bool *given = calloc(all->n + 1, sizeof(*given));
    if (all->n == 0 || !given)
        return;
    find_heir(all, &heir);
    _cleanup_close_ int netns = heir.netns;
    if (!*heir.id)
        return;
    for (size_t i = 0; i < all->n; i++)
        given[i] = network_is_in(netns, &all->v[i].network.config, &all->v[i].end, NULL) > 0;
    /* His own account first: killed in between, whoever reaps us hands over the rest. */
    if (give_settings(all, given, settings, heir.id) < 0)
        return;
    for (size_t i = 0; i < all->n; i++)
        given[i] = given[i] && give_file(all, &all->v[i], heir.id) == 0;
    forget_given(all, given);
    contact_wake(all->engine, heir.id);
}

/* ---- and back ---- */

struct search {
    const struct endpoints *all;
    const struct endpoint *one;
    const struct network_wish *w;
    int folder;
};

static bool is_wanted(const struct network_wish *w, const struct endpoint_file *f)
{
    return (w->address4.family && ip_equal(&w->address4, &f->address)) ||
           (w->address6.family &&
            (ip_equal(&w->address6, &f->other) || ip_equal(&w->address6, &f->address))) ||
           (w->has_mac && memcmp(w->mac, f->mac, sizeof(w->mac)) == 0);
}

static void remove_from(const struct search *s, const struct endpoint_file *f)
{
    const struct engine *en = s->all->engine;
    const struct network_record *network = &s->one->network;
    _cleanup_json_ json_t *state = NULL, *settings = NULL;
    struct network_endpoint end;
    endpoint_from_file(network, f, &end);
    state_published(en, f->owner, &state, NULL);
    pid_t pid = state_pid(state);
    _cleanup_close_ int netns = pid > 0 ? namespace_open(pid, NS_NETWORK) : -EBADF;
    endpoint_remove(en, network, &end, f->owner, netns);
    if (network_settings_read(en, f->owner, &settings, NULL) < 0)
        return;
    json_object_del(json_at(settings, "Networks"), network->name);
    network_settings_write(en, f->owner, settings, NULL);
    contact_wake(en, f->owner);
}

static int look_at_file(const struct ip_address *address, void *arg)
{
    const struct search *s = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    if (endpoint_file_read(s->folder, address, &f, NULL) == 0 &&
        str_eq(f.former, s->all->record->id) && is_wanted(s->w, &f))
        remove_from(s, &f);
    return 0;
}

void endpoints_take_back(const struct endpoints *all, const struct endpoint *one, int folder,
                         const struct network_wish *w)
{
    const struct container_record *c = all->record;
    if ((!w->address4.family && !w->address6.family && !w->has_mac) || c->dir_fd < 0 ||
        !hold_is_taken(c->dir_fd, HOLD_NETWORK))
        return;
    _cleanup_close_ int lock = endpoints_lock_heirs(all->engine);
    if (lock >= 0)
        endpoint_file_list(folder, look_at_file, &(struct search){all, one, w, folder}, NULL);
}
