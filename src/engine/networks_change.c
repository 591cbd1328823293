/*
 * Making networks, and removing them.
 */
#include "engine/networks_private.h"

#include "base/file.h"
#include "engine/endpoints_cni.h"
#include "engine/events.h"
#include "engine/network_cni.h"

#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/file.h>

/* ---- what is refused ---- */

static int check_name(const struct engine *en, const char *name, struct err *e)
{
    if (network_is_predefined(name) || str_eq(name, "default"))
        return err_set(e, EPERM, "operation is not permitted on predefined %s network", name);
    int r = network_check_name(name, e);
    if (r < 0)
        return r;
    if (str_eq(name, "private"))
        return err_set(e, EINVAL, "\"private\" is a network mode, and no name for a network");
    _cleanup_network_record_ struct network_record there = NETWORK_RECORD_INIT;
    r = networks_hold(en, name, &there, NULL);
    return r == -ENOENT ? 0 : err_set(e, EEXIST, "network with name %s already exists", name);
}

static int check_swarm(const json_t *request, struct err *e)
{
    const char *scope = json_str(request, "Scope");
    if (json_bool(request, "Ingress", false) || (scope && *scope && !str_eq(scope, "local")))
        return err_set(e, ENOTSUP, "%s: networks are this machine's alone, there is no swarm",
                       json_bool(request, "Ingress", false) ? "an ingress network"
                                                            : "a scope other than local");
    return 0;
}

/* Of its own, and so a range too. */
static bool has_bridge(const json_t *document, const struct network_config *c)
{
    return c->driver == NETWORK_BRIDGE ||
           (c->driver == NETWORK_CNI && network_cni_has_range(document));
}

/* Of two that are made on purpose, one that the other keeps from working. */
static int check_against(const struct network_record *other, const json_t *document,
                         const struct network_config *c, struct err *e)
{
    const struct network_config *o = &other->config;
    bool bridge = has_bridge(document, c);
    if (*c->link && str_eq(c->link, o->link))
        return bridge ? err_set(e, EEXIST, "networks have same bridge name: \"%s\" is network %s's",
                                c->link, other->name)
                      : err_set(e, EEXIST, "network %s is already using parent interface %s",
                                other->name, c->link);
    if (bridge && has_bridge(other->document, o) &&
        (ip_range_overlaps(&c->subnet4, &o->subnet4) ||
         ip_range_overlaps(&c->subnet6, &o->subnet6)))
        return err_set(e, EEXIST,
                       "invalid pool request: Pool overlaps with other one on this address space: "
                       "network %s's",
                       other->name);
    return 0;
}

/* A bridge that went with a reboot leaves no trace among the host's routes, where a free range is
 * looked for: it is made again. */
static void revive(const struct network_record *n)
{
    _cleanup_(network_config_release) struct network_config again = {.driver = NETWORK_BRIDGE};
    if (n->config.driver == NETWORK_BRIDGE && if_nametoindex(n->config.link) == 0 &&
        network_document_read(n->document, &again, NULL) == 0)
        network_create(&again, NULL);
}

static int check_others(const struct engine *en, const json_t *document,
                        const struct network_config *c, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    int r = networks_list(en, &names, e);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        if (networks_find(en, names.v[i], &n, NULL) < 0 || !network_record_is_real(&n))
            continue;
        r = check_against(&n, document, c, e);
        if (r == 0)
            revive(&n);
    }
    return r;
}

/* ---- a configuration for others ---- */

/* What it says takes the place of what @document says. */
static int copy_config(const struct engine *en, json_t *document, struct err *e)
{
    static const char *const keys[] = {"IPAM", "Options", "EnableIPv4", "EnableIPv6"};
    const char *from = json_str(document, "ConfigFrom.Network");
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    if (!from || !*from)
        return 0;
    if (json_array_size(json_at(document, "IPAM.Config")) > 0 ||
        json_object_size(json_at(document, "Options")) > 0)
        return err_set(e, EINVAL,
                       "user supplied configuration are not supported if the network depends on a "
                       "configuration network");
    int r = networks_find(en, from, &n, e);
    if (r == -ENOENT)
        return err_set(e, ENOENT, "configuration network \"%s\" does not exist", from);
    if (r == 0 && !json_bool(n.document, "ConfigOnly", false))
        return err_set(e, EINVAL, "network \"%s\" is not a configuration network", from);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(keys); i++) {
        json_t *copy = json_deep_copy(json_object_get(n.document, keys[i]));
        if (json_object_set_new(document, keys[i], copy) < 0)
            r = err_nomem(e);
    }
    return r;
}

/* A configuration that others were made of stays as long as they do. */
static int check_config_users(const struct engine *en, const struct network_record *config,
                              struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    if (!json_bool(config->document, "ConfigOnly", false))
        return 0;
    int r = networks_list(en, &names, e);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        if (networks_find(en, names.v[i], &n, NULL) == 0 &&
            str_eq(json_str(n.document, "ConfigFrom.Network"), config->name))
            r = err_set(e, EBUSY, "configuration network \"%s\" is in use by network %s",
                        config->name, n.name);
    }
    return r;
}

/* ---- making one ---- */

