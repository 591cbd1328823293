#include "base/file.h"

#include "base/str.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* @size is where the end is expected, so that it need not be looked for; 0 when nobody knows. */
static int read_all(int fd, size_t limit, size_t size, char **ret, size_t *ret_len)
{
    _cleanup_free_ char *buf = NULL;
    size_t len = 0, cap = 0;

    for (;;) {
        if (len + 1 >= cap) {
            cap = cap ? cap * 2 : 4096;
            char *more = realloc(buf, cap);
            if (!more)
                return -ENOMEM;
            buf = more;
        }
        ssize_t n = read(fd, buf + len, cap - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > limit)
            return -EFBIG;
        if (len == size)
            break;
    }
    buf[len] = '\0';
    *ret = TAKE_PTR(buf);
    if (ret_len)
        *ret_len = len;
    return 0;
}

int fd_read_all(int fd, size_t limit, char **ret, size_t *ret_len)
{
    return read_all(fd, limit, 0, ret, ret_len);
}

int fd_write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int fd_write_all_at(int fd, const void *bytes, size_t n, off_t at)
{
    for (const char *next = bytes; n > 0;) {
        ssize_t done = pwrite(fd, next, n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        next += done;
        n -= (size_t)done;
        at += done;
    }
    return 0;
}

int file_read(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len, struct err *e)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", path);

    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, errno, "cannot stat \"%s\"", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, EINVAL, "cannot read \"%s\": not a regular file", path);

    int r = read_all(fd, limit, st.st_size > 0 ? (size_t)st.st_size : 0, ret, ret_len);
    if (r == -EFBIG)
        return err_set(e, EFBIG, "cannot read \"%s\": larger than %zu bytes", path, limit);
    if (r < 0)
        return err_sys(e, -r, "cannot read \"%s\"", path);
    return 0;
}

int file_write(int dirfd, const char *path, const char *text, struct err *e)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", path);
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    if (n < 0)
        return err_sys(e, errno, "cannot write \"%s\" to \"%s\"", text, path);
    if ((size_t)n != len)
        return err_set(e, EIO, "cannot write \"%s\" to \"%s\": short write", text, path);
    return 0;
}

static int write_and_rename(int dirfd, const char *temp, const char *path, int fd,
                            const void *bytes, size_t n, unsigned flags)
{
    int r = fd_write_all(fd, bytes, n);
    if (r < 0)
        return r;
    if ((flags & FILE_SYNC) && fsync(fd) < 0)
        return -errno;
    if (renameat(dirfd, temp, dirfd, path) < 0)
        return -errno;
    return 0;
}

/* The rename is on disk once the folder is. */
static int sync_parent(int dirfd, const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent =
        slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
    if (!parent)
        return -ENOMEM;
    _cleanup_close_ int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int file_replace(int dirfd, const char *path, const void *bytes, size_t n, mode_t mode,
                 unsigned flags, struct err *e)
{
    unsigned long long nonce = 0;
    if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
        return err_sys(e, errno, "cannot get random bytes");
    _cleanup_free_ char *temp = str_printf("%s.tmp-%016llx", path, nonce);
    if (!temp)
        return err_nomem(e);

    _cleanup_close_ int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "cannot create \"%s\"", path);
    int r =
        fchmod(fd, mode) < 0 ? -errno : write_and_rename(dirfd, temp, path, fd, bytes, n, flags);
    if (r < 0) {
        unlinkat(dirfd, temp, 0);
        return err_sys(e, -r, "cannot write \"%s\"", path);
    }
    if (flags & FILE_SYNC) {
        r = sync_parent(dirfd, path);
        if (r < 0)
            return err_sys(e, -r, "cannot write the folder of \"%s\"", path);
    }
    return 0;
}

static int make_one(int dirfd, const char *path, mode_t mode)
{
    if (mkdirat(dirfd, path, mode) == 0)
        return fchmodat(dirfd, path, mode, 0) < 0 ? -errno : 0;
    return errno == EEXIST ? 0 : -errno;
}

