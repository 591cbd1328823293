/*
 * `network ls`, `network rm`, `network prune`.
 */
#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/filter.h"
#include "cli/network_prune.h"
#include "cli/removal.h"
#include "cli/rows.h"
#include "engine/networks.h"

#include <string.h>

static bool is_own(const struct network_record *n)
{
    return n->fd >= 0;
}

/* The three that are always there, and all others, in the order of the alphabet. */
static int by_name(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static int all_names(const struct engine *en, struct strv *ret, struct err *e)
{
    for (const char *const *name = networks_predefined; *name; name++)
        strv_add(ret, *name);
    (void)networks_sweep(en, true, NULL);
    int r = networks_list(en, ret, e);
    if (r == 0 && ret->n > 0)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
    return r;
}

/* Networks that cannot be read are told in one line, however many they are. */
struct unread {
    struct str names;
    size_t n;
    struct err first;
};

static void unread_release(struct unread *u)
{
    str_release(&u->names);
    err_release(&u->first);
}
#define _cleanup_unread_ _cleanup_(unread_release)

static void tell_unread(const struct unread *u)
{
    _cleanup_free_ char *text =
        u->n > 1 ? str_printf("%zu networks cannot be read, and are left out (%s): 'skiff system "
                              "check' says why",
                              u->n, u->names.s)
                 : NULL;
    if (u->n > 0)
        cli_error(text ? text : err_text(&u->first));
}

/* Opens the network @name; 1: it is gone, or cannot be read. */
static int open_listed(const struct engine *en, const char *name, struct network_record *ret,
                       struct unread *unread, struct err *e)
{
    _cleanup_err_ struct err mine = ERR_INIT;
    int r = networks_find(en, name, ret, &mine);
    if (r == -ENOMEM)
        return err_nomem(e);
    if (r < 0 && r != -ENOENT) {
        str_addf(&unread->names, "%s%s", unread->n > 0 ? ", " : "", name);
        if (unread->n++ == 0)
            err_set(&unread->first, -r, "%s", err_text(&mine));
    }
    return r < 0 ? 1 : 0;
}

/* ---- ls ---- */

struct ls_options {
    bool quiet, no_trunc;
    const char *format;
    struct option_list filter;
};

static const struct option_def ls_table[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_options, quiet), NULL, "IDs alone", "Options"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ls_options, no_trunc), NULL, "Do not shorten IDs",
     NULL},
    {"filter", 'f', OPTION_LIST, offsetof(struct ls_options, filter), "KEY=VALUE",
     "dangling, driver, id, label, name, scope, type", NULL},
    {"format", 0, OPTION_STRING, offsetof(struct ls_options, format), "TEMPLATE", ROWS_FORMAT_HELP,
     NULL},
    {0},
};

static int check_filters(const struct option_list *filters, bool *ret_ask, struct err *e)
{
    static const char *const known[] = {"driver=", "id=", "label=", "name=", "scope="};
    *ret_ask = false;
    for (size_t i = 0; i < filters->n; i++) {
        const char *text = filters->v[i], *dangling = str_after(text, "dangling=");
        const char *type = str_after(text, "type=");
        bool good = (dangling && filter_bool(dangling) >= 0) || str_eq(type, "custom") ||
                    str_eq(type, "builtin");
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            good |= str_after(text, known[k]) != NULL;
        if (!good)
            return filter_invalid(text, e);
        *ret_ask |= dangling != NULL;
    }
    return 0;
}

struct listed {
    const struct network_record *n;
    bool used;
};

static bool holds(const void *data, const char *key, const char *value)
{
    const struct listed *l = data;
    if (str_eq(key, "name="))
        return strstr(l->n->name, value) != NULL;
    if (str_eq(key, "id="))
        return strstr(l->n->id, value) != NULL;
    if (str_eq(key, "driver="))
        return str_eq(json_str(l->n->document, "Driver"), value);
    if (str_eq(key, "scope="))
        return str_eq(value, "local");
    if (str_eq(key, "type="))
        return is_own(l->n) == str_eq(value, "custom");
    return is_own(l->n) && (filter_bool(value) == 1) == !l->used; /* dangling= */
}

