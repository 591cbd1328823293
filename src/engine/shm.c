#include "engine/shm.h"

#include "base/cleanup.h"
#include "engine/mount_maker.h"
#include "kernel/mount.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>

static int clone_here(void *data, struct err *e)
{
    (void)data;
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

int shm_clone(pid_t pid, struct err *e)
{
    _cleanup_close_ int mount_namespace = namespace_open(pid, NS_MOUNT);
    if (mount_namespace < 0)
        return err_sys(e, -mount_namespace, "cannot open the mount namespace of process %d", pid);
    return mount_make_in(mount_namespace, clone_here, NULL, e);
}
