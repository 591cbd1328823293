#include "engine/bundle.h"
#include "engine/seccomp_profile.h"
#include "runtime/capabilities.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <strings.h>

/* Docker's fourteen. */
static const int default_capabilities[] = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,
    CAP_MKNOD,   CAP_NET_RAW,      CAP_SETGID,           CAP_SETUID,
    CAP_SETFCAP, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
    CAP_KILL,    CAP_AUDIT_WRITE,
};

static const char *const masked_paths[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static int take_names(const json_t *list, uint64_t all, uint64_t *set, bool *ret_all, struct err *e)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        if (name && strcasecmp(name, "ALL") == 0) {
            *ret_all = true;
            *set |= all;
            continue;
        }
        int number = name ? capability_by_name(name) : -1;
        if (number < 0)
            return err_set(e, EINVAL, "invalid capability: unknown capability \"%s\"",
                           name ? name : "?");
        *set |= UINT64_C(1) << number;
    }
    return 0;
}

/* Docker's rule: ALL is taken first, from either list, then the single names; of a name that is
 * both dropped and added the adding counts. */
static int choose_capabilities(struct bundle *b, uint64_t *ret, struct err *e)
{
    const json_t *host = bundle_host(b);
    uint64_t have = capabilities_own(), base = 0, add = 0, drop = 0;
    bool add_all = false, drop_all = false;
    for (size_t i = 0; i < ARRAY_LEN(default_capabilities); i++)
        base |= UINT64_C(1) << default_capabilities[i];

    int r = take_names(json_at(host, "CapAdd"), have, &add, &add_all, e);
    if (r == 0)
        r = take_names(json_at(host, "CapDrop"), 0, &drop, &drop_all, e);
    if (r < 0)
        return r;
    if (json_bool(host, "Privileged", false))
        *ret = have;
    else if (add_all)
        *ret = have & ~drop;
    else
        *ret = drop_all ? add : (base & ~drop) | add;
    if (*ret & ~have & add)
        return err_set(e, EPERM, "capability %s cannot be given: this machine has not got it",
                       capability_name(__builtin_ctzll(*ret & ~have & add)));
    *ret &= have;
    return 0;
}

static json_t *capability_list(uint64_t set)
{
    json_t *list = json_array();
    for (int i = 0; list && i < 64; i++)
        if (set & (UINT64_C(1) << i))
            json_gather(&list, json_string(capability_name(i)));
    return list;
}

json_t *bundle_capabilities(uint64_t set, bool root)
{
    uint64_t own = root ? set : 0;
    return json_pack("{s:o, s:o, s:o}", "bounding", capability_list(set), "effective",
                     capability_list(own), "permitted", capability_list(own));
}

static int add_capabilities(struct bundle *b, uint64_t set, struct err *e)
{
    json_t *process = json_at(b->spec, "process");
    bool root = json_int(process, "user.uid", 0) == 0;
    return json_put(process, "capabilities", bundle_capabilities(set, root), e);
}

/* Every processor's counters of how often it was too hot, by which containers can be told apart. */
static int add_throttle_paths(json_t *list, struct err *e)
{
    long n = faccessat(AT_FDCWD, "/sys/devices/system/cpu/cpu0/thermal_throttle", F_OK, 0) == 0
                 ? sysconf(_SC_NPROCESSORS_CONF)
                 : 0;
    int r = 0;
    for (long i = 0; r == 0 && i < n; i++)
        r = json_add(list, json_sprintf("/sys/devices/system/cpu/cpu%ld/thermal_throttle", i), e);
    return r;
}

static int add_paths(struct bundle *b, const char *key, const char *given_key,
                     const char *const *paths, size_t n, struct err *e)
{
    const json_t *given = json_at(bundle_host(b), given_key);
    json_t *linux_ = json_at(b->spec, "linux");
    if (json_is_array(given))
        return json_put(linux_, key, json_deep_copy(given), e);
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++)
        json_gather(&list, json_string(paths[i]));
    return json_put(linux_, key, list, e);
}

struct security_options {
    const char *seccomp; /* NULL: default; "unconfined"; a file */
    bool no_new_privileges;
    bool unmask_all;
};

static int parse_security_option(const char *text, struct security_options *o, struct err *e)
{
    const char *value;
    if ((value = str_after(text, "seccomp=")) || (value = str_after(text, "seccomp:")))
        o->seccomp = value;
    else if (str_eq(text, "no-new-privileges") || str_eq(text, "no-new-privileges=true") ||
             str_eq(text, "no-new-privileges:true"))
        o->no_new_privileges = true;
    else if (str_eq(text, "no-new-privileges=false") || str_eq(text, "no-new-privileges:false"))
        o->no_new_privileges = false;
    else if (str_eq(text, "systempaths=unconfined"))
        o->unmask_all = true;
    else if (str_eq(text, "label=disable") || str_eq(text, "label:disable") ||
             str_eq(text, "apparmor=unconfined") || str_eq(text, "apparmor:unconfined"))
        return 0;
    else
        return err_set(e, EINVAL, "invalid --security-opt \"%s\"", text);
    return 0;
}

static int add_seccomp(struct bundle *b, const struct security_options *o, uint64_t caps,
                       struct err *e)
{
    json_t *profile = NULL;
    if (str_eq(o->seccomp, "unconfined") ||
        (!o->seccomp && json_bool(bundle_host(b), "Privileged", false)))
        return 0;
    int r = o->seccomp && !str_eq(o->seccomp, "builtin")
                ? seccomp_profile_load(o->seccomp, caps, &profile, e)
                : seccomp_profile_default(caps, &profile, e);
    return r < 0 ? r : json_put(json_at(b->spec, "linux"), "seccomp", profile, e);
}

int bundle_add_security(struct bundle *b, struct err *e)
{
    struct security_options o = {0};
    size_t i;
    json_t *item;
    json_array_foreach (json_at(bundle_host(b), "SecurityOpt"), i, item) {
        int r = parse_security_option(json_string_value(item), &o, e);
        if (r < 0)
            return r;
    }

    uint64_t caps = 0;
    int r = choose_capabilities(b, &caps, e);
    if (r == 0)
        r = add_capabilities(b, caps, e);
    if (r == 0)
        r = json_put(json_at(b->spec, "process"), "noNewPrivileges",
                     json_boolean(o.no_new_privileges), e);
    if (r == 0)
        r = add_seccomp(b, &o, caps, e);
    if (r < 0 || o.unmask_all || json_bool(bundle_host(b), "Privileged", false))
        return r;
    r = add_paths(b, "maskedPaths", "MaskedPaths", masked_paths, ARRAY_LEN(masked_paths), e);
    if (r == 0 && !json_is_array(json_at(bundle_host(b), "MaskedPaths")))
        r = add_throttle_paths(json_at(b->spec, "linux.maskedPaths"), e);
    return r < 0 ? r
                 : add_paths(b, "readonlyPaths", "ReadonlyPaths", readonly_paths,
                             ARRAY_LEN(readonly_paths), e);
}
