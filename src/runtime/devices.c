#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What every container has, config-linux.md "Default Devices". The device numbers are the kernel's,
 * Documentation/admin-guide/devices.txt. */
static const struct spec_device defaults[] = {
    {"/dev/null", S_IFCHR | 0666, 0x103, 0, 0},    {"/dev/zero", S_IFCHR | 0666, 0x105, 0, 0},
    {"/dev/full", S_IFCHR | 0666, 0x107, 0, 0},    {"/dev/random", S_IFCHR | 0666, 0x108, 0, 0},
    {"/dev/urandom", S_IFCHR | 0666, 0x109, 0, 0}, {"/dev/tty", S_IFCHR | 0666, 0x500, 0, 0},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

static const struct spec_device *device_at(const struct spec *s, size_t i)
{
    return i < ARRAY_LEN(defaults) ? &defaults[i] : &s->devices[i - ARRAY_LEN(defaults)];
}

static size_t device_count(const struct spec *s)
{
    return ARRAY_LEN(defaults) + s->n_devices;
}

/* The spec's own list may say a default one otherwise: then that counts. */
static bool is_overridden(const struct spec *s, size_t i)
{
    for (size_t k = 0; i < ARRAY_LEN(defaults) && k < s->n_devices; k++)
        if (str_eq(defaults[i].path, s->devices[k].path))
            return true;
    return false;
}

int rootfs_open_devices(const struct spec *s, struct rootfs *r, struct err *e)
{
    size_t n = device_count(s);
    r->devices = calloc(n, sizeof(*r->devices));
    if (!r->devices)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        const struct spec_device *d = device_at(s, i);
        r->devices[r->n_devices++] = -EBADF;
        if (is_overridden(s, i))
            continue;
        struct stat st;
        r->devices[i] = mount_clone(AT_FDCWD, d->path, false, e);
        if (r->devices[i] < 0)
            return err_wrap(e, "device \"%s\"", d->path);
        if (fstat(r->devices[i], &st) < 0 || st.st_rdev != d->dev ||
            (st.st_mode & S_IFMT) != (d->mode & S_IFMT))
            return err_set(e, ENODEV, "\"%s\" of this machine is not the device %u:%u", d->path,
                           major(d->dev), minor(d->dev));
    }
    return 0;
}

/* Opens the folder of @path, made if missing, and points @ret_name at the last part. */
static int open_parent(int root_fd, const char *path, const char **ret_name, struct err *e)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash[1] == '\0' || str_eq(slash, "/.") || str_eq(slash, "/.."))
        return err_set(e, EINVAL, "not a device's path");
    _cleanup_free_ char *parent = strndup(path, (size_t)(slash - path) + (slash == path));
    if (!parent)
        return err_nomem(e);
    *ret_name = slash + 1;

    _cleanup_close_ int fd = root_make_dir(root_fd, parent, 0755, e);
    if (fd < 0)
        return fd;
    int strict = root_open(root_fd, parent, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
    if (strict < 0)
        return err_sys(e, -strict, "\"%s\" of the image cannot hold devices", parent);
    return strict;
}

static int make_node(int dir_fd, const char *name, const struct spec_device *d, struct err *e)
{
    /* Whatever an image put there is not a device that it may choose. */
    if (mknodat(dir_fd, name, d->mode, d->dev) < 0) {
        if (errno != EEXIST || unlinkat(dir_fd, name, 0) < 0 ||
            mknodat(dir_fd, name, d->mode, d->dev) < 0)
            return err_sys(e, errno, "cannot make the node");
    }
    /* mknod is subject to umask, which init has cleared; the owner is mostly root already. */
    if ((d->uid || d->gid) && fchownat(dir_fd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, errno, "cannot set the owner");
    return 0;
}

static int bind_node(int root_fd, const struct spec_device *d, int source, struct err *e)
{
    _cleanup_close_ int made = root_make_file(root_fd, d->path, 0666, e);
    if (made < 0)
        return made;
    _cleanup_close_ int target = root_open(root_fd, d->path, O_PATH, 0, RESOLVE_NO_SYMLINKS);
    if (target < 0)
        return err_sys(e, -target, "cannot be mounted on");
    return mount_attach(source, target, e);
}

static int make_link(int dev_fd, const char *name, const char *target, struct err *e)
{
    if (symlinkat(target, dev_fd, name) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(e, errno, "cannot make link \"/dev/%s\"", name);
    struct stat st;
    if (fstatat(dev_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
        !S_ISCHR(st.st_mode) && unlinkat(dev_fd, name, 0) == 0)
        return symlinkat(target, dev_fd, name) < 0
                   ? err_sys(e, errno, "cannot make link \"/dev/%s\"", name)
                   : 0;
    return 0; /* a folder or a bound device: somebody's wish */
}

/* A bind over all of /dev is the user's own; its content is left alone. */
static bool dev_is_bound(const struct spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++)
        if (s->mounts[i].bind && str_eq(s->mounts[i].destination, "/dev"))
            return true;
    return false;
}

int rootfs_build_devices(const struct spec *s, struct rootfs *r, struct err *e)
{
    if (dev_is_bound(s))
        return 0;
    const char *name;
    _cleanup_close_ int dev_fd = open_parent(r->mount_fd, "/dev/null", &name, e);
    if (dev_fd < 0)
        return dev_fd;

    for (size_t i = 0; i < device_count(s); i++) {
        const struct spec_device *d = device_at(s, i);
        if (is_overridden(s, i))
            continue;
        int rc;
        if (!r->nodes) {
            rc = bind_node(r->mount_fd, d, r->devices[i], e);
        } else if (i < ARRAY_LEN(defaults)) {
            rc = make_node(dev_fd, strrchr(d->path, '/') + 1, d, e);
        } else {
            _cleanup_close_ int parent = open_parent(r->mount_fd, d->path, &name, e);
            rc = parent < 0 ? parent : make_node(parent, name, d, e);
        }
        if (rc < 0)
            return err_wrap(e, "device \"%s\"", d->path);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        int rc = make_link(dev_fd, links[i].name, links[i].target, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}
