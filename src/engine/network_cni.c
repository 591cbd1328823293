#include "engine/network_cni.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>

#define DRIVER      "cni:"
#define TIMEOUT     "dev.skiff.cni.timeout"
#define MTU         "com.docker.network.driver.mtu"
#define BRIDGE_NAME "com.docker.network.bridge.name"
#define VERSION     "1.0.0"

enum { TIMEOUT_MAX = 3600, KEY_MAX = 64 };

bool network_cni_is(const json_t *document)
{
    const char *driver = json_str(document, "Driver");
    return driver && str_after(driver, DRIVER);
}

static bool is_copied(const json_t *document)
{
    return json_bool(document, "CNI.Copied", false);
}

static const char *type_of(const json_t *document)
{
    return str_after(json_str(document, "Driver"), DRIVER);
}

static const char *path_of(const json_t *document)
{
    const char *path = json_str(document, "CNI.Path");
    return path ? path : CNI_PATH_DEFAULT;
}

struct cni_network network_cni_of(const json_t *document)
{
    long long seconds = CNI_SECONDS;
    const char *said = json_string_value(json_object_get(json_at(document, "Options"), TIMEOUT));
    if (said)
        str_to_int64(said, 1, TIMEOUT_MAX, &seconds);
    return (struct cni_network){.list = json_at(document, "CNI.List"),
                                .path = path_of(document),
                                .seconds = (unsigned)seconds};
}

bool network_cni_can(const json_t *document, const char *capability)
{
    return cni_can(json_at(document, "CNI.List"), capability);
}

/* ---- which it is ---- */

static int copy_list(json_t *document, const char *file, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *list = NULL;
    size_t n;
    int r = file_read(AT_FDCWD, file, CNI_LIST_MAX, &text, &n, e);
    if (r == 0)
        r = cni_list_parse(text, n, file, &list, e);
    if (r < 0)
        return r;
    const char *type = json_str(json_array_get(json_at(list, "plugins"), 0), "type");
    json_t *cni = json_at(document, "CNI");
    json_t *driver = json_sprintf(DRIVER "%s", type);
    return json_object_set_new(document, "Driver", driver) < 0 ||
                   json_object_set(cni, "List", list) < 0 ||
                   json_object_set_new(cni, "Copied", json_true()) < 0
               ? err_nomem(e)
               : 0;
}

/* The file in @folder whose list has that name. NULL: none. */
static char *find_list(const char *folder, const char *name)
{
    static const char *const suffixes[] = {".conflist", ".conf", ".json"};
    _cleanup_closedir_ DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name), len = 0;
        for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
            size_t suffix = strlen(suffixes[i]);
            if (n > suffix && str_eq(entry->d_name + n - suffix, suffixes[i]))
                len = suffix;
        }
        _cleanup_free_ char *path = len ? str_printf("%s/%s", folder, entry->d_name) : NULL;
        _cleanup_json_ json_t *list = NULL;
        if (path && json_read(AT_FDCWD, path, CNI_LIST_MAX, &list, NULL) == 0 &&
            str_eq(json_str(list, "name"), name))
            return TAKE_PTR(path);
    }
    return NULL;
}

static int choose(json_t *document, const char *what, struct err *e)
{
    _cleanup_free_ char *file = NULL;
    _cleanup_err_ struct err none = ERR_INIT;
    const char *folder = getenv("NETCONFPATH");
    if (!folder || !*folder)
        folder = "/etc/cni/net.d";
    if (strchr(what, '/'))
        return copy_list(document, what, e);
    if (!cni_is_type(what))
        return err_set(e, EINVAL,
                       "invalid driver \"" DRIVER "%s\": after the colon stands a plugin, the name "
                       "of a network in \"%s\", or the path of a file",
                       what, folder);
    int r = cni_find(path_of(document), what, &file, &none);
    if (r != -ENOENT)
        return r < 0 ? err_set(e, -r, "%s", err_text(&none)) : 0;
    _cleanup_free_ char *path = find_list(folder, what);
    return path ? copy_list(document, path, e)
                : err_set(e, ENOENT, "%s, nor a network of that name in \"%s\"", err_text(&none),
                          folder);
}

/* ---- what a copied list says of ranges, for inspect, and for who asks for an address ---- */

