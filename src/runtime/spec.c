#include "runtime/spec.h"

#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What the specification has and this program has not. Only what would do nothing may stand there:
 * an empty list, an empty string, false. */
static const char *const unsupported[] = {
    "hooks",
    "process.apparmorProfile",
    "process.selinuxLabel",
    "process.scheduler",
    "process.ioPriority",
    "process.execCPUAffinity",
    "linux.mountLabel",
    "linux.intelRdt",
    "linux.personality",
    "linux.netDevices",
    "linux.memoryPolicy",
    "linux.resources.rdma",
    "solaris",
    "windows",
    "vm",
    "zos",
};

static bool is_empty(const json_t *j)
{
    if (json_is_object(j)) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)j, key, value)
            if (!is_empty(value))
                return false;
        return true;
    }
    return !j || json_is_null(j) || json_is_false(j) ||
           (json_is_string(j) && json_string_length(j) == 0) ||
           (json_is_array(j) && json_array_size(j) == 0);
}

static int refuse_unsupported(const json_t *doc, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
        if (!is_empty(json_at(doc, unsupported[i])))
            return err_set(e, ENOTSUP, "config.json: \"%s\" is not supported", unsupported[i]);
    return 0;
}

/* A string that is there must be a string. Keys are paths from the top, for the message. */
static int get_string(const json_t *doc, const char *path, const char **ret, struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_string(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not a string", path);
    *ret = json_string_value(j);
    return 0;
}

static int get_bool(const json_t *doc, const char *path, bool *ret, struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_boolean(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not true or false", path);
    *ret = json_is_true(j);
    return 0;
}

static int get_int(const json_t *object, const char *key, const char *where, long long min,
                   long long max, long long otherwise, long long *ret, struct err *e)
{
    const json_t *j = json_at(object, key);
    if (!j || json_is_null(j)) {
        *ret = otherwise;
        return 0;
    }
    if (!json_is_integer(j))
        return err_set(e, EINVAL, "config.json: \"%s.%s\" is not a whole number", where, key);
    long long n = json_integer_value(j);
    if (n < min || n > max)
        return err_set(e, ERANGE, "config.json: \"%s.%s\" is %lld: must be %lld to %lld", where,
                       key, n, min, max);
    *ret = n;
    return 0;
}

static int get_array(const json_t *doc, const char *path, const json_t **ret, size_t *ret_n,
                     struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_array(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not a list", path);
    *ret = json_is_array(j) ? j : NULL;
    *ret_n = json_array_size(j);
    return 0;
}

/* A list of strings as a NULL-terminated vector; the strings stay the document's. */
static int get_strings(const json_t *doc, const char *path, char ***ret, size_t *ret_n,
                       struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;

    _cleanup_free_ char **v = calloc(n + 1, sizeof(*v));
    if (!v)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return err_set(e, EINVAL, "config.json: \"%s\" has something that is not a string",
                           path);
        v[i] = (char *)(uintptr_t)json_string_value(item);
    }
    *ret = TAKE_PTR(v);
    *ret_n = n;
    return 0;
}

static int parse_capability_set(const json_t *doc, const char *path, uint64_t *ret, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;

    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        int number = name ? capability_by_name(name) : -1;
        if (number < 0)
            return err_set(e, EINVAL, "config.json: \"%s\": unknown capability \"%s\"", path,
                           name ? name : "?");
        *ret |= UINT64_C(1) << number;
    }
    return 0;
}

static int parse_capabilities(const json_t *doc, struct capabilities *caps, struct err *e)
{
    const struct {
        const char *path;
        uint64_t *set;
    } sets[] = {
        {"process.capabilities.bounding", &caps->bounding},
        {"process.capabilities.effective", &caps->effective},
        {"process.capabilities.inheritable", &caps->inheritable},
        {"process.capabilities.permitted", &caps->permitted},
        {"process.capabilities.ambient", &caps->ambient},
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        int r = parse_capability_set(doc, sets[i].path, sets[i].set, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

int spec_rlimit_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rlimit_names); i++)
        if (str_eq(name, rlimit_names[i].name))
            return rlimit_names[i].resource;
    return -1;
}

/* The spec's limits are unsigned 64-bit; JSON's integers here are signed. jansson reads 2^64-1
 * (RLIM_INFINITY as Go writes it) as a real number or fails, so -1 and reals mean "unlimited". */
static rlim_t limit_value(const json_t *j)
{
    if (json_is_integer(j) && json_integer_value(j) >= 0)
        return (rlim_t)json_integer_value(j);
    return RLIM_INFINITY;
}

static int parse_rlimits(const json_t *doc, struct spec_process *p, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = get_array(doc, "process.rlimits", &list, &n, e);
    if (r < 0)
        return r;
    p->rlimits = calloc(n + 1, sizeof(*p->rlimits));
    if (!p->rlimits)
        return err_nomem(e);

    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_str(item, "type");
        int resource = name ? spec_rlimit_by_name(name) : -1;
        const json_t *soft = json_at(item, "soft"), *hard = json_at(item, "hard");
        if (resource < 0)
            return err_set(e, EINVAL, "config.json: process.rlimits: unknown limit \"%s\"",
                           name ? name : "?");
        if (!json_is_number(soft) || !json_is_number(hard))
            return err_set(e, EINVAL, "config.json: process.rlimits: \"%s\" is not numbers", name);
        for (size_t k = 0; k < p->n_rlimits; k++)
            if (p->rlimits[k].resource == resource)
                return err_set(e, EINVAL, "config.json: process.rlimits: \"%s\" stands twice",
                               name);
        p->rlimits[p->n_rlimits++] =
            (struct spec_rlimit){resource, {limit_value(soft), limit_value(hard)}};
    }
    return 0;
}

