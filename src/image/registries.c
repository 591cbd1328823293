#include "image/registries_private.h"

#include "base/file.h"
#include "base/toml.h"

#include <fcntl.h>
#include <string.h>

enum { CONF_MAX = 1 << 20, PARTS_MAX = 1000 };

#define CONTAINERS "/etc/containers/"

struct registries *registries_new(void)
{
    struct registries *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->aliases = json_object();
    r->rules = json_object();
    r->hub_mirrors = json_array();
    if (r->aliases && r->rules && r->hub_mirrors)
        return r;
    registries_free(r);
    return NULL;
}

void registries_free(struct registries *r)
{
    if (!r)
        return;
    strv_release(&r->search);
    free(r->search_file);
    json_decref(r->aliases);
    json_decref(r->rules);
    json_decref(r->hub_mirrors);
    strv_release(&r->insecure);
    strv_release(&r->cert_folders);
    free(r);
}

bool registry_host_is_valid(const char *host)
{
    return reference_domain_is_valid(host) && strlen(host) <= REFERENCE_NAME_MAX;
}

bool registry_location_is_valid(const char *location)
{
    size_t n = strcspn(location, "/");
    _cleanup_free_ char *host = strndup(location, n);
    return host && registry_host_is_valid(host) && strlen(location) <= REFERENCE_NAME_MAX &&
           (!location[n] || reference_path_is_valid(location + n + 1));
}

/* A prefix may also begin with "*." (then it is a host's end), or end with a tag or a digest. */
static bool prefix_is_valid(const char *prefix)
{
    const char *end = str_after(prefix, "*.");
    const char *path = strchr(prefix, '/');
    if (end)
        return registry_host_is_valid(end) && !path;
    _cleanup_free_ char *bare =
        strndup(prefix, path ? (size_t)(path - prefix) + strcspn(path, ":@") : strlen(prefix));
    return bare && registry_location_is_valid(bare);
}

/* The text of @key without slashes at its end; *ret stays NULL when it is not there. */
static int take_place(const json_t *table, const char *key, bool valid(const char *),
                      const char *path, char **ret, struct err *e)
{
    const json_t *value = json_object_get(table, key);
    if (!value || str_eq(json_string_value(value), ""))
        return 0;
    _cleanup_free_ char *text = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
    if (!text)
        return json_is_string(value)
                   ? err_nomem(e)
                   : err_set(e, EINVAL, "\"%s\": a registry's \"%s\" is not a string", path, key);
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '/')
        text[--n] = '\0';
    if (!valid(text))
        return err_set(e, EINVAL, "\"%s\": \"%s\" is no %s of a registry", path, text, key);
    *ret = TAKE_PTR(text);
    return 0;
}

static int check_flag(const json_t *table, const char *key, const char *path, struct err *e)
{
    const json_t *value = json_object_get(table, key);
    return value && !json_is_boolean(value)
               ? err_set(e, EINVAL, "\"%s\": a registry's \"%s\" is neither true nor false", path,
                         key)
               : 0;
}

static int read_mirror(const json_t *from, bool by_digest, const char *path, json_t *to,
                       struct err *e)
{
    _cleanup_free_ char *location = NULL;
    int r = take_place(from, "location", registry_location_is_valid, path, &location, e);
    if (r == 0 && !location)
        r = err_set(e, EINVAL, "\"%s\": a mirror has no \"location\"", path);
    if (r == 0)
        r = check_flag(from, "insecure", path, e);
    if (r < 0)
        return r;
    const char *serves = json_str(from, "pull-from-mirror");
    if (serves && *serves && by_digest)
        return err_set(e, EINVAL,
                       "\"%s\": \"pull-from-mirror\" and \"mirror-by-digest-only\" exclude each "
                       "other",
                       path);
    if (by_digest)
        serves = "digest-only";
    serves = serves && *serves ? serves : "all";
    if (!str_eq(serves, "all") && !str_eq(serves, "digest-only") && !str_eq(serves, "tag-only"))
        return err_set(e, EINVAL,
                       "\"%s\": \"pull-from-mirror\" is all, digest-only or tag-only, not \"%s\"",
                       path, serves);
    json_t *mirror = json_pack("{s:s, s:b, s:s}", "location", location, "insecure",
                               json_bool(from, "insecure", false), "serves", serves);
    return json_array_append_new(to, mirror) < 0 ? err_nomem(e) : 0;
}

static int read_mirrors(const json_t *table, const char *path, json_t *to, struct err *e)
{
    json_t *mirrors = json_object_get(table, "mirror"), *mirror;
    size_t i;
    int r = mirrors && !json_is_array(mirrors)
                ? err_set(e, EINVAL, "\"%s\": \"mirror\" is not a list of tables", path)
                : 0;
    json_array_foreach (mirrors, i, mirror)
        if (r == 0)
            r = read_mirror(mirror, json_bool(table, "mirror-by-digest-only", false), path, to, e);
    return r;
}