static int add_range(json_t *document, const json_t *range, bool seen[2])
{
    struct ip_range subnet;
    const char *text = json_str(range, "subnet"), *gateway = json_str(range, "gateway");
    struct ip_address by, written;
    if (!text || ip_range_parse(text, &subnet, &written) < 0 ||
        !ip_equal(&written, &subnet.first) || seen[subnet.first.family == AF_INET6])
        return 0;
    bool six = subnet.first.family == AF_INET6;
    if (subnet.prefix > ip_bits(subnet.first.family) - 2)
        return 0;
    seen[six] = true;
    bool has = gateway && ip_address_parse(gateway, &by) == 0 && ip_range_contains(&subnet, &by);
    json_t *entry = json_pack("{s:s, s:s*}", "Subnet", text, "Gateway", has ? gateway : NULL);
    if (json_array_append_new(json_at(document, "IPAM.Config"), entry) < 0 ||
        (six && json_object_set_new(document, "EnableIPv6", json_true()) < 0))
        return -ENOMEM;
    return 0;
}

static int read_ranges(json_t *document, struct err *e)
{
    const json_t *ipam = json_at(json_array_get(json_at(document, "CNI.List.plugins"), 0), "ipam");
    bool seen[2] = {false, false};
    size_t i, k;
    json_t *set, *range;
    if (!str_eq(json_str(ipam, "type"), "host-local"))
        return 0;
    int r = add_range(document, ipam, seen);
    json_array_foreach (json_object_get(ipam, "ranges"), i, set)
        json_array_foreach (set, k, range)
            if (r == 0)
                r = add_range(document, range, seen);
    return r < 0 ? err_nomem(e) : 0;
}

static int refuse_for_copy(const json_t *document, struct err *e)
{
    const json_t *options = json_at(document, "Options");
    size_t allowed = json_object_get(options, TIMEOUT) ? 1 : 0;
    if (json_array_size(json_at(document, "IPAM.Config")) > 0 ||
        json_object_size(json_at(document, "IPAM.Options")) > 0 ||
        !str_eq(json_str(document, "IPAM.Driver"), "default"))
        return err_set(e, EINVAL,
                       "the ranges of a network that is copied from a file stand in that file");
    return json_object_size(options) > allowed
               ? err_set(e, EINVAL,
                         "options of a network that is copied from a file stand in that file (all "
                         "but " TIMEOUT ")")
               : 0;
}

int network_cni_prepare(json_t *document, struct err *e)
{
    const char *path = getenv("CNI_PATH");
    if (!network_cni_is(document))
        return 0;
    if (!path || !*path)
        path = CNI_PATH_DEFAULT;
    int r = cni_path_check(path, e);
    if (r == 0 && json_object_set_new(document, "CNI", json_pack("{s:s}", "Path", path)) < 0)
        r = err_set(e, EINVAL, "CNI_PATH is not UTF-8");
    if (r < 0)
        return r;
    _cleanup_free_ char *what = strdup(type_of(document));
    if (!what)
        return err_nomem(e);
    r = choose(document, what, e);
    if (r == 0 && is_copied(document)) {
        r = refuse_for_copy(document, e);
        if (r == 0)
            r = read_ranges(document, e);
    }
    return r;
}

/* ---- reading ---- */

static int check_options(const json_t *document, struct err *e)
{
    const char *said = json_string_value(json_object_get(json_at(document, "Options"), TIMEOUT));
    long long seconds;
    if (said && str_to_int64(said, 1, TIMEOUT_MAX, &seconds) < 0)
        return err_set(e, EINVAL, "invalid " TIMEOUT " \"%s\": it is 1 to %d seconds", said,
                       TIMEOUT_MAX);
    return 0;
}

/* The bridge that somebody named. */
static int read_link(const json_t *document, struct network_config *c, struct err *e)
{
    const json_t *options = json_at(document, "Options");
    const char *link = json_string_value(json_object_get(options, BRIDGE_NAME));
    if (!link)
        link = json_string_value(json_object_get(options, "bridge"));
    if (!link || !str_eq(type_of(document), "bridge"))
        return 0;
    if (snprintf(c->link, sizeof(c->link), "%s", link) >= (int)sizeof(c->link) || !*link)
        return err_set(e, EINVAL, "invalid name of a bridge \"%s\": up to 15 letters", link);
    return str_eq(link, NETWORK_DEFAULT_BRIDGE) || str_after(link, "sk-")
               ? err_set(e, EINVAL, "\"%s\" is not free: it has its own use", link)
               : 0;
}

