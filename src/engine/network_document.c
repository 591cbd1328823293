#include "engine/network_document.h"

#include "base/str.h"
#include "base/timestamp.h"
#include "engine/network_cni.h"

#include <net/if.h>
#include <string.h>

#define MTU         "com.docker.network.driver.mtu"
#define BRIDGE_     "com.docker.network.bridge."
#define BRIDGE_NAME BRIDGE_ "name"
#define SOURCES     "dev.skiff.publish.sources"
#define SPOOFING    "dev.skiff.spoofing"
#define LARGE       "dev.skiff.large-packets"

enum { RESERVED_MAX = 1024, OPTIONS_MAX = 256, MTU_MAX = 65535 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

int network_check_name(const char *name, struct err *e)
{
    if (!*name)
        return err_set(e, EINVAL, "invalid network name: name is empty");
    size_t n = strchr(letters, name[0]) ? 1 : 0;
    while (n && name[n] && (strchr(letters, name[n]) || strchr("_.-", name[n])))
        n++;
    if (n == 0 || name[n])
        return err_set(
            e, EINVAL,
            "invalid network name \"%s\": only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed", name);
    return n > NETWORK_NAME_MAX
               ? err_set(e, ENAMETOOLONG, "a network name of %zu bytes is too long: at most %d", n,
                         NETWORK_NAME_MAX)
               : 0;
}

bool network_is_predefined(const char *name)
{
    return str_eq(name, "bridge") || str_eq(name, "host") || str_eq(name, "none");
}

/* ---- a new one ---- */

static json_t *or_empty(const json_t *object)
{
    return json_is_object(object) ? json_deep_copy(object) : json_object();
}

json_t *network_document_new(const json_t *request, const char *id)
{
    char now[40];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    format_time(t, now);
    const json_t *ipam = json_object_get(request, "IPAM");
    const json_t *ranges = json_object_get(ipam, "Config");
    const char *driver = json_str(request, "Driver"), *name = json_str(request, "Name");
    const char *addresses = json_str(ipam, "Driver"),
               *from = json_str(request, "ConfigFrom.Network");
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:o, s:o}, s:b, s:b, s:b, s:{s:s}, s:b, s:o, "
        "s:o}",
        "Name", name ? name : "", "Id", id, "Created", now, "Scope", "local", "Driver",
        driver && *driver ? driver : "bridge", "EnableIPv4", json_bool(request, "EnableIPv4", true),
        "EnableIPv6", json_bool(request, "EnableIPv6", false), "IPAM", "Driver",
        addresses && *addresses ? addresses : "default", "Options",
        or_empty(json_object_get(ipam, "Options")), "Config",
        json_is_array(ranges) ? json_deep_copy(ranges) : json_array(), "Internal",
        json_bool(request, "Internal", false), "Attachable",
        json_bool(request, "Attachable", false), "Ingress", json_bool(request, "Ingress", false),
        "ConfigFrom", "Network", from ? from : "", "ConfigOnly",
        json_bool(request, "ConfigOnly", false), "Options",
        or_empty(json_object_get(request, "Options")), "Labels",
        or_empty(json_object_get(request, "Labels")));
}

/* ---- addresses ---- */

static const char *family_name(const struct ip_range *r)
{
    return r->first.family == AF_INET ? "IPv4" : "IPv6";
}

static int bad(struct err *e, const char *what, const char *text, const char *why)
{
    return err_set(e, EINVAL, "invalid network config: invalid %s %s: %s", what, text, why);
}

/* A range that is written as a network: no bits behind the prefix. */
static int read_range(const char *what, const char *text, struct ip_range *ret, struct err *e)
{
    struct ip_address written;
    char should[IP_RANGE_TEXT];
    if (ip_range_parse(text, ret, &written) < 0)
        return bad(e, what, text, "invalid CIDR block notation");
    if (!ip_equal(&written, &ret->first))
        return err_set(e, EINVAL, "invalid network config: invalid %s %s: it should be %s", what,
                       text, ip_range_format(ret, should));
    return 0;
}