/* One [[registry]] table. */
static int read_rule(struct registries *r, const json_t *table, const char *path, struct err *e)
{
    _cleanup_free_ char *prefix = NULL, *location = NULL;
    _cleanup_json_ json_t *mirrors = json_array();
    static const char *const flags[] = {"insecure", "blocked", "mirror-by-digest-only"};
    int res = mirrors ? 0 : err_nomem(e);
    for (size_t i = 0; res == 0 && i < ARRAY_LEN(flags); i++)
        res = check_flag(table, flags[i], path, e);
    if (res == 0)
        res = take_place(table, "prefix", prefix_is_valid, path, &prefix, e);
    if (res == 0)
        res = take_place(table, "location", registry_location_is_valid, path, &location, e);
    if (res == 0)
        res = read_mirrors(table, path, mirrors, e);
    if (res < 0)
        return res;
    if (!prefix && !location)
        return err_set(e, EINVAL, "\"%s\": a registry has neither \"prefix\" nor \"location\"",
                       path);
    if (prefix && !location && !str_after(prefix, "*."))
        return err_set(e, EINVAL, "\"%s\": the registry \"%s\" has no \"location\"", path, prefix);
    json_t *rule = json_pack("{s:s?, s:b, s:b, s:O, s:s}", "location", location, "insecure",
                             json_bool(table, "insecure", false), "blocked",
                             json_bool(table, "blocked", false), "mirrors", mirrors, "file", path);
    return json_object_set_new(r->rules, prefix ? prefix : location, rule) < 0 ? err_nomem(e) : 0;
}

static int read_rules(struct registries *r, const json_t *conf, const char *path, struct err *e)
{
    json_t *tables = json_object_get(conf, "registry"), *table;
    size_t i;
    int res = tables && !json_is_array(tables)
                  ? err_set(e, EINVAL, "\"%s\": \"registry\" is not a list of tables", path)
                  : 0;
    json_array_foreach (tables, i, table)
        if (res == 0)
            res = read_rule(r, table, path, e);
    return res;
}

/* Takes the place of what files before said. */
static int read_search(struct registries *r, json_t *hosts, const char *path, struct err *e)
{
    _cleanup_strv_ struct strv search = {0};
    const json_t *host;
    size_t i;
    if (!hosts)
        return 0;
    if (!json_is_array(hosts))
        return err_set(e, EINVAL, "\"%s\": \"unqualified-search-registries\" is not a list", path);
    json_array_foreach (hosts, i, host) {
        const char *text = json_string_value(host);
        if (!text || !registry_location_is_valid(text))
            return err_set(e, EINVAL, "\"%s\": \"%s\" is no registry to be searched", path,
                           text ? text : "?");
        strv_add(&search, text);
    }
    char *file = strdup(path);
    if (!file || search.failed) {
        free(file);
        return err_nomem(e);
    }
    free(r->search_file);
    r->search_file = file;
    strv_release(&r->search);
    r->search = TAKE(search, (struct strv){0});
    return 0;
}

static int read_mode(struct registries *r, const json_t *mode, const char *path, struct err *e)
{
    const char *text = json_string_value(mode);
    if (!mode || str_eq(text, ""))
        return 0;
    if (!str_eq(text, "enforcing") && !str_eq(text, "permissive") && !str_eq(text, "disabled"))
        return err_set(e, EINVAL,
                       "\"%s\": \"short-name-mode\" is enforcing, permissive or disabled", path);
    r->enforcing = str_eq(text, "enforcing");
    return 0;
}

/* An alias is a whole name, without a tag: that is its user's. */
static bool alias_is_valid(const char *value)
{
    return strchr(value, '/') && registry_location_is_valid(value);
}

static int read_aliases(struct registries *r, json_t *aliases, const char *path, struct err *e)
{
    const char *name;
    const json_t *value;
    json_object_foreach (aliases, name, value) {
        const char *text = json_string_value(value);
        if (str_eq(text, "")) {
            json_object_del(r->aliases, name);
            continue;
        }
        if (!text || !alias_is_valid(text))
            return err_set(e, EINVAL, "\"%s\": the alias \"%s\" is not for a whole name", path,
                           name);
        json_t *alias = json_pack("{s:s, s:s}", "value", text, "file", path);
        if (json_object_set_new(r->aliases, name, alias) < 0)
            return err_nomem(e);
    }
    return 0;
}

/* Version 1: lists of hosts. */
static int read_list(struct registries *r, const json_t *conf, const char *list, const char *flag,
                     const char *path, struct err *e)
{
    json_t *hosts = json_at(conf, list), *host;
    size_t i;
    json_array_foreach (hosts, i, host) {
        _cleanup_json_ json_t *rule = json_pack("{s:O, s:b}", "location", host, flag, 1);
        int res = rule ? read_rule(r, rule, path, e) : err_nomem(e);
        if (res < 0)
            return res;
    }
    return 0;
}

