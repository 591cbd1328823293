#include "engine/beside.h"
#include "engine/bundle.h"
#include "engine/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Where devices and the rules for them are gathered. */
struct devices {
    json_t *nodes; /* linux.devices */
    json_t *rules; /* linux.resources.devices */
};

static int add_device_node(struct devices *d, const char *host_path, const char *path,
                           const char *access, struct err *e)
{
    struct stat st;
    if (stat(host_path, &st) < 0)
        return err_sys(e, errno,
                       "error gathering device information while adding custom device "
                       "\"%s\"",
                       host_path);
    const char *type = S_ISCHR(st.st_mode) ? "c" : S_ISBLK(st.st_mode) ? "b" : NULL;
    if (!type)
        return err_set(e, EINVAL, "\"%s\" is not a device", host_path);
    int r = json_add(d->nodes,
                     json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "path", path, "type", type,
                               "major", (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev),
                               "fileMode", (int)(st.st_mode & 07777), "uid", (int)st.st_uid, "gid",
                               (int)st.st_gid),
                     e);
    if (r < 0 || !access)
        return r;
    return json_add(d->rules,
                    json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", type, "major",
                              (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev), "access",
                              access),
                    e);
}

/* What /dev holds besides devices, and what a container has of its own. */
static bool is_own(const char *name)
{
    static const char *const own[] = {"pts",   "shm",    "mqueue", "console", "fd",  "ptmx",
                                      "stdin", "stdout", "stderr", "init",    "core"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_eq(name, own[i]))
            return true;
    return name[0] == '.';
}

/* Every device below a folder of the host: --device /dev/snd, and all of /dev for --privileged. */
static int add_device_folder(struct devices *d, const char *from, const char *to,
                             const char *access, int levels, struct err *e)
{
    _cleanup_closedir_ DIR *dir = opendir(from);
    if (!dir)
        return err_sys(e, errno, "cannot read \"%s\"", from);
    struct dirent *entry;
    int r = 0;
    while (r == 0 && (entry = readdir(dir))) {
        if (is_own(entry->d_name))
            continue;
        _cleanup_free_ char *source = str_printf("%s/%s", from, entry->d_name);
        _cleanup_free_ char *target = str_printf("%s/%s", to, entry->d_name);
        if (!source || !target)
            return err_nomem(e);
        if (entry->d_type == DT_DIR && levels > 0)
            r = add_device_folder(d, source, target, access, levels - 1, e);
        else if (entry->d_type == DT_CHR || entry->d_type == DT_BLK)
            r = add_device_node(d, source, target, access, e);
    }
    return r;
}

static int add_device(struct devices *d, const json_t *device, struct err *e)
{
    const char *from = json_str(device, "PathOnHost"), *to = json_str(device, "PathInContainer");
    const char *access = json_str(device, "CgroupPermissions");
    struct stat st;
    if (!from || !to || !access)
        return err_set(e, EINVAL, "a device has no path");
    if (stat(from, &st) == 0 && S_ISDIR(st.st_mode))
        return add_device_folder(d, from, to, access, 4, e);
    return add_device_node(d, from, to, access, e);
}

/* Nodes of any device may be made (MKNOD is Docker's); only some may be opened. */
static int add_devices(struct bundle *b, json_t *resources, struct err *e)
{
    struct devices d = {
        .nodes = json_array(),
        .rules = json_pack("[{s:b,s:s}, {s:b,s:s,s:s}, {s:b,s:s,s:s}]", "allow", 0, "access", "rwm",
                           "allow", 1, "type", "c", "access", "m", "allow", 1, "type", "b",
                           "access", "m"),
    };
    int r = json_put(json_at(b->spec, "linux"), "devices", d.nodes, e);
    if (r == 0)
        r = json_put(resources, "devices", d.rules, e);
    if (r < 0)
        return r;
    if (json_bool(bundle_host(b), "Privileged", false)) {
        json_array_clear(d.rules);
        r = json_add(d.rules, json_pack("{s:b, s:s}", "allow", 1, "access", "rwm"), e);
        return r < 0 ? r : add_device_folder(&d, "/dev", "/dev", NULL, 4, e);
    }
    size_t i;
    json_t *device;
    json_array_foreach (json_at(bundle_host(b), "Devices"), i, device) {
        if (r == 0)
            r = add_device(&d, device, e);
    }
    json_array_foreach (json_at(bundle_host(b), "DeviceCgroupRules"), i, device) {
        json_t *rule = NULL;
        if (r == 0)
            r = limits_parse_device_rule(json_string_value(device), &rule, e);
        if (r == 0)
            r = json_add(d.rules, TAKE_PTR(rule), e);
    }
    return r;
}

static int add_ulimits(struct bundle *b, struct err *e)
{
    json_t *list = json_array();
    int r = json_put(json_at(b->spec, "process"), "rlimits", list, e);
    size_t i;
    json_t *limit;
    json_array_foreach (json_at(bundle_host(b), "Ulimits"), i, limit) {
        if (r < 0)
            break;
        json_t *rlimit = NULL;
        r = limits_parse_ulimit(limit, &rlimit, e);
        if (r == 0)
            r = json_add(list, rlimit, e);
    }
    return r;
}

/* A network of its own lets everybody bind low ports and ping: nobody else's are there. */
static int add_sysctls(struct bundle *b, struct err *e)
{
    json_t *sysctl = json_object();
    int r = json_put(json_at(b->spec, "linux"), "sysctl", sysctl, e);
    if (r == 0 && b->modes[NS_NETWORK].kind == MODE_PRIVATE &&
        b->modes[NS_USER].kind == MODE_HOST) {
        r = json_put(sysctl, "net.ipv4.ip_unprivileged_port_start", json_string("0"), e);
        if (r == 0)
            r = json_put(sysctl, "net.ipv4.ping_group_range", json_string("0 2147483647"), e);
    }
    const json_t *given = json_at(bundle_host(b), "Sysctls");
    if (r == 0 && given && json_object_update(sysctl, (json_t *)(uintptr_t)given) < 0)
        r = err_nomem(e);
    return r;
}

static int add_cgroup(struct bundle *b, struct err *e)
{
    _cleanup_free_ char *path = container_cgroup_path(b->record->document);
    return path ? json_put(json_at(b->spec, "linux"), "cgroupsPath", json_string(path), e)
                : err_nomem(e);
}

int bundle_add_resources(struct bundle *b, struct err *e)
{
    json_t *resources = json_object();
    int r = json_put(json_at(b->spec, "linux"), "resources", resources, e);
    if (r == 0)
        r = limits_to_resources(bundle_host(b), resources, e);
    if (r == 0)
        r = add_devices(b, resources, e);
    if (r == 0)
        r = add_ulimits(b, e);
    if (r == 0)
        r = add_sysctls(b, e);
    const json_t *score = json_at(bundle_host(b), "OomScoreAdj");
    if (r == 0 && json_is_integer(score) && json_integer_value(score) != 0)
        r = json_put(json_at(b->spec, "process"), "oomScoreAdj", json_deep_copy(score), e);
    return r == 0 ? add_cgroup(b, e) : r;
}
