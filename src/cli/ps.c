#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/port_list.h"
#include "cli/ps_filter.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "engine/container_size.h"
#include "engine/inspect.h"
#include "engine/state.h"

#include <string.h>
#include <time.h>

struct ps_options {
    bool all, quiet, no_trunc, latest, size;
    long long last;
    const char *format;
    struct option_list filter;
};

static const struct option_def table[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ps_options, all), NULL, "Also those that do not run",
     "Options"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ps_options, quiet), NULL, "IDs alone", NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ps_options, no_trunc), NULL,
     "Do not shorten IDs and commands", NULL},
    {"latest", 'l', OPTION_FLAG, offsetof(struct ps_options, latest), NULL, "The one created last",
     NULL},
    {"last", 'n', OPTION_INT, offsetof(struct ps_options, last), "N", "The N created last", NULL},
    {"size", 's', OPTION_FLAG, offsetof(struct ps_options, size), NULL,
     "How much room they take, without and with the image", NULL},
    {"filter", 'f', OPTION_LIST, offsetof(struct ps_options, filter), "KEY=VALUE",
     "name, id, status, label, ancestor, exited, health, network, volume, expose, publish, before, "
     "since",
     NULL},
    {"format", 0, OPTION_STRING, offsetof(struct ps_options, format), "TEMPLATE", ROWS_FORMAT_HELP,
     NULL},
    {0},
};

/* The first @n characters of UTF-8 in @text, in bytes. */
static size_t first_characters(const char *text, size_t n)
{
    size_t i = 0;
    for (; text[i] && (n > 0 || ((unsigned char)text[i] & 0xc0) == 0x80); i++)
        n -= ((unsigned char)text[i] & 0xc0) != 0x80;
    return i;
}

/* Docker's: words with blanks are quoted, all of it is cut to twenty characters. */
static char *describe_command(const json_t *d, bool whole)
{
    _cleanup_str_ struct str text = {0}, quoted = {0};
    size_t i;
    json_t *arg;
    str_add(&text, json_str(d, "Path") ? json_str(d, "Path") : "");
    json_array_foreach (json_at(d, "Args"), i, arg)
        str_addf(&text, strchr(json_string_value(arg), ' ') ? " '%s'" : " %s",
                 json_string_value(arg));
    _cleanup_free_ char *command = str_steal(&text);
    if (!command)
        return NULL;
    bool cut = !whole && command[first_characters(command, 20)] != '\0';
    if (cut)
        command[first_characters(command, 19)] = '\0';
    str_add(&quoted, "\"");
    str_add_visible(&quoted, command, "\"\\");
    str_add(&quoted, cut ? "…\"" : "\"");
    return str_steal(&quoted);
}

/* What is mounted into it: volumes' names, or sources; cut to fifteen characters. */
static json_t *describe_mounts(const json_t *mounts, bool whole_names)
{
    _cleanup_str_ struct str text = {0};
    size_t i;
    json_t *m;
    json_array_foreach (mounts, i, m) {
        const char *name = json_str(m, "Name"), *source = json_str(m, "Source");
        const char *shown = name ? name : source ? source : "";
        bool cut = !whole_names && shown[first_characters(shown, 15)] != '\0';
        str_addf(&text, "%s%.*s%s", i ? "," : "",
                 (int)(cut ? first_characters(shown, 14) : strlen(shown)), shown, cut ? "…" : "");
    }
    _cleanup_free_ char *whole = str_steal(&text);
    return whole ? json_string(whole) : NULL;
}

/* "0B (virtual 4.26MB)": what it wrote, and that with its image. */
static json_t *describe_size(const json_t *d)
{
    char own[32], whole[32];
    format_size(json_int(d, "SizeRw", 0), own);
    format_size(json_int(d, "SizeRootFs", 0), whole);
    return json_int(d, "SizeRootFs", 0) > 0 ? json_sprintf("%s (virtual %s)", own, whole)
                                            : json_string(own);
}

/* It is measured file by file: only for those who ask. */
static bool wants_size(const struct ps_options *o)
{
    return o->size || (o->format && strstr(o->format, ".Size"));
}

