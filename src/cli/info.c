#include "base/file.h"
#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/template.h"
#include "engine/log_config.h"
#include "engine/state.h"
#include "image/image.h"
#include "network/network.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

struct format_option {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 'f', OPTION_STRING, offsetof(struct format_option, format), "TEMPLATE",
     "Print what a Go template says, or json", "Options"},
    {0},
};

static int print_formatted(const char *format, json_t *doc, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    int r = template_render(str_eq(format, "json") ? "{{json .}}" : format, doc, &out, e);
    str_add(&out, "\n");
    if (r < 0)
        return r;
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

struct counts {
    int containers, running, paused, images;
};

static int count(struct cli *c, struct counts *n, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    _cleanup_image_list_ struct image_list images = {0};
    int r = record_list(&c->engine, &ids, e);
    if (r == 0)
        r = image_list(c->engine.root_fd, &images, NULL, e);
    if (r < 0)
        return r;
    n->images = (int)images.n;
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        _cleanup_json_ json_t *state = NULL;
        r = record_open(&c->engine, ids.v[i], &record, NULL);
        if (r == 0)
            r = state_read(&c->engine, &record, &state, NULL, NULL);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0)
            continue;
        n->containers++;
        bool paused = str_eq(json_str(state, "State.Status"), "paused");
        n->paused += paused;
        n->running += !paused && json_bool(state, "State.Running", false);
    }
    return 0;
}

/* PRETTY_NAME of os-release(5); the caller's. */
static char *distribution(void)
{
    _cleanup_free_ char *text = NULL;
    if (file_read(AT_FDCWD, "/etc/os-release", 1 << 16, &text, NULL, NULL) < 0)
        return NULL;
    const char *name = strstr(text, "PRETTY_NAME=");
    if (!name)
        return NULL;
    name += strlen("PRETTY_NAME=");
    name += *name == '"';
    return strndup(name, strcspn(name, "\"\n"));
}

/* What does not depend on the machine, and what takes a file to know. */
static int gather_more(const struct counts *n, json_t *doc, struct err *e)
{
    char now[40];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    format_time(t, now);
    _cleanup_free_ char *pretty = distribution();
    _cleanup_json_ json_t *more =
        json_pack("{s:i, s:s, s:s, s:s, s:{s:{s:s}}, s:s, s:b, s:b, s:b, s:b, s:b, s:[], s:s, "
                  "s:{s:[s], s:[s,s,s,s,s], s:[s,s,s,s]}}",
                  "ContainersPaused", n->paused, "OperatingSystem", pretty ? pretty : "Linux",
                  "SystemTime", now, "DefaultRuntime", "skiff", "Runtimes", "skiff", "path",
                  "skiff-oci", "InitBinary", "skiff-init", "LiveRestoreEnabled", 1, "MemoryLimit",
                  1, "CpuCfsQuota", 1, "CPUSet", 1, "PidsLimit", 1, "Warnings",
                  "IndexServerAddress", "", "Plugins", "Volume", "local", "Network", "bridge",
                  "host", "ipvlan", "macvlan", "null", "Log", "file", "none", "journald", "syslog");
    return !more || json_object_update(doc, more) < 0 ? err_nomem(e) : 0;
}

