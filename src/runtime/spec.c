#include "runtime/spec.h"

#include "base/str.h"
#include "runtime/hooks.h"
#include "runtime/spec_get.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What the specification has and this program has not. Only what would do nothing may stand there:
 * an empty list, an empty string, false; or a word for it. In a map a key alone asks for something.
 */
static const struct {
    const char *path;
    bool is_map;
    const char *nothing;
} unsupported[] = {
    {"process.apparmorProfile", false, "unconfined"},
    {"process.commandLine", false, NULL},
    {"process.execCPUAffinity", false, NULL},
    {"process.ioPriority", false, NULL},
    {"process.scheduler", false, NULL},
    {"process.selinuxLabel", false, NULL},
    {"process.user.username", false, NULL},
    {"linux.intelRdt", false, NULL},
    {"linux.memoryPolicy", false, NULL},
    {"linux.mountLabel", false, NULL},
    {"linux.netDevices", true, NULL},
    {"linux.personality", false, NULL},
    {"freebsd", false, NULL},
    {"solaris", false, NULL},
    {"vm", false, NULL},
    {"windows", false, NULL},
    {"zos", false, NULL},
};

static bool is_empty(const json_t *j, bool is_map)
{
    if (json_is_object(j) && !is_map) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)j, key, value)
            if (!is_empty(value, false))
                return false;
        return true;
    }
    return !j || json_is_null(j) || json_is_false(j) ||
           (json_is_object(j) && json_object_size(j) == 0) ||
           (json_is_string(j) && json_string_length(j) == 0) ||
           (json_is_array(j) && json_array_size(j) == 0);
}

static int refuse_unsupported(const json_t *doc, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
        if (!is_empty(json_at(doc, unsupported[i].path), unsupported[i].is_map) &&
            !str_eq(json_str(doc, unsupported[i].path), unsupported[i].nothing))
            return err_set(e, ENOTSUP, "config.json: \"%s\" is not supported", unsupported[i].path);
    return 0;
}

/* Something else in an object's place would read as if it were not there. */
static int check_objects(const json_t *doc, struct err *e)
{
    static const char *const objects[] = {
        "root",        "process", "process.user",  "process.capabilities", "process.consoleSize",
        "linux",       "hooks",   "linux.seccomp", "linux.resources",      "linux.sysctl",
        "annotations",
    };
    const json_t *ignored;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        int r = spec_get_typed(doc, objects[i], JSON_OBJECT, &ignored, e);
        if (r < 0)
            return r;
    }
    const char *key;
    json_t *value;
    json_object_foreach (json_at(doc, "annotations"), key, value)
        if (!json_is_string(value))
            return err_set(e, EINVAL, "config.json: annotation \"%s\" is not a string", key);
    return 0;
}

static int parse_mounts(const json_t *doc, struct spec *s, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, "mounts", &list, &n, e);
    if (r < 0)
        return r;
    s->mounts = calloc(n + 1, sizeof(*s->mounts));
    if (!s->mounts)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        r = spec_parse_mount(item, &s->mounts[i], e);
        if (r < 0)
            return err_wrap(e, "config.json");
        s->n_mounts++;
    }
    return 0;
}

static int parse_namespaces(const json_t *doc, struct spec *s, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, "linux.namespaces", &list, &n, e);
    if (r < 0)
        return r;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_str(item, "type");
        int kind = name ? namespace_by_name(name) : -1;
        if (kind < 0)
            return err_set(e, EINVAL, "config.json: linux.namespaces: unknown kind \"%s\"",
                           name ? name : "?");
        if (s->namespaces[kind].asked)
            return err_set(e, EINVAL, "config.json: linux.namespaces: \"%s\" stands twice", name);
        const char *path;
        r = spec_get_string(item, "path", &path, e);
        if (r < 0)
            return err_wrap(e, "linux.namespaces");
        if (path && *path && *path != '/')
            return err_set(e, EINVAL, "config.json: linux.namespaces: path \"%s\" is not absolute",
                           path);
        s->namespaces[kind].asked = true;
        s->namespaces[kind].path = path && *path ? path : NULL;
    }
    if (!s->namespaces[NS_MOUNT].asked || s->namespaces[NS_MOUNT].path)
        return err_set(e, ENOTSUP,
                       "config.json: linux.namespaces: a mount namespace of its own is needed");
    return 0;
}

