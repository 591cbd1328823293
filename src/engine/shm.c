#include "engine/shm.h"

#include "base/cleanup.h"
#include "engine/mount_maker.h"
#include "kernel/mount.h"
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/vfs.h>

struct wanted {
    const char *path;
    uint64_t resolve;
};

static int clone_here(void *data, struct err *e)
{
    const struct wanted *w = data;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd =
        root < 0 ? -errno : root_open(root, w->path, O_PATH | O_DIRECTORY, 0, w->resolve);
    struct statfs fs;
    if (fd < 0)
        return err_sys(e, -fd, "cannot open its \"%s\"", w->path);
    if (fstatfs(fd, &fs) < 0)
        return err_sys(e, errno, "cannot stat its \"%s\"", w->path);
    if (fs.f_type != TMPFS_MAGIC)
        return err_set(e, EINVAL, "its \"%s\" is not a tmpfs", w->path);
    return mount_clone(fd, "", false, e);
}

static int clone_wanted(pid_t pid, struct wanted *w, struct err *e)
{
    _cleanup_close_ int mount_namespace = namespace_open(pid, NS_MOUNT);
    if (mount_namespace < 0)
        return err_sys(e, -mount_namespace, "cannot open the mount namespace of process %d", pid);
    return mount_make_in(mount_namespace, clone_here, w, e);
}

int shm_clone(pid_t pid, struct err *e)
{
    return clone_wanted(pid, &(struct wanted){"/dev/shm", RESOLVE_NO_SYMLINKS}, e);
}

int tmpfs_clone(pid_t pid, const char *path, struct err *e)
{
    return clone_wanted(pid, &(struct wanted){path, 0}, e);
}
