#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
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

/* What @path leads to. Below a mount of ours it is looked up from that mount, whose descriptor we
 * have: if somebody who can write to the root could rename the folder under it meanwhile, we would
 * find nothing there, mask nothing, and he would rename it back (CVE-2023-28642). */
static int open_path(const struct spec *s, const struct rootfs *r, const char *path)
{
    const char *rest = NULL;
    size_t longest = 0;
    int fd = -EBADF;
    for (size_t i = 0; i < s->n_mounts; i++) {
        const char *below = str_after(path, s->mounts[i].destination);
        size_t n = below ? (size_t)(below - path) : 0;
        if (r->sources[i] >= 0 && n >= longest && n > 0 && (*below == '/' || *below == '\0')) {
            fd = r->sources[i];
            rest = below;
            longest = n;
        }
    }
    if (fd < 0 || strstr(path, ".."))
        return root_open(r->mount_fd, path, O_PATH, 0, 0);
    if (*rest)
        return root_open(fd, rest, O_PATH, 0, 0);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

static int mask_path(struct masks *m, const struct spec *s, const struct rootfs *r,
                     const char *path, struct err *e)
{
    _cleanup_close_ int target = open_path(s, r, path);
    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    if (target < 0)
        return err_sys(e, -target, "cannot open it");
    struct stat st;
    if (fstat(target, &st) < 0)
        return err_sys(e, errno, "cannot stat it");
    return S_ISDIR(st.st_mode) ? mask_folder(m, target, e) : mask_file(m, r->mount_fd, target, e);
}

static int protect_path(const struct spec *s, const struct rootfs *r, const char *path,
                        struct err *e)
{
    _cleanup_close_ int target = open_path(s, r, path);
    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    if (target < 0)
        return err_sys(e, -target, "cannot open it");
    _cleanup_close_ int copy = mount_clone(target, "", true, e);
    if (copy < 0)
        return copy;
    int rc = mount_change(copy, MOUNT_ATTR_RDONLY, 0, true, e);
    return rc < 0 ? rc : mount_attach(copy, target, e);
}

int rootfs_mask_paths(const struct spec *s, struct rootfs *r, struct err *e)
{
    struct masks m = {.null_fd = -EBADF, .folder_fd = -EBADF};
    int rc = 0;
    size_t i;
    json_t *item;

    json_array_foreach (s->readonly_paths, i, item) {
        const char *path = json_string_value(item);
        rc = path ? protect_path(s, r, path, e) : err_set(e, EINVAL, "not a string");
        if (rc < 0) {
            err_wrap(e, "read-only path \"%s\"", path ? path : "?");
            goto out;
        }
    }
    json_array_foreach (s->masked_paths, i, item) {
        const char *path = json_string_value(item);
        rc = path ? mask_path(&m, s, r, path, e) : err_set(e, EINVAL, "not a string");
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
