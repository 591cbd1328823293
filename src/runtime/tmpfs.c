#include "runtime/tmpfs.h"

#include "base/str.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/* Two descriptors a level. */
enum { DEEPEST = 128 };

static int copy_folder(int from, int to, unsigned depth, struct err *e);

/* Owner first: a change of owner takes set-user-ID away. */
static int copy_attributes(int to, const struct stat *st)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
        futimens(to, times) < 0)
        return -errno;
    return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
    struct stat st;
    _cleanup_close_ int from =
        openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESTALE;
    _cleanup_close_ int to =
        openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    ssize_t n;
    while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
        continue;
    return n < 0 ? -errno : copy_attributes(to, &st);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    _cleanup_free_ char *target = malloc(PATH_MAX);
    if (!target)
        return -ENOMEM;
    ssize_t n = readlinkat(from_dir, name, target, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    if (symlinkat(target, to_dir, name) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int copy_node(int to_dir, const char *name, const struct stat *st)
{
    if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int copy_subfolder(int from_dir, int to_dir, const char *name, unsigned depth, struct err *e)
{
    struct stat st;
    if (depth >= DEEPEST)
        return err_set(e, ELOOP, "folders are nested too deep");
    _cleanup_close_ int from =
        openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0 || mkdirat(to_dir, name, 0700) < 0)
        return err_sys(e, errno, "\"%s\"", name);
    _cleanup_close_ int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return err_sys(e, errno, "\"%s\"", name);
    int r = copy_folder(from, to, depth + 1, e);
    if (r < 0)
        return r;
    r = copy_attributes(to, &st);
    return r < 0 ? err_sys(e, -r, "\"%s\"", name) : 0;
}

static int copy_entry(int from, int to, const char *name, unsigned depth, struct err *e)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, errno, "\"%s\"", name);
    int r;
    if (S_ISDIR(st.st_mode))
        return copy_subfolder(from, to, name, depth, e);
    if (S_ISREG(st.st_mode))
        r = copy_file(from, to, name);
    else if (S_ISLNK(st.st_mode))
        r = copy_link(from, to, name, &st);
    else
        r = copy_node(to, name, &st);
    return r < 0 ? err_sys(e, -r, "\"%s\"", name) : 0;
}

/* Everything below @from, by descriptors: a folder that an image or a volume swaps meanwhile leads
 * nowhere else. */
static int copy_folder(int from, int to, unsigned depth, struct err *e)
{
    int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (!dir) {
        int r = err_sys(e, errno, "cannot read a folder");
        fd_close(&again);
        return r;
    }
    struct dirent *entry;
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        int r = copy_entry(from, to, entry->d_name, depth, e);
        if (r < 0)
            return r;
    }
    return errno ? err_sys(e, errno, "cannot read a folder") : 0;
}

static bool has_mode(const struct spec_mount *m)
{
    for (size_t i = 0; i < m->n_data; i++)
        if (str_eq(m->data[i].key, "mode"))
            return true;
    return false;
}

int tmpfs_take_after(int mount_fd, int root_fd, const struct spec_mount *m, struct err *e)
{
    struct stat st;
    _cleanup_close_ int hidden = root_open(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0, 0);
    if (hidden == -ENOENT || hidden == -ENOTDIR)
        return 0;
    if (hidden < 0 || fstat(hidden, &st) < 0)
        return err_sys(e, hidden < 0 ? -hidden : errno, "cannot open what is there");
    _cleanup_close_ int to = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return err_sys(e, errno, "cannot open the tmpfs");
    if (!has_mode(m) && fchmod(to, st.st_mode & 07777) < 0)
        return err_sys(e, errno, "cannot set the mode");
    if (!m->copy_up)
        return 0;
    int r = copy_folder(hidden, to, 0, e);
    return r < 0 ? err_wrap(e, "cannot copy") : 0;
}
