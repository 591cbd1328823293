#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/filter.h"
#include "cli/pairs.h"
#include "cli/removal.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "engine/volume_use.h"

#include <string.h>

/* ---- create ---- */

struct create_options {
    const char *driver, *name;
    struct option_list label, opt;
};

static const struct option_def create_table[] = {
    {"driver", 'd', OPTION_STRING, offsetof(struct create_options, driver), "DRIVER",
     "Its driver: \"local\" is the only one", "Options"},
    {"label", 0, OPTION_LIST, offsetof(struct create_options, label), "KEY=VALUE", "Set metadata",
     NULL},
    {"opt", 'o', OPTION_LIST, offsetof(struct create_options, opt), "KEY=VALUE",
     "size; or type, device and o, as mount(8) has them", NULL},
    {"name", 0, OPTION_STRING, offsetof(struct create_options, name), NULL, NULL, NULL},
    {0},
};

static int create(struct cli *c, const struct create_options *o, const char *word, struct err *e)
{
    _cleanup_json_ json_t *labels = NULL, *options = NULL;
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    if (word && o->name)
        return err_set(e, EINVAL,
                       "conflicting options: cannot specify a volume-name through both --name and "
                       "as a positional arg");
    const char *name = word ? word : o->name;
    int r = pairs_read("label", &o->label, &labels, e);
    if (r == 0)
        r = pairs_read("opt", &o->opt, &options, e);
    if (r < 0)
        return r;
    const struct volume_request request = {
        .name = name && *name ? name : NULL,
        .driver = o->driver,
        .labels = json_object_size(labels) > 0 ? labels : NULL,
        .options = options,
        .sync = true,
    };
    r = volume_use(&c->engine, &request, &v, e);
    if (r == 0) {
        _cleanup_free_ char *line = str_printf("%s\n", v.name);
        r = line ? cli_print(line, e) : err_nomem(e);
    }
    return r;
}

static int run_create(struct cli *c, int argc, char **argv, struct err *e)
{
    struct create_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_volume_create, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = create(c, &o, n == 1 ? words[0] : NULL, e);
    else if (r == 1)
        r = 0;
    options_release(create_table, &o);
    return r;
}

const struct cli_command cmd_volume_create = {
    .line = "volume create [OPTIONS] [VOLUME]",
    .summary = "Create a volume",
    .more = "Without a name it gets one of 64 hex digits, as those that nobody names.\n"
            "-o size=10g limits it where the file system has project quotas (ext4, xfs).\n"
            "-o type=tmpfs -o device=tmpfs -o o=size=64m, -o type=none -o o=bind\n"
            "-o device=/srv, -o type=nfs -o device=:/export -o o=addr=192.0.2.1 are other\n"
            "file systems, mounted in the containers alone.",
    .options = create_table,
    .max = 1,
    .flags = NEEDS_ENGINE,
    .run = run_create,
};

/* ---- ls ---- */

struct ls_options {
    bool quiet;
    const char *format;
    struct option_list filter;
};

static const struct option_def ls_table[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_options, quiet), NULL, "Names alone", "Options"},
    {"filter", 'f', OPTION_LIST, offsetof(struct ls_options, filter), "KEY=VALUE",
     "dangling, driver, label, name", NULL},
    {"format", 0, OPTION_STRING, offsetof(struct ls_options, format), "TEMPLATE", ROWS_FORMAT_HELP,
     NULL},
    {0},
};

static int check_filters(const struct option_list *filters, bool *ret_users, struct err *e)
{
    static const char *const known[] = {"driver=", "label=", "name="};
    *ret_users = false;
    for (size_t i = 0; i < filters->n; i++) {
        const char *text = filters->v[i], *dangling = str_after(text, "dangling=");
        bool good = dangling && filter_bool(dangling) >= 0;
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            good |= str_after(text, known[k]) != NULL;
        if (!good)
            return filter_invalid(text, e);
        *ret_users |= dangling != NULL;
    }
    return 0;
}

struct listed {
    const struct volume *v;
    bool used;
};

static bool holds(const void *data, const char *key, const char *value)
{
    const struct listed *l = data;
    if (str_eq(key, "name="))
        return strstr(l->v->name, value) != NULL;
    if (str_eq(key, "driver="))
        return str_eq(value, "local");
    return (filter_bool(value) == 1) == !l->used; /* dangling= */
}

/* Every key must pass, and all labels. */
static bool passes(const struct volume *v, const struct option_list *filters, const json_t *users)
{
    static const char *const keys[] = {"name=", "driver=", "dangling="};
    const struct listed listed = {v, json_object_get(users, v->name) != NULL};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        if (filter_rejects(filters, keys[k], holds, &listed))
            return false;
    return labels_pass(filters, json_at(v->document, "Labels"));
}

/* One row, as `docker volume ls --format json` has it. */
static json_t *make_row(const struct engine *en, const struct volume *v)
{
    _cleanup_free_ char *path = volume_mountpoint(en, v->name);
    json_t *labels = json_object_get(v->document, "Labels");
    _cleanup_json_ json_t *map = json_is_object(labels) ? json_incref(labels) : json_object();
    if (!path || !map)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "Availability",
                     "N/A", "Driver", "local", "Group", "N/A", "Labels", rows_labels(labels),
                     "Links", "N/A", "Mountpoint", path, "Name", v->name, "Scope", "local", "Size",
                     "N/A", "Status", "N/A", "Label()", map);
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

