#include "cli/request.h"

#include "base/file.h"
#include "cli/port_options.h"
#include "engine/log_config.h"
#include "kernel/signals.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#define OPTION(type_, name_, letter_, field_, argument_, help_, group_)                            \
    {                                                                                              \
        name_, letter_, OPTION_##type_, offsetof(struct request_options, field_), argument_,       \
            help_, group_                                                                          \
    }

#define LATER(name_, letter_)                                                                      \
    {                                                                                              \
        name_, letter_, OPTION_LATER, 0, NULL, NULL, NULL                                          \
    }

const struct option_def request_table[] = {
    OPTION(FLAG, "detach", 'd', detach, NULL, "Run in the background and print the ID", "General"),
    OPTION(FLAG, "interactive", 'i', interactive, NULL, "Keep standard input open", NULL),
    OPTION(FLAG, "tty", 't', tty, NULL, "Give the container a terminal", NULL),
    OPTION(FLAG, "rm", 0, remove, NULL, "Remove the container when it ends", NULL),
    OPTION(STRING, "name", 0, name, "NAME", "Name it (else a name is made up)", NULL),
    OPTION(LIST, "label", 'l', label, "KEY=VALUE", "Set metadata", NULL),
    OPTION(LIST, "label-file", 0, label_file, "FILE", "Set metadata from a file's lines", NULL),
    OPTION(LIST, "annotation", 0, annotation, "KEY=VALUE", "Metadata for the OCI runtime", NULL),
    OPTION(STRING, "restart", 0, restart, "POLICY",
           "no, always, unless-stopped, on-failure[:N] (no)", NULL),
    OPTION(STRING, "cidfile", 0, cidfile, "FILE", "Write the container's ID to a file", NULL),
    OPTION(LIST, "attach", 'a', attach, "STREAM", "Attach to stdin, stdout or stderr", NULL),
    OPTION(FLAG, "sig-proxy", 0, sig_proxy, NULL, "Pass signals on to the process (true)", NULL),
    OPTION(STRING, "detach-keys", 0, detach_keys, "KEYS",
           "What to type to leave it (ctrl-p,ctrl-q)", NULL),
    OPTION(STRING, "pull", 0, pull, "POLICY", "Fetch the image: always, missing or never (missing)",
           NULL),
    OPTION(FLAG, "quiet", 'q', quiet, NULL, "Do not show how the image is fetched", NULL),
    OPTION(FLAG, "verify", 0, verify, NULL,
           "Show what policy.json asked of an image that is fetched", NULL),
    OPTION(STRING, "platform", 0, platform, "OS/ARCH[/VARIANT]",
           "That of several that the image is made for", NULL),

    OPTION(STRING, "entrypoint", 0, entrypoint, "PROGRAM", "Replace the image's entrypoint",
           "Process"),
    OPTION(STRING, "workdir", 'w', workdir, "DIR", "Working directory", NULL),
    OPTION(STRING, "user", 'u', user, "USER[:GROUP]", "User, by name or ID", NULL),
    OPTION(LIST, "group-add", 0, group_add, "GROUP", "Add to a group", NULL),
    OPTION(LIST, "env", 'e', env, "NAME[=VALUE]", "Set a variable, or pass ours on", NULL),
    OPTION(LIST, "env-file", 0, env_file, "FILE", "Set variables from a file's lines", NULL),
    OPTION(FLAG, "init", 0, init, NULL, "A small init as PID 1 reaps and forwards signals", NULL),
    OPTION(STRING, "stop-signal", 0, stop_signal, "SIGNAL", "Signal to stop it with", NULL),
    OPTION(INT, "stop-timeout", 0, stop_timeout, "SECONDS", "How long stop waits before it kills",
           NULL),
    OPTION(LIST, "ulimit", 0, ulimit, "NAME=SOFT[:HARD]", "Resource limit", NULL),
    OPTION(INT, "oom-score-adj", 0, oom_score_adj, "N", "OOM preference, -1000 to 1000", NULL),

    HEALTH_OPTION_ROWS(struct request_options),

    OPTION(STRING, "pid", 0, pid, "MODE", "PID namespace",
           "Namespaces (MODE is private, host, container:NAME or path:FILE)"),
    OPTION(STRING, "ipc", 0, ipc, "MODE", "IPC namespace", NULL),
    OPTION(STRING, "uts", 0, uts, "MODE", "UTS namespace (host and domain name)", NULL),
    OPTION(STRING, "cgroupns", 0, cgroupns, "MODE", "Cgroup namespace", NULL),
    OPTION(STRING, "userns", 0, userns, "MODE", "User namespace (host by default)", NULL),
    OPTION(STRING, "time", 0, time, "MODE", "Time namespace (host by default)", NULL),
    OPTION(LIST, "time-offset", 0, time_offset, "CLOCK=±N", "Shift monotonic or boottime: +1d",
           NULL),
    OPTION(STRING, "hostname", 'h', hostname, "NAME", "The container's host name", NULL),
    OPTION(STRING, "domainname", 0, domainname, "NAME", "The container's domain name", NULL),

    OPTION(LIST, "volume", 'v', volume, "[SRC:]DST[:OPTIONS]",
           "Volume by its name, or a folder: ro, nocopy, rshared", "Files"),
    OPTION(LIST, "mount", 0, mount, "type=…,src=…,dst=…", "Mount: volume, bind or tmpfs", NULL),
    OPTION(LIST, "volumes-from", 0, volumes_from, "CONTAINER[:ro]", "All mounts of another", NULL),
    OPTION(STRING, "volume-driver", 0, volume_driver, "DRIVER", NULL, NULL),
    OPTION(LIST, "tmpfs", 0, tmpfs, "DIR[:OPTIONS]", "Mount a tmpfs", NULL),
    OPTION(FLAG, "read-only", 0, read_only, NULL, "Root file system read-only", NULL),
    OPTION(LIST, "storage-opt", 0, storage_opt, "size=BYTES", "Limit what it writes to its root",
           NULL),
    OPTION(STRING, "shm-size", 0, shm_size, "BYTES", "Size of /dev/shm (64m)", NULL),
    OPTION(LIST, "device", 0, device, "DEV[:PATH][:rwm]", "Give a device of the host", NULL),
    OPTION(LIST, "device-cgroup-rule", 0, device_rule, "RULE", "Allow devices: c 1:3 rwm, b *:* r",
           NULL),

    OPTION(LIST, "network", 0, network.network, "NETWORK",
           "A network's name, or name=…,ip=…,alias=…; a MODE, bridge (default), none", "Network"),
    OPTION(LIST, "net", 0, network.network, "NETWORK", NULL, NULL),
    OPTION(LIST, "publish", 'p', publish, "[IP:][PORT:]PORT[/PROTOCOL]",
           "Publish a port on this machine: 8080:80, 127.0.0.1::53/udp", NULL),
    OPTION(FLAG, "publish-all", 'P', publish_all, NULL, "Publish all exposed ports, on free ones",
           NULL),
    OPTION(LIST, "expose", 0, expose, "PORT[-PORT][/PROTOCOL]", "Ports that it serves", NULL),
    OPTION(STRING, "ip", 0, network.ip, "ADDRESS", "Its IPv4 address", NULL),
    OPTION(STRING, "ip6", 0, network.ip6, "ADDRESS", "Its IPv6 address", NULL),
    OPTION(STRING, "mac-address", 0, network.mac, "ADDRESS", "Its MAC address", NULL),
    OPTION(LIST, "network-alias", 0, network.alias, "NAME", "Another name on its network", NULL),
    OPTION(LIST, "net-alias", 0, network.alias, "NAME", NULL, NULL),
    OPTION(LIST, "network-opt", 0, network.opt, "KEY=VALUE",
           "Option of the network's driver: rate=10mbit", NULL),
    OPTION(LIST, "link-local-ip", 0, network.link_local_ip, "ADDRESS", NULL, NULL),
    OPTION(LIST, "dns", 0, dns, "ADDRESS", "Name server", NULL),
    OPTION(LIST, "dns-search", 0, dns_search, "DOMAIN", "Search domain", NULL),
    OPTION(LIST, "dns-option", 0, dns_option, "OPTION", "Resolver option", NULL),
    OPTION(LIST, "dns-opt", 0, dns_option, "OPTION", NULL, NULL),
    OPTION(LIST, "add-host", 0, add_host, "NAME:ADDRESS", "Line for /etc/hosts", NULL),

    OPTION(LIST, "cap-add", 0, cap_add, "CAP", "Add a capability (or ALL)", "Security"),
    OPTION(LIST, "cap-drop", 0, cap_drop, "CAP", "Drop a capability (or ALL)", NULL),
    OPTION(FLAG, "privileged", 0, privileged, NULL, "All capabilities and devices, no filter",
           NULL),
    OPTION(LIST, "security-opt", 0, security_opt, "OPTION",
           "seccomp=FILE|unconfined, no-new-privileges", NULL),
    OPTION(LIST, "sysctl", 0, sysctl, "KEY=VALUE", "Kernel parameter of its namespaces", NULL),

    LIMIT_OPTION_ROWS(struct request_options),
    OPTION(FLAG, "oom-kill-disable", 0, oom_kill_disable, NULL, "No OOM killer (cgroup v1)", NULL),
    OPTION(STRING, "cgroup-parent", 0, cgroup_parent, "PATH", "Parent cgroup (/skiff)", NULL),

    OPTION(STRING, "log-driver", 0, log_driver, "DRIVER",
           "Where output goes: file, none, journald, syslog", "Log"),
    OPTION(LIST, "log-opt", 0, log_opt, "KEY=VALUE", "max-size, max-file, tag, labels, env", NULL),

    OPTION(FLAG, "disable-content-trust", 0, no_trust, NULL, NULL, NULL), /* there is none */
    LATER("link", 0),
    LATER("gpus", 0),
    LATER("kernel-memory", 0),
    LATER("isolation", 0),
    LATER("cpu-count", 0),
    LATER("cpu-percent", 0),
    LATER("io-maxbandwidth", 0),
    LATER("io-maxiops", 0),
    LATER("runtime", 0),
    LATER("use-api-socket", 0),
    {0},
};