static int read_pool(const char *text, const struct ip_range *subnet, struct ip_range *ret,
                     struct err *e)
{
    char parent[IP_RANGE_TEXT];
    int r = read_range("ip-range", text, ret, e);
    if (r < 0)
        return r;
    ip_range_format(subnet, parent);
    if (ret->first.family != subnet->first.family)
        return err_set(e, EINVAL,
                       "invalid network config: invalid ip-range %s: parent subnet is an %s block",
                       text, family_name(subnet));
    if (ret->prefix < subnet->prefix)
        return err_set(e, EINVAL,
                       "invalid network config: invalid ip-range %s: CIDR block is bigger than its "
                       "parent subnet %s",
                       text, parent);
    if (!ip_range_within(ret, subnet))
        return err_set(e, EINVAL,
                       "invalid network config: invalid ip-range %s: parent subnet %s doesn't "
                       "contain ip-range",
                       text, parent);
    return 0;
}

static int read_host(const char *what, const char *text, const struct ip_range *subnet,
                     struct ip_address *ret, struct err *e)
{
    char parent[IP_RANGE_TEXT];
    if (!text || ip_address_parse(text, ret) < 0)
        return bad(e, what, text ? text : "", "invalid address");
    if (ret->family != subnet->first.family)
        return err_set(e, EINVAL,
                       "invalid network config: invalid %s %s: parent subnet is an %s block", what,
                       text, family_name(subnet));
    if (!ip_range_contains(subnet, ret))
        return err_set(e, EINVAL,
                       "invalid network config: invalid %s %s: parent subnet %s doesn't contain "
                       "this address",
                       what, text, ip_range_format(subnet, parent));
    return 0;
}

static int read_reserved(const json_t *entry, const struct ip_range *subnet,
                         struct network_config *c, struct err *e)
{
    const json_t *all = json_object_get(entry, "AuxiliaryAddresses");
    const char *name;
    json_t *value;
    size_t n = json_object_size(all);
    if (n == 0)
        return 0;
    if (n + c->n_reserved > RESERVED_MAX)
        return err_set(e, E2BIG, "more than %d auxiliary addresses", RESERVED_MAX);
    struct ip_address *grown = realloc(c->reserved, (n + c->n_reserved) * sizeof(*grown));
    if (!grown)
        return err_nomem(e);
    c->reserved = grown;
    json_object_foreach ((json_t *)(uintptr_t)all, name, value) {
        int r = read_host("auxiliary address", json_string_value(value), subnet,
                          &c->reserved[c->n_reserved], e);
        if (r < 0)
            return r;
        c->n_reserved++;
    }
    return 0;
}

/* One entry of IPAM.Config: a subnet, and what belongs to it. */
static int read_entry(const json_t *entry, struct network_config *c, struct err *e)
{
    const char *subnet = json_str(entry, "Subnet"), *gateway = json_str(entry, "Gateway");
    const char *pool = json_str(entry, "IPRange");
    struct ip_range range;
    if (!subnet || !*subnet)
        return err_set(e, EINVAL, "invalid network config: an address range without a subnet");
    int r = read_range("subnet", subnet, &range, e);
    if (r < 0)
        return r;
    bool v4 = range.first.family == AF_INET;
    struct ip_range *place = v4 ? &c->subnet4 : &c->subnet6;
    if (v4 ? c->no_ipv4 : !c->want_ipv6)
        return bad(e, "subnet", subnet,
                   v4 ? "IPv4 has not been enabled for this network"
                      : "IPv6 has not been enabled for this network");
    if (place->first.family)
        return err_set(e, ENOTSUP, "a network has one %s subnet: %s is a second",
                       family_name(&range), subnet);
    if (range.prefix > (v4 ? 30 : 126))
        return bad(e, "subnet", subnet, "it has no room for a gateway and a container");
    *place = range;
    if (gateway && *gateway)
        r = read_host("gateway", gateway, &range, v4 ? &c->gateway4 : &c->gateway6, e);
    if (r == 0 && pool && *pool) {
        struct ip_range inner;
        r = read_pool(pool, &range, &inner, e);
        if (r == 0)
            *(v4 ? &c->pool4 : &c->pool6) = inner;
    }
    return r == 0 ? read_reserved(entry, &range, c, e) : r;
}

