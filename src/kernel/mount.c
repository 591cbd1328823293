#include "kernel/mount.h"

#include "base/str.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PROPAGATE_PRIVATE = 1 << 18 };

/* <sys/mount.h> and <linux/mount.h> cannot be included together in glibc 2.36. */
static int sys_fsopen(const char *fstype, unsigned flags)
{
    return (int)syscall(SYS_fsopen, fstype, flags);
}

static int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

static int sys_mount_setattr(int fd, unsigned flags, struct mount_attr *attr)
{
    return (int)syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr));
}

/* What the kernel says about a file system it would not make: "e overlay: ..." or nothing. */
static void kernel_words(int fs_fd, char *buf, size_t size)
{
    ssize_t n = read(fs_fd, buf, size - 1);
    buf[n > 0 ? n : 0] = '\0';
    if (n > 0 && buf[n - 1] == '\n')
        buf[n - 1] = '\0';
}

int mount_new(const char *fstype, const char *source, const struct mount_option *options, size_t n,
              uint64_t attrs, struct err *e)
{
    _cleanup_close_ int fs = sys_fsopen(fstype, FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_sys(e, errno, "cannot open file system \"%s\"", fstype);

    char words[256];
    if (source && sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return err_sys(e, errno, "%s does not take source \"%s\"", fstype, source);

    for (size_t i = 0; i < n; i++) {
        unsigned cmd = options[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        if (sys_fsconfig(fs, cmd, options[i].key, options[i].value, 0) < 0) {
            int saved = errno;
            kernel_words(fs, words, sizeof(words));
            return err_sys(e, saved, "%s does not take option %s%s%s%s%s%s", fstype, options[i].key,
                           options[i].value ? "=" : "", options[i].value ? options[i].value : "",
                           *words ? " (" : "", words, *words ? ")" : "");
        }
    }
    if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        int saved = errno;
        kernel_words(fs, words, sizeof(words));
        return err_sys(e, saved, "cannot make a %s%s%s%s", fstype, *words ? " (" : "", words,
                       *words ? ")" : "");
    }
    int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
    if (fd < 0)
        return err_sys(e, errno, "cannot make a mount of %s", fstype);
    return fd;
}

int mount_clone(int dirfd, const char *path, bool recursive, struct err *e)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    if (recursive)
        flags |= AT_RECURSIVE;
    int fd = (int)syscall(SYS_open_tree, dirfd, path, flags);
    if (fd < 0)
        return err_sys(e, errno, "cannot copy the mount of \"%s\"", path);
    return fd;
}

static int set_attributes(int mount_fd, struct mount_attr *attr, bool recursive, const char *what,
                          struct err *e)
{
    if (sys_mount_setattr(mount_fd, recursive ? AT_RECURSIVE : 0, attr) < 0)
        return err_sys(e, errno, "cannot change a mount's %s", what);
    return 0;
}

int mount_change(int mount_fd, uint64_t set, uint64_t clear, bool recursive, struct err *e)
{
    /* The access time settings are one field of several bits: setting one clears the field. */
    if (set & MOUNT_ATTR__ATIME)
        clear |= MOUNT_ATTR__ATIME;
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    return set_attributes(mount_fd, &attr, recursive, "attributes", e);
}

int mount_change_private(int mount_fd, uint64_t set, struct err *e)
{
    struct mount_attr attr = {.attr_set = set, .propagation = PROPAGATE_PRIVATE};
    return set_attributes(mount_fd, &attr, false, "attributes", e);
}

int mount_propagation(int mount_fd, uint64_t propagation, bool recursive, struct err *e)
{
    struct mount_attr attr = {.propagation = propagation};
    return set_attributes(mount_fd, &attr, recursive, "propagation", e);
}

int mount_idmap(int mount_fd, int userns_fd, bool recursive, struct err *e)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned int)userns_fd};
    return set_attributes(mount_fd, &attr, recursive, "owners (idmap)", e);
}

int mount_attach(int mount_fd, int target_fd, struct err *e)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (syscall(SYS_move_mount, mount_fd, "", target_fd, "", flags) < 0)
        return err_sys(e, errno, "cannot attach the mount");
    return 0;
}

static int open_contained(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_NO_MAGICLINKS | resolve,
    };
    int fd;
    /* EAGAIN: a rename went on somewhere while ".." was resolved; bounded, for a racer can hold us.
     */
    for (int tries = 0; tries < 128; tries++) {
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : fd;
}

int root_open(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    return open_contained(root_fd, path, flags, mode, RESOLVE_IN_ROOT | resolve);
}

