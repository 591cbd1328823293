#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/rows.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

/* Each probe asks the kernel itself; 0 when it has it. What it makes is gone when it returns. */
static int probe_namespace(enum namespace_kind kind)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_types[kind].file);
    return access(path, F_OK) < 0 ? -errno : 0;
}

static int in_child(int (*probe)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWNS) < 0 ? 1 : probe() < 0 ? 1 : 0);
    return pid > 0 && process_wait(pid) == 0 ? 0 : -ENOSYS;
}

static int mounts_by_descriptor(void)
{
    int fd = mount_new("tmpfs", "check", NULL, 0, 0, NULL);
    if (fd < 0)
        return fd;
    int r = mount_change(fd, MOUNT_ATTR_RDONLY, 0, true, NULL);
    close(fd);
    return r;
}

static int probe_mounts(void)
{
    return in_child(mounts_by_descriptor);
}

static int probe_openat2(void)
{
    int fd = root_open(AT_FDCWD, ".", O_PATH, 0, 0);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static int probe_clone3(void)
{
    int pidfd = -EBADF;
    pid_t pid = process_clone(0, -1, &pidfd);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        process_wait(pid);
    fd_close(&pidfd);
    return pid < 0 ? (int)pid : 0;
}

static int probe_file_system(const char *name)
{
    int fd = (int)syscall(SYS_fsopen, name, 1);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -errno : 0;
}

static int probe_overlay(void)
{
    return probe_file_system("overlay");
}

static int probe_layers_one_by_one(void)
{
    int fd = (int)syscall(SYS_fsopen, "overlay", 1);
    long r = fd < 0 ? -1 : syscall(SYS_fsconfig, fd, 1, "lowerdir+", "/", 0);
    if (fd >= 0)
        close(fd);
    return r < 0 ? -errno : 0;
}

static int probe_seccomp(void)
{
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_ERRNO}) < 0
               ? -errno
               : 0;
}

static int probe_cgroup(void)
{
    struct statfs fs;
    if (statfs("/sys/fs/cgroup", &fs) < 0)
        return -errno;
    return fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC ? 0 : -ENODEV;
}

static int probe_nftables(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -errno : 0;
}

static int probe_bridge(void)
{
    return access("/sys/module/bridge", F_OK) == 0 || access("/sys/class/net/skiff0", F_OK) == 0
               ? 0
               : -ENOENT;
}

static int probe_user_namespaces(void)
{
    pid_t pid = process_clone(CLONE_NEWUSER, -1, NULL);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        process_wait(pid);
    return pid < 0 ? (int)pid : 0;
}

static const struct check {
    const char *name;
    int (*probe)(void);
    bool needed;
    const char *lost; /* what is lost without it */
} checks[] = {
    {"clone3, pidfd (5.3)", probe_clone3, true, "all containers"},
    {"openat2 (5.6)", probe_openat2, true,
     "all containers: no path of an image can be used safely"},
    {"mounts by descriptor, mount_setattr (5.12)", probe_mounts, true, "all containers"},
    {"overlay", probe_overlay, true, "all containers of images"},
    {"overlay layers one by one (6.8)", probe_layers_one_by_one, false,
     "some speed: a way with a mount namespace of its own is taken"},
    {"cgroups", probe_cgroup, false, "limits on memory, CPU and processes"},
    {"seccomp", probe_seccomp, false,
     "system call filters: containers run with --security-opt seccomp=unconfined only"},
    {"making user namespaces", probe_user_namespaces, false, "--userns=private"},
    {"nf_tables", probe_nftables, false, "the default network's way to the outside"},
    {"bridge", probe_bridge, false,
     "nothing if it can be loaded: the default network does it at first use"},
};

struct check_options {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct check_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, "Options"},
    {0},
};

/* Asks all of them: an array of rows. */
static json_t *ask(void)
{
    _cleanup_json_ json_t *rows = json_array();
    static const char row[] = "{s:o, s:b, s:b, s:o}";
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        const struct namespace_type *type = &namespace_types[kind];
        if (json_array_append_new(
                rows, json_pack(row, "Name", json_sprintf("%s namespaces", type->name), "Offered",
                                probe_namespace(kind) == 0, "Needed", type->by_default, "Lost",
                                json_sprintf("a wall between %s", type->walls))) < 0)
            return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (json_array_append_new(rows,
                                  json_pack(row, "Name", json_string(checks[i].name), "Offered",
                                            checks[i].probe() == 0, "Needed", checks[i].needed,
                                            "Lost", json_string(checks[i].lost))) < 0)
            return NULL;
    return TAKE_PTR(rows);
}

static void print_lines(const json_t *rows)
{
    struct utsname host;
    uname(&host);
    printf("Linux %s on %s%s\n", host.release, host.machine,
           geteuid() == 0 ? "" : " (not root: some answers are about your rights)");
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        bool offered = json_bool(row, "Offered", false), needed = json_bool(row, "Needed", false);
        enum colour colour = offered ? COLOUR_GOOD : needed ? COLOUR_BAD : COLOUR_MIDDLING;
        printf("%s%-5s%s %s%s%s%s\n", colour_begin(STDOUT_FILENO, colour), offered ? "yes" : "no",
               colour_end(STDOUT_FILENO, colour), json_str(row, "Name"),
               offered ? "" : ": lost: ", offered ? "" : json_str(row, "Lost"),
               !offered && needed ? " (needed)" : "");
    }
}

static int run_check(struct cli *c, int argc, char **argv, struct err *e)
{
    struct check_options o = {0};
    char **words;
    int n, status = 0;
    int r = cli_parse(&cmd_check, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_json_ json_t *rows = ask();
    _cleanup_json_ json_t *headers = json_pack("{s:s, s:s, s:s, s:s}", "Name", "NAME", "Offered",
                                               "OFFERED", "Needed", "NEEDED", "Lost", "LOST");
    if (!rows)
        return err_nomem(e);
    if (!o.format)
        print_lines(rows);
    else
        r = rows_print(o.format, "{{.Name}}\t{{.Offered}}\t{{.Needed}}\t{{.Lost}}", headers, rows,
                       e);
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row)
        status |= json_bool(row, "Needed", false) && !json_bool(row, "Offered", false);
    return r < 0 ? r : status;
}

const struct cli_command cmd_check = {
    .line = "check [OPTIONS]",
    .summary = "Show what this kernel offers, and what is lost without it",
    .options = table,
    .run = run_check,
};