static int read_ranges(const json_t *document, struct network_config *c, struct err *e)
{
    const json_t *ranges = json_at(document, "IPAM.Config");
    const char *driver = json_str(document, "IPAM.Driver");
    c->no_ipv4 = !json_bool(document, "EnableIPv4", true);
    c->want_ipv6 = json_bool(document, "EnableIPv6", false);
    bool other = c->driver == NETWORK_CNI && driver && cni_is_type(driver);
    if (!str_eq(driver, "default") && !other)
        return err_set(e, ENOTSUP, "invalid ipam driver \"%s\": there is \"default\"",
                       driver ? driver : "");
    if (c->no_ipv4 && !c->want_ipv6)
        return err_set(e, EINVAL, "IPv4 or IPv6 must be enabled");
    size_t i;
    json_t *entry;
    int r = 0;
    json_array_foreach (ranges, i, entry)
        if (r == 0)
            r = read_entry(entry, c, e);
    return r;
}

/* ---- options ---- */

static int bad_option(struct err *e, const char *key, const char *value, const char *must)
{
    return err_set(e, EINVAL, "failed to parse %s value: \"%s\" (must be %s)", key, value, must);
}

static int read_bool(const char *key, const char *value, bool *ret, struct err *e)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eq(value, yes[i]) || str_eq(value, no[i])) {
            *ret = str_eq(value, yes[i]);
            return 0;
        }
    return bad_option(e, key, value, "true or false");
}

/* A name that the kernel gives a link, and that no tool takes for anything else. */
static int read_link(const char *key, const char *value, struct network_config *c, struct err *e)
{
    size_t n = strlen(value);
    if (n == 0 || n >= IF_NAMESIZE || value[0] == '-' || str_eq(value, ".") ||
        str_eq(value, "..") ||
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
        return bad_option(e, key, value, "a link's name of at most 15 letters and digits");
    if (str_eq(value, "lo") || str_eq(value, NETWORK_DEFAULT_BRIDGE))
        return err_set(e, EINVAL, "%s: \"%s\" is not free: it has its own use", key, value);
    memcpy(c->link, value, n + 1);
    return 0;
}

static int read_mtu(const char *value, struct network_config *c, struct err *e)
{
    long long mtu;
    if (str_to_int64(value, 0, MTU_MAX, &mtu) < 0 || (mtu > 0 && mtu < 68))
        return bad_option(e, MTU, value, "a number of bytes, 68 to 65535");
    c->mtu = (unsigned)mtu;
    return 0;
}

/* How a family leaves, and is reached. */
static int read_gateway_mode(const char *key, const char *value, bool *ret_routed, bool *ret_open,
                             struct err *e)
{
    *ret_routed = str_eq(value, "routed");
    *ret_open = str_eq(value, "nat-unprotected");
    if (*ret_routed || *ret_open || str_eq(value, "nat"))
        return 0;
    if (str_eq(value, "isolated"))
        return err_set(e, ENOTSUP, "%s=%s is not supported: nat, nat-unprotected and routed are",
                       key, value);
    return err_set(e, EINVAL, "unknown gateway mode %s", value);
}

/* Of two ranges one of which is part of the other, the wider is kept: a set does not take both. */
static void add_source(struct network_config *c, const struct ip_range *new)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_sources; i++) {
        if (ip_range_within(new, &c->sources[i]))
            return;
        if (!ip_range_within(&c->sources[i], new))
            c->sources[n++] = c->sources[i];
    }
    c->sources[n++] = *new;
    c->n_sources = n;
}

/* "10.0.0.0/8,fd00::/8,192.0.2.7": who reaches published ports; "": nobody. */
static int read_sources(const char *value, struct network_config *c, struct err *e)
{
    _cleanup_free_ char *copy = strdup(value);
    c->sources = calloc(NETWORK_SOURCES, sizeof(*c->sources));
    if (!copy || !c->sources)
        return err_nomem(e);
    c->limited = true;
    char *rest = copy, *one;
    while (*value && (one = strsep(&rest, ","))) {
        struct ip_range range;
        struct ip_address address;
        if (ip_address_parse(one, &address) == 0)
            range = ip_range_of(&address, ip_bits(address.family));
        else if (read_range(SOURCES, one, &range, e) < 0)
            return -EINVAL;
        if (c->n_sources == NETWORK_SOURCES)
            return err_set(e, E2BIG, "%s: more than %d ranges", SOURCES, NETWORK_SOURCES);
        add_source(c, &range);
    }
    return 0;
}