int network_cni_read(const json_t *document, struct network_config *c, struct err *e)
{
    const json_t *list = json_at(document, "CNI.List");
    _cleanup_err_ struct err why = ERR_INIT;
    if (json_bool(document, "Internal", false))
        return err_set(e, ENOTSUP,
                       "CNI knows no internal networks: leave out gateway and routes in a list of "
                       "your own");
    if (!cni_is_type(type_of(document)))
        return err_set(e, EINVAL, "\"%s\" is no CNI plugin's name", type_of(document));
    int r = cni_path_check(path_of(document), e);
    if (r == 0 && list && cni_list_check(list, &why) < 0)
        r = err_set(e, EINVAL, "its list of CNI plugins: %s", err_text(&why));
    if (r == 0)
        r = check_options(document, e);
    return r == 0 ? read_link(document, c, e) : r;
}

/* ---- a list of one's own ---- */

/* Its links are those of a link of the host, and so are its ranges. */
static bool is_on_parent(const char *type)
{
    static const char *const known[] = {"macvlan", "ipvlan", "vlan", "host-device"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(type, known[i]))
            return true;
    return false;
}

static bool is_host_local(const json_t *document)
{
    return str_eq(json_str(document, "IPAM.Driver"), "default");
}

bool network_cni_has_range(const json_t *document)
{
    return !is_copied(document) && is_host_local(document) && !is_on_parent(type_of(document));
}

/* "true", "5", "[1]", "{}" and "\"5\"" as JSON has them; all else is a text. */
static json_t *typed(const char *text)
{
    static const char begins[] = "{[\"-0123456789";
    json_t *value = NULL;
    if (str_eq(text, "true") || str_eq(text, "false") || (*text && strchr(begins, *text)))
        value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    return value ? value : json_string(text);
}

/* Docker's names for what plugins have too. */
static const char *key_of(const char *key, const char *type)
{
    if (str_eq(key, MTU))
        return "mtu";
    if (str_eq(key, BRIDGE_NAME))
        return "bridge";
    return str_eq(key, "parent") && is_on_parent(type) ? "master" : key;
}

static int put_options(json_t *plugin, const json_t *options, const char *type, struct err *e)
{
    static const char *const ours[] = {"type",       "name",          "cniVersion",  "ipam",
                                       "prevResult", "runtimeConfig", "capabilities"};
    const char *said;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)options, said, value) {
        const char *key = key_of(said, type);
        bool bad = str_after(key, "com.docker.") || strlen(key) > KEY_MAX;
        if (str_eq(said, TIMEOUT))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            bad |= str_eq(key, ours[i]);
        if (bad)
            return err_set(e, EINVAL, "\"%s\" is no option of a CNI plugin's", said);
        if (json_object_set_new(plugin, key, typed(json_string_value(value))) < 0)
            return err_nomem(e);
    }
    return 0;
}

/* host-local takes all between two addresses, the first and the last of a subnet too if it is told
 * so. */
static int put_range(json_t *ranges, const json_t *entry, struct err *e)
{
    struct ip_range subnet, pool;
    char first[IP_ADDRESS_TEXT] = "", last[IP_ADDRESS_TEXT] = "";
    const char *text = json_str(entry, "IPRange"), *gateway = json_str(entry, "Gateway");
    if (json_object_size(json_at(entry, "AuxiliaryAddresses")) > 0)
        return err_set(e, ENOTSUP,
                       "host-local knows no addresses that are left out: give "
                       "--ip-range");
    if (ip_range_parse(json_str(entry, "Subnet"), &subnet, NULL) < 0)
        return err_set(e, EINVAL, "a range without a subnet");
    if (text && *text && ip_range_parse(text, &pool, NULL) == 0) {
        struct ip_address a = pool.first, z = ip_range_last(&pool), end = ip_range_last(&subnet);
        if (ip_equal(&a, &subnet.first))
            a = ip_range_nth(&subnet, 1);
        if (z.family == AF_INET && ip_equal(&z, &end))
            z = ip_from_u32(ip_to_u32(&z) - 1);
        ip_address_format(&a, first);
        ip_address_format(&z, last);
    }
    json_t *range = json_pack("{s:s, s:s*, s:s*, s:s*}", "subnet", json_str(entry, "Subnet"),
                              "gateway", gateway && *gateway ? gateway : NULL, "rangeStart",
                              *first ? first : NULL, "rangeEnd", *last ? last : NULL);
    return json_array_append_new(ranges, json_pack("[o]", range)) < 0 ? err_nomem(e) : 0;
}