/* How many of them are volumes. */
static json_t *count_volumes(const json_t *mounts)
{
    unsigned n = 0;
    size_t i;
    json_t *m;
    json_array_foreach (mounts, i, m)
        n += str_eq(json_str(m, "Driver"), "local");
    return json_sprintf("%u", n);
}

/* What asks for a person's eye; only in the usual table, templates may do anything with it. */
static enum colour status_colour(const json_t *state, const struct ps_options *o)
{
    const char *status = json_str(state, "Status");
    if (o->quiet || !rows_usual(o->format))
        return COLOUR_NONE;
    if (str_eq(json_str(state, "Health.Status"), "unhealthy") || str_eq(status, "dead") ||
        (str_eq(status, "exited") && json_int(state, "ExitCode", 0) != 0))
        return COLOUR_BAD;
    return str_eq(status, "restarting") || str_eq(status, "paused") ? COLOUR_MIDDLING : COLOUR_NONE;
}

static json_t *show_status(const json_t *state, const struct ps_options *o, long long now)
{
    _cleanup_free_ char *status = describe_status(state, now);
    enum colour colour = status_colour(state, o);
    return status ? json_sprintf("%s%s%s", colour_begin(STDOUT_FILENO, colour), status,
                                 colour_end(STDOUT_FILENO, colour))
                  : NULL;
}

/* Those of one that runs; of others there are none. */
static json_t *describe_ports(const json_t *d)
{
    if (!json_bool(d, "State.Running", false))
        return json_string("");
    _cleanup_free_ char *text =
        port_list(json_object_get(d, "Ports"), json_at(d, "Config.ExposedPorts"));
    return text ? json_string(text) : NULL;
}

/* All its networks, by name. */
static json_t *describe_networks(const json_t *d)
{
    const json_t *networks = json_at(d, "NetworkSettings.Networks");
    _cleanup_str_ struct str text = {0};
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)networks, name, value)
        str_addf(&text, "%s%s", text.len ? "," : "", name);
    if (text.len == 0)
        str_add(&text, json_str(d, "HostConfig.NetworkMode"));
    return text.failed ? NULL : json_string(text.s);
}

/* One row, as `docker ps --format json` has it. */
static json_t *make_row(const json_t *d, const struct ps_options *o, long long now)
{
    const char *id = json_str(d, "Id"), *name = json_str(d, "Name");
    const char *created = json_str(d, "Created");
    _cleanup_free_ char *command = describe_command(d, o->no_trunc);
    _cleanup_free_ char *age = describe_duration(now - parse_time(created));
    if (!command || !age || !created || strlen(created) < 19)
        return NULL;
    _cleanup_json_ json_t *labels = json_incref(json_at(d, "Config.Labels"));
    if (!labels)
        labels = json_object();
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:O}",
                     "ID", json_stringn(id, o->no_trunc ? ID_LEN : SHORT_ID_LEN), "Image",
                     json_str(d, "Config.Image"), "Command", command, "CreatedAt",
                     json_sprintf("%.10s %.8s +0000 UTC", created, created + 11), "RunningFor",
                     json_sprintf("%s ago", age), "Status",
                     show_status(json_at(d, "State"), o, now), "State", json_str(d, "State.Status"),
                     "Ports", describe_ports(d), "Names", name + 1, "Networks",
                     describe_networks(d), "LocalVolumes", count_volumes(json_at(d, "Mounts")),
                     "Mounts", describe_mounts(json_at(d, "Mounts"), o->no_trunc), "Labels",
                     rows_labels(labels), "Size", describe_size(d), "Label()", labels);
}

static bool passes(struct cli *c, const struct ps_options *o, const json_t *d)
{
    bool all = o->all || o->latest || o->last > 0 || ps_filter_wants_all(&o->filter);
    return (all || json_bool(d, "State.Running", false)) &&
           ps_filter_passes(&c->engine, &o->filter, d);
}

struct ps_row {
    char *created;
    json_t *row;
};

struct ps_rows {
    struct ps_row *v;
    size_t n;
};

static void ps_rows_release(struct ps_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->v[i].created);
        json_decref(rows->v[i].row);
    }
    free(rows->v);
}

static int by_creation(const void *a, const void *b)
{
    const struct ps_row *x = a, *y = b;
    return -strcmp(x->created, y->created);
}

