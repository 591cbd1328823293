#include "oci/oci.h"

#include "base/file.h"
#include "base/json.h"
#include "runtime/capabilities.h"
#include "runtime/hooks.h"
#include "runtime/namespaces.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

#include <fcntl.h>
#include <string.h>

/* runtime-spec 1.2: what a new bundle starts from; the container of `runc spec`. */
static const char default_config[] =
    "{\"ociVersion\":\"1.2.0\","
    "\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
    "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
    "\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{"
    "\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
    "\"noNewPrivileges\":true},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"skiff\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":"
    "[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":"
    "[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","
    "\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\","
    "\"/sys/firmware\",\"/proc/scsi\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
    "\"/proc/sysrq-trigger\"]}}";

int oci_spec(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct {
        const char *bundle;
    } o = {0};
    const struct option_def table[] = {{"bundle", 'b', OPTION_STRING, 0, "DIR",
                                        "The bundle's folder (the current one)", "Options"},
                                       {0}};
    char **words;
    int r = oci_parse("spec [--bundle DIR]", table, argc, argv, 0, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;

    _cleanup_close_ int fd = dir_open(AT_FDCWD, o.bundle ? o.bundle : ".", false, e);
    if (fd < 0)
        return fd;
    if (faccessat(fd, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(e, EEXIST, "\"config.json\" is there already: remove it first");
    _cleanup_json_ json_t *j = NULL;
    r = json_parse(default_config, strlen(default_config), "config.json", &j, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *text = json_text(j, JSON_INDENT(4));
    if (!text)
        return err_nomem(e);
    return file_replace(fd, "config.json", text, strlen(text), 0644, 0, e);
}

static json_t *names_of(const char *(*name)(int), int n)
{
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        json_gather(&list, json_string(name(i)));
    return list;
}

static const char *namespace_name(int kind)
{
    return namespace_types[kind].name;
}

static const char *name_of_hook(int which)
{
    return hook_name((enum hook)which);
}

static json_t *describe_linux(void)
{
    int last = 0;
    while (capability_name(last))
        last++;
    return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b},"
                     " s:{s:{s:b}}, s:{s:b}}",
                     "namespaces", names_of(namespace_name, NS_KINDS), "capabilities",
                     names_of(capability_name, last), "cgroup", "v1", 1, "v2", 1, "systemd", 0,
                     "systemdUser", 0, "rdma", 1, "seccomp", seccomp_describe(), "apparmor",
                     "enabled", 0, "selinux", "enabled", 0, "intelRdt", "enabled", 0,
                     "mountExtensions", "idmap", "enabled", 0, "netDevices", "enabled", 0);
}

int oci_features(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    static const struct option_def none[] = {{0}};
    char **words;
    int r = oci_parse("features", none, argc, argv, 0, NULL, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_json_ json_t *options = json_array();
    if (!options || spec_list_mount_words(options) < 0)
        return err_nomem(e);
    _cleanup_json_ json_t *j =
        json_pack("{s:s, s:s, s:o, s:O, s:o}", "ociVersionMin", "1.0.0", "ociVersionMax",
                  OCI_VERSION, "hooks", names_of(name_of_hook, HOOK_KINDS), "mountOptions", options,
                  "linux", describe_linux());
    _cleanup_free_ char *text = j ? json_text(j, JSON_INDENT(2)) : NULL;
    if (!text)
        return err_nomem(e);
    puts(text);
    return 0;
}
