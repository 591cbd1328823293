#include "kernel/node.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Removes what has the name. */
static int give_way(struct node *n)
{
    struct stat st;
    if (fstatat(n->dirfd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    n->replaced = true;
    n->was_whiteout = is_whiteout(&st);
    if (S_ISDIR(st.st_mode))
        return dir_remove(n->dirfd, n->name, NULL);
    return unlinkat(n->dirfd, n->name, 0) < 0 ? -errno : 0;
}

int node_make_way(struct node *n)
{
    int r = give_way(n);
    return r == -ENOENT ? 0 : r;
}

/* What it is made with: nobody but its owner may use it before it is his. */
static mode_t first_mode(const struct node *n, mode_t otherwise)
{
    return n->alone ? n->mode & ~(mode_t)(S_ISUID | S_ISGID) : otherwise;
}

static void note_made(struct node *n)
{
    n->has_mode = n->alone && n->uid == 0 && n->gid == 0 && !(n->mode & (S_ISUID | S_ISGID));
}

int node_make_file(struct node *n, int *ret_fd)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(n->dirfd, n->name, flags, first_mode(n, 0600));
    if (fd < 0 && errno == EEXIST) {
        int r = give_way(n);
        if (r < 0)
            return r;
        fd = openat(n->dirfd, n->name, flags, first_mode(n, 0600));
    }
    if (fd < 0)
        return -errno;
    note_made(n);
    *ret_fd = fd;
    return 0;
}

int node_finish(const struct node *n, int fd)
{
    const struct timespec times[2] = {n->mtime, n->mtime};
    /* The mode last but for times: a change of owner clears set-user-ID. */
    if (!n->has_mode && (fchown(fd, n->uid, n->gid) < 0 || fchmod(fd, n->mode) < 0))
        return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}

/* Whether it was made. */
static int make_or_keep_dir(struct node *n)
{
    struct stat st;
    if (mkdirat(n->dirfd, n->name, first_mode(n, 0700)) == 0)
        return true;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(n->dirfd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return false;
    int r = give_way(n);
    if (r < 0)
        return r;
    return mkdirat(n->dirfd, n->name, first_mode(n, 0700)) < 0 ? -errno : true;
}

int node_open_dir(struct node *n, bool *ret_made, int *ret_fd)
{
    int r = make_or_keep_dir(n);
    if (r < 0)
        return r;
    int fd = openat(n->dirfd, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (r)
        note_made(n);
    *ret_made = r;
    *ret_fd = fd;
    return 0;
}

int node_make_dir(struct node *n, int *ret_fd)
{
    bool made;
    _cleanup_close_ int fd = -EBADF;
    int r = node_open_dir(n, &made, &fd);
    if (r == 0)
        r = node_finish(n, fd);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int finish_by_name(const struct node *n)
{
    const struct timespec times[2] = {n->mtime, n->mtime};
    bool owned = n->alone && n->uid == 0 && n->gid == 0;
    if ((!owned && fchownat(n->dirfd, n->name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0) ||
        utimensat(n->dirfd, n->name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

int node_make_symlink(struct node *n, const char *target)
{
    if (symlinkat(target, n->dirfd, n->name) < 0) {
        int r = errno == EEXIST ? give_way(n) : -errno;
        if (r < 0)
            return r;
        if (symlinkat(target, n->dirfd, n->name) < 0)
            return -errno;
    }
    return finish_by_name(n);
}

int node_make_special(struct node *n, mode_t type, dev_t dev)
{
    if (mknodat(n->dirfd, n->name, type | n->mode, dev) < 0) {
        int r = errno == EEXIST ? give_way(n) : -errno;
        if (r < 0)
            return r;
        if (mknodat(n->dirfd, n->name, type | n->mode, dev) < 0)
            return -errno;
    }
    int r = finish_by_name(n);
    /* A change of owner took it back. */
    if (r == 0 && n->alone && n->mode & (S_ISUID | S_ISGID) &&
        fchmodat(n->dirfd, n->name, n->mode, 0) < 0)
        return -errno;
    return r;
}

int node_make_link(struct node *n, int dirfd, const char *name)
{
    struct stat st, there;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (linkat(dirfd, name, n->dirfd, n->name, 0) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(n->dirfd, n->name, &there, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (there.st_ino == st.st_ino && there.st_dev == st.st_dev)
        return 0;
    int r = give_way(n);
    if (r < 0)
        return r;
    return linkat(dirfd, name, n->dirfd, n->name, 0) < 0 ? -errno : 0;
}

int node_make_whiteout(struct node *n, bool *ret_opaque)
{
    struct stat st;
    bool opaque = false;
    if (mknodat(n->dirfd, n->name, S_IFCHR | 0600, makedev(0, 0)) < 0) {
        if (errno != EEXIST)
            return -errno;
        if (fstatat(n->dirfd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        opaque = S_ISDIR(st.st_mode);
    }
    *ret_opaque = opaque;
    return 0;
}