/* The request while it is put together. */
struct builder {
    json_t *request, *host;
    struct err *e;
};

static int put(struct builder *b, json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(b->e) : 0;
}

static int put_text(struct builder *b, json_t *object, const char *key, const char *option,
                    const char *text)
{
    if (!text)
        return 0;
    json_t *j = json_string(text);
    if (!j)
        return err_set(b->e, EINVAL, "option \"--%s\": its value is not UTF-8", option);
    return put(b, object, key, j);
}

/* A reference is ASCII: what is not even UTF-8 is none. */
static int put_image(struct builder *b, const char *reference)
{
    json_t *j = json_string(reference);
    if (!j)
        return err_set(b->e, EINVAL, "invalid reference format: \"%s\"", reference);
    return put(b, b->request, "Image", j);
}

static int put_list(struct builder *b, json_t *object, const char *key, const char *option,
                    const struct option_list *list)
{
    json_t *array = json_array();
    int r = put(b, object, key, array);
    for (size_t i = 0; r == 0 && i < list->n; i++) {
        json_t *j = json_string(list->v[i]);
        if (!j)
            return err_set(b->e, EINVAL, "option \"--%s\": its value is not UTF-8", option);
        r = json_array_append_new(array, j) < 0 ? err_nomem(b->e) : 0;
    }
    return r;
}

