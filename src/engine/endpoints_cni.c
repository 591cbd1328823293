#include "engine/endpoints_cni.h"

#include "base/file.h"
#include "engine/endpoints_private.h"
#include "engine/network_cni.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define SUFFIX ".json"
#define NETNS  "netns"

/* What stands in a record: list, wishes and result have their own limits. */
enum { RECORD_MAX = 2 << 20 };

/* ---- what is refused ---- */

static bool says(const json_t *asked, const char *path)
{
    const char *text = json_str(asked, path);
    return text && *text;
}

int endpoint_cni_check(const struct network_record *network, const json_t *asked, bool ports,
                       struct err *e)
{
    const struct {
        bool wanted;
        const char *capability, *what;
    } wishes[] = {
        {ports, "portMappings", "publish ports"},
        {says(asked, "IPAMConfig.IPv4Address") || says(asked, "IPAMConfig.IPv6Address"), "ips",
         "give an address that was asked for"},
        {says(asked, "MacAddress"), "mac", "give a MAC address that was asked for"},
        {says(asked, "DriverOpts.rate"), "bandwidth", "limit the bandwidth"},
    };
    if (network->config.driver != NETWORK_CNI)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
        if (wishes[i].wanted && !network_cni_can(network->document, wishes[i].capability))
            return err_set(e, EINVAL,
                           "network %s cannot %s: none of its CNI plugins has the capability "
                           "\"%s\"",
                           network->name, wishes[i].what, wishes[i].capability);
    return 0;
}

/* ---- the namespace's name ---- */

static char *netns_path(const struct engine *en, const char *id)
{
    return str_printf("%s/cni/%s/" NETNS, en->run, id);
}

/* 1: a namespace is bound there, that of @netns_fd if that is not negative. */
static int is_bound(const char *path, int netns_fd)
{
    struct statfs fs;
    struct stat named, held;
    if (statfs(path, &fs) < 0 || fs.f_type != NSFS_MAGIC)
        return 0;
    if (netns_fd < 0)
        return 1;
    return stat(path, &named) == 0 && fstat(netns_fd, &held) == 0 && named.st_dev == held.st_dev &&
           named.st_ino == held.st_ino;
}

static int bind_netns(const struct engine *en, const char *id, int netns_fd, struct err *e)
{
    _cleanup_free_ char *folder = str_printf("cni/%s", id), *path = netns_path(en, id);
    char self[32];
    if (!folder || !path)
        return err_nomem(e);
    int r = dir_make(en->run_fd, folder, 0700, e);
    if (r < 0 || is_bound(path, netns_fd))
        return r;
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); /* of a former life */
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", netns_fd);
    if (fd < 0 || mount(self, path, NULL, MS_BIND, NULL) < 0)
        return err_sys(e, errno, "cannot bind the container's network namespace to \"%s\"", path);
    return 0;
}

static void unbind_netns(const struct engine *en, const char *id)
{
    _cleanup_free_ char *folder = str_printf("cni/%s", id), *path = netns_path(en, id);
    if (!folder || !path)
        return;
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    unlink(path);
    unlinkat(en->run_fd, folder, AT_REMOVEDIR);
}

/* ---- records ---- */

static char *record_path(const char *id, const char *network_id)
{
    return str_printf("cni/%s/%s" SUFFIX, id, network_id);
}

/* In a list of our making all but the first are there for one wish each: who does not have it need
 * not wait for them. */
static void drop_helpers(json_t *list, const json_t *wishes)
{
    json_t *plugins = json_at(list, "plugins"), *on;
    const char *capability;
    for (size_t i = json_array_size(plugins); i-- > 1;) {
        const json_t *can = json_object_get(json_array_get(plugins, i), "capabilities");
        bool wanted = false;
        json_object_foreach ((json_t *)(uintptr_t)can, capability, on)
            wanted = wanted || json_object_get(wishes, capability);
        if (!wanted)
            json_array_remove(plugins, i);
    }
}

/* Leases of such a list go with the run folder, as those do who have them. */
static int keep_leases_in_run(const struct engine *en, const struct network_record *n, json_t *list)
{
    json_t *ipam = json_at(json_array_get(json_at(list, "plugins"), 0), "ipam");
    if (!str_eq(json_str(ipam, "type"), "host-local") || json_object_get(ipam, "dataDir"))
        return 0;
    return json_object_set_new(ipam, "dataDir", json_sprintf("%s/networks/%s", en->run, n->id));
}

static int make_record(const struct endpoints *all, const struct endpoint *one,
                       const struct network_wish *w, json_t **ret, struct err *e)
{
    const struct cni_network n = network_cni_of(one->network.document);
    _cleanup_json_ json_t *list = json_deep_copy(n.list);
    _cleanup_json_ json_t *wishes = endpoint_cni_wishes(all, one, w);
    bool ours = !json_bool(one->network.document, "CNI.Copied", false);
    if (!list || !wishes || (ours && keep_leases_in_run(all->engine, &one->network, list) < 0))
        return err_nomem(e);
    if (ours)
        drop_helpers(list, wishes);
    /* Its CHECK wants to find rules of both families, whatever the container has. */
    if (ours && json_object_get(wishes, "portMappings") &&
        json_object_set_new(list, "disableCheck", json_true()) < 0)
        return err_nomem(e);
    *ret =
        json_pack("{s:s, s:s, s:i, s:s, s:O, s:O}", "network", one->network.name, "path", n.path,
                  "seconds", (int)n.seconds, "inside", one->inside, "list", list, "wishes", wishes);
    return *ret ? 0 : err_nomem(e);
}

