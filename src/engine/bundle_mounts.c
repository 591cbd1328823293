#include "engine/bundle.h"

#include "base/file.h"
#include "engine/propagation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The mounts of every container, in order; Docker's. */
static const struct fixed_mount {
    const char *destination, *type, *source;
    const char *options; /* separated by commas */
} fixed[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/dev/shm", NULL, NULL, NULL}, /* own_shm, add_foreign_shm */
};

/* What is fresh in a container of the machine's own root besides. */
static const struct fixed_mount built_in[] = {
    {"/run", "tmpfs", "tmpfs", "nosuid,nodev,mode=755"},
    {"/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777"},
};

static json_t *split(const char *words)
{
    json_t *list = json_array();
    while (list && words && *words) {
        size_t n = strcspn(words, ",");
        if (n > 0)
            json_gather(&list, json_stringn(words, n));
        words += n + (words[n] == ',');
    }
    return list;
}

static json_t *make_mount(const char *destination, const char *type, const char *source,
                          const char *options)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "destination", destination, "type", type, "source",
                     source, "options", split(options));
}

static bool is_taken(const json_t *mounts, const char *destination)
{
    size_t i;
    json_t *m;
    json_array_foreach (mounts, i, m)
        if (str_eq(json_str(m, "destination"), destination))
            return true;
    return false;
}

static int add_bind(json_t *list, const char *destination, const char *source, const char *options,
                    struct err *e)
{
    _cleanup_free_ char *all = str_printf("%s,%s", "rbind", options);
    if (!all)
        return err_nomem(e);
    return json_add(list, make_mount(destination, "bind", source, all), e);
}

static int check_destination(const char *path, struct err *e)
{
    if (!path || path[0] != '/')
        return err_set(e, EINVAL, "invalid mount path: \"%s\" mount path must be absolute",
                       path ? path : "");
    if (path[strspn(path, "/.")] == '\0')
        return err_set(e, EINVAL, "invalid mount path \"%s\": it is the root itself", path);
    return 0;
}

/* Words behind the second colon of -v; what others need for SELinux or macOS says nothing here.
 * Docker's "ro" is of all that is mounted below, too. */
static int parse_bind_options(const char *source, char *words, struct str *out, struct err *e)
{
    static const char *const pass[] = {"rw",      "shared",   "rshared", "slave", "rslave",
                                       "private", "rprivate", "idmap",   "ridmap"};
    static const char *const ignore[] = {"z", "Z", "nocopy", "consistent", "cached", "delegated"};
    for (char *word; (word = strsep(&words, ","));) {
        bool read_only = str_eq(word, "ro") || str_eq(word, "rro");
        bool known = *word == '\0' || read_only;
        int r = propagation_check(source, word, e);
        if (r < 0)
            return r;
        if (read_only)
            str_add(out, ",rro");
        for (size_t i = 0; i < ARRAY_LEN(ignore); i++)
            known |= str_eq(word, ignore[i]);
        for (size_t i = 0; i < ARRAY_LEN(pass); i++)
            if (str_eq(word, pass[i])) {
                str_addf(out, ",%s", word);
                known = true;
            }
        if (!known)
            return err_set(e, EINVAL, "invalid mode: %s", word);
    }
    return 0;
}

/* "SOURCE:DESTINATION[:OPTIONS]". A source that is missing is made, as Docker does. */
static int add_volume(json_t *list, const char *text, struct err *e)
{
    _cleanup_free_ char *copy = strdup(text);
    _cleanup_str_ struct str options = {0};
    if (!copy)
        return err_nomem(e);
    char *rest = copy;
    const char *source = strsep(&rest, ":");
    const char *destination = rest ? strsep(&rest, ":") : NULL;
    if (!destination)
        return err_set(e, ENOTSUP,
                       "\"-v %s\": anonymous volumes are not supported yet: name a "
                       "folder of the host before a colon",
                       text);
    if (source[0] != '/')
        return err_set(e, source[0] ? ENOTSUP : EINVAL,
                       "\"-v %s\": named volumes are not "
                       "supported yet: the source must be an absolute path",
                       text);
    int r = check_destination(destination, e);
    if (r == 0 && faccessat(AT_FDCWD, source, F_OK, 0) < 0 && errno == ENOENT)
        r = dir_make(AT_FDCWD, source, 0755, e);
    if (r == 0)
        r = parse_bind_options(source, rest, &options, e);
    _cleanup_free_ char *all = str_steal(&options);
    if (r == 0)
        r = all ? add_bind(list, destination, source, all, e) : err_nomem(e);
    return r;
}

static int add_mount_tmpfs(json_t *list, const json_t *m, const char *target, struct err *e)
{
    _cleanup_str_ struct str options = {0};
    str_add(&options, "nosuid,nodev,noexec");
    long long size = json_int(m, "TmpfsOptions.SizeBytes", 0);
    long long mode = json_int(m, "TmpfsOptions.Mode", 01777);
    if (size > 0)
        str_addf(&options, ",size=%lld", size);
    str_addf(&options, ",mode=%llo%s", (unsigned long long)mode,
             json_bool(m, "ReadOnly", false) ? ",ro" : "");
    _cleanup_free_ char *text = str_steal(&options);
    return text ? json_add(list, make_mount(target, "tmpfs", "tmpfs", text), e) : err_nomem(e);
}

