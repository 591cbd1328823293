#include "kernel/mount.h"
#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What masks are made of: /dev/null for files, one empty read-only tmpfs for folders. Both are made
 * at first use; further folders get a copy of the first one's mount. */
struct masks {
    int null_fd;
    int folder_fd;
    bool folder_used;
};

static int mask_file(struct masks *m, int root_fd, int target, struct err *e)
{
    if (m->null_fd < 0) {
        /* An image or a volume could have put a link there: what is bound must be the device
         * itself, as seen on the descriptor that is then used (CVE-2025-31133). */
        struct stat st;
        int fd = root_open(root_fd, "/dev/null", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
        if (fd < 0)
            return err_sys(e, -fd, "cannot open \"/dev/null\"");
        m->null_fd = fd;
        if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
            return err_set(e, EINVAL, "\"/dev/null\" is not the null device");
    }
    _cleanup_close_ int copy = mount_clone(m->null_fd, "", false, e);
    if (copy < 0)
        return copy;
    return mount_attach(copy, target, e);
}

static int mask_folder(struct masks *m, int target, struct err *e)
{
    const struct mount_option options[] = {{"size", "4k"}, {"nr_inodes", "2"}, {"mode", "0555"}};
    uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

    if (!m->folder_used) {
        m->folder_fd = mount_new("tmpfs", "tmpfs", options, ARRAY_LEN(options), attrs, e);
        if (m->folder_fd < 0)
            return m->folder_fd;
        m->folder_used = true;
        return mount_attach(m->folder_fd, target, e);
    }
    _cleanup_close_ int copy = mount_clone(m->folder_fd, "", false, e);
    if (copy < 0)
        return copy;
    return mount_attach(copy, target, e);
}

static int mask_path(struct masks *m, int root_fd, const char *path, struct err *e)
{
    _cleanup_close_ int target = root_open(root_fd, path, O_PATH, 0, 0);
    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    if (target < 0)
        return err_sys(e, -target, "cannot open it");
    struct stat st;
    if (fstat(target, &st) < 0)
        return err_sys(e, errno, "cannot stat it");
    return S_ISDIR(st.st_mode) ? mask_folder(m, target, e) : mask_file(m, root_fd, target, e);
}

static int protect_path(int root_fd, const char *path, struct err *e)
{
    _cleanup_close_ int target = root_open(root_fd, path, O_PATH, 0, 0);
    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    if (target < 0)
        return err_sys(e, -target, "cannot open it");
    _cleanup_close_ int copy = mount_clone(target, "", true, e);
    if (copy < 0)
        return copy;
    int r = mount_change(copy, MOUNT_ATTR_RDONLY, 0, true, e);
    return r < 0 ? r : mount_attach(copy, target, e);
}

int rootfs_mask_paths(const struct spec *s, struct rootfs *r, struct err *e)
{
    struct masks m = {.null_fd = -EBADF, .folder_fd = -EBADF};
    int rc = 0;
    size_t i;
    json_t *item;

    json_array_foreach (s->readonly_paths, i, item) {
        const char *path = json_string_value(item);
        rc = path ? protect_path(r->mount_fd, path, e) : err_set(e, EINVAL, "not a string");
        if (rc < 0) {
            err_wrap(e, "read-only path \"%s\"", path ? path : "?");
            goto out;
        }
    }
    json_array_foreach (s->masked_paths, i, item) {
        const char *path = json_string_value(item);
        rc = path ? mask_path(&m, r->mount_fd, path, e) : err_set(e, EINVAL, "not a string");
        if (rc < 0) {
            err_wrap(e, "masked path \"%s\"", path ? path : "?");
            goto out;
        }
    }
out:
    fd_close(&m.null_fd);
    fd_close(&m.folder_fd);
    return rc;
}
