#include "kernel/copy_content.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, ENDLESS_MAX = 64 << 20 };

/* Returns how much of it there was. */
static off_t read_and_write(int from, int to, off_t at, off_t n)
{
    _cleanup_free_ char *block = malloc(BLOCK);
    off_t done = 0;
    if (!block)
        return -ENOMEM;
    while (done < n) {
        size_t most = n - done < BLOCK ? (size_t)(n - done) : BLOCK;
        ssize_t got = pread(from, block, most, at + done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        int r = fd_write_all_at(to, block, (size_t)got, at + done);
        if (r < 0)
            return r;
        done += got;
    }
    return done;
}

/* The kernel copies, or shares the blocks, where both are on file systems that can. */
static int copy_piece(int from, int to, off_t at, off_t n)
{
    off_t in = at, out = at;
    while (in < at + n) {
        ssize_t done = copy_file_range(from, &in, to, &out, (size_t)(at + n - in), 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
            return -errno;
        if (done <= 0) {
            off_t rest = read_and_write(from, to, in, at + n - in);
            return rest < 0 ? (int)rest : 0;
        }
    }
    return 0;
}

off_t next_piece(int fd, off_t *at, off_t size)
{
    if (*at >= size)
        return 0;
    off_t data = lseek(fd, *at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        return 0;
    if (data < 0) /* a file system that knows no holes */
        return size - *at;
    if (data >= size)
        return 0;
    off_t hole = lseek(fd, data, SEEK_HOLE);
    *at = data;
    return (hole < 0 || hole > size ? size : hole) - data;
}

int copy_content(int from, int to, off_t size)
{
    if (size == 0) {
        off_t n = read_and_write(from, to, 0, ENDLESS_MAX + 1);
        return n > ENDLESS_MAX ? -EFBIG : n < 0 ? (int)n : 0;
    }
    off_t at = 0, n;
    while ((n = next_piece(from, &at, size)) > 0) {
        int r = copy_piece(from, to, at, n);
        if (r < 0)
            return r;
        at += n;
    }
    return ftruncate(to, size) < 0 ? -errno : 0;
}
