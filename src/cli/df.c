#include "cli/cli.h"
#include "cli/image_use.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "engine/container_size.h"
#include "engine/inspect.h"
#include "engine/volume_use.h"
#include "image/reference.h"

#include <string.h>
#include <time.h>

struct df_options {
    bool verbose;
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct df_options, format), "TEMPLATE", ROWS_FORMAT_HELP,
     "Options"},
    {"verbose", 'v', OPTION_FLAG, offsetof(struct df_options, verbose), NULL,
     "One by one, not just their sums", NULL},
    {0},
};

/* One kind of things, and the rows for --verbose. */
struct kind {
    long long total, active, bytes, free_bytes;
    json_t *rows;
};

struct usage {
    struct kind images, containers, volumes;
    json_t *made_of; /* an image's ID to the number of its containers */
};

static void usage_release(struct usage *u)
{
    json_decref(u->images.rows);
    json_decref(u->containers.rows);
    json_decref(u->volumes.rows);
    json_decref(u->made_of);
}

static char *ago(long long since)
{
    _cleanup_free_ char *age = describe_duration(time(NULL) - since);
    return age ? str_printf("%s ago", age) : NULL;
}

static void put_size(json_t *row, const char *key, long long bytes)
{
    char text[32];
    format_size(bytes, text);
    json_object_set_new(row, key, json_string(text));
}

/* ---- containers ---- */

static json_t *container_row(const json_t *d, long long own)
{
    size_t i, local = 0;
    json_t *m;
    json_array_foreach (json_at(d, "Mounts"), i, m)
        local += str_eq(json_str(m, "Type"), "volume");
    _cleanup_free_ char *created = ago(parse_time(json_str(d, "Created")));
    _cleanup_free_ char *status = describe_status(json_at(d, "State"), time(NULL));
    json_t *row = json_pack("{s:o, s:s, s:s, s:o, s:s*, s:s*, s:s}", "ID",
                            json_stringn(json_str(d, "Id"), SHORT_ID_LEN), "Image",
                            json_str(d, "Config.Image"), "Command", json_str(d, "Path"),
                            "LocalVolumes", json_sprintf("%zu", local), "CreatedSince", created,
                            "Status", status, "Names", json_str(d, "Name") + 1);
    if (row)
        put_size(row, "Size", own);
    return row;
}

static void count_user(struct usage *u, const char *image)
{
    long long n = json_integer_value(json_object_get(u->made_of, image));
    json_object_set_new(u->made_of, image, json_integer(n + 1));
}

static int gather_containers(struct cli *c, struct usage *u, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(&c->engine, &ids, e);
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        _cleanup_json_ json_t *d = NULL;
        long long own = 0, whole = 0;
        if (record_open(&c->engine, ids.v[i], &record, NULL) < 0 ||
            inspect_container(&c->engine, &record, &d, NULL) < 0)
            continue;
        container_size(&c->engine, &record, &own, &whole, NULL);
        bool runs = json_bool(d, "State.Running", false);
        count_user(u, json_str(d, "Image"));
        u->containers.total++;
        u->containers.active += runs;
        u->containers.bytes += own;
        u->containers.free_bytes += runs ? 0 : own;
        json_array_append_new(u->containers.rows, container_row(d, own));
    }
    return r;
}

/* ---- images ---- */

static json_t *image_row(struct cli *c, const struct image_list *list, size_t at, long long users)
{
    const struct image *image = &list->v[at];
    const char *name = image->names.n ? reference_short(image->names.v[0]) : "<none>:<none>";
    const char *colon = strrchr(name, ':');
    /* What would be left without it tells what is its own. */
    _cleanup_free_ struct image *others = calloc(list->n, sizeof(*others));
    if (!colon || !others)
        return NULL;
    for (size_t i = 0, n = 0; i < list->n; i++)
        if (i != at)
            others[n++] = list->v[i];
    const struct image_list rest = {.v = others, .n = list->n - 1};
    const struct image_list alone = {.v = (struct image *)(uintptr_t)image, .n = 1};
    long long size = image_list_size(c->engine.root_fd, &alone);
    long long all = image_list_size(c->engine.root_fd, list);
    long long left = image_list_size(c->engine.root_fd, &rest), own = all - left;
    if (size < 0 || all < 0 || left < 0)
        return NULL;
    _cleanup_free_ char *created = ago(image_created(image));
    const char *hex = str_after(image->id, "sha256:");
    json_t *row = json_pack("{s:o, s:s, s:o, s:s*, s:o}", "Repository",
                            json_stringn(name, (size_t)(colon - name)), "Tag", colon + 1, "ID",
                            json_stringn(hex ? hex : "", hex ? SHORT_ID_LEN : 0), "CreatedSince",
                            created, "Containers", json_sprintf("%lld", users));
    if (row) {
        put_size(row, "Size", size);
        put_size(row, "SharedSize", size - own);
        put_size(row, "UniqueSize", own);
    }
    return row;
}

static int gather_images(struct cli *c, struct usage *u, struct err *e)
{
    _cleanup_image_list_ struct image_list list = {0};
    int r = image_list(c->engine.root_fd, &list, NULL, e);
    if (r < 0)
        return r;
    _cleanup_free_ struct image *used = calloc(list.n + 1, sizeof(*used));
    struct image_list active = {.v = used};
    if (!used)
        return err_nomem(e);
    for (size_t i = 0; i < list.n; i++) {
        long long users = json_integer_value(json_object_get(u->made_of, list.v[i].id));
        if (users > 0)
            used[active.n++] = list.v[i];
        json_array_append_new(u->images.rows, image_row(c, &list, i, users));
    }
    u->images.total = (long long)list.n;
    u->images.active = (long long)active.n;
    u->images.bytes = image_list_size(c->engine.root_fd, &list);
    long long needed = image_list_size(c->engine.root_fd, &active);
    u->images.free_bytes = u->images.bytes - needed;
    if (u->images.bytes >= 0) {
        long long partial = image_partial(c->engine.root_fd);
        u->images.bytes += partial;
        u->images.free_bytes += partial;
    }
    return u->images.bytes < 0 || needed < 0 ? err_nomem(e) : 0;
}

