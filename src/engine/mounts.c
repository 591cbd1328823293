#include "engine/mounts.h"

#include <string.h>

/* Each is held by a descriptor. */
enum { VOLUMES_MAX = 256 };

struct resolver {
    const struct engine *en;
    json_t *document;
    json_t *list;  /* "Mounts"; the document's */
    json_t *named; /* destinations that were given by name; the others give way */
    struct volume_holds *holds;
    struct err *e;
};

void volume_holds_release(struct volume_holds *h)
{
    for (size_t i = 0; i < h->n; i++)
        volume_release(&h->v[i]);
    free(h->v);
    *h = (struct volume_holds){0};
}

static bool is_one_of(const char *word, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncmp(*list, word, n) == 0)
            return true;
    return false;
}

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
                                           "slave",   "rslave",   NULL};

/* z and Z are SELinux's, consistent and the like macOS's: they say nothing here. */
int mounts_check_mode(const char *mode, bool volume, struct err *e)
{
    static const char *const any[] = {"",       "rw",         "ro",     "rro",       "z", "Z",
                                      "nocopy", "consistent", "cached", "delegated", NULL};
    static const char *const binds[] = {"idmap", "ridmap", NULL};
    while (mode) {
        size_t n = strcspn(mode, ",");
        bool bind = is_one_of(mode, n, propagations) || is_one_of(mode, n, binds);
        if (!is_one_of(mode, n, any) && !(bind && !volume))
            return err_set(e, EINVAL, "invalid mode: %.*s", (int)n, mode);
        mode = mode[n] ? mode + n + 1 : NULL;
    }
    return 0;
}

static bool mode_has(const char *mode, const char *wanted)
{
    const char *const list[] = {wanted, NULL};
    for (size_t n; *mode; mode += n + (mode[n] == ','))
        if (is_one_of(mode, n = strcspn(mode, ","), list))
            return true;
    return false;
}

static const char *mode_propagation(const char *mode)
{
    const char *found = "rprivate";
    for (size_t i = 0; propagations[i]; i++)
        if (mode_has(mode, propagations[i]))
            found = propagations[i];
    return found;
}

/* A destination as it is compared: absolute, and not the root. Fresh. */
static int clean_destination(const char *path, char **ret, struct err *e)
{
    if (!path || path[0] != '/')
        return err_set(e, EINVAL, "invalid mount path: \"%s\" mount path must be absolute",
                       path ? path : "");
    char *clean = path_clean(path);
    if (!clean)
        return err_nomem(e);
    if (str_eq(clean, "/")) {
        free(clean);
        return err_set(e, EINVAL, "invalid mount path \"%s\": it is the root itself", path);
    }
    *ret = clean;
    return 0;
}

static bool is_tmpfs(const struct resolver *x, const char *destination)
{
    const char *path;
    json_t *options;
    json_object_foreach (json_at(x->document, "HostConfig.Tmpfs"), path, options) {
        _cleanup_free_ char *clean = path_clean(path);
        if (str_eq(clean, destination))
            return true;
    }
    return false;
}

/* Its place in the list, or the list's length. */
static size_t find(const struct resolver *x, const char *destination)
{
    size_t i;
    json_t *m;
    json_array_foreach (x->list, i, m)
        if (str_eq(json_str(m, "Destination"), destination))
            break;
    return i;
}

/* Puts a new reference into the list, in place of what gave way. */
static int add(struct resolver *x, size_t at, json_t *entry)
{
    int r = at < json_array_size(x->list) ? json_array_set_new(x->list, at, entry)
                                          : json_array_append_new(x->list, entry);
    return r < 0 ? err_nomem(x->e) : 0;
}

/* Where one that was given by name goes: *ret_at and its clean destination, which is fresh. */
static int take_place(struct resolver *x, const char *destination, char **ret, size_t *ret_at)
{
    int r = clean_destination(destination, ret, x->e);
    if (r < 0)
        return r;
    *ret_at = find(x, *ret);
    if (json_object_get(x->named, *ret) || is_tmpfs(x, *ret))
        return err_set(x->e, EINVAL, "duplicate mount point: %s", *ret);
    return json_object_set_new(x->named, *ret, json_true()) < 0 ? err_nomem(x->e) : 0;
}

/* ---- volumes ---- */