/* "KEY=VALUE" options to members of @pairs; a missing value is empty. */
static int add_pairs(struct builder *b, json_t *pairs, const char *option,
                     const struct option_list *list, char separator, bool need_value)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->n; i++) {
        const char *text = list->v[i];
        const char *value = strchrnul(text, separator);
        if (value == text || (need_value && !*value))
            return err_set(b->e, EINVAL, "option \"--%s\": \"%s\" is not KEY%cVALUE", option, text,
                           separator);
        _cleanup_free_ char *name = strndup(text, (size_t)(value - text));
        json_t *j = json_string(*value ? value + 1 : "");
        if (!name)
            return err_nomem(b->e);
        if (!j || json_object_set_new(pairs, name, j) < 0)
            return err_set(b->e, EINVAL, "option \"--%s\": its value is not UTF-8", option);
    }
    return r;
}

/* The same as one object. */
static int put_pairs(struct builder *b, json_t *object, const char *key, const char *option,
                     const struct option_list *list, char separator, bool need_value)
{
    json_t *pairs = json_object();
    int r = put(b, object, key, pairs);
    return r == 0 ? add_pairs(b, pairs, option, list, separator, need_value) : r;
}

static int put_environment(struct builder *b, const struct request_options *o)
{
    json_t *env = json_array();
    int r = put(b, b->request, "Env", env);
    for (size_t i = 0; r == 0 && i < o->env_file.n; i++)
        r = add_env_file(env, o->env_file.v[i], b->e);
    for (size_t i = 0; r == 0 && i < o->env.n; i++)
        r = add_env(env, o->env.v[i], b->e);
    return r;
}