static int parse_user(const json_t *doc, struct spec_process *p, struct err *e)
{
    /* uid_t's last value means "unchanged" to the kernel; above INT32_MAX other engines' numbers
     * have overflowed to root, and nobody needs them. */
    const json_t *user = json_at(doc, "process.user");
    long long uid, gid, mask;
    int r = get_int(user, "uid", "process.user", 0, INT32_MAX, 0, &uid, e);
    if (r == 0)
        r = get_int(user, "gid", "process.user", 0, INT32_MAX, 0, &gid, e);
    if (r == 0)
        r = get_int(user, "umask", "process.user", 0, 0777, -1, &mask, e);
    if (r < 0)
        return r;
    p->uid = (uid_t)uid;
    p->gid = (gid_t)gid;
    p->has_umask = mask >= 0;
    p->umask = mask >= 0 ? (mode_t)mask : 0;

    const json_t *groups;
    size_t n, i;
    r = get_array(doc, "process.user.additionalGids", &groups, &n, e);
    if (r < 0)
        return r;
    p->groups = calloc(n + 1, sizeof(*p->groups));
    if (!p->groups)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (groups, i, item) {
        if (!json_is_integer(item) || json_integer_value(item) < 0 ||
            json_integer_value(item) > INT32_MAX)
            return err_set(e, ERANGE, "config.json: process.user.additionalGids: not a group ID");
        p->groups[p->n_groups++] = (gid_t)json_integer_value(item);
    }
    return 0;
}

static int parse_process(const json_t *doc, struct spec_process *p, struct err *e)
{
    if (!json_is_object(json_at(doc, "process")))
        return err_set(e, EINVAL, "config.json: \"process\" is missing");

    long long rows, columns, oom;
    const json_t *size = json_at(doc, "process.consoleSize");
    int r;
    if ((r = get_bool(doc, "process.terminal", &p->terminal, e)) < 0 ||
        (r = get_int(size, "height", "process.consoleSize", 0, USHRT_MAX, 0, &rows, e)) < 0 ||
        (r = get_int(size, "width", "process.consoleSize", 0, USHRT_MAX, 0, &columns, e)) < 0 ||
        (r = parse_user(doc, p, e)) < 0 ||
        (r = get_strings(doc, "process.args", &p->args, &p->n_args, e)) < 0 ||
        (r = get_strings(doc, "process.env", &p->env, &p->n_env, e)) < 0 ||
        (r = get_string(doc, "process.cwd", &p->cwd, e)) < 0 ||
        (r = parse_capabilities(doc, &p->caps, e)) < 0 || (r = parse_rlimits(doc, p, e)) < 0 ||
        (r = get_bool(doc, "process.noNewPrivileges", &p->no_new_privileges, e)) < 0 ||
        (r = get_int(json_at(doc, "process"), "oomScoreAdj", "process", -1000, 1000, 0, &oom, e)) <
            0)
        return r;

    p->rows = (unsigned short)rows;
    p->columns = (unsigned short)columns;
    p->has_oom_score_adj = json_is_integer(json_at(doc, "process.oomScoreAdj"));
    p->oom_score_adj = (int)oom;
    if (p->n_args == 0 || p->args[0][0] == '\0')
        return err_set(e, EINVAL, "config.json: \"process.args\" is empty: nothing to run");
    if (!p->cwd || p->cwd[0] != '/')
        return err_set(e, EINVAL, "config.json: \"process.cwd\" is not an absolute path");
    return 0;
}

