#include "engine/log_files.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
    NAME_SIZE = 16,
    ATTEMPTS = 1000,
    HIGHEST = 99999, /* what stands beyond is none of ours: counting up to it would take for ever */
};

static void name_of(unsigned number, char ret[NAME_SIZE])
{
    snprintf(ret, NAME_SIZE, number ? "log.%u" : "log", number);
}

int log_files_open(int dir_fd, unsigned number, int flags)
{
    char name[NAME_SIZE];
    name_of(number, name);
    int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return -errno;
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

int log_files_shift(int dir_fd, unsigned number)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    name_of(number, from);
    name_of(number + 1, to);
    return renameat(dir_fd, from, dir_fd, to) < 0 ? -errno : 0;
}

int log_files_delete(int dir_fd, unsigned number, bool even_if_held)
{
    char name[NAME_SIZE];
    name_of(number, name);
    _cleanup_close_ int fd = log_files_open(dir_fd, number, O_RDONLY);
    if (fd >= 0 && !even_if_held && flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -EBUSY;
    return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}

int log_files_highest(int dir_fd)
{
    _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return -errno;
    fd = -EBADF; /* it is the stream's */
    int highest = 0;
    struct dirent *entry;
    while ((entry = readdir(d))) {
        const char *digits = str_after(entry->d_name, "log.");
        long long number;
        if (digits && str_to_int64(digits, 1, HIGHEST, &number) == 0 && number > highest)
            highest = (int)number;
    }
    return highest;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool stands_at(int dir_fd, unsigned number, const struct stat *mine)
{
    char name[NAME_SIZE];
    struct stat st;
    name_of(number, name);
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && same_file(&st, mine);
}

/* Under which number the file stands; -ENOENT when it is deleted. */
static int number_of(int dir_fd, const struct stat *mine)
{
    int highest = log_files_highest(dir_fd);
    /* Two more: it may have been moved since they were counted. */
    for (int i = 0; highest >= 0 && i <= highest + 2; i++)
        if (stands_at(dir_fd, (unsigned)i, mine))
            return i;
    return highest < 0 ? highest : -ENOENT;
}

/* Held, and not deleted before it was: else -ENOENT. */
static int open_held(int dir_fd, unsigned number)
{
    _cleanup_close_ int fd = log_files_open(dir_fd, number, O_RDONLY);
    struct stat st;
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -ENOENT : TAKE_FD(fd);
}

int log_files_newest(int dir_fd)
{
    int r = -ENOENT;
    for (int i = 0, n = log_files_highest(dir_fd); r == -ENOENT && i <= n + 1; i++)
        r = open_held(dir_fd, (unsigned)i);
    return r;
}

int log_files_oldest(int dir_fd)
{
    int r = -ENOENT;
    for (int i = log_files_highest(dir_fd) + 1; r == -ENOENT && i >= 0; i--)
        r = open_held(dir_fd, (unsigned)i);
    return r;
}

/* Whether there is a file above @from and below @to. Upwards, as they move. */
static bool any_between(int dir_fd, int from, int to)
{
    struct stat st;
    char name[NAME_SIZE];
    for (int i = from + 1; i < to; i++) {
        name_of((unsigned)i, name);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

/* The nearest file on the side of @step, opened while all stood still. A number between may be
 * free: the writer is moving files just now, or was killed while it did. */
static int neighbour(int dir_fd, int fd, int step)
{
    struct stat mine;
    if (fstat(fd, &mine) < 0)
        return -errno;
    if (step < 0 && stands_at(dir_fd, 0, &mine))
        return -ENOENT;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int at = number_of(dir_fd, &mine);
        if (at < 0)
            return at == -ENOENT ? -ESTALE : at;
        int highest = log_files_highest(dir_fd), found = at, other = -ENOENT;
        for (int i = at + step; other == -ENOENT && i >= 0 && i <= highest + 1; i += step) {
            other = open_held(dir_fd, (unsigned)i);
            found = i;
        }
        if (other == -ENOENT)
            found += step;
        bool moved = step < 0 ? any_between(dir_fd, found, at) : any_between(dir_fd, at, found);
        if (!moved && stands_at(dir_fd, (unsigned)at, &mine))
            return other;
        if (other >= 0)
            close(other);
    }
    return -EBUSY;
}

int log_files_next(int dir_fd, int fd, bool *ret_gap)
{
    int r = neighbour(dir_fd, fd, -1);
    bool deleted = r == -ESTALE;
    if (deleted)
        r = log_files_oldest(dir_fd);
    if (ret_gap)
        *ret_gap = deleted && r >= 0;
    return r;
}

int log_files_previous(int dir_fd, int fd)
{
    return neighbour(dir_fd, fd, 1);
}
