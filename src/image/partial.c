#include "image/partial.h"

#include "base/file.h"
#include "base/str.h"
#include "image/image.h"
#include "image/reference.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "images/partial"

/* Whether @path still names what @fd is: it may have got its place, or been swept. */
static bool is_named(int root_fd, const char *path, int fd, off_t *ret_size)
{
    struct stat there, ours;
    if (fstatat(root_fd, path, &there, AT_SYMLINK_NOFOLLOW) < 0 || fstat(fd, &ours) < 0)
        return false;
    *ret_size = ours.st_size;
    return there.st_ino == ours.st_ino && there.st_dev == ours.st_dev && S_ISREG(ours.st_mode);
}

int partial_claim(int root_fd, const char *digest, char **ret_path, int *ret_fd, off_t *ret_have,
                  struct err *e)
{
    _cleanup_free_ char *path = str_printf(FOLDER "/%s", digest + sizeof("sha256:") - 1);
    if (!path)
        return err_nomem(e);
    int r = dir_make(root_fd, FOLDER, 0700, e);
    if (r < 0)
        return r;
    for (;;) {
        _cleanup_close_ int fd =
            openat(root_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
        if (fd < 0)
            return err_sys(e, errno, "cannot create \"%s\"", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK ? -EAGAIN : err_sys(e, errno, "cannot lock \"%s\"", path);
        if (!is_named(root_fd, path, fd, ret_have))
            continue;
        /* Its age counts from when somebody took it up. */
        (void)futimens(fd, NULL);
        (void)fchmod(fd, 0644);
        *ret_path = TAKE_PTR(path);
        *ret_fd = TAKE_FD(fd);
        return 0;
    }
}

/* Bytes of one that was last taken up before @before and that nobody is at; 0 for others. */
static long long look_at(int dir_fd, const char *name, time_t before, bool forget)
{
    struct stat st;
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_mtime > before ||
        flock(fd, LOCK_EX | LOCK_NB) < 0)
        return 0;
    if (forget && unlinkat(dir_fd, name, 0) < 0)
        return 0;
    return (long long)st.st_blocks * 512;
}

static long long look_at_all(int root_fd, time_t before, bool forget)
{
    int fd = openat(root_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    long long bytes = 0;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            bytes += look_at(fd, entry->d_name, before, forget);
    return bytes;
}

long long partial_sweep(int root_fd, long long seconds)
{
    return look_at_all(root_fd, time(NULL) - (time_t)seconds, true);
}

long long image_partial(int root_fd)
{
    return look_at_all(root_fd, time(NULL) + 1, false);
}
