/*
 * `network graph`: networks, who is on them, and what is published.
 */
#include "cli/cli.h"
#include "engine/networks.h"

#include <string.h>

struct graph_options {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct graph_options, format), "text|dot",
     "Lines to read (text), or a drawing for Graphviz", "Options"},
    {0},
};

/* "8080->80/tcp" of each of its ports, with @separator between. */
static void add_ports(struct str *out, const json_t *endpoint, const char *before)
{
    size_t i;
    json_t *p;
    json_array_foreach (json_object_get(endpoint, "Ports"), i, p) {
        const char *ip = json_str(p, "IP");
        bool v6 = strchr(ip, ':') != NULL;
        if (json_int(p, "PublicPort", 0) == 0) { /* at its own address alone */
            str_addf(out, "%s%lld/%s", i ? ", " : before, json_int(p, "PrivatePort", 0),
                     json_str(p, "Type"));
            continue;
        }
        str_addf(out, "%s%s%s%s:%lld->%lld/%s", i ? ", " : before, v6 ? "[" : "", ip, v6 ? "]" : "",
                 json_int(p, "PublicPort", 0), json_int(p, "PrivatePort", 0), json_str(p, "Type"));
    }
}

static void add_range(struct str *out, const struct ip_range *r)
{
    char text[IP_RANGE_TEXT];
    if (r->first.family)
        str_addf(out, "  %s", ip_range_format(r, text));
}

static void text_network(struct str *out, const struct network_record *n, const json_t *endpoints)
{
    size_t i;
    json_t *item;
    str_addf(out, "%s (%s", n->name, json_str(n->document, "Driver"));
    if (network_record_is_real(n))
        str_addf(out, " %s", n->config.link);
    str_add(out, n->config.internal ? ", internal)" : ")");
    add_range(out, &n->config.subnet4);
    add_range(out, &n->config.subnet6);
    str_add(out, "\n");
    json_array_foreach (endpoints, i, item) {
        const char *six = json_str(item, "IPv6Address");
        const char *four = json_str(item, "IPv4Address");
        str_addf(out, "    %s%s%s", json_str(item, "Name"), *four ? "  " : "", four);
        str_addf(out, "%s%s", *six ? "  " : "", six);
        add_ports(out, item, "  ");
        str_add(out, "\n");
    }
}

/* Names and links are letters, digits, dots and dashes: nothing that a quote had to be closed for.
 */
static void dot_network(struct str *out, const struct network_record *n, const json_t *endpoints)
{
    size_t i;
    json_t *item;
    const struct network_config *c = &n->config;
    char range[IP_RANGE_TEXT];
    str_addf(out, "    \"n:%s\" [shape=ellipse, label=\"%s\\n%s\"];\n", n->name, n->name,
             ip_range_format(c->no_ipv4 ? &c->subnet6 : &c->subnet4, range));
    if (!n->config.internal)
        str_addf(out, "    host -- \"n:%s\";\n", n->name);
    json_array_foreach (endpoints, i, item) {
        _cleanup_str_ struct str name = {0};
        str_add_visible(&name, json_str(item, "Name"), "\"\\");
        str_addf(out, "    \"c:%s\" [shape=box, label=\"%s\"];\n", json_str(item, "Owner"),
                 name.s ? name.s : "");
        str_addf(out, "    \"n:%s\" -- \"c:%s\" [label=\"%s", n->name, json_str(item, "Owner"),
                 json_str(item, n->config.no_ipv4 ? "IPv6Address" : "IPv4Address"));
        add_ports(out, item, "\\n");
        str_add(out, "\"];\n");
        out->failed |= name.failed;
    }
}

static int add_one(struct cli *c, const char *name, bool dot, struct str *out, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_json_ json_t *endpoints = NULL;
    _cleanup_err_ struct err mine = ERR_INIT;
    int r = networks_find(&c->engine, name, &n, &mine);
    if (r < 0) {
        if (r != -ENOENT)
            cli_error(err_text(&mine));
        return r == -ENOMEM ? err_nomem(e) : 0;
    }
    if (!network_record_is_real(&n))
        return 0;
    r = networks_endpoints(&c->engine, &n, &endpoints, e);
    if (r == 0 && dot)
        dot_network(out, &n, endpoints);
    else if (r == 0)
        text_network(out, &n, endpoints);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static int graph(struct cli *c, const struct graph_options *o, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_str_ struct str out = {0};
    bool dot = str_eq(o->format, "dot");
    if (o->format && !dot && !str_eq(o->format, "text"))
        return err_set(e, EINVAL, "invalid format \"%s\": text or dot", o->format);
    strv_add(&names, "bridge");
    int r = networks_list(&c->engine, &names, e);
    if (r == 0 && names.failed)
        r = err_nomem(e);
    if (r < 0)
        return r;
    qsort(names.v, names.n, sizeof(*names.v), by_name);
    if (dot)
        str_add(&out, "graph networks {\n    rankdir=LR;\n    node [fontname=\"sans-serif\"];\n"
                      "    host [shape=box, label=\"host\"];\n");
    for (size_t i = 0; r == 0 && i < names.n; i++)
        r = add_one(c, names.v[i], dot, &out, e);
    if (dot)
        str_add(&out, "}\n");
    if (r < 0 || out.failed)
        return r < 0 ? r : err_nomem(e);
    return cli_print(out.s, e);
}

static int run_graph(struct cli *c, int argc, char **argv, struct err *e)
{
    struct graph_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_network_graph, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    return graph(c, &o, e);
}

const struct cli_command cmd_network_graph = {
    .line = "network graph [OPTIONS]",
    .summary = "Draw networks, containers and published ports",
    .options = table,
    .flags = NEEDS_ENGINE,
    .run = run_graph,
};
