/*
 * `network create`: from options to Docker's POST /networks/create.
 */
#include "cli/cli.h"
#include "cli/pairs.h"
#include "engine/networks.h"

#include <string.h>

struct create_options {
    const char *driver, *config_from, *ipam_driver, *scope;
    bool attachable, config_only, ingress, internal, ipv4, ipv6;
    struct option_list subnet, gateway, ip_range, aux_address, ipam_opt, label, opt;
};

#define OPTION(type_, name_, letter_, field_, argument_, help_, group_)                            \
    {                                                                                              \
        name_, letter_, OPTION_##type_, offsetof(struct create_options, field_), argument_, help_, \
            group_                                                                                 \
    }

static const struct option_def table[] = {
    OPTION(STRING, "driver", 'd', driver, "bridge|macvlan|ipvlan|cni:bridge",
           "How it is made (bridge)", "Options"),
    OPTION(FLAG, "internal", 0, internal, NULL, "Nothing outside is reached from it", NULL),
    OPTION(FLAG, "attachable", 0, attachable, NULL, "Said by inspect, and no more", NULL),
    OPTION(LIST, "label", 0, label, "KEY=VALUE", "Set metadata", NULL),
    OPTION(LIST, "opt", 'o', opt, "KEY=VALUE", "The driver's: see below", NULL),
    OPTION(FLAG, "config-only", 0, config_only, NULL, "Only a configuration, for others", NULL),
    OPTION(STRING, "config-from", 0, config_from, "NETWORK", "That of such a network", NULL),
    OPTION(STRING, "scope", 0, scope, NULL, NULL, NULL),
    OPTION(FLAG, "ingress", 0, ingress, NULL, NULL, NULL),

    OPTION(LIST, "subnet", 0, subnet, "RANGE", "Its range: 172.28.0.0/16; one for each family",
           "Addresses"),
    OPTION(LIST, "gateway", 0, gateway, "ADDRESS", "The bridge's own, or the router's", NULL),
    OPTION(LIST, "ip-range", 0, ip_range, "RANGE", "The part that containers' are taken from",
           NULL),
    OPTION(LIST, "aux-address", 0, aux_address, "NAME=ADDRESS", "One that no container gets", NULL),
    OPTION(FLAG, "ipv6", 0, ipv6, NULL, "IPv6 too", NULL),
    OPTION(FLAG, "ipv4", 0, ipv4, NULL, "IPv4 (true)", NULL),
    OPTION(STRING, "ipam-driver", 0, ipam_driver, NULL, NULL, NULL),
    OPTION(LIST, "ipam-opt", 0, ipam_opt, NULL, NULL, NULL),
    {0},
};

/* ---- what belongs to which subnet, as Docker's client finds it out ---- */

struct subnet {
    struct ip_range range;
    const char *text;
    json_t *entry;
};

struct subnets {
    struct subnet *v;
    size_t n;
};

static int add_subnets(const struct option_list *list, struct subnets *all, json_t *ranges,
                       struct err *e)
{
    all->v = calloc(list->n + 1, sizeof(*all->v));
    if (!all->v)
        return err_nomem(e);
    for (size_t i = 0; i < list->n; i++) {
        struct subnet *s = &all->v[i];
        s->text = list->v[i];
        if (ip_range_parse(s->text, &s->range, NULL) < 0)
            return err_set(e, EINVAL, "invalid subnet %s : invalid CIDR address: %s", s->text,
                           s->text);
        for (size_t k = 0; k < i; k++)
            if (ip_range_overlaps(&s->range, &all->v[k].range))
                return err_set(e, EINVAL,
                               "multiple overlapping subnet configuration is not supported");
        s->entry = json_pack("{s:s}", "Subnet", s->text);
        if (json_array_append_new(ranges, s->entry) < 0)
            return err_nomem(e);
        all->n = i + 1;
    }
    return 0;
}

static struct subnet *subnet_of(const struct subnets *all, const struct ip_address *a)
{
    for (size_t i = 0; i < all->n; i++)
        if (ip_range_contains(&all->v[i].range, a))
            return &all->v[i];
    return NULL;
}

/* A gateway, or a part of a subnet: at most one for each. */
static int add_single(const struct subnets *all, const char *text, const char *key,
                      const char *what, const char *plural, struct err *e)
{
    struct ip_address a;
    struct ip_range range;
    bool is_range = str_eq(key, "IPRange");
    if (is_range ? ip_range_parse(text, &range, &a) < 0 : ip_address_parse(text, &a) < 0)
        return err_set(e, EINVAL, is_range ? "invalid CIDR address: %s" : "invalid address: %s",
                       text);
    struct subnet *s = subnet_of(all, &a);
    if (!s)
        return err_set(e, EINVAL, "no matching subnet for %s %s", what, text);
    const char *there = json_str(s->entry, key);
    if (there)
        return err_set(e, EINVAL, "cannot configure multiple %s (%s, %s) on the same subnet (%s)",
                       plural, text, there, s->text);
    return json_object_set_new(s->entry, key, json_string(text)) < 0 ? err_nomem(e) : 0;
}