static int read_version_1(struct registries *r, const json_t *conf, const char *path, struct err *e)
{
    int res = read_search(r, json_at(conf, "registries.search.registries"), path, e);
    if (res == 0)
        res = read_list(r, conf, "registries.insecure.registries", "insecure", path, e);
    if (res == 0)
        res = read_list(r, conf, "registries.block.registries", "blocked", path, e);
    return res;
}

int registries_parse_conf(struct registries *r, const char *text, size_t n, const char *path,
                          struct err *e)
{
    _cleanup_json_ json_t *conf = NULL;
    int res = toml_parse(text, n, path, &conf, e);
    if (res < 0)
        return res;
    if (json_object_get(conf, "registries"))
        return json_object_get(conf, "registry")
                   ? err_set(e, EINVAL, "\"%s\" mixes versions 1 and 2 of its format", path)
                   : read_version_1(r, conf, path, e);
    res = read_search(r, json_object_get(conf, "unqualified-search-registries"), path, e);
    if (res == 0)
        res = read_mode(r, json_object_get(conf, "short-name-mode"), path, e);
    if (res == 0)
        res = read_rules(r, conf, path, e);
    if (res == 0)
        res = read_aliases(r, json_object_get(conf, "aliases"), path, e);
    return res;
}

static int read_conf(struct registries *r, const char *path, bool required, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int res = file_read(AT_FDCWD, path, CONF_MAX, &text, &n, e);
    if (res == -ENOENT && !required) {
        err_release(e);
        return 0;
    }
    return res < 0 ? res : registries_parse_conf(r, text, n, path, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The *.conf of a folder, in the order of their names. */
static int read_parts(struct registries *r, const char *folder, struct err *e)
{
    _cleanup_strv_ struct strv paths = {0};
    _cleanup_closedir_ DIR *d = opendir(folder);
    if (!d)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_sys(e, errno, "cannot open folder \"%s\"", folder);
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && str_eq(dot, ".conf") && dot > entry->d_name)
            strv_addf(&paths, "%s/%s", folder, entry->d_name);
        if (paths.n > PARTS_MAX)
            return err_set(e, EFBIG, "\"%s\" has more than %d files", folder, PARTS_MAX);
    }
    if (paths.failed)
        return err_nomem(e);
    if (paths.n > 0)
        qsort(paths.v, paths.n, sizeof(*paths.v), by_name);
    for (size_t i = 0; i < paths.n; i++) {
        int res = read_conf(r, paths.v[i], false, e);
        if (res < 0)
            return res;
    }
    return 0;
}

int registries_read(const struct registry_places *places, struct registries **ret, struct err *e)
{
    _cleanup_registries_ struct registries *r = registries_new();
    if (!r)
        return err_nomem(e);
    for (size_t i = 0; i < places->certificates.n; i++)
        strv_add(&r->cert_folders, places->certificates.v[i]);
    if (r->cert_folders.failed)
        return err_nomem(e);
    int res = places->conf ? read_conf(r, places->conf, places->conf_required, e) : 0;
    for (size_t i = 0; res == 0 && i < places->conf_parts.n; i++)
        res = read_parts(r, places->conf_parts.v[i], e);
    if (res == 0 && places->daemon)
        res = registries_read_daemon(r, places->daemon, e);
    if (res == 0)
        *ret = TAKE_PTR(r);
    return res;
}

int registry_places_default(struct registry_places *ret, struct err *e)
{
    _cleanup_registry_places_ struct registry_places p = {0};
    const char *named = getenv("CONTAINERS_REGISTRIES_CONF");
    const char *home = getenv("HOME");
    _cleanup_free_ char *own =
        str_printf("%s/.config/containers/registries.conf", home && *home ? home : "/root");
    if (!own)
        return err_nomem(e);
    p.conf_required = named && *named;
    p.conf = strdup(p.conf_required          ? named
                    : access(own, F_OK) == 0 ? own
                                             : CONTAINERS "registries.conf");
    p.daemon = strdup("/etc/docker/daemon.json");
    strv_add(&p.conf_parts, CONTAINERS "registries.conf.d");
    strv_addf(&p.conf_parts, "%s.d", own);
    strv_add(&p.certificates, "/etc/docker/certs.d");
    strv_add(&p.certificates, CONTAINERS "certs.d");
    if (!p.conf || !p.daemon || p.conf_parts.failed || p.certificates.failed)
        return err_nomem(e);
    *ret = TAKE(p, (struct registry_places){0});
    return 0;
}

void registry_places_release(struct registry_places *p)
{
    free(p->conf);
    free(p->daemon);
    strv_release(&p->conf_parts);
    strv_release(&p->certificates);
    *p = (struct registry_places){0};
}