static int parse_id_map(const json_t *doc, const char *path, struct spec_id_map **ret,
                        size_t *ret_n, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;
    if (n > 340) /* user_namespaces(7): the kernel's own limit */
        return err_set(e, EINVAL, "config.json: \"%s\" has more than 340 lines", path);
    _cleanup_free_ struct spec_id_map *map = calloc(n + 1, sizeof(*map));
    if (!map)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        if (!json_at(item, "containerID") || !json_at(item, "hostID") || !json_at(item, "size"))
            return err_set(e, EINVAL, "config.json: \"%s\": an entry is not whole", path);
        long long inside, outside, size;
        if ((r = spec_get_int(item, "containerID", path, 0, UINT32_MAX - 1, 0, &inside, e)) < 0 ||
            (r = spec_get_int(item, "hostID", path, 0, UINT32_MAX - 1, 0, &outside, e)) < 0 ||
            (r = spec_get_int(item, "size", path, 1, UINT32_MAX, 1, &size, e)) < 0)
            return r;
        map[i] = (struct spec_id_map){(uint32_t)inside, (uint32_t)outside, (uint32_t)size};
    }
    *ret = TAKE_PTR(map);
    *ret_n = n;
    return 0;
}

static int parse_device(const json_t *item, struct spec_device *d, struct err *e)
{
    static const struct {
        const char *type;
        mode_t mode;
    } types[] = {{"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}};
    const char *type = json_str(item, "type");

    d->path = json_str(item, "path");
    if (!d->path || d->path[0] != '/')
        return err_set(e, EINVAL, "config.json: linux.devices: a path is not absolute");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(type, types[i].type))
            d->mode = types[i].mode;
    if (!d->mode)
        return err_set(e, EINVAL, "config.json: linux.devices: \"%s\" is of no known type",
                       d->path);

    long long major, minor, mode, uid, gid;
    int r;
    if ((r = spec_get_int(item, "major", "linux.devices", 0, UINT_MAX, 0, &major, e)) < 0 ||
        (r = spec_get_int(item, "minor", "linux.devices", 0, UINT_MAX, 0, &minor, e)) < 0 ||
        (r = spec_get_int(item, "fileMode", "linux.devices", 0, 077777777, 0666, &mode, e)) < 0 ||
        (r = spec_get_int(item, "uid", "linux.devices", 0, INT32_MAX, 0, &uid, e)) < 0 ||
        (r = spec_get_int(item, "gid", "linux.devices", 0, INT32_MAX, 0, &gid, e)) < 0)
        return r;
    d->mode |= (mode_t)mode & 07777;
    d->dev = makedev((unsigned)major, (unsigned)minor);
    d->uid = (uid_t)uid;
    d->gid = (gid_t)gid;
    return 0;
}

static int parse_devices(const json_t *doc, struct spec *s, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, "linux.devices", &list, &n, e);
    if (r < 0)
        return r;
    s->devices = calloc(n + 1, sizeof(*s->devices));
    if (!s->devices)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        r = parse_device(item, &s->devices[i], e);
        if (r < 0)
            return r;
        s->n_devices++;
    }
    return 0;
}

static int parse_root_propagation(const json_t *doc, struct spec *s, struct err *e)
{
    static const struct {
        const char *word;
        uint64_t flag;
    } words[] = {
        {"private", 1 << 18}, {"rprivate", 1 << 18},   {"slave", 1 << 19},
        {"rslave", 1 << 19},  {"unbindable", 1 << 17}, {"runbindable", 1 << 17},
        {"shared", 1 << 20},  {"rshared", 1 << 20},
    };
    const char *word;
    int r = spec_get_string(doc, "linux.rootfsPropagation", &word, e);
    if (r < 0 || !word || !*word)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, words[i].word)) {
            s->root_propagation = words[i].flag;
            return 0;
        }
    return err_set(e, EINVAL, "config.json: unknown linux.rootfsPropagation \"%s\"", word);
}

/* "slice:prefix:name" asks systemd to make a unit. */
static int check_cgroup_path(const char *path, struct err *e)
{
    const char *colon = path && *path != '/' ? strchr(path, ':') : NULL;
    if (colon && strchr(colon + 1, ':') && !strchr(path, '/'))
        return err_set(e, ENOTSUP,
                       "config.json: linux.cgroupsPath \"%s\" is a systemd unit's, which is not "
                       "supported: give a path",
                       path);
    return 0;
}