static int put_words(struct builder *b, const char *key, int argc, char **argv)
{
    json_t *list = json_array();
    int r = put(b, b->request, key, list);
    for (int i = 0; r == 0 && i < argc; i++) {
        json_t *j = json_string(argv[i]);
        if (!j)
            return err_set(b->e, EINVAL, "the command's word %d is not UTF-8", i + 1);
        r = json_array_append_new(list, j) < 0 ? err_nomem(b->e) : 0;
    }
    return r;
}

static int check_label(const char *text, struct err *e)
{
    size_t n = strcspn(text, "=");
    return strcspn(text, " \t\n\v\f\r") < n
               ? err_set(e, EINVAL, "option \"--label\": label '%.*s' contains whitespaces", (int)n,
                         text)
               : 0;
}

/* Those of files first: an option of the same name counts. */
static int put_labels(struct builder *b, const struct request_options *o)
{
    json_t *labels = json_object();
    int r = put(b, b->request, "Labels", labels);
    for (size_t i = 0; r == 0 && i < o->label.n; i++)
        r = check_label(o->label.v[i], b->e);
    for (size_t i = 0; r == 0 && i < o->label_file.n; i++)
        r = add_label_file(labels, o->label_file.v[i], b->e);
    return r == 0 ? add_pairs(b, labels, "label", &o->label, '=', false) : r;
}

static int put_process(struct builder *b, const struct request_options *o)
{
    int r = put_environment(b, o);
    if (r == 0)
        r = put_text(b, b->request, "User", "user", o->user);
    if (r == 0 && o->workdir && o->workdir[0] != '/')
        return err_set(b->e, EINVAL,
                       "the working directory '%s' is invalid, it needs to be an "
                       "absolute path",
                       o->workdir);
    if (r == 0)
        r = put_text(b, b->request, "WorkingDir", "workdir", o->workdir);
    if (r == 0 && o->stop_signal && signal_by_name(o->stop_signal) < 0)
        return err_set(b->e, EINVAL, "invalid signal: %s", o->stop_signal);
    if (r == 0)
        r = put_text(b, b->request, "StopSignal", "stop-signal", o->stop_signal);
    const char *entrypoint[] = {o->entrypoint};
    if (r == 0 && o->entrypoint)
        r = put_list(b, b->request, "Entrypoint", "entrypoint",
                     &(struct option_list){.v = entrypoint, .n = *o->entrypoint ? 1 : 0});
    return r == 0 ? put_labels(b, o) : r;
}

