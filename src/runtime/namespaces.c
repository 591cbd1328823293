#include "runtime/namespaces.h"

#include "base/str.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

const struct namespace_type namespace_types[NS_KINDS] = {
    [NS_USER] = {"user", "user", "userns", CLONE_NEWUSER, false, "user and group IDs, privileges"},
    [NS_PID] = {"pid", "pid", "pid", CLONE_NEWPID, true, "process IDs"},
    [NS_NETWORK] = {"network", "net", "network", CLONE_NEWNET, true,
                    "network cards, addresses, routes, sockets"},
    [NS_IPC] = {"ipc", "ipc", "ipc", CLONE_NEWIPC, true, "System V IPC, POSIX message queues"},
    [NS_UTS] = {"uts", "uts", "uts", CLONE_NEWUTS, true, "the host's name"},
    [NS_CGROUP] = {"cgroup", "cgroup", "cgroupns", CLONE_NEWCGROUP, true,
                   "the root of the cgroup tree"},
    [NS_TIME] = {"time", "time", "time", CLONE_NEWTIME, false, "the monotonic and boot clocks"},
    [NS_MOUNT] = {"mount", "mnt", NULL, CLONE_NEWNS, true, "mounts: the file systems it sees"},
};

int namespace_by_name(const char *name)
{
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        if (str_eq(name, namespace_types[kind].name))
            return (int)kind;
    return -1;
}

static void proc_path(pid_t pid, enum namespace_kind kind, char *buf, size_t size)
{
    if (pid == 0)
        snprintf(buf, size, "/proc/self/ns/%s", namespace_types[kind].file);
    else
        snprintf(buf, size, "/proc/%d/ns/%s", pid, namespace_types[kind].file);
}

int namespace_open(pid_t pid, enum namespace_kind kind)
{
    char path[64];
    proc_path(pid, kind, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int namespace_open_path(const char *path, enum namespace_kind kind, struct err *e)
{
    const struct namespace_type *type = &namespace_types[kind];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, errno, "cannot join %s namespace \"%s\"", type->name, path);

    int flag = ioctl(fd, NS_GET_NSTYPE);
    if (flag < 0)
        return err_set(e, EINVAL, "cannot join \"%s\": not a namespace", path);
    if ((uint64_t)flag != type->flag)
        return err_set(e, EINVAL, "cannot join \"%s\": not a %s namespace", path, type->name);
    return TAKE_FD(fd);
}

uint64_t namespace_inode(pid_t pid, enum namespace_kind kind)
{
    char path[64];
    proc_path(pid, kind, path, sizeof(path));
    struct stat st;
    return stat(path, &st) < 0 ? 0 : st.st_ino;
}