static int gather(struct cli *c, json_t **ret, struct err *e)
{
    struct counts n = {0};
    struct utsname host;
    struct statfs cgroups;
    struct network_config bridge = {0};
    char subnet[IP_RANGE_TEXT] = "";
    int r = count(c, &n, e);
    if (r < 0)
        return r;
    uname(&host);
    bool v2 = statfs("/sys/fs/cgroup", &cgroups) == 0 && cgroups.f_type == CGROUP2_SUPER_MAGIC;
    if (network_default_look(&bridge, NULL) > 0)
        ip_range_format(&bridge.subnet4, subnet);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    *ret = json_pack("{s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:s, "
                     "s:s, s:[s], s:s}",
                     "Containers", n.containers, "ContainersRunning", n.running,
                     "ContainersStopped", n.containers - n.running - n.paused, "Images", n.images,
                     "ServerVersion", SKIFF_VERSION, "Driver", "overlay2", "CgroupVersion",
                     v2 ? "2" : "1", "CgroupDriver", "cgroupfs", "KernelVersion", host.release,
                     "OSType", "linux", "Architecture", host.machine, "NCPU", get_nprocs(),
                     "MemTotal", (json_int_t)pages * page, "Name", host.nodename, "DockerRootDir",
                     c->engine.root, "BridgeSubnet", subnet, "SecurityOptions",
                     "name=seccomp,profile=builtin", "LoggingDriver", LOG_DRIVER_DEFAULT);
    return *ret ? gather_more(&n, *ret, e) : err_nomem(e);
}

static int run_info(struct cli *c, int argc, char **argv, struct err *e)
{
    struct format_option o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_info, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_json_ json_t *doc = NULL;
    cli_reap(c);
    r = gather(c, &doc, e);
    if (r < 0)
        return r;
    if (o.format)
        return print_formatted(o.format, doc, e);

    const char *subnet = json_str(doc, "BridgeSubnet");
    printf("Containers: %lld\n Running: %lld\n Paused: %lld\n Stopped: %lld\nImages: %lld\n"
           "Version: %s\nStorage Driver: overlay2\nLogging Driver: " LOG_DRIVER_DEFAULT
           "\nCgroup Driver: cgroupfs\nCgroup Version: %s\n"
           "Bridge: %s\nKernel Version: %s\nOperating System: %s\nOSType: linux\nArchitecture: "
           "%s\nCPUs: %lld\nTotal Memory: %.4gGiB\n"
           "Name: %s\nRoot Dir: %s\nRun Dir: %s\nDaemon: none\n",
           json_int(doc, "Containers", 0), json_int(doc, "ContainersRunning", 0),
           json_int(doc, "ContainersPaused", 0), json_int(doc, "ContainersStopped", 0),
           json_int(doc, "Images", 0), SKIFF_VERSION, json_str(doc, "CgroupVersion"),
           *subnet ? subnet : "not made yet (at the first use of the default network)",
           json_str(doc, "KernelVersion"), json_str(doc, "OperatingSystem"),
           json_str(doc, "Architecture"), json_int(doc, "NCPU", 0),
           (double)json_int(doc, "MemTotal", 0) / (1 << 30), json_str(doc, "Name"), c->engine.root,
           c->engine.run);
    return 0;
}

const struct cli_command cmd_info = {
    .line = "info [OPTIONS]",
    .summary = "Show facts about this installation",
    .options = table,
    .flags = NEEDS_ENGINE,
    .run = run_info,
};

static int run_version(struct cli *c, int argc, char **argv, struct err *e)
{
    struct format_option o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_version, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    if (c->version) {
        printf("skiff version %s\n", SKIFF_VERSION);
        return 0;
    }
    struct utsname host;
    uname(&host);
    if (o.format) {
        /* Scripts ask for either; here they are one program. */
        _cleanup_json_ json_t *part =
            json_pack("{s:s, s:s, s:s, s:s}", "Version", SKIFF_VERSION, "Os", "linux", "Arch",
                      host.machine, "KernelVersion", host.release);
        _cleanup_json_ json_t *doc = json_pack("{s:O*, s:O*}", "Client", part, "Server", part);
        return doc ? print_formatted(o.format, doc, e) : err_nomem(e);
    }
    printf("skiff:\n Version:    %s\n OCI spec:   1.2.0\n OS/Arch:    linux/%s\n Kernel:     %s\n"
           " Daemon:     none\n",
           SKIFF_VERSION, host.machine, host.release);
    return 0;
}

const struct cli_command cmd_version = {
    .line = "version [OPTIONS]",
    .summary = "Show the version",
    .options = table,
    .run = run_version,
};