/* What a record says, for network/; it is the record's. */
static int read_record(const json_t *record, const char *id, struct cni_network *n,
                       struct cni_attachment *a, struct err *e)
{
    *n = (struct cni_network){.list = json_object_get(record, "list"),
                              .path = json_str(record, "path"),
                              .seconds = (unsigned)json_int(record, "seconds", CNI_SECONDS)};
    *a = (struct cni_attachment){.container = id,
                                 .inside = json_str(record, "inside"),
                                 .wishes = json_object_get(record, "wishes"),
                                 .result = json_object_get(record, "result")};
    return n->path && a->inside && cni_list_check(n->list, NULL) == 0
               ? 0
               : err_set(e, EBADMSG, "what was kept of it is damaged");
}

/* DEL by the record at @path, which goes with it; or says why not. */
static int delete_by(const struct engine *en, const char *id, const char *path, json_t *record,
                     struct err *e)
{
    struct cni_network n;
    struct cni_attachment a;
    _cleanup_err_ struct err why = ERR_INIT;
    _cleanup_free_ char *netns = netns_path(en, id);
    int r = netns ? read_record(record, id, &n, &a, &why) : err_nomem(&why);
    if (r == 0) {
        a.netns = is_bound(netns, -EBADF) ? netns : NULL;
        r = cni_delete(&n, &a, &why);
    }
    if (r == 0) {
        unlinkat(en->run_fd, path, 0);
        return 0;
    }
    if (json_object_set_new(record, "failed", json_string(err_text(&why))) == 0)
        json_write(en->run_fd, path, record, 0600, 0, NULL);
    return err_set(e, -r, "network %s has not let container %.12s go: %s",
                   json_str(record, "network"), id, err_text(&why));
}

static int delete_at(const struct engine *en, const char *id, const char *path, struct err *e)
{
    _cleanup_json_ json_t *record = NULL;
    int r = json_read(en->run_fd, path, RECORD_MAX, &record, e);
    return r == 0 ? delete_by(en, id, path, record, e) : r;
}

/* Calls @each for every network of the container @id. */
typedef int each_record(const struct engine *en, const char *id, const char *path, json_t *record,
                        void *data);