/* Every key must pass, and all labels. */
static bool passes(const struct network_record *n, const struct option_list *filters, bool used)
{
    static const char *const keys[] = {"name=", "id=", "driver=", "scope=", "type=", "dangling="};
    const struct listed listed = {n, used};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        if (filter_rejects(filters, keys[k], holds, &listed))
            return false;
    return labels_pass(filters, json_at(n->document, "Labels"));
}

/* One row, as `docker network ls --format json` has it. */
static json_t *make_row(const struct network_record *n, bool whole)
{
    const json_t *d = n->document;
    json_t *labels = json_object_get(d, "Labels");
    const char *created = json_str(d, "Created");
    _cleanup_json_ json_t *when = created && strlen(created) > 19
                                      ? json_sprintf("%.10s %.*s +0000 UTC", created,
                                                     (int)strcspn(created + 11, "Z"), created + 11)
                                      : json_string("");
    if (!when)
        return NULL;
    return json_pack("{s:s%, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:O, s:O}", "ID", n->id,
                     (size_t)(whole ? NETWORK_ID_LEN : SHORT_ID_LEN), "Name", n->name, "Driver",
                     json_str(d, "Driver"), "Scope", "local", "IPv4",
                     json_bool(d, "EnableIPv4", true) ? "true" : "false", "IPv6",
                     json_bool(d, "EnableIPv6", false) ? "true" : "false", "Internal",
                     json_bool(d, "Internal", false) ? "true" : "false", "Labels",
                     rows_labels(labels), "CreatedAt", when, "Label()", labels);
}

static int make_rows(struct cli *c, const struct ls_options *o, json_t *rows, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_unread_ struct unread unread = {.first = ERR_INIT};
    bool ask = false;
    int r = check_filters(&o->filter, &ask, e);
    if (r == 0)
        r = all_names(&c->engine, &names, e);
    for (size_t i = 0; r >= 0 && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        _cleanup_json_ json_t *endpoints = NULL;
        r = open_listed(&c->engine, names.v[i], &n, &unread, e);
        if (r == 0 && ask)
            r = networks_endpoints(&c->engine, &n, &endpoints, e);
        if (r == 0 && passes(&n, &o->filter, json_array_size(endpoints) > 0) &&
            json_array_append_new(rows, make_row(&n, o->no_trunc)) < 0)
            r = err_nomem(e);
    }
    tell_unread(&unread);
    return r < 0 ? r : 0;
}

static int list(struct cli *c, const struct ls_options *o, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", "NETWORK ID", "Name",
                  "NAME", "Driver", "DRIVER", "Scope", "SCOPE", "IPv4", "IPV4", "IPv6", "IPV6",
                  "Internal", "INTERNAL", "Labels", "LABELS", "CreatedAt", "CREATED AT");
    int r = rows ? make_rows(c, o, rows, e) : err_nomem(e);
    if (r < 0)
        return r;
    return rows_print(rows_format(o->format, o->quiet),
                      "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", headers, rows, e);
}

static int run_ls(struct cli *c, int argc, char **argv, struct err *e)
{
    struct ls_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_network_ls, argc, argv, &o, &words, &n, e);
    if (r == 0) {
        cli_reap(c);
        r = list(c, &o, e);
    } else if (r == 1) {
        r = 0;
    }
    options_release(ls_table, &o);
    return r;
}

const struct cli_command cmd_network_ls = {
    .line = "network ls [OPTIONS]",
    .summary = "List networks",
    .options = ls_table,
    .flags = NEEDS_ENGINE,
    .run = run_ls,
};

/* ---- rm ---- */

static int run_rm(struct cli *c, int argc, char **argv, struct err *e)
{
    return removal_run(c, &cmd_network_rm, argc, argv, networks_remove, false, e);
}

const struct cli_command cmd_network_rm = {
    .line = "network rm [OPTIONS] NETWORK [NETWORK...]",
    .summary = "Remove networks",
    .more = "One that a running container is on is never removed.",
    .options = removal_table,
    .min = 1,
    .max = -1,
    .first = WORD_NETWORK,
    .rest = WORD_NETWORK,
    .flags = NEEDS_ENGINE,
    .run = run_rm,
};