/* A volume that cannot be read is told of, and one that vanishes meanwhile left out. */
static int make_rows(struct cli *c, const struct ls_options *o, json_t *rows, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_json_ json_t *users = NULL;
    bool ask = false;
    int r = check_filters(&o->filter, &ask, e);
    if (r == 0)
        r = volume_list(&c->engine, &names, e);
    if (r == 0 && ask)
        r = volume_users(&c->engine, &users, e);
    if (r < 0)
        return r;
    if (names.n > 0)
        qsort(names.v, names.n, sizeof(*names.v), by_name);
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_volume_ struct volume v = VOLUME_INIT;
        _cleanup_err_ struct err unread = ERR_INIT;
        r = volume_open(&c->engine, names.v[i], &v, &unread);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0 && r != -ENOENT)
            cli_error(err_text(&unread));
        if (r == 0 && passes(&v, &o->filter, users) &&
            json_array_append_new(rows, make_row(&c->engine, &v)) < 0)
            return err_nomem(e);
    }
    return 0;
}

static int list(struct cli *c, const struct ls_options *o, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Driver", "DRIVER", "Name",
                  "VOLUME NAME", "Scope", "SCOPE", "Mountpoint", "MOUNTPOINT", "Labels", "LABELS",
                  "Links", "LINKS", "Size", "SIZE", "Status", "STATUS", "Availability",
                  "AVAILABILITY", "Group", "GROUP");
    int r = rows ? make_rows(c, o, rows, e) : err_nomem(e);
    if (r < 0)
        return r;
    return rows_print(o->quiet && rows_usual(o->format) ? "{{.Name}}" : o->format,
                      "{{.Driver}}\t{{.Name}}", headers, rows, e);
}

static int run_ls(struct cli *c, int argc, char **argv, struct err *e)
{
    struct ls_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_volume_ls, argc, argv, &o, &words, &n, e);
    if (r == 0) {
        cli_reap(c);
        r = list(c, &o, e);
    } else if (r == 1) {
        r = 0;
    }
    options_release(ls_table, &o);
    return r;
}

const struct cli_command cmd_volume_ls = {
    .line = "volume ls [OPTIONS]",
    .summary = "List volumes",
    .options = ls_table,
    .flags = NEEDS_ENGINE,
    .run = run_ls,
};

/* ---- rm ---- */

static int run_rm(struct cli *c, int argc, char **argv, struct err *e)
{
    return removal_run(c, &cmd_volume_rm, argc, argv, volume_remove, true, e);
}

const struct cli_command cmd_volume_rm = {
    .line = "volume rm [OPTIONS] VOLUME [VOLUME...]",
    .summary = "Remove volumes",
    .more = "One that any container has, running or not, is never removed.",
    .options = removal_table,
    .min = 1,
    .max = -1,
    .first = WORD_VOLUME,
    .rest = WORD_VOLUME,
    .flags = NEEDS_ENGINE,
    .run = run_rm,
};

/* ---- prune ---- */

struct prune_options {
    bool all, force;
    struct option_list filter;
};

static const struct option_def prune_table[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct prune_options, all), NULL,
     "All that are unused, not just anonymous ones", "Options"},
    {"filter", 0, OPTION_LIST, offsetof(struct prune_options, filter), "KEY=VALUE",
     "label, label!, all", NULL},
    {"force", 'f', OPTION_FLAG, offsetof(struct prune_options, force), NULL, "Do not ask", NULL},
    {0},
};

static bool prune_wants(const struct volume *v, const void *data)
{
    const struct prune_options *o = data;
    if (!o->all && !volume_is_anonymous(v))
        return false;
    return labels_pass(&o->filter, json_at(v->document, "Labels"));
}

static int read_prune_filters(struct prune_options *o, struct err *e)
{
    for (size_t i = 0; i < o->filter.n; i++) {
        const char *text = o->filter.v[i], *all = str_after(text, "all=");
        if (all && o->all)
            return err_set(e, EINVAL,
                           "conflicting options: cannot specify both --all and --filter all=1");
        if (all ? filter_bool(all) < 0 : !str_after(text, "label=") && !str_after(text, "label!="))
            return filter_invalid(text, e);
    }
    for (size_t i = 0; i < o->filter.n; i++) {
        const char *all = str_after(o->filter.v[i], "all=");
        o->all |= all && filter_bool(all) == 1;
    }
    return 0;
}

static int prune(struct cli *c, struct prune_options *o, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_str_ struct str out = {0};
    long long bytes = 0;
    char size[32];
    int r = read_prune_filters(o, e);
    if (r == 0 && !o->force)
        r = confirm(o->all
                        ? "This will remove all local volumes not used by at least one container."
                        : "This will remove anonymous local volumes not used by at least one "
                          "container.",
                    "volume prune", e);
    if (r < 0)
        return r;
    cli_reap(c);
    r = volume_prune(&c->engine, prune_wants, o, &names, &bytes, e);
    for (size_t i = 0; i < names.n; i++)
        str_addf(&out, "%s%s\n%s", i ? "" : "Deleted Volumes:\n", names.v[i],
                 i + 1 == names.n ? "\n" : "");
    str_addf(&out, "Total reclaimed space: %s\n", (format_size(bytes, size), size));
    if (r < 0) {
        cli_print(out.s ? out.s : "", NULL);
        return r;
    }
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

static int run_prune(struct cli *c, int argc, char **argv, struct err *e)
{
    struct prune_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_volume_prune, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = prune(c, &o, e);
    else if (r == 1)
        r = 0;
    options_release(prune_table, &o);
    return r;
}

const struct cli_command cmd_volume_prune = {
    .line = "volume prune [OPTIONS]",
    .summary = "Remove volumes that no container has",
    .options = prune_table,
    .flags = NEEDS_ENGINE,
    .run = run_prune,
};