static int for_each(const struct engine *en, const char *id, each_record *each, void *data)
{
    _cleanup_free_ char *folder = str_printf("cni/%s", id);
    int fd =
        folder ? openat(en->run_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int r = 0;
    while (r == 0 && dir && (entry = readdir(dir))) {
        const char *suffix = strchr(entry->d_name, '.');
        _cleanup_free_ char *path = str_printf("%s/%s", folder, entry->d_name);
        _cleanup_json_ json_t *record = NULL;
        if (suffix && str_eq(suffix, SUFFIX) && path &&
            json_read(en->run_fd, path, RECORD_MAX, &record, NULL) == 0)
            r = each(en, id, path, record, data);
    }
    return r;
}

static int for_each_container(const struct engine *en, each_record *each, void *data)
{
    int fd = openat(en->run_fd, "cni", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int r = 0;
    while (r == 0 && dir && (entry = readdir(dir)))
        if (strlen(entry->d_name) == ID_LEN)
            r = for_each(en, entry->d_name, each, data);
    return r;
}

/* ---- on ---- */

static int add(const struct engine *en, const char *id, const char *path, json_t *record,
               struct endpoint *one, struct err *e)
{
    struct cni_network n;
    struct cni_attachment a;
    _cleanup_json_ json_t *result = NULL;
    _cleanup_free_ char *netns = netns_path(en, id);
    if (!netns)
        return err_nomem(e);
    int r = read_record(record, id, &n, &a, e);
    a.netns = netns;
    if (r == 0)
        r = json_write(en->run_fd, path, record, 0600, 0, e);
    if (r == 0)
        r = cni_add(&n, &a, &result, e);
    if (r == 0 && json_object_set(record, "result", result) < 0)
        r = err_nomem(e);
    if (r == 0)
        r = cni_result_read(result, a.inside, &one->end, e);
    if (r == 0)
        r = json_write(en->run_fd, path, record, 0600, 0, e);
    if (r == 0 && json_array_size(json_at(result, "dns.nameservers")) > 0)
        one->dns = json_incref(json_object_get(result, "dns"));
    return r;
}

int endpoint_cni_add(const struct endpoints *all, struct endpoint *one,
                     const struct network_wish *w, int netns_fd, struct err *e)
{
    const struct engine *en = all->engine;
    const char *id = all->record->id;
    _cleanup_free_ char *path = record_path(id, one->network.id);
    _cleanup_json_ json_t *record = NULL;
    if (!path)
        return err_nomem(e);
    int r = endpoint_cni_check(&one->network, one->asked,
                               (one->first4 || one->first6) && all->n_ports > 0, e);
    if (r == 0)
        r = bind_netns(en, id, netns_fd, e);
    if (r == 0 && faccessat(en->run_fd, path, F_OK, 0) == 0)
        r = delete_at(en, id, path, e); /* what an earlier life of it still owes */
    if (r == 0)
        r = make_record(all, one, w, &record, e);
    if (r == 0) {
        r = add(en, id, path, record, one, e);
        if (r < 0)
            delete_by(en, id, path, record, NULL);
    }
    if (r < 0)
        unbind_netns(en, id);
    return r < 0 ? err_wrap(e, "network %s", one->network.name) : 0;
}

/* ---- and off ---- */

static int delete_unless_failed(const struct engine *en, const char *id, const char *path,
                                json_t *record, void *data)
{
    (void)data;
    if (!json_object_get(record, "failed"))
        delete_by(en, id, path, record, NULL);
    return 0;
}

void endpoint_cni_remove(const struct engine *en, const char *network_id, const char *id)
{
    _cleanup_free_ char *path = record_path(id, network_id);
    _cleanup_json_ json_t *record = NULL;
    if (path && json_read(en->run_fd, path, RECORD_MAX, &record, NULL) == 0)
        delete_unless_failed(en, id, path, record, NULL);
}

void endpoints_cni_end(const struct engine *en, const char *id)
{
    _cleanup_free_ char *folder = str_printf("cni/%s", id);
    if (!folder || faccessat(en->run_fd, folder, F_OK, 0) < 0)
        return;
    for_each(en, id, delete_unless_failed, NULL);
    unbind_netns(en, id);
}

/* ---- what failed ---- */

struct retry {
    const char *network_id; /* NULL: any */
    struct err *e;
    int result;
};

static int retry(const struct engine *en, const char *id, const char *path, json_t *record,
                 void *data)
{
    struct retry *x = data;
    if (!json_object_get(record, "failed") || (x->network_id && !strstr(path, x->network_id)))
        return 0;
    int r = delete_by(en, id, path, record, x->result < 0 ? NULL : x->e);
    if (r < 0 && x->result == 0)
        x->result = r;
    _cleanup_free_ char *folder = str_printf("cni/%s", id);
    if (r == 0 && folder)
        unlinkat(en->run_fd, folder, AT_REMOVEDIR); /* unless there is more, as of one that runs */
    return 0;
}

int endpoints_cni_retry(const struct engine *en, const char *network_id, struct err *e)
{
    struct retry x = {.network_id = network_id, .e = e};
    for_each_container(en, retry, &x);
    return x.result;
}

int endpoint_cni_owed(const struct engine *en, const char *network_id, const char *id,
                      struct err *e)
{
    _cleanup_free_ char *path = record_path(id, network_id);
    _cleanup_json_ json_t *record = NULL;
    if (!path)
        return err_nomem(e);
    if (json_read(en->run_fd, path, RECORD_MAX, &record, NULL) < 0)
        return 0;
    const char *why = json_str(record, "failed");
    return why ? err_set(e, EREMOTEIO,
                         "it is off, but not all that plugins have made is gone: %s "
                         "('skiff system check --repair' tries again)",
                         why)
               : 0;
}

struct debts {
    endpoints_cni_debt *see;
    void *data;
};

static int see_debt(const struct engine *en, const char *id, const char *path, json_t *record,
                    void *data)
{
    (void)en;
    const struct debts *d = data;
    const char *why = json_str(record, "failed"), *network = json_str(record, "network");
    const char *name = strrchr(path, '/');
    _cleanup_free_ char *network_id =
        name ? strndup(name + 1, strlen(name + 1) - strlen(SUFFIX)) : NULL;
    if (why && network && network_id)
        d->see(d->data, id, network, network_id, why);
    return 0;
}

void endpoints_cni_debts(const struct engine *en, endpoints_cni_debt *see, void *data)
{
    struct debts d = {.see = see, .data = data};
    for_each_container(en, see_debt, &d);
}

static int probe(const struct engine *en, const char *id, const char *path, json_t *record,
                 void *data)
{
    (void)path;
    struct cni_network n;
    struct cni_attachment a;
    struct err *e = data;
    _cleanup_free_ char *netns = netns_path(en, id);
    if (json_object_get(record, "failed") || !json_object_get(record, "result"))
        return 0;
    int r = netns ? read_record(record, id, &n, &a, e) : err_nomem(e);
    a.netns = netns;
    if (r == 0)
        r = cni_check(&n, &a, e);
    return r < 0 ? err_wrap(e, "network %s", json_str(record, "network")) : 0;
}

int endpoints_cni_probe(const struct engine *en, const char *id, struct err *e)
{
    return for_each(en, id, probe, e);
}
