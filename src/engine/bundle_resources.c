#include "engine/beside.h"
#include "engine/bundle.h"
#include "engine/limits.h"

#include "runtime/spec.h"

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

/* "c 1:3 rwm", "b *:* r", as --device-cgroup-rule has it. */
static int add_device_rule(struct devices *d, const char *text, struct err *e)
{
    char type = 0, major[12] = "", minor[12] = "", access[4] = "";
    int end = 0;
    if (!text ||
        sscanf(text, "%c %11[0-9*]:%11[0-9*] %3[rwm]%n", &type, major, minor, access, &end) != 4 ||
        text[end] != '\0' || !strchr("abc", type))
        return err_set(e, EINVAL, "invalid device cgroup format '%s'", text ? text : "");
    char type_text[2] = {type, '\0'};
    long long numbers[2] = {-1, -1};
    if ((!str_eq(major, "*") && str_to_int64(major, 0, INT32_MAX, &numbers[0]) < 0) ||
        (!str_eq(minor, "*") && str_to_int64(minor, 0, INT32_MAX, &numbers[1]) < 0))
        return err_set(e, EINVAL, "invalid device cgroup format '%s'", text);
    return json_add(d->rules,
                    json_pack("{s:b, s:s, s:I, s:I, s:s}", "allow", 1, "type", type_text, "major",
                              (json_int_t)numbers[0], "minor", (json_int_t)numbers[1], "access",
                              access),
                    e);
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
        if (r == 0)
            r = add_device_rule(&d, json_string_value(device), e);
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
        _cleanup_free_ char *name = str_printf("RLIMIT_%s", json_str(limit, "Name"));
        if (!name)
            return err_nomem(e);
        for (char *c = name; *c; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        if (spec_rlimit_by_name(name) < 0)
            return err_set(e, EINVAL, "invalid ulimit type: %s", json_str(limit, "Name"));
        r = json_add(list,
                     json_pack("{s:s, s:O, s:O}", "type", name, "soft", json_at(limit, "Soft"),
                               "hard", json_at(limit, "Hard")),
                     e);
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