static int check_hostname(const char *name, struct err *e)
{
    if (!name)
        return 0;
    if (strlen(name) > 64 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789.-_")])
        return err_set(e, EINVAL, "invalid hostname \"%s\": up to 64 of [a-zA-Z0-9._-]", name);
    return 0;
}

static int put_namespaces(struct builder *b, const struct request_options *o)
{
    const struct {
        const char *key, *option, *value;
    } modes[] = {
        {"PidMode", "pid", o->pid},
        {"IpcMode", "ipc", o->ipc},
        {"UTSMode", "uts", o->uts},
        {"CgroupnsMode", "cgroupns", o->cgroupns},
        {"UsernsMode", "userns", o->userns},
        {"TimeMode", "time",
         o->time            ? o->time
         : o->time_offset.n ? "private"
                            : NULL},
    };
    int r = check_hostname(o->hostname, b->e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(modes); i++)
        r = put_text(b, b->host, modes[i].key, modes[i].option,
                     modes[i].value ? modes[i].value : "");
    if (r == 0)
        r = put_text(b, b->request, "Hostname", "hostname", o->hostname ? o->hostname : "");
    if (r == 0)
        r = put_text(b, b->request, "Domainname", "domainname", o->domainname ? o->domainname : "");
    if (r == 0 && o->hostname && str_eq(o->uts, "host"))
        return err_set(b->e, EINVAL, "conflicting options: hostname and the UTS mode");

    json_t *offsets = json_object();
    if (r == 0)
        r = put(b, b->host, "TimeOffsets", offsets);
    for (size_t i = 0; r == 0 && i < o->time_offset.n; i++)
        r = parse_time_offset(o->time_offset.v[i], offsets, b->e);
    return r;
}

/* A list option whose entries are parsed one by one into objects. */
static int put_parsed(struct builder *b, const char *key, const struct option_list *list,
                      int (*parse)(const char *, json_t **, struct err *))
{
    json_t *array = json_array();
    int r = put(b, b->host, key, array);
    for (size_t i = 0; r == 0 && i < list->n; i++) {
        json_t *item = NULL;
        r = parse(list->v[i], &item, b->e);
        if (r == 0 && json_array_append_new(array, item) < 0)
            r = err_nomem(b->e);
    }
    return r;
}

/* A path alone is a volume that nobody names. */
static int put_volume(struct builder *b, const char *option, json_t *binds, json_t *anonymous)
{
    if (!strchr(option, ':'))
        return json_object_set_new(anonymous, option, json_object()) < 0
                   ? err_set(b->e, EINVAL, "option \"--volume\": its value is not UTF-8")
                   : 0;
    _cleanup_free_ char *text = absolute_source(option);
    if (!text)
        return err_sys(b->e, errno, "cannot tell the working directory");
    json_t *j = json_string(text);
    if (!j)
        return err_set(b->e, EINVAL, "option \"--volume\": its value is not UTF-8");
    return json_array_append_new(binds, j) < 0 ? err_nomem(b->e) : 0;
}

static int put_volumes(struct builder *b, const struct option_list *list)
{
    json_t *binds = json_array();
    _cleanup_json_ json_t *anonymous = json_object();
    int r = put(b, b->host, "Binds", binds);
    for (size_t i = 0; r == 0 && i < list->n; i++)
        r = put_volume(b, list->v[i], binds, anonymous);
    return r == 0 && json_object_size(anonymous) > 0
               ? put(b, b->request, "Volumes", json_incref(anonymous))
               : r;
}

static int put_files(struct builder *b, const struct request_options *o)
{
    long long shm = 0;
    int r = put_volumes(b, &o->volume);
    if (r == 0)
        r = put_list(b, b->host, "VolumesFrom", "volumes-from", &o->volumes_from);
    if (r == 0)
        r = put_text(b, b->host, "VolumeDriver", "volume-driver", o->volume_driver);
    if (r == 0 && o->storage_opt.n > 0)
        r = put_pairs(b, b->host, "StorageOpt", "storage-opt", &o->storage_opt, '=', true);
    if (r == 0)
        r = put_parsed(b, "Mounts", &o->mount, parse_mount);
    if (r == 0)
        r = put_pairs(b, b->host, "Tmpfs", "tmpfs", &o->tmpfs, ':', false);
    if (r == 0)
        r = put_parsed(b, "Devices", &o->device, parse_device);
    if (r == 0)
        r = put_list(b, b->host, "DeviceCgroupRules", "device-cgroup-rule", &o->device_rule);
    if (r == 0 && o->shm_size)
        r = parse_bytes("--shm-size", o->shm_size, &shm, b->e);
    if (r == 0 && shm < 0)
        return err_set(b->e, EINVAL, "--shm-size can not be less than 0");
    return r == 0 ? put(b, b->host, "ShmSize", json_integer(shm > 0 ? shm : 64 << 20)) : r;
}

static int check_address(const char *option, const char *text, struct err *e)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
        return 0;
    return err_set(e, EINVAL, "invalid argument \"%s\" for \"--%s\": %s is not an ip address", text,
                   option, text);
}