static int add_reserved(const struct subnets *all, const char *name, const char *text,
                        struct err *e)
{
    struct ip_address a;
    struct subnet *s = ip_address_parse(text, &a) < 0 ? NULL : subnet_of(all, &a);
    if (!s)
        return err_set(e, EINVAL, "no matching subnet for aux-address %s", text);
    json_t *list = json_object_get(s->entry, "AuxiliaryAddresses");
    if (!list && json_object_set_new(s->entry, "AuxiliaryAddresses", json_object()) == 0)
        list = json_object_get(s->entry, "AuxiliaryAddresses");
    return json_object_set_new(list, name, json_string(text)) < 0 ? err_nomem(e) : 0;
}

static int fill_ranges(const struct create_options *o, struct subnets *all, json_t *ranges,
                       struct err *e)
{
    _cleanup_json_ json_t *reserved = NULL;
    const char *name;
    json_t *address;
    if (o->subnet.n < o->ip_range.n || o->subnet.n < o->gateway.n)
        return err_set(e, EINVAL, "every ip-range or gateway must have a corresponding subnet");
    int r = add_subnets(&o->subnet, all, ranges, e);
    for (size_t i = 0; r == 0 && i < o->ip_range.n; i++)
        r = add_single(all, o->ip_range.v[i], "IPRange", "range", "ranges", e);
    for (size_t i = 0; r == 0 && i < o->gateway.n; i++)
        r = add_single(all, o->gateway.v[i], "Gateway", "gateway", "gateways", e);
    if (r == 0)
        r = pairs_read("aux-address", &o->aux_address, &reserved, e);
    json_object_foreach (reserved, name, address)
        if (r == 0)
            r = add_reserved(all, name, json_string_value(address), e);
    return r;
}

static int read_ranges(const struct create_options *o, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *ranges = json_array();
    struct subnets all = {0};
    int r = ranges ? fill_ranges(o, &all, ranges, e) : err_nomem(e);
    free(all.v);
    if (r == 0)
        *ret = TAKE_PTR(ranges);
    return r;
}

/* ---- the whole ---- */

static int make_request(const struct create_options *o, const char *name, json_t **ret,
                        struct err *e)
{
    _cleanup_json_ json_t *ranges = NULL, *labels = NULL, *options = NULL, *ipam = NULL;
    int r = read_ranges(o, &ranges, e);
    if (r == 0)
        r = pairs_read("label", &o->label, &labels, e);
    if (r == 0)
        r = pairs_read("opt", &o->opt, &options, e);
    if (r == 0)
        r = pairs_read("ipam-opt", &o->ipam_opt, &ipam, e);
    if (r < 0)
        return r;
    json_error_t error;
    *ret =
        json_pack_ex(&error, 0,
                     "{s:s, s:s?, s:s?, s:b, s:b, s:b, s:b, s:{s:s}, s:b, s:b, s:{s:s?, s:O, "
                     "s:O}, s:O, s:O}",
                     "Name", name, "Driver", o->driver, "Scope", o->scope, "Internal", o->internal,
                     "Attachable", o->attachable, "Ingress", o->ingress, "ConfigOnly",
                     o->config_only, "ConfigFrom", "Network", o->config_from ? o->config_from : "",
                     "EnableIPv4", o->ipv4, "EnableIPv6", o->ipv6, "IPAM", "Driver", o->ipam_driver,
                     "Options", ipam, "Config", ranges, "Options", options, "Labels", labels);
    if (*ret)
        return 0;
    return json_error_code(&error) == json_error_invalid_utf8
               ? err_set(e, EINVAL, "a name or a value is not UTF-8")
               : err_nomem(e);
}

static int create(struct cli *c, const struct create_options *o, const char *name, struct err *e)
{
    _cleanup_json_ json_t *request = NULL;
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    int r = make_request(o, name, &request, e);
    if (r == 0)
        r = networks_create(&c->engine, request, &n, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *line = str_printf("%s\n", n.id);
    return line ? cli_print(line, e) : err_nomem(e);
}

static int run_create(struct cli *c, int argc, char **argv, struct err *e)
{
    struct create_options o = {.ipv4 = true};
    char **words;
    int n;
    int r = cli_parse(&cmd_network_create, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = create(c, &o, words[0], e);
    else if (r == 1)
        r = 0;
    options_release(table, &o);
    return r;
}

const struct cli_command cmd_network_create = {
    .line = "network create [OPTIONS] NETWORK",
    .summary = "Create a network",
    .more =
        "Options of the bridge driver: com.docker.network.driver.mtu,\n"
        "com.docker.network.bridge.name, …enable_icc (containers reach each other),\n"
        "…enable_ip_masquerade, …gateway_mode_ipv4 and …gateway_mode_ipv6 (nat,\n"
        "nat-unprotected, routed), …host_binding_ipv4,\n"
        "dev.skiff.spoofing (foreign source addresses pass),\n"
        "dev.skiff.publish.sources (who reaches published ports),\n"
        "dev.skiff.large-packets (twice as fast between containers, slower to elsewhere; always\n"
        "so with --internal).\n"
        "Of macvlan and ipvlan: parent (eth0; eth0.50 for a VLAN), macvlan_mode (bridge,\n"
        "private, vepa, passthru), ipvlan_mode (l2, l3), ipvlan_flag.\n"
        "cni: and a CNI plugin (its keys are options: --opt hairpinMode=false), the path of a\n"
        "list of plugins, or the name of a network in /etc/cni/net.d. CNI_PATH names folders\n"
        "with plugins; dev.skiff.cni.timeout is for how many seconds one may run (30).",
    .options = table,
    .min = 1,
    .max = 1,
    .flags = NEEDS_ENGINE,
    .run = run_create,
};