static int read_bridge_option(const char *key, const char *value, struct network_config *c,
                              struct err *e)
{
    bool yes = false;
    int r = 0;
    if (str_eq(key, MTU))
        return read_mtu(value, c, e);
    if (str_eq(key, BRIDGE_NAME))
        return read_link(key, value, c, e);
    if (str_eq(key, SOURCES))
        return read_sources(value, c, e);
    if (str_eq(key, BRIDGE_ "enable_icc")) {
        r = read_bool(key, value, &yes, e);
        c->isolated = !yes;
    } else if (str_eq(key, BRIDGE_ "enable_ip_masquerade")) {
        r = read_bool(key, value, &c->masquerade4, e);
        c->masquerade6 = c->masquerade4;
    } else if (str_eq(key, BRIDGE_ "gateway_mode_ipv4")) {
        r = read_gateway_mode(key, value, &c->routed4, &c->open4, e);
    } else if (str_eq(key, BRIDGE_ "gateway_mode_ipv6")) {
        r = read_gateway_mode(key, value, &c->routed6, &c->open6, e);
    } else if (str_eq(key, BRIDGE_ "host_binding_ipv4")) {
        if (ip_address_parse(value, &c->binding4) < 0 || c->binding4.family != AF_INET)
            r = bad_option(e, key, value, "an IPv4 address");
    } else if (str_eq(key, SPOOFING)) {
        r = read_bool(key, value, &c->spoofing, e);
    } else if (str_eq(key, LARGE)) {
        r = read_bool(key, value, &c->large, e);
    } else if (str_after(key, "com.docker.network.") || str_after(key, "dev.skiff.")) {
        r = err_set(e, ENOTSUP, "unknown option \"%s\" of the bridge driver", key);
    }
    return r;
}

static int bad_mode(struct err *e, const char *driver, const char *what, const char *value,
                    const char *usual)
{
    return err_set(e, EINVAL,
                   "requested %s %s '%s' is not valid, '%s' mode is the %s driver default", driver,
                   what, value, usual, driver);
}

/* Whom links of one parent reach. */
static int read_reach(const char *driver, const char *what, const char *value, bool passthru,
                      struct network_config *c, struct err *e)
{
    static const char *const known[] = {[NETWORK_MODE_BRIDGE] = "bridge",
                                        [NETWORK_MODE_PRIVATE] = "private",
                                        [NETWORK_MODE_VEPA] = "vepa",
                                        [NETWORK_MODE_PASSTHRU] = "passthru"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(value, known[i]) && (passthru || i != NETWORK_MODE_PASSTHRU)) {
            c->mode = (enum network_mode)i;
            return 0;
        }
    return bad_mode(e, driver, what, value, "bridge");
}

static int read_parent_option(const char *key, const char *value, struct network_config *c,
                              struct err *e)
{
    bool macvlan = c->driver == NETWORK_MACVLAN;
    if (str_eq(key, MTU))
        return read_mtu(value, c, e);
    if (str_eq(key, "parent"))
        return *value ? read_link(key, value, c, e) : 0;
    if (macvlan && str_eq(key, "macvlan_mode"))
        return read_reach("macvlan", "mode", value, true, c, e);
    if (!macvlan && str_eq(key, "ipvlan_flag"))
        return read_reach("ipvlan", "flag", value, false, c, e);
    if (!macvlan && str_eq(key, "ipvlan_mode")) {
        if (!str_eq(value, "l2") && !str_eq(value, "l3"))
            return str_eq(value, "l3s")
                       ? err_set(e, ENOTSUP, "ipvlan_mode=l3s is not supported: l2 and l3 are")
                       : bad_mode(e, "ipvlan", "mode", value, "l2");
        c->driver = str_eq(value, "l3") ? NETWORK_IPVLAN_L3 : NETWORK_IPVLAN_L2;
        return 0;
    }
    return str_after(key, "com.docker.network.")
               ? err_set(e, ENOTSUP, "unknown option \"%s\" of the %s driver", key,
                         macvlan ? "macvlan" : "ipvlan")
               : 0;
}