static int hold(struct resolver *x, const struct volume_request *request, const char **ret_name)
{
    struct volume_holds *h = x->holds;
    if (h->n == VOLUMES_MAX)
        return err_set(x->e, E2BIG, "more than %d volumes", VOLUMES_MAX);
    struct volume *more = reallocarray(h->v, h->n + 1, sizeof(*more));
    if (!more)
        return err_nomem(x->e);
    h->v = more;
    int r = volume_use(x->en, request, &h->v[h->n], x->e);
    if (r == 0)
        *ret_name = h->v[h->n++].name;
    return r;
}

/* The entry of a volume. @spec is a new reference. */
static json_t *volume_entry(const struct resolver *x, const char *name, const char *destination,
                            const char *mode, bool writable, json_t *spec)
{
    _cleanup_free_ char *source = volume_mountpoint(x->en, name);
    if (!source) {
        json_decref(spec);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "Type", "volume", "Name",
                     name, "Source", source, "Destination", destination, "Driver", "local", "Mode",
                     mode, "RW", writable, "Propagation", "", "Spec", spec);
}

static bool is_durable(const struct resolver *x)
{
    return !json_bool(x->document, "HostConfig.AutoRemove", false);
}

static int add_volume(struct resolver *x, size_t at, const char *given, const char *destination,
                      const char *mode)
{
    const struct volume_request request = {
        .name = given,
        .driver = json_str(x->document, "HostConfig.VolumeDriver"),
        .sync = given || is_durable(x),
    };
    const char *name = NULL;
    int r = hold(x, &request, &name);
    if (r < 0)
        return r;
    bool writable = !mode_has(mode, "ro") && !mode_has(mode, "rro");
    json_t *spec =
        json_pack("{s:s, s:s*, s:s, s:{s:b}}", "Type", "volume", "Source", given, "Target",
                  destination, "VolumeOptions", "NoCopy", mode_has(mode, "nocopy"));
    return add(x, at, volume_entry(x, name, destination, mode, writable, spec));
}

/* ---- -v SOURCE:DESTINATION[:MODE] ---- */

static int add_bind(struct resolver *x, size_t at, const char *source, const char *destination,
                    const char *mode)
{
    bool writable = !mode_has(mode, "ro") && !mode_has(mode, "rro");
    return add(x, at,
               json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "Type", "bind", "Source", source,
                         "Destination", destination, "Mode", mode, "RW", writable, "Propagation",
                         mode_propagation(mode)));
}

static int take_bind(struct resolver *x, const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    _cleanup_free_ char *destination = NULL;
    size_t at = 0;
    if (!copy)
        return err_nomem(x->e);
    char *rest = copy;
    const char *source = strsep(&rest, ":"), *target = strsep(&rest, ":");
    const char *mode = rest ? rest : "";
    if (!*source || !target || !*target || strchr(mode, ':'))
        return err_set(x->e, EINVAL, "invalid volume specification: '%s'", text);
    bool volume = source[0] != '/';
    int r = volume ? volume_check_name(source, x->e) : 0;
    if (r == 0)
        r = take_place(x, target, &destination, &at);
    if (r == 0)
        r = mounts_check_mode(mode, volume, x->e);
    if (r < 0)
        return r;
    /* Docker's word for a named volume that nothing was said about. */
    return volume ? add_volume(x, at, source, destination, *mode ? mode : "z")
                  : add_bind(x, at, source, destination, mode);
}

/* ---- --mount ---- */

static int mount_volume(struct resolver *x, size_t at, json_t *m, const char *destination)
{
    const char *source = json_str(m, "Source"), *name = NULL;
    const json_t *options = json_object_get(m, "VolumeOptions");
    const char *subpath = json_str(options, "Subpath");
    const struct volume_request request = {
        .name = source && *source ? source : NULL,
        .driver = json_str(options, "DriverConfig.Name"),
        .labels = json_object_get(options, "Labels"),
        .options = json_at(options, "DriverConfig.Options"),
        .sync = (source && *source) || is_durable(x),
    };
    if (subpath && subpath[0] == '/')
        return err_set(x->e, EINVAL, "volume-subpath \"%s\" must be a relative path in the volume",
                       subpath);
    int r = hold(x, &request, &name);
    if (r < 0)
        return r;
    return add(
        x, at,
        volume_entry(x, name, destination, "z", !json_bool(m, "ReadOnly", false), json_incref(m)));
}