static int put_host_local(json_t *ipam, const json_t *document, const char *type, struct err *e)
{
    json_t *ranges = json_array(), *routes = json_array(), *entry;
    size_t i;
    int r = 0;
    if (json_object_set_new(ipam, "ranges", ranges) < 0 ||
        json_object_set_new(ipam, "routes", routes) < 0)
        return err_nomem(e);
    json_array_foreach (json_at(document, "IPAM.Config"), i, entry) {
        const char *subnet = json_str(entry, "Subnet");
        const char *all = subnet && strchr(subnet, ':') ? "::/0" : "0.0.0.0/0";
        if (r == 0)
            r = put_range(ranges, entry, e);
        if (r == 0 && !str_eq(type, "bridge") && /* which makes its own */
            json_array_append_new(routes, json_pack("{s:s}", "dst", all)) < 0)
            r = err_nomem(e);
    }
    if (r == 0 && json_array_size(ranges) == 0)
        r = err_set(e, EINVAL,
                    "the addresses of its parent's network are not known: give --subnet, or "
                    "--ipam-driver dhcp");
    return r;
}

static int put_addresses(json_t *plugin, const json_t *document, const char *type, struct err *e)
{
    const char *driver = json_str(document, "IPAM.Driver");
    bool own = is_host_local(document);
    _cleanup_json_ json_t *ipam = json_object();
    if (str_eq(driver, "none"))
        return 0;
    int r = put_options(ipam, json_at(document, "IPAM.Options"), "", e);
    if (r == 0 && own)
        r = put_host_local(ipam, document, type, e);
    else if (r == 0 && !str_eq(driver, "static") && /* which takes what --ip says */
             json_array_size(json_at(document, "IPAM.Config")) > 0)
        r = err_set(e, EINVAL, "--subnet and --ipam-driver %s do not go together", driver);
    if (r < 0)
        return r;
    return json_object_set_new(ipam, "type", json_string(own ? "host-local" : driver)) < 0 ||
                   json_object_set(plugin, "ipam", ipam) < 0
               ? err_nomem(e)
               : 0;
}

/* Before what was said, which takes its place. */
static int put_defaults(json_t *plugin, const char *type, const struct network_config *c)
{
    char link[sizeof(c->link)];
    snprintf(link, sizeof(link), "sk-%.10s", c->id);
    if (!str_eq(type, "bridge"))
        return str_eq(type, "ptp") ? json_object_set_new(plugin, "ipMasq", json_true()) : 0;
    _cleanup_json_ json_t *usual =
        json_pack("{s:s, s:b, s:b, s:b}", "bridge", *c->link ? c->link : link, "isDefaultGateway",
                  1, "ipMasq", 1, "hairpinMode", 1);
    return usual ? json_object_update(plugin, usual) : -1;
}

/* What stands behind the first, each for a wish that some container may have. */
static int put_helpers(json_t *plugins, const char *path)
{
    static const char *const known[][2] = {
        {"tuning", "mac"}, {"bandwidth", "bandwidth"}, {"portmap", "portMappings"}};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        _cleanup_free_ char *file = NULL;
        if (r == 0 && cni_find(path, known[i][0], &file, NULL) == 0)
            r = json_array_append_new(plugins, json_pack("{s:s, s:{s:b}}", "type", known[i][0],
                                                         "capabilities", known[i][1], 1));
    }
    return r;
}

static int make_list(json_t *document, const struct network_config *c, struct err *e)
{
    const char *type = type_of(document), *path = path_of(document);
    _cleanup_json_ json_t *plugin =
        json_pack("{s:s, s:{s:b}}", "type", type, "capabilities", "ips", 1);
    _cleanup_json_ json_t *plugins = json_pack("[O?]", plugin);
    if (!plugin || !plugins || put_defaults(plugin, type, c) < 0)
        return err_nomem(e);
    int r = put_options(plugin, json_at(document, "Options"), type, e);
    if (r == 0)
        r = put_addresses(plugin, document, type, e);
    if (r < 0)
        return r;
    json_t *list = put_helpers(plugins, path) < 0
                       ? NULL
                       : json_pack("{s:s, s:s, s:O}", "cniVersion", VERSION, "name",
                                   json_str(document, "Name"), "plugins", plugins);
    return json_object_set_new(json_at(document, "CNI"), "List", list) < 0 ? err_nomem(e) : 0;
}

int network_cni_finish(json_t *document, const struct network_config *c, struct err *e)
{
    if (!network_cni_is(document))
        return 0;
    int r = is_copied(document) ? 0 : make_list(document, c, e);
    const struct cni_network n = network_cni_of(document);
    _cleanup_err_ struct err why = ERR_INIT;
    if (r == 0 && cni_list_check(n.list, &why) < 0)
        r = err_set(e, EINVAL, "what was asked for makes no list of CNI plugins: %s",
                    err_text(&why));
    return r == 0 ? cni_look(&n, e) : r;
}