int beneath_open(int dir_fd, const char *path, int flags, uint64_t resolve)
{
    return open_contained(dir_fd, path, flags, 0, RESOLVE_BENEATH | resolve);
}

/* One part of a path: opens it below @dir_fd, making it when it is missing. */
static int make_part(int root_fd, const char *so_far, const char *name, int dir_fd, mode_t mode)
{
    int fd = root_open(root_fd, so_far, O_PATH | O_DIRECTORY, 0, 0);
    if (fd != -ENOENT)
        return fd;
    if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
        return -errno;
    return root_open(root_fd, so_far, O_PATH | O_DIRECTORY, 0, 0);
}

/* Mostly it is only the last part that is missing: -ENOENT when it is not. */
static int make_last_part(int root_fd, char *path, mode_t mode)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path || !slash[1] || str_eq(slash + 1, "..") || str_eq(slash + 1, "."))
        return -ENOENT;
    *slash = '\0';
    _cleanup_close_ int dir = root_open(root_fd, path, O_PATH | O_DIRECTORY, 0, 0);
    *slash = '/';
    if (dir < 0 || (mkdirat(dir, slash + 1, mode) < 0 && errno != EEXIST))
        return -ENOENT;
    return root_open(root_fd, path, O_PATH | O_DIRECTORY, 0, 0);
}

int root_make_dir(int root_fd, const char *path, mode_t mode, struct err *e)
{
    int fd = root_open(root_fd, path, O_PATH | O_DIRECTORY, 0, 0);
    if (fd >= 0)
        return fd;
    if (fd != -ENOENT)
        return err_sys(e, -fd, "cannot open \"%s\" in the root file system", path);

    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    fd = make_last_part(root_fd, copy, mode);
    if (fd >= 0)
        return fd;
    _cleanup_close_ int dir = root_open(root_fd, "/", O_PATH | O_DIRECTORY, 0, 0);
    if (dir < 0)
        return err_sys(e, -dir, "cannot open the root file system");

    char *part = copy;
    while (*part == '/')
        part++;
    while (*part) {
        char *end = strchrnul(part, '/');
        char saved = *end;
        *end = '\0';
        /* mkdirat gets a plain name below a descriptor. A dangling link there is EEXIST, and the
         * second open says ENOENT: refused, not followed. */
        int next = str_eq(part, "..") ? -EINVAL : make_part(root_fd, copy, part, dir, mode);
        if (next < 0)
            return err_sys(e, -next, "cannot create folder \"%s\" in the root file system", copy);
        close(dir);
        dir = next;
        *end = saved;
        part = end;
        while (*part == '/')
            part++;
    }
    return TAKE_FD(dir);
}

/* The name at @path is a link to nothing. What it points to, still inside the root: the link's text
 * itself when absolute, else below the link's own folder. */
static char *dangling_target(int dir, const char *parent, const char *name)
{
    char target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    if (n <= 0 || (size_t)n >= sizeof(target) - 1)
        return NULL;
    target[n] = '\0';
    return target[0] == '/' ? strdup(target) : str_printf("%s/%s", parent, target);
}

static int make_file(int root_fd, const char *path, mode_t mode, unsigned links, struct err *e)
{
    int fd = root_open(root_fd, path, O_PATH, 0, 0);
    if (fd >= 0)
        return fd;
    if (fd != -ENOENT)
        return err_sys(e, -fd, "cannot open \"%s\" in the root file system", path);

    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    if (!parent)
        return err_nomem(e);
    if (*name == '\0' || str_eq(name, ".") || str_eq(name, ".."))
        return err_set(e, EINVAL, "cannot create file \"%s\": not a file's name", path);

    _cleanup_close_ int dir = root_make_dir(root_fd, *parent ? parent : "/", 0755, e);
    if (dir < 0)
        return dir;
    _cleanup_close_ int made =
        openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
    if (made < 0 && errno == EEXIST && links > 0) {
        _cleanup_free_ char *target = dangling_target(dir, parent, name);
        if (target)
            return make_file(root_fd, target, mode, links - 1, e);
    }
    if (made < 0 && errno != EEXIST)
        return err_sys(e, errno, "cannot create file \"%s\" in the root file system", path);
    fd = root_open(root_fd, path, O_PATH, 0, 0);
    if (fd < 0)
        return err_sys(e, -fd, "cannot open \"%s\" in the root file system", path);
    return fd;
}

int root_make_file(int root_fd, const char *path, mode_t mode, struct err *e)
{
    return make_file(root_fd, path, mode, 8, e);
}