static int parse_linux(const json_t *doc, struct spec *s, struct err *e)
{
    int r;
    if ((r = parse_namespaces(doc, s, e)) < 0 ||
        (r = parse_id_map(doc, "linux.uidMappings", &s->uid_map, &s->n_uid_map, e)) < 0 ||
        (r = parse_id_map(doc, "linux.gidMappings", &s->gid_map, &s->n_gid_map, e)) < 0 ||
        (r = parse_devices(doc, s, e)) < 0 ||
        (r = spec_get_string(doc, "linux.cgroupsPath", &s->cgroup_path, e)) < 0 ||
        (r = check_cgroup_path(s->cgroup_path, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.resources", JSON_OBJECT, &s->resources, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.seccomp", JSON_OBJECT, &s->seccomp, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.sysctl", JSON_OBJECT, &s->sysctl, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.maskedPaths", JSON_ARRAY, &s->masked_paths, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.readonlyPaths", JSON_ARRAY, &s->readonly_paths, e)) < 0 ||
        (r = spec_get_typed(doc, "linux.timeOffsets", JSON_OBJECT, &s->time_offsets, e)) < 0 ||
        (r = parse_root_propagation(doc, s, e)) < 0)
        return r;

    if (s->cgroup_path && !*s->cgroup_path)
        s->cgroup_path = NULL;
    bool own_user = s->namespaces[NS_USER].asked && !s->namespaces[NS_USER].path;
    if (own_user && (s->n_uid_map == 0 || s->n_gid_map == 0))
        return err_set(e, EINVAL, "config.json: a user namespace needs uidMappings, gidMappings");
    if (!own_user && s->n_uid_map + s->n_gid_map > 0)
        return err_set(e, EINVAL, "config.json: uidMappings need a user namespace of its own");
    if (s->time_offsets && (!s->namespaces[NS_TIME].asked || s->namespaces[NS_TIME].path))
        return err_set(e, EINVAL, "config.json: timeOffsets need a time namespace of its own");
    return 0;
}

static int check_version(const json_t *doc, struct err *e)
{
    const char *version = json_str(doc, "ociVersion");
    if (!version)
        return err_set(e, EINVAL, "config.json: \"ociVersion\" is missing");
    if (!str_after(version, "1."))
        return err_set(e, ENOTSUP, "config.json: ociVersion \"%s\" is not supported", version);
    return 0;
}

static int parse(struct spec *s, struct err *e)
{
    const json_t *doc = s->document;
    int r;
    if (!json_is_object(doc))
        return err_set(e, EINVAL, "config.json: not an object");
    if ((r = check_version(doc, e)) < 0 || (r = check_objects(doc, e)) < 0 ||
        (r = refuse_unsupported(doc, e)) < 0 || (r = spec_parse_process(doc, &s->process, e)) < 0 ||
        (r = spec_get_string(doc, "root.path", &s->root, e)) < 0 ||
        (r = spec_get_bool(doc, "root.readonly", &s->root_readonly, e)) < 0 ||
        (r = spec_get_string(doc, "hostname", &s->hostname, e)) < 0 ||
        (r = spec_get_string(doc, "domainname", &s->domainname, e)) < 0 ||
        (r = spec_get_typed(doc, "hooks", JSON_OBJECT, &s->hooks, e)) < 0 ||
        (r = hooks_check(s->hooks, e)) < 0 || (r = parse_mounts(doc, s, e)) < 0 ||
        (r = parse_linux(doc, s, e)) < 0)
        return r;
    if (!s->root || !*s->root)
        return err_set(e, EINVAL, "config.json: \"root.path\" is missing");
    if ((s->hostname || s->domainname) && !s->namespaces[NS_UTS].asked)
        return err_set(e, EINVAL, "config.json: a hostname needs a uts namespace");
    return 0;
}

int spec_parse(json_t *document, struct spec *ret, struct err *e)
{
    _cleanup_spec_ struct spec s = {.document = json_incref(document)};
    int r = parse(&s, e);
    if (r < 0)
        return r;
    *ret = s;
    s = (struct spec){0};
    return 0;
}

void spec_release(struct spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++)
        spec_mount_release(&s->mounts[i]);
    free(s->mounts);
    free(s->process.args);
    free(s->process.env);
    free(s->process.groups);
    free(s->process.rlimits);
    free(s->uid_map);
    free(s->gid_map);
    free(s->devices);
    json_decref(s->document);
    *s = (struct spec){0};
}