/* Whole, on disk, and then under its name. */
static int write_file(const struct engine *en, const char *name, json_t *document, struct err *e)
{
    _cleanup_close_ int folder = networks_folder(en, true, e);
    _cleanup_free_ char *file = str_printf("%s.json", name), *text = json_text(document, 0);
    if (folder < 0)
        return folder;
    if (!file || !text)
        return err_nomem(e);
    _cleanup_close_ int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (r == 0 &&
        (linkat(AT_FDCWD, self, folder, file, AT_SYMLINK_FOLLOW) < 0 || fsync(folder) < 0))
        r = -errno;
    if (r == -EEXIST)
        return err_set(e, EEXIST, "network with name %s already exists", name);
    return r < 0 ? err_sys(e, -r, "cannot write \"%s/networks/%s\"", en->root, file) : 0;
}

static void tell_event(const struct engine *en, const char *action, const struct network_record *n)
{
    event_emit(en, "network", action, n->id,
               (struct event_attribute[]){
                   {"name", n->name}, {"type", json_str(n->document, "Driver")}, {0}});
}

/* The kernel's side, and then the file; or neither. */
static int make(const struct engine *en, const char *name, json_t *document,
                struct network_config *config, struct err *e)
{
    bool real = !json_bool(document, "ConfigOnly", false);
    bool made = real && (!network_cni_is(document) || network_cni_has_range(document));
    _cleanup_close_ int making = networks_begin_making(en, config->id, document, e);
    int r = making < 0 ? making : made ? network_create(config, e) : 0;
    if (r < 0) {
        networks_end_making(en, config->id);
        return r;
    }
    if (real && network_document_complete(document, config) < 0)
        r = err_nomem(e);
    if (r == 0 && real)
        r = network_cni_finish(document, config, e);
    if (r == 0)
        r = write_file(en, name, document, e);
    if (r < 0 && real)
        network_remove(config, NULL);
    networks_end_making(en, config->id);
    return r;
}

int networks_create(const struct engine *en, const json_t *request, struct network_record *ret,
                    struct err *e)
{
    _cleanup_(network_config_release) struct network_config config = {.driver = NETWORK_BRIDGE};
    _cleanup_json_ json_t *document = NULL;
    const char *name = json_str(request, "Name");
    char id[ID_LEN + 1];
    int r = networks_sweep(en, true, e);
    r = r < 0 ? r : check_name(en, name ? name : "", e);
    if (r == 0)
        r = check_swarm(request, e);
    if (r == 0)
        r = id_new(id, e);
    if (r < 0)
        return r;
    document = network_document_new(request, id);
    r = document ? copy_config(en, document, e) : err_nomem(e);
    if (r == 0)
        r = network_cni_prepare(document, e);
    if (r == 0)
        r = network_document_read(document, &config, e);
    if (r == 0)
        r = check_others(en, document, &config, e);
    if (r == 0)
        r = networks_avoid(en, &config, e);
    if (r == 0)
        r = make(en, name, document, &config, e);
    if (r == 0)
        r = networks_hold(en, name, ret, e);
    if (r == 0)
        tell_event(en, "create", ret);
    return r;
}

/* ---- removing one ---- */

static int check_unused(const struct engine *en, const struct network_record *n, struct err *e)
{
    _cleanup_json_ json_t *endpoints = NULL;
    _cleanup_str_ struct str who = {0};
    int r = networks_endpoints(en, n, &endpoints, e);
    size_t i;
    json_t *item;
    if (r < 0 || json_array_size(endpoints) == 0)
        return r < 0 ? r : check_config_users(en, n, e);
    json_array_foreach (endpoints, i, item)
        str_addf(&who, "%sname:\"%s\" id:\"%.12s\"", i ? ", " : "", json_str(item, "Name"),
                 json_str(item, "Owner"));
    _cleanup_free_ char *text = str_steal(&who);
    return text ? err_set(e, EBUSY,
                          "error while removing network: network %s has active endpoints (%s)",
                          n->name, text)
                : err_nomem(e);
}

int networks_remove(const struct engine *en, const char *what, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    int r = networks_sweep(en, true, e);
    r = r < 0 ? r : networks_find(en, what, &n, e);
    if (r < 0)
        return r;
    if (n.fd < 0)
        return err_set(e, EPERM, "%s is a pre-defined network and cannot be removed", n.name);
    _cleanup_free_ char *file = str_printf("networks/%s.json", n.name);
    _cleanup_free_ char *folder = str_printf("networks/%s", n.id);
    if (!file || !folder)
        return err_nomem(e);
    r = networks_lock(en, &n, LOCK_EX);
    if (r < 0)
        return r == -ENOENT ? err_set(e, ENOENT, "network %s not found", what)
                            : err_sys(e, -r, "cannot lock network \"%s\"", n.name);
    r = check_unused(en, &n, e);
    if (r == 0 && network_cni_is(n.document))
        r = endpoints_cni_retry(en, n.id, e);
    if (r == 0 && network_record_is_real(&n))
        r = network_remove(&n.config, e);
    if (r < 0)
        return r;
    dir_remove(en->run_fd, folder, NULL);
    /* Last: whoever is killed before has left a network, whose link the next attachment makes. */
    if (unlinkat(en->root_fd, file, 0) < 0)
        return err_sys(e, errno, "cannot remove \"%s/%s\"", en->root, file);
    tell_event(en, "destroy", &n);
    return 0;
}