/* What is shown of a document, and what filters ask for. There may be a thousand of them. */
static const char *const shown_of_document[] = {
    "Id",
    "Name",
    "Created",
    "Path",
    "Args",
    "Image",
    "Mounts",
    "Config.Image",
    "Config.Labels",
    "Config.ExposedPorts",
    "HostConfig.NetworkMode",
    "HostConfig.PortBindings",
    "HostConfig.PublishAllPorts",
    "HostConfig.CgroupParent",
    "NetworkSettings.Networks",
    NULL,
};

/* A row for one container, unless it is not to be shown. */
static int collect_one(struct cli *c, const struct ps_options *o, const char *id, long long now,
                       struct ps_rows *rows, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *d = NULL;
    const char *const *keys = wants_size(o) ? NULL : shown_of_document;
    int r = record_open_some(&c->engine, id, keys, &record, e);
    if (r == 0)
        r = inspect_brief(&c->engine, &record, &d, e);
    if (r < 0 || !passes(c, o, d))
        return r;
    if (wants_size(o))
        r = container_add_size(&c->engine, &record, d, e);
    if (r < 0)
        return r;
    struct ps_row row = {strdup(json_str(d, "Created")), make_row(d, o, now)};
    rows->v[rows->n++] = row;
    return row.created && row.row ? 0 : err_nomem(e);
}

/* The containers to show, newest first. One that vanishes meanwhile is left out; one that cannot be
 * read is told of. A document is let go as soon as its row is made: there may be a thousand. */
static int collect(struct cli *c, const struct ps_options *o, struct ps_rows *rows, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = ps_filter_check(&c->engine, &o->filter, e);
    if (r == 0)
        r = record_list(&c->engine, &ids, e);
    if (r < 0)
        return r;
    const long long now = time(NULL);
    rows->v = calloc(ids.n + 1, sizeof(*rows->v));
    if (!rows->v)
        return err_nomem(e);
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_err_ struct err unread = ERR_INIT;
        r = collect_one(c, o, ids.v[i], now, rows, &unread);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0 && r != -ENOENT)
            cli_error(err_text(&unread));
    }
    qsort(rows->v, rows->n, sizeof(*rows->v), by_creation);
    return 0;
}

static int print(const struct ps_row *v, size_t n, const struct ps_options *o, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID",
                  "CONTAINER ID", "Image", "IMAGE", "Command", "COMMAND", "CreatedAt", "CREATED AT",
                  "RunningFor", "CREATED", "Status", "STATUS", "State", "STATE", "Ports", "PORTS",
                  "Names", "NAMES", "Labels", "LABELS", "Networks", "NETWORKS", "LocalVolumes",
                  "LOCAL VOLUMES", "Mounts", "MOUNTS", "Size", "SIZE");
    for (size_t i = 0; i < n; i++)
        if (json_array_append(rows, v[i].row) < 0)
            return err_nomem(e);

    const char *wish = o->quiet ? "{{.ID}}" : o->format;
#define USUAL                                                                                      \
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
    return rows_print(wish, o->size ? USUAL "\t{{.Size}}" : USUAL, headers, rows, e);
}

static int run_ps(struct cli *c, int argc, char **argv, struct err *e)
{
    struct ps_options o = {0};
    char **words;
    int n_words;
    int r = cli_parse(&cmd_ps, argc, argv, &o, &words, &n_words, e);
    if (r == 0) {
        _cleanup_(ps_rows_release) struct ps_rows rows = {0};
        if (o.quiet && !str_eq(rows_format(o.format, true), "{{.ID}}"))
            cli_warn(c, "--format is ignored, because --quiet is given too");
        cli_reap(c);
        r = collect(c, &o, &rows, e);
        size_t shown = o.latest ? 1 : o.last > 0 ? (size_t)o.last : rows.n;
        if (r == 0)
            r = print(rows.v, shown < rows.n ? shown : rows.n, &o, e);
    }
    options_release(table, &o);
    return r == 1 ? 0 : r;
}

const struct cli_command cmd_ps = {
    .line = "ps [OPTIONS]",
    .summary = "List containers",
    .options = table,
    .flags = NEEDS_ENGINE,
    .run = run_ps,
};