/* ---- volumes ---- */

static int gather_volumes(struct cli *c, struct usage *u, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_json_ json_t *users = NULL;
    int r = volume_list(&c->engine, &names, e);
    if (r == 0)
        r = volume_users(&c->engine, &users, e);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_volume_ struct volume v = VOLUME_INIT;
        if (volume_open(&c->engine, names.v[i], &v, NULL) < 0)
            continue;
        long long size = volume_size(&v);
        size_t links = json_array_size(json_object_get(users, names.v[i]));
        json_t *row =
            json_pack("{s:s, s:o}", "Name", names.v[i], "Links", json_sprintf("%zu", links));
        if (row)
            put_size(row, "Size", size);
        u->volumes.total++;
        u->volumes.active += links > 0;
        u->volumes.bytes += size;
        u->volumes.free_bytes += links > 0 ? 0 : size;
        json_array_append_new(u->volumes.rows, row);
    }
    return r;
}

static int gather(struct cli *c, struct usage *u, struct err *e)
{
    u->made_of = json_object();
    u->images.rows = json_array();
    u->containers.rows = json_array();
    u->volumes.rows = json_array();
    int r = gather_containers(c, u, e);
    if (r == 0)
        r = gather_images(c, u, e);
    return r == 0 ? gather_volumes(c, u, e) : r;
}

/* ---- printing ---- */

static json_t *sum_row(const char *type, const struct kind *k)
{
    char size[32], reclaimable[32];
    format_size(k->bytes, size);
    format_size(k->free_bytes, reclaimable);
    json_t *share = k->bytes > 0
                        ? json_sprintf("%s (%lld%%)", reclaimable, k->free_bytes * 100 / k->bytes)
                        : json_string(reclaimable);
    return json_pack("{s:o, s:o, s:s, s:o, s:s}", "Active", json_sprintf("%lld", k->active),
                     "Reclaimable", share, "Size", size, "TotalCount",
                     json_sprintf("%lld", k->total), "Type", type);
}

static int print_sums(const struct usage *u, const char *format, struct err *e)
{
    static const struct kind none = {0}; /* nothing is built here */
    _cleanup_json_ json_t *rows = json_pack(
        "[o, o, o, o]", sum_row("Images", &u->images), sum_row("Containers", &u->containers),
        sum_row("Local Volumes", &u->volumes), sum_row("Build Cache", &none));
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "Type", "TYPE", "TotalCount", "TOTAL", "Active",
                  "ACTIVE", "Size", "SIZE", "Reclaimable", "RECLAIMABLE");
    return rows_print(format,
                      "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
                      headers, rows, e);
}

static int print_details(const struct usage *u, struct err *e)
{
    const struct {
        const char *title, *columns;
        json_t *rows;
    } parts[] = {
        {"Images space usage:\n\n",
         "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
         "{{.UniqueSize}}\t{{.Containers}}",
         u->images.rows},
        {"\nContainers space usage:\n\n",
         "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.CreatedSince}}\t"
         "{{.Status}}\t{{.Names}}",
         u->containers.rows},
        {"\nLocal Volumes space usage:\n\n", "{{.Name}}\t{{.Links}}\t{{.Size}}", u->volumes.rows},
    };
    static const char *const ids[] = {"IMAGE ID", "CONTAINER ID", ""};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
        _cleanup_json_ json_t *headers = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
            "Repository", "REPOSITORY", "Tag", "TAG", "ID", ids[i], "CreatedSince", "CREATED",
            "Size", "SIZE", "SharedSize", "SHARED SIZE", "UniqueSize", "UNIQUE SIZE", "Containers",
            "CONTAINERS", "Image", "IMAGE", "Command", "COMMAND", "LocalVolumes", "LOCAL VOLUMES",
            "Status", "STATUS", "Names", "NAMES", "Name", "VOLUME NAME", "Links", "LINKS");
        r = cli_print(parts[i].title, e);
        if (r == 0)
            r = rows_print(NULL, parts[i].columns, headers, parts[i].rows, e);
    }
    return r;
}

static int run_df(struct cli *c, int argc, char **argv, struct err *e)
{
    struct df_options o = {0};
    _cleanup_(usage_release) struct usage u = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_system_df, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    if (o.verbose && o.format && !str_eq(o.format, "json"))
        return err_set(e, EINVAL, "conflicting options: --verbose and --format");
    cli_reap(c);
    r = gather(c, &u, e);
    if (r < 0)
        return r;
    if (!o.verbose)
        return print_sums(&u, o.format, e);
    if (!o.format)
        return print_details(&u, e);
    _cleanup_json_ json_t *all =
        json_pack("{s:O, s:O, s:O, s:[]}", "Images", u.images.rows, "Containers", u.containers.rows,
                  "Volumes", u.volumes.rows, "BuildCache");
    _cleanup_free_ char *text = all ? json_text(all, JSON_COMPACT) : NULL;
    if (!text)
        return err_nomem(e);
    r = cli_print(text, e);
    return r < 0 ? r : cli_print("\n", e);
}

const struct cli_command cmd_system_df = {
    .line = "system df [OPTIONS]",
    .summary = "Show what takes room on the disk, and what could be given back",
    .options = table,
    .flags = NEEDS_ENGINE,
    .run = run_df,
};
