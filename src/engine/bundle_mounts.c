#include "engine/bundle.h"

#include "base/file.h"
#include "engine/files.h"
#include "engine/propagation.h"
#include "engine/volume.h"

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

/* "ro" is of all that is mounted below, too, unless Spec says otherwise: Docker's. */
static const char *read_only_word(const json_t *m)
{
    if (json_bool(m, "RW", true))
        return "";
    return json_bool(m, "Spec.BindOptions.ReadOnlyNonRecursive", false) ? ",ro" : ",rro";
}

/* Of an entry from -v a missing source is made, as Docker does; of one from --mount it is an error,
 * unless it says so. */
static int check_source(const json_t *m, const char *source, struct err *e)
{
    bool make =
        !json_object_get(m, "Spec") || json_bool(m, "Spec.BindOptions.CreateMountpoint", false);
    if (source[0] != '/')
        return err_set(e, EINVAL,
                       "invalid mount config for type \"bind\": field Source must be an "
                       "absolute path");
    if (faccessat(AT_FDCWD, source, F_OK, 0) == 0)
        return 0;
    if (errno == ENOENT && make)
        return dir_make(AT_FDCWD, source, 0755, e);
    return err_set(e, errno,
                   "invalid mount config for type \"bind\": bind source path does not exist: %s",
                   source);
}

static int add_given_bind(json_t *list, const json_t *m, struct err *e)
{
    const char *source = json_str(m, "Source"), *propagation = json_str(m, "Propagation");
    const char *mode = json_str(m, "Mode");
    int r = check_source(m, source ? source : "", e);
    if (r == 0)
        r = propagation_check(source, propagation, e);
    if (r < 0)
        return r;
    bool flat = json_bool(m, "Spec.BindOptions.NonRecursive", false);
    const char *shift = !mode                    ? ""
                        : strstr(mode, "ridmap") ? ",ridmap"
                        : strstr(mode, "idmap")  ? ",idmap"
                                                 : "";
    _cleanup_free_ char *options =
        str_printf("%s%s%s%s%s", flat ? "bind" : "rbind", read_only_word(m), shift,
                   propagation && *propagation ? "," : "", propagation ? propagation : "");
    return options
               ? json_add(list, make_mount(json_str(m, "Destination"), "bind", source, options), e)
               : err_nomem(e);
}

/* Its files belong to the container's own users, whatever they are outside. Where it is more than
 * a folder, the mount is brought along (volume_mount.h). */
static int add_given_volume(struct bundle *b, json_t *list, const json_t *m, struct err *e)
{
    _cleanup_free_ char *source = volume_mountpoint(b->engine, json_str(m, "Name"));
    bool shifted = b->modes[NS_USER].kind != MODE_HOST;
    _cleanup_free_ char *options =
        str_printf("rbind%s%s,rprivate", read_only_word(m), shifted ? ",idmap" : "");
    return source && options
               ? json_add(list, make_mount(json_str(m, "Destination"), "bind", source, options), e)
               : err_nomem(e);
}

static int add_given_tmpfs(json_t *list, const json_t *m, struct err *e)
{
    _cleanup_str_ struct str options = {0};
    str_add(&options, "nosuid,nodev,noexec");
    long long size = json_int(m, "Spec.TmpfsOptions.SizeBytes", 0);
    long long mode = json_int(m, "Spec.TmpfsOptions.Mode", 01777);
    if (size > 0)
        str_addf(&options, ",size=%lld", size);
    str_addf(&options, ",mode=%llo%s", (unsigned long long)mode,
             json_bool(m, "RW", true) ? "" : ",ro");
    _cleanup_free_ char *text = str_steal(&options);
    return text ? json_add(list, make_mount(json_str(m, "Destination"), "tmpfs", "tmpfs", text), e)
                : err_nomem(e);
}

static int add_given(struct bundle *b, json_t *list, const json_t *m, struct err *e)
{
    const char *type = json_str(m, "Type");
    return str_eq(type, "volume")  ? add_given_volume(b, list, m, e)
           : str_eq(type, "tmpfs") ? add_given_tmpfs(list, m, e)
                                   : add_given_bind(list, m, e);
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
    json_array_foreach (json_at(b->record->document, "Mounts"), i, item) {
        if (r == 0)
            r = add_given(b, list, item, e);
    }
    const char *destination;
    json_object_foreach (json_at(bundle_host(b), "Tmpfs"), destination, item) {
        if (r == 0)
            r = add_tmpfs(list, destination, json_string_value(item), e);
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
    bool shared = b->modes[NS_NETWORK].kind == MODE_CONTAINER && files_are_lent(b->record);
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
        r = append_by_depth(mounts, given, e);
    /* These last: they belong into an /etc that is a volume, too. */
    return r == 0 ? add_files(b, mounts, given, e) : r;
}