/* ---- prune ---- */

struct prune_options {
    bool force;
    struct option_list filter;
};

static const struct option_def prune_table[] = {
    {"filter", 0, OPTION_LIST, offsetof(struct prune_options, filter), "KEY=VALUE",
     "until, label, label!", "Options"},
    {"force", 'f', OPTION_FLAG, offsetof(struct prune_options, force), NULL, "Do not ask", NULL},
    {0},
};

/* Until when it must have been made; *ret "" where nothing is said. Time stamps sort as texts. */
static int read_until(const struct option_list *filters, char ret[40], struct err *e)
{
    struct timespec now, t;
    ret[0] = '\0';
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < filters->n; i++) {
        const char *text = filters->v[i], *moment = str_after(text, "until=");
        if (moment && *ret)
            return err_set(e, EINVAL, "more than one until filter specified");
        if (moment && parse_moment(moment, now, &t) < 0)
            return err_set(e, EINVAL, "invalid filter '%s': it is no time", text);
        if (moment)
            format_time(t, ret);
        else if (!str_after(text, "label=") && !str_after(text, "label!="))
            return filter_invalid(text, e);
    }
    return 0;
}

/* A network that a container which does not run will want stays, too. */
static int is_asked_for(const struct engine *en, const char *name, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(en, &ids, e);
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        r = record_open(en, ids.v[i], &c, e);
        if (r == -ENOENT)
            r = 0; /* it is gone */
        else if (r < 0)
            return r;
        else if (str_eq(json_str(c.document, "HostConfig.NetworkMode"), name) ||
                 json_object_get(json_at(c.document, "NetworkSettings.Networks"), name))
            r = 1;
    }
    return r;
}

int networks_prune(struct cli *c, const struct option_list *filters, struct strv *removed,
                   struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_unread_ struct unread unread = {.first = ERR_INIT};
    char until[40];
    int r = read_until(filters, until, e);
    if (r == 0)
        r = networks_list(&c->engine, &names, e);
    for (size_t i = 0; r >= 0 && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        _cleanup_err_ struct err mine = ERR_INIT;
        r = open_listed(&c->engine, names.v[i], &n, &unread, e);
        const char *created = r == 0 ? json_str(n.document, "Created") : NULL;
        if (r != 0 || !labels_pass(filters, json_at(n.document, "Labels")) ||
            (*until && (!created || strcmp(created, until) >= 0)))
            continue;
        r = is_asked_for(&c->engine, n.name, e);
        if (r != 0)
            continue;
        r = networks_remove(&c->engine, n.name, &mine);
        if (r == 0)
            strv_add(removed, names.v[i]);
        else if (r != -EBUSY && r != -ENOENT)
            cli_error(err_text(&mine));
        r = 0;
    }
    tell_unread(&unread);
    return r < 0 ? r : removed->failed ? err_nomem(e) : 0;
}

static int prune(struct cli *c, const struct prune_options *o, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_str_ struct str out = {0};
    char until[40];
    int r = read_until(&o->filter, until, e);
    if (r == 0 && !o->force)
        r = confirm("This will remove all custom networks not used by at least one container.",
                    "network prune", e);
    if (r < 0)
        return r;
    cli_reap(c);
    r = networks_prune(c, &o->filter, &names, e);
    for (size_t i = 0; i < names.n; i++)
        str_addf(&out, "%s%s\n%s", i ? "" : "Deleted Networks:\n", names.v[i],
                 i + 1 == names.n ? "\n" : "");
    if (r < 0 || out.failed)
        return r < 0 ? r : err_nomem(e);
    return cli_print(out.s ? out.s : "", e);
}

static int run_prune(struct cli *c, int argc, char **argv, struct err *e)
{
    struct prune_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_network_prune, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = prune(c, &o, e);
    else if (r == 1)
        r = 0;
    options_release(prune_table, &o);
    return r;
}

const struct cli_command cmd_network_prune = {
    .line = "network prune [OPTIONS]",
    .summary = "Remove networks that no container has",
    .options = prune_table,
    .flags = NEEDS_ENGINE,
    .run = run_prune,
};