/* One object of HostConfig.Mounts: Docker's --mount. Here a missing source is an error. */
static int add_mount(json_t *list, const json_t *m, struct err *e)
{
    const char *type = json_str(m, "Type"), *source = json_str(m, "Source");
    const char *target = json_str(m, "Target");
    int r = check_destination(target, e);
    if (r < 0)
        return r;
    if (str_eq(type, "tmpfs"))
        return add_mount_tmpfs(list, m, target, e);
    if (!str_eq(type, "bind"))
        return err_set(e, ENOTSUP, "mount type \"%s\" is not supported yet: use bind or tmpfs",
                       type ? type : "volume");
    if (!source || source[0] != '/')
        return err_set(e, EINVAL,
                       "invalid mount config for type \"bind\": field Source must be an "
                       "absolute path");
    if (faccessat(AT_FDCWD, source, F_OK, 0) < 0)
        return err_set(e, errno,
                       "invalid mount config for type \"bind\": bind source path does "
                       "not exist: %s",
                       source);

    const char *propagation = json_str(m, "BindOptions.Propagation");
    bool flat = json_bool(m, "BindOptions.NonRecursive", false);
    bool read_only = json_bool(m, "ReadOnly", false);
    const char *ro = !read_only                                                ? ""
                     : json_bool(m, "BindOptions.ReadOnlyNonRecursive", false) ? ",ro"
                                                                               : ",rro";
    r = propagation_check(source, propagation, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *options =
        str_printf("%s%s%s%s", flat ? "bind" : "rbind", ro, propagation && *propagation ? "," : "",
                   propagation ? propagation : "");
    return options ? json_add(list, make_mount(target, "bind", source, options), e) : err_nomem(e);
}

static int add_tmpfs(json_t *list, const char *destination, const char *options, struct err *e)
{
    int r = check_destination(destination, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *all =
        str_printf("nosuid,nodev,noexec%s%s", *options ? "," : ",mode=1777", options);
    return all ? json_add(list, make_mount(destination, "tmpfs", "tmpfs", all), e) : err_nomem(e);
}

/* What the user asked for. */
static int collect_given(struct bundle *b, json_t *list, struct err *e)
{
    size_t i;
    json_t *item;
    int r = 0;
    json_array_foreach (json_at(bundle_host(b), "Binds"), i, item) {
        if (r == 0)
            r = add_volume(list, json_string_value(item), e);
    }
    json_array_foreach (json_at(bundle_host(b), "Mounts"), i, item) {
        if (r == 0)
            r = add_mount(list, item, e);
    }
    const char *destination;
    json_object_foreach (json_at(bundle_host(b), "Tmpfs"), destination, item) {
        if (r == 0)
            r = add_tmpfs(list, destination, json_string_value(item), e);
    }
    for (i = 0; r == 0 && i < json_array_size(list); i++)
        for (size_t k = 0; k < i; k++) {
            const char *to = json_str(json_array_get(list, i), "destination");
            if (str_eq(to, json_str(json_array_get(list, k), "destination")))
                return err_set(e, EINVAL, "duplicate mount point: %s", to);
        }
    return r;
}

static unsigned depth(const json_t *mount)
{
    unsigned n = 0;
    for (const char *c = json_str(mount, "destination"); *c; c++)
        n += c[0] == '/' && c[1] != '\0' && c[1] != '/';
    return n;
}

/* A mount below another one's place comes after it, whatever order they were given in. */
static int append_by_depth(json_t *mounts, const json_t *given, struct err *e)
{
    size_t left = json_array_size(given);
    for (unsigned level = 1; left > 0; level++) {
        size_t i;
        json_t *m;
        json_array_foreach (given, i, m) {
            if (depth(m) != level)
                continue;
            if (json_array_append(mounts, m) < 0)
                return err_nomem(e);
            left--;
        }
    }
    return 0;
}

static json_t *own_shm(struct bundle *b)
{
    _cleanup_free_ char *options = str_printf("nosuid,noexec,nodev,mode=1777,size=%lld",
                                              json_int(bundle_host(b), "ShmSize", 64 << 20));
    return options ? make_mount("/dev/shm", "tmpfs", "shm", options) : NULL;
}

/* With an IPC namespace that is not its own: the host's /dev/shm, the other container's, or a fresh
 * one where only the namespace's file is known. */
static int add_foreign_shm(struct bundle *b, json_t *mounts, struct err *e)
{
    static const char options[] = "nosuid,noexec,nodev";
    const struct mode *ipc = &b->modes[NS_IPC];
    if (ipc->kind == MODE_HOST && access("/dev/shm", F_OK) == 0)
        return add_bind(mounts, "/dev/shm", "/dev/shm", options, e);
    if (ipc->kind != MODE_CONTAINER)
        return json_add(mounts, own_shm(b), e);
    int r = mode_pid(b->engine, NS_IPC, ipc, &b->shm_donor, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *source = str_printf("/proc/%d/root/dev/shm", b->shm_donor);
    return source ? add_bind(mounts, "/dev/shm", source, options, e) : err_nomem(e);
}

/* A user namespace that does not own another one may not mount that one's file system. */
static bool is_foreign(const struct bundle *b, enum namespace_kind kind)
{
    const struct mode *user = &b->modes[NS_USER], *m = &b->modes[kind];
    if (user->kind == MODE_HOST || m->kind == MODE_PRIVATE)
        return false;
    bool same = user->kind == MODE_CONTAINER && m->kind == MODE_CONTAINER;
    return !same || !str_eq(user->value, m->value);
}

static int add_foreign_proc(struct bundle *b, json_t *mounts, struct err *e)
{
    const struct mode *m = &b->modes[NS_PID];
    if (m->kind == MODE_HOST)
        return add_bind(mounts, "/proc", "/proc", "nosuid,noexec,nodev", e);
    return err_set(e, EINVAL,
                   "the processes of another PID namespace cannot be shown in a user namespace of "
                   "its own: join both, --userns=container:NAME --pid=container:NAME");
}

/* A fixed mount, as this container's namespaces and rights have it. */
static int add_fixed(struct bundle *b, json_t *mounts, const struct fixed_mount *f, struct err *e)
{
    bool privileged = json_bool(bundle_host(b), "Privileged", false);
    const char *path = f->destination;

    if (str_eq(path, "/proc") && is_foreign(b, NS_PID))
        return add_foreign_proc(b, mounts, e);
    if (str_eq(path, "/sys") && is_foreign(b, NS_NETWORK))
        return add_bind(mounts, path, "/sys", "nosuid,noexec,nodev,ro", e);
    if (str_eq(path, "/dev/shm") && b->modes[NS_IPC].kind != MODE_PRIVATE)
        return add_foreign_shm(b, mounts, e);
    if (str_eq(path, "/dev/mqueue") && is_foreign(b, NS_IPC))
        return 0;

    if (str_eq(path, "/dev/shm")) {
        bool none = str_eq(json_str(bundle_host(b), "IpcMode"), "none");
        return none ? 0 : json_add(mounts, own_shm(b), e);
    }

    _cleanup_str_ struct str options = {0};
    str_add(&options, f->options);
    if (options.failed)
        return err_nomem(e);
    if (privileged && str_after(path, "/sys"))
        options.s[options.len - strlen(",ro")] = '\0';
    return json_add(mounts, make_mount(path, f->type, f->source, options.s), e);
}

static int add_list(struct bundle *b, json_t *mounts, const json_t *given,
                    const struct fixed_mount *list, size_t n, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!is_taken(given, list[i].destination))
            r = add_fixed(b, mounts, &list[i], e);
    return r;
}

/* The engine's own files: their sources are relative to the bundle, or another container's. */
static int add_files(struct bundle *b, json_t *mounts, const json_t *given, struct err *e)
{
    static const struct {
        const char *destination, *source, *place;
    } files[] = {
        {"/etc/resolv.conf", "resolv.conf", "ResolvConfPath"},
        {"/etc/hostname", "hostname", "HostnamePath"},
        {"/etc/hosts", "hosts", "HostsPath"},
    };
    bool shared = b->modes[NS_NETWORK].kind == MODE_CONTAINER;
    /* They belong to root, also to the root of a user namespace. */
    const char *options = b->modes[NS_USER].kind == MODE_HOST ? "rprivate" : "rprivate,idmap";
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
        if (!is_taken(given, files[i].destination))
            r = add_bind(mounts, files[i].destination,
                         shared ? json_str(b->record->document, files[i].place) : files[i].source,
                         options, e);
    if (r == 0 && json_bool(bundle_host(b), "Init", false)) {
        _cleanup_free_ char *path = str_printf("%s/skiff-init", b->engine->libexec);
        r = path ? add_bind(mounts, "/dev/init", path, "ro", e) : err_nomem(e);
    }
    return r;
}

int bundle_add_mounts(struct bundle *b, struct err *e)
{
    _cleanup_json_ json_t *given = json_array();
    json_t *mounts = json_array();
    int r = json_put(b->spec, "mounts", mounts, e);
    if (r == 0)
        r = given ? collect_given(b, given, e) : err_nomem(e);
    if (r == 0)
        r = add_list(b, mounts, given, fixed, ARRAY_LEN(fixed), e);
    if (r == 0 && b->built_in)
        r = add_list(b, mounts, given, built_in, ARRAY_LEN(built_in), e);
    if (r == 0)
        r = add_files(b, mounts, given, e);
    return r == 0 ? append_by_depth(mounts, given, e) : r;
}