static int take_mount(struct resolver *x, json_t *m)
{
    const char *type = json_str(m, "Type"), *source = json_str(m, "Source");
    _cleanup_free_ char *destination = NULL;
    size_t at = 0;
    int r = take_place(x, json_str(m, "Target"), &destination, &at);
    if (r < 0)
        return r;
    if (str_eq(type, "volume"))
        return mount_volume(x, at, m, destination);
    if (!str_eq(type, "bind") && !str_eq(type, "tmpfs"))
        return err_set(x->e, EINVAL, "mount type unknown: \"%s\"", type ? type : "");
    const char *given = json_str(m, "BindOptions.Propagation");
    const char *propagation = str_eq(type, "tmpfs") ? "" : given && *given ? given : "rprivate";
    return add(x, at,
               json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:O}", "Type", type, "Source",
                         source && str_eq(type, "bind") ? source : "", "Destination", destination,
                         "Mode", "", "RW", !json_bool(m, "ReadOnly", false), "Propagation",
                         propagation, "Spec", m));
}

/* ---- --volumes-from ---- */

/* Its content is the other's: nothing is copied into it from here. */
static int forbid_copy(json_t *entry)
{
    json_t *spec = json_object_get(entry, "Spec");
    json_t *options = json_object_get(spec, "VolumeOptions");
    if (!options) {
        options = json_object();
        if (json_object_set_new(spec, "VolumeOptions", options) < 0)
            return -ENOMEM;
    }
    return json_object_set_new(options, "NoCopy", json_true()) < 0 ? -ENOMEM : 0;
}

static int inherit(struct resolver *x, const json_t *theirs, bool writable)
{
    const char *destination = json_str(theirs, "Destination"), *name = json_str(theirs, "Name");
    bool volume = str_eq(json_str(theirs, "Type"), "volume");
    if (!destination || is_tmpfs(x, destination))
        return 0;
    if (volume) {
        const struct volume_request request = {.name = name ? name : "", .must_exist = true};
        int r = hold(x, &request, &name);
        if (r < 0)
            return r;
    }
    _cleanup_json_ json_t *entry = json_deep_copy(theirs);
    bool both = writable && json_bool(theirs, "RW", true);
    if (!entry || json_object_set_new(entry, "RW", json_boolean(both)) < 0 ||
        json_object_set_new(entry, "Mode", json_string("")) < 0 ||
        (volume && forbid_copy(entry) < 0))
        return err_nomem(x->e);
    return add(x, find(x, destination), json_incref(entry));
}

static int take_others(struct resolver *x, const char *text)
{
    size_t n = strcspn(text, ":");
    _cleanup_free_ char *who = strndup(text, n);
    const char *mode = text[n] ? text + n + 1 : "";
    _cleanup_record_ struct container_record donor = CONTAINER_RECORD_INIT;
    if (!who)
        return err_nomem(x->e);
    if (!*who)
        return err_set(x->e, EINVAL, "invalid volumes-from specification: '%s'", text);
    int r = mounts_check_mode(mode, true, x->e);
    if (r == 0)
        r = record_find(x->en, who, &donor, x->e);
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(donor.document, "Mounts"), i, m) {
        if (r == 0)
            r = inherit(x, m, !mode_has(mode, "ro"));
    }
    return r;
}

/* ---- anonymous volumes, the image's too ---- */

static int take_anonymous(struct resolver *x, const char *path)
{
    _cleanup_free_ char *destination = NULL;
    int r = clean_destination(path, &destination, x->e);
    if (r < 0)
        return r;
    size_t at = find(x, destination);
    if (at < json_array_size(x->list) || is_tmpfs(x, destination))
        return 0;
    return add_volume(x, at, NULL, destination, "");
}

static int take_list(struct resolver *x, const char *key,
                     int (*take)(struct resolver *, const char *))
{
    size_t i;
    json_t *item;
    int r = 0;
    json_array_foreach (json_at(x->document, key), i, item) {
        const char *text = json_string_value(item);
        if (r == 0)
            r = take(x, text ? text : "");
    }
    return r;
}

int mounts_resolve(const struct engine *en, json_t *document, struct volume_holds *ret,
                   struct err *e)
{
    _cleanup_json_ json_t *named = json_object();
    struct resolver x = {
        .en = en, .document = document, .list = json_array(), .named = named, .holds = ret, .e = e};
    if (json_object_set_new(document, "Mounts", x.list) < 0)
        return err_nomem(e);
    int r = take_list(&x, "HostConfig.VolumesFrom", take_others);
    if (r == 0)
        r = take_list(&x, "HostConfig.Binds", take_bind);
    size_t i;
    json_t *item;
    json_array_foreach (json_at(document, "HostConfig.Mounts"), i, item) {
        if (r == 0)
            r = take_mount(&x, item);
    }
    const char *path;
    json_object_foreach (json_at(document, "Config.Volumes"), path, item) {
        if (r == 0)
            r = take_anonymous(&x, path);
    }
    return r;
}