int dir_make(int dirfd, const char *path, mode_t mode, struct err *e)
{
    /* Mostly it is there, or only the last part is missing. */
    int r = make_one(dirfd, path, mode);
    if (r == -ENOENT) {
        _cleanup_free_ char *copy = strdup(path);
        if (!copy)
            return err_nomem(e);
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            r = make_one(dirfd, copy, mode);
            if (r < 0)
                return err_sys(e, -r, "cannot create folder \"%s\"", copy);
            *slash = '/';
        }
        r = make_one(dirfd, path, mode);
    }
    if (r < 0)
        return err_sys(e, -r, "cannot create folder \"%s\"", path);
    return 0;
}

void dir_spread(int dirfd)
{
    int flags = 0;
    if (ioctl(dirfd, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    flags |= FS_TOPDIR_FL;
    (void)ioctl(dirfd, FS_IOC_SETFLAGS, &flags);
}

/* How far down one removal descends by descriptors. What lies deeper is first moved up. */
enum { DEPTH_MAX = 32 };

struct removal {
    int top_fd;
    dev_t dev;
    unsigned moved; /* names given at the top so far */
    bool again;     /* something was moved there: another pass is needed */
};

/* A tree may be deeper than a process may open folders, or its stack can go. */
static int move_up(struct removal *rm, int dir, const char *name)
{
    char target[32];
    int r;
    do {
        snprintf(target, sizeof(target), ".moved-%u", rm->moved++);
        r = renameat2(dir, name, rm->top_fd, target, RENAME_NOREPLACE) < 0 ? -errno : 0;
    } while (r == -EEXIST);
    rm->again |= r == 0;
    return r == -ENOENT ? 0 : r;
}

static int empty_dir(struct removal *rm, int fd, unsigned depth);

/* What is gone meanwhile is as good: another may be removing the same. */
static int remove_child(struct removal *rm, int dir, const char *name, unsigned depth)
{
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (depth == DEPTH_MAX)
        return move_up(rm, dir, name);
    int child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0)
        return errno == ENOENT ? 0 : -errno;
    struct stat st;
    int r = fstat(child, &st) < 0 ? -errno : st.st_dev != rm->dev ? -EXDEV : 0;
    if (r == 0)
        r = empty_dir(rm, child, depth + 1);
    else
        close(child);
    return r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : r;
}

/* Empties the folder @fd, and closes it. Goes on after a failure; returns the first. */
static int empty_dir(struct removal *rm, int fd, unsigned depth)
{
    _cleanup_closedir_ DIR *d = fdopendir(fd);
    if (!d) {
        int saved = errno;
        close(fd);
        return -saved;
    }

    int first = 0;
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (str_eq(name, ".") || str_eq(name, ".."))
            continue;
        if (entry->d_type != DT_DIR && (unlinkat(dirfd(d), name, 0) == 0 || errno == ENOENT))
            continue;
        int r = entry->d_type != DT_DIR && errno != EISDIR && errno != EPERM
                    ? -errno
                    : remove_child(rm, dirfd(d), name, depth);
        if (r != -ENOENT) /* somebody else removes it too */
            first = first ? first : r;
    }
    return first ? first : -errno;
}

static int empty_top(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    struct removal rm = {.top_fd = fd, .dev = st.st_dev};
    int r;
    do {
        rm.again = false;
        int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = again < 0 ? -errno : empty_dir(&rm, again, 0);
    } while (r == 0 && rm.again);
    return r;
}

int dir_remove(int dirfd, const char *name, struct err *e)
{
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;

    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
            return err_sys(e, errno, "cannot remove \"%s\"", name);
        return 0;
    }
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, errno, "cannot remove \"%s\"", name);

    int r = -ENOTEMPTY;
    for (int tries = 0; r == -ENOTEMPTY && tries < 16; tries++) { /* somebody puts more there */
        r = empty_top(fd);
        if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            r = -errno;
    }
    return r < 0 ? err_sys(e, -r, "cannot remove \"%s\"", name) : 0;
}

int dir_open(int dirfd, const char *path, bool path_only, struct err *e)
{
    int fd = openat(dirfd, path, O_DIRECTORY | O_CLOEXEC | (path_only ? O_PATH : O_RDONLY));
    if (fd < 0)
        return err_sys(e, errno, "cannot open folder \"%s\"", path);
    return fd;
}

void fd_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void fd_open_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}
