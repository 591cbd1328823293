#include "engine/shm.h"

#include "base/cleanup.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "runtime/control.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/vfs.h>

enum { PATIENCE = 10 /* seconds */ };

static int clone_here(struct err *e)
{
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd =
        root < 0 ? -errno
                 : root_open(root, "/dev/shm", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
    struct statfs fs;
    if (fd < 0)
        return err_sys(e, -fd, "cannot open its \"/dev/shm\"");
    if (fstatfs(fd, &fs) < 0)
        return err_sys(e, errno, "cannot stat its \"/dev/shm\"");
    if (fs.f_type != TMPFS_MAGIC)
        return err_set(e, EINVAL, "its \"/dev/shm\" is not a tmpfs");
    return mount_clone(fd, "", false, e);
}

/* In a process of its own: only from inside a mount namespace can its mounts be copied. */
static _Noreturn void clone_in(int mount_namespace, int sock)
{
    struct err e = ERR_INIT;
    alarm(PATIENCE); /* its file systems may be its own programs (FUSE), which need not answer */
    int fd = setns(mount_namespace, CLONE_NEWNS) < 0
                 ? err_sys(&e, errno, "cannot enter its mount namespace")
                 : clone_here(&e);
    if (fd >= 0)
        _exit(control_send(sock, CONTROL_READY, 0, 0, NULL, fd) < 0);
    control_send(sock, CONTROL_FAILED, STEP_SETUP, -fd, err_text(&e), -1);
    _exit(1);
}

static int receive(int sock, struct err *e)
{
    struct control_message m;
    int r = control_receive(sock, &m);
    if (r != 1)
        return err_set(e, EIO, "the process that copies it was killed");
    _cleanup_close_ int fd = m.fd;
    if (m.kind == CONTROL_READY && fd >= 0)
        return TAKE_FD(fd);
    return err_set(e, m.code > 0 ? m.code : EBADMSG, "%s", m.text);
}

int shm_clone(pid_t pid, struct err *e)
{
    _cleanup_close_ int mount_namespace = namespace_open(pid, NS_MOUNT);
    if (mount_namespace < 0)
        return err_sys(e, -mount_namespace, "cannot open the mount namespace of process %d", pid);
    int pair[2];
    int r = control_pair(pair);
    if (r < 0)
        return err_sys(e, -r, "cannot make a socket pair");
    _cleanup_close_ int mine = pair[0];
    pid_t child = process_clone(0, -1, NULL);
    if (child == 0)
        clone_in(mount_namespace, pair[1]);
    close(pair[1]);
    if (child < 0)
        return err_sys(e, -child, "cannot fork");
    int fd = receive(mine, e);
    process_wait(child);
    return fd;
}