static int parse_mounts(const json_t *doc, struct spec *s, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = get_array(doc, "mounts", &list, &n, e);
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
    int r = get_array(doc, "linux.namespaces", &list, &n, e);
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
        const char *path = json_str(item, "path");
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
    int r = get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;
    if (n > 340) /* user_namespaces(7): the kernel's own limit */
        return err_set(e, EINVAL, "config.json: \"%s\" has more than 340 lines", path);
    _cleanup_free_ struct spec_id_map *map = calloc(n + 1, sizeof(*map));
    if (!map)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        long long inside, outside, size;
        if ((r = get_int(item, "containerID", path, 0, UINT32_MAX - 1, 0, &inside, e)) < 0 ||
            (r = get_int(item, "hostID", path, 0, UINT32_MAX - 1, 0, &outside, e)) < 0 ||
            (r = get_int(item, "size", path, 1, UINT32_MAX, 1, &size, e)) < 0)
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
    if ((r = get_int(item, "major", "linux.devices", 0, UINT_MAX, 0, &major, e)) < 0 ||
        (r = get_int(item, "minor", "linux.devices", 0, UINT_MAX, 0, &minor, e)) < 0 ||
        (r = get_int(item, "fileMode", "linux.devices", 0, 077777777, 0666, &mode, e)) < 0 ||
        (r = get_int(item, "uid", "linux.devices", 0, INT32_MAX, 0, &uid, e)) < 0 ||
        (r = get_int(item, "gid", "linux.devices", 0, INT32_MAX, 0, &gid, e)) < 0)
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
    int r = get_array(doc, "linux.devices", &list, &n, e);
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
    };
    const char *word;
    int r = get_string(doc, "linux.rootfsPropagation", &word, e);
    if (r < 0 || !word || !*word)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, words[i].word)) {
            s->root_propagation = words[i].flag;
            return 0;
        }
    return err_set(e, ENOTSUP, "config.json: linux.rootfsPropagation \"%s\" is not supported",
                   word);
}

static int get_typed(const json_t *doc, const char *path, json_type type, const json_t **ret,
                     struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_null(j) && json_typeof(j) != type)
        return err_set(e, EINVAL, "config.json: \"%s\" is not %s", path,
                       type == JSON_OBJECT ? "an object" : "a list");
    *ret = j && json_typeof(j) == type ? j : NULL;
    return 0;
}

static int parse_linux(const json_t *doc, struct spec *s, struct err *e)
{
    int r;
    if ((r = parse_namespaces(doc, s, e)) < 0 ||
        (r = parse_id_map(doc, "linux.uidMappings", &s->uid_map, &s->n_uid_map, e)) < 0 ||
        (r = parse_id_map(doc, "linux.gidMappings", &s->gid_map, &s->n_gid_map, e)) < 0 ||
        (r = parse_devices(doc, s, e)) < 0 ||
        (r = get_string(doc, "linux.cgroupsPath", &s->cgroup_path, e)) < 0 ||
        (r = get_typed(doc, "linux.resources", JSON_OBJECT, &s->resources, e)) < 0 ||
        (r = get_typed(doc, "linux.seccomp", JSON_OBJECT, &s->seccomp, e)) < 0 ||
        (r = get_typed(doc, "linux.sysctl", JSON_OBJECT, &s->sysctl, e)) < 0 ||
        (r = get_typed(doc, "linux.maskedPaths", JSON_ARRAY, &s->masked_paths, e)) < 0 ||
        (r = get_typed(doc, "linux.readonlyPaths", JSON_ARRAY, &s->readonly_paths, e)) < 0 ||
        (r = get_typed(doc, "linux.timeOffsets", JSON_OBJECT, &s->time_offsets, e)) < 0 ||
        (r = parse_root_propagation(doc, s, e)) < 0)
        return r;

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
    if ((r = check_version(doc, e)) < 0 || (r = refuse_unsupported(doc, e)) < 0 ||
        (r = parse_process(doc, &s->process, e)) < 0 ||
        (r = get_string(doc, "root.path", &s->root, e)) < 0 ||
        (r = get_bool(doc, "root.readonly", &s->root_readonly, e)) < 0 ||
        (r = get_string(doc, "hostname", &s->hostname, e)) < 0 ||
        (r = get_string(doc, "domainname", &s->domainname, e)) < 0 ||
        (r = parse_mounts(doc, s, e)) < 0 || (r = parse_linux(doc, s, e)) < 0)
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

const char *spec_getenv(const struct spec_process *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->n_env; i++)
        if (strncmp(p->env[i], name, n) == 0 && p->env[i][n] == '=')
            return p->env[i] + n + 1;
    return NULL;
}