static int put_network(struct builder *b, const struct request_options *o)
{
    int r = network_options_put(&o->network, b->request, b->host, b->e);
    if (r == 0)
        r = port_options_put(&o->publish, &o->expose, o->publish_all, b->request, b->host, b->e);
    for (size_t i = 0; r == 0 && i < o->dns.n; i++)
        r = check_address("dns", o->dns.v[i], b->e);
    for (size_t i = 0; r == 0 && i < o->add_host.n; i++) {
        const char *text = o->add_host.v[i], *address = strpbrk(text, ":=");
        if (!address || address == text)
            return err_set(b->e, EINVAL, "bad format for add-host: \"%s\"", text);
        if (!str_eq(address + 1, "host-gateway"))
            r = check_address("add-host", address + 1, b->e);
    }
    if (r == 0)
        r = put_list(b, b->host, "Dns", "dns", &o->dns);
    if (r == 0)
        r = put_list(b, b->host, "DnsSearch", "dns-search", &o->dns_search);
    if (r == 0)
        r = put_list(b, b->host, "DnsOptions", "dns-option", &o->dns_option);
    return r == 0 ? put_list(b, b->host, "ExtraHosts", "add-host", &o->add_host) : r;
}

/* As Docker keeps them: in capitals, with CAP_. Whether there is such a one is the engine's
 * business. */