static int read_options(const json_t *document, struct network_config *c, struct err *e)
{
    const json_t *options = json_object_get(document, "Options");
    const char *key;
    json_t *item;
    if (json_object_size(options) > OPTIONS_MAX)
        return err_set(e, E2BIG, "more than %d options", OPTIONS_MAX);
    json_object_foreach ((json_t *)(uintptr_t)options, key, item) {
        const char *value = json_string_value(item);
        if (!value)
            return err_set(e, EINVAL, "option \"%s\" is not a text", key);
        int r = 0;
        if (c->driver == NETWORK_BRIDGE)
            r = read_bridge_option(key, value, c, e);
        else if (c->driver != NETWORK_CNI)
            r = read_parent_option(key, value, c, e);
        if (r < 0)
            return r;
    }
    c->masquerade4 &= !c->routed4;
    c->masquerade6 &= !c->routed6;
    return 0;
}

/* ---- the whole ---- */

static int read_driver(const json_t *document, enum network_driver *ret, struct err *e)
{
    static const struct {
        const char *name;
        enum network_driver driver;
    } known[] = {
        {"bridge", NETWORK_BRIDGE}, {"macvlan", NETWORK_MACVLAN}, {"ipvlan", NETWORK_IPVLAN_L2}};
    const char *driver = json_str(document, "Driver");
    if (network_cni_is(document)) {
        *ret = NETWORK_CNI;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(driver, known[i].name)) {
            *ret = known[i].driver;
            return 0;
        }
    if (str_eq(driver, "host") || str_eq(driver, "null"))
        return err_set(e, EPERM, "only one instance of \"%s\" network is allowed", driver);
    return err_set(e, ENOTSUP,
                   "could not find the network driver \"%s\": there are bridge, macvlan, ipvlan "
                   "and cni:PLUGIN",
                   driver ? driver : "");
}

static bool is_id(const char *text)
{
    return text && strlen(text) == NETWORK_ID_LEN &&
           strspn(text, "0123456789abcdef") == NETWORK_ID_LEN;
}

static int read_whole(const json_t *document, struct network_config *c, struct err *e)
{
    const char *id = json_str(document, "Id");
    if (!is_id(id))
        return err_set(e, EINVAL, "its \"Id\" is not 64 hexadecimal digits");
    memcpy(c->id, id, NETWORK_ID_LEN + 1);
    c->masquerade4 = c->masquerade6 = true;
    c->internal = json_bool(document, "Internal", false);
    c->large = c->internal;
    int r = read_driver(document, &c->driver, e);
    if (r == 0)
        r = read_ranges(document, c, e);
    if (r == 0)
        r = read_options(document, c, e);
    if (r == 0 && c->driver == NETWORK_CNI)
        r = network_cni_read(document, c, e);
    return r;
}

int network_document_read(const json_t *document, struct network_config *ret, struct err *e)
{
    _cleanup_(network_config_release) struct network_config c = {.driver = NETWORK_BRIDGE};
    int r = read_whole(document, &c, e);
    if (r < 0)
        return r;
    *ret = c;
    c = (struct network_config){.driver = NETWORK_BRIDGE};
    return 0;
}

/* The entry of @family in IPAM.Config, made when it is missing; NULL when memory ran out. */
static json_t *entry_of(json_t *ranges, sa_family_t family)
{
    size_t i;
    json_t *entry;
    struct ip_range range;
    json_array_foreach (ranges, i, entry) {
        const char *subnet = json_str(entry, "Subnet");
        if (subnet && ip_range_parse(subnet, &range, NULL) == 0 && range.first.family == family)
            return entry;
    }
    entry = json_object();
    return json_array_append_new(ranges, entry) < 0 ? NULL : entry;
}

static int complete_family(json_t *ranges, const struct ip_range *subnet,
                           const struct ip_address *gateway)
{
    char range[IP_RANGE_TEXT], address[IP_ADDRESS_TEXT];
    if (!subnet->first.family)
        return 0;
    json_t *entry = entry_of(ranges, subnet->first.family);
    if (json_object_set_new(entry, "Subnet", json_string(ip_range_format(subnet, range))) < 0)
        return -ENOMEM;
    const char *given = json_str(entry, "Gateway");
    if (!gateway->family || (given && *given))
        return 0;
    json_t *text = json_string(ip_address_format(gateway, address));
    return json_object_set_new(entry, "Gateway", text) < 0 ? -ENOMEM : 0;
}

int network_document_complete(json_t *document, const struct network_config *c)
{
    json_t *ranges = json_at(document, "IPAM.Config");
    int r = complete_family(ranges, &c->subnet4, &c->gateway4);
    return r == 0 ? complete_family(ranges, &c->subnet6, &c->gateway6) : r;
}