static int put_capabilities(struct builder *b, const char *key, const struct option_list *list)
{
    json_t *array = json_array();
    int r = put(b, b->host, key, array);
    for (size_t i = 0; r == 0 && i < list->n; i++) {
        const char *name = list->v[i];
        bool whole = strcasecmp(name, "ALL") == 0 || strncasecmp(name, "CAP_", 4) == 0;
        _cleanup_free_ char *full = str_printf("%s%s", whole ? "" : "CAP_", name);
        if (!full)
            return err_nomem(b->e);
        for (char *p = full; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
        json_t *j = json_string(full);
        if (!j)
            return err_set(b->e, EINVAL, "invalid capability: it is not UTF-8");
        r = json_array_append_new(array, j) < 0 ? err_nomem(b->e) : 0;
    }
    return r;
}

static int put_security(struct builder *b, const struct request_options *o)
{
    int r = put_capabilities(b, "CapAdd", &o->cap_add);
    if (r == 0)
        r = put_capabilities(b, "CapDrop", &o->cap_drop);
    if (r == 0)
        r = put_list(b, b->host, "SecurityOpt", "security-opt", &o->security_opt);
    if (r == 0)
        r = put_list(b, b->host, "GroupAdd", "group-add", &o->group_add);
    if (r == 0)
        r = put_pairs(b, b->host, "Sysctls", "sysctl", &o->sysctl, '=', true);
    if (r == 0)
        r = put(b, b->host, "Privileged", json_boolean(o->privileged));
    if (r == 0 && o->annotation.n > 0)
        r = put_pairs(b, b->host, "Annotations", "annotation", &o->annotation, '=', false);
    return r == 0 ? put(b, b->host, "ReadonlyRootfs", json_boolean(o->read_only)) : r;
}

static int put_limits(struct builder *b, const struct request_options *o)
{
    int r = limit_options_put(&o->limits, b->host, b->e);
    if (r == 0)
        r = put(b, b->host, "OomScoreAdj", json_integer(o->oom_score_adj));
    if (r == 0)
        r = put_text(b, b->host, "CgroupParent", "cgroup-parent", o->cgroup_parent);
    if (r == 0)
        r = put(b, b->host, "OomKillDisable", json_boolean(o->oom_kill_disable));
    return r == 0 ? put_parsed(b, "Ulimits", &o->ulimit, parse_ulimit) : r;
}

static int put_restart_policy(struct builder *b, const struct request_options *o)
{
    json_t *policy = NULL;
    int r = parse_restart_policy(o->restart ? o->restart : "no", &policy, b->e);
    if (r == 0 && o->remove && !str_eq(json_str(policy, "Name"), "no")) {
        json_decref(policy);
        return err_set(b->e, EINVAL, "conflicting options: cannot specify both --restart and --rm");
    }
    return r == 0 ? put(b, b->host, "RestartPolicy", policy) : r;
}

static int put_logging(struct builder *b, const struct request_options *o)
{
    json_t *config = json_object();
    int r = put(b, b->host, "LogConfig", config);
    if (r == 0)
        r = put_text(b, config, "Type", "log-driver",
                     o->log_driver ? o->log_driver : LOG_DRIVER_DEFAULT);
    return r == 0 ? put_pairs(b, config, "Config", "log-opt", &o->log_opt, '=', true) : r;
}

static int put_streams(struct builder *b, const struct request_options *o)
{
    struct winsize w = {0};
    if (o->tty)
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
    int r = put(b, b->request, "Tty", json_boolean(o->tty));
    if (r == 0)
        r = put(b, b->request, "OpenStdin", json_boolean(o->interactive));
    if (r == 0)
        r = put(b, b->request, "StdinOnce", json_boolean(o->interactive && !o->detach));
    if (r == 0)
        r = put(b, b->request, "AttachStdin", json_boolean(o->interactive && !o->detach));
    if (r == 0)
        r = put(b, b->request, "AttachStdout", json_boolean(!o->detach));
    if (r == 0)
        r = put(b, b->request, "AttachStderr", json_boolean(!o->detach));
    if (r == 0 && o->stop_timeout != STOP_TIMEOUT_UNSET)
        r = put(b, b->request, "StopTimeout", json_integer(o->stop_timeout));
    if (r == 0)
        r = health_options_put(&o->health, b->request, b->e);
    if (r == 0)
        r = put(b, b->host, "AutoRemove", json_boolean(o->remove));
    if (r == 0)
        r = put(b, b->host, "Init", json_boolean(o->init));
    return r == 0 ? put(b, b->host, "ConsoleSize", json_pack("[i,i]", w.ws_row, w.ws_col)) : r;
}

int request_build(const struct request_options *o, const char *image, int argc, char **argv,
                  json_t **ret, struct err *e)
{
    static int (*const parts[])(struct builder *, const struct request_options *) = {
        put_streams,  put_process, put_namespaces,     put_files,   put_network,
        put_security, put_limits,  put_restart_policy, put_logging,
    };
    _cleanup_json_ json_t *request = json_object();
    struct builder b = {.request = request, .host = json_object(), .e = e};
    int r = put(&b, request, "HostConfig", b.host);
    if (r == 0)
        r = put_image(&b, image);
    if (r == 0)
        r = put_words(&b, "Cmd", argc, argv);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
        r = parts[i](&b, o);
    if (r == 0)
        *ret = TAKE_PTR(request);
    return r;
}
