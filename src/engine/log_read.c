#include "engine/log_read.h"

#include "base/timestamp.h"
#include "engine/log_files.h"
#include "engine/log_tail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 256 << 10 }; /* fits a processor's cache; an entry of ours fits it four times */

struct log_reader {
    int dir_fd;
    int fd; /* the file it is at; -EBADF before the first */
    bool follow;
    bool is_last;     /* it is the newest there was when reading began, … */
    struct stat last; /* … which was so long then; of no use when following */
    int next_fd;      /* the one after it: then nobody writes into this one any longer */
    off_t offset;     /* of `bytes` in the file */
    size_t at, n;     /* what is not used up, of how much is there */
    bool in_garbage;  /* a line that is longer than any entry */
    uint64_t skip[2];
    uint64_t garbage;
    bool gap;
    bool has_since, has_until;
    char since[40], until[40];
    struct timespec since_time;
    char bytes[BLOCK];
};

static bool is_older(int fd, const struct timespec *since)
{
    /* The file's clock is coarser than ours. */
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_mtim.tv_sec + 2 < since->tv_sec;
}

static void set_file(struct log_reader *r, int fd, off_t offset)
{
    struct stat st;
    r->fd = fd;
    r->offset = offset;
    r->at = r->n = 0;
    r->is_last = !r->follow && fstat(fd, &st) == 0 && st.st_ino == r->last.st_ino &&
                 st.st_dev == r->last.st_dev;
}

/* The oldest file in which something of what is asked for may be; a new one, if there is to be one.
 */
static int find_first(const struct log_reader *r)
{
    int fd = log_files_oldest(r->dir_fd);
    while (fd >= 0 && r->has_since && is_older(fd, &r->since_time)) {
        int next = log_files_next(r->dir_fd, fd, NULL);
        if (next < 0)
            break;
        close(fd);
        fd = next;
    }
    if (fd != -ENOENT || !r->follow)
        return fd;
    _cleanup_close_ int made = log_files_open(r->dir_fd, 0, O_RDONLY | O_CREAT);
    return made < 0 ? made : log_files_oldest(r->dir_fd);
}

static int find_beginning(struct log_reader *r, long long tail, struct err *e)
{
    struct log_place place;
    int found = tail < 0 ? -ENOENT : log_tail_find(r->dir_fd, (uint64_t)tail, &place, e);
    if (found == 0) {
        set_file(r, place.fd, place.offset);
        memcpy(r->skip, place.skip, sizeof(r->skip));
        return 0;
    }
    if (found != -ENOENT)
        return found;
    int fd = find_first(r);
    if (fd >= 0)
        set_file(r, fd, 0);
    return fd >= 0 || fd == -ENOENT ? 0 : err_sys(e, -fd, "cannot open the log");
}

/* Where the log ends now. */
static void note_end(struct log_reader *r)
{
    _cleanup_close_ int fd = log_files_newest(r->dir_fd);
    if (fd >= 0 && fstat(fd, &r->last) < 0)
        r->last = (struct stat){0};
}

int log_reader_open(const struct log_read_options *o, struct log_reader **ret, struct err *e)
{
    struct log_reader *r = malloc(sizeof(*r));
    if (!r)
        return err_nomem(e);
    memset(r, 0, offsetof(struct log_reader, bytes));
    r->dir_fd = o->dir_fd;
    r->fd = r->next_fd = -EBADF;
    if (o->since) {
        r->has_since = true;
        r->since_time = *o->since;
        format_time(*o->since, r->since);
    }
    if (o->until) {
        r->has_until = true;
        format_time(*o->until, r->until);
    }
    r->follow = o->follow;
    if (!r->follow)
        note_end(r);
    int found = find_beginning(r, o->tail, e);
    if (found < 0) {
        log_reader_close(&r);
        return found;
    }
    err_release(e);
    *ret = r;
    return 0;
}

/* How much of the file is left to be read at all. */
static size_t limit(const struct log_reader *r)
{
    if (!r->is_last)
        return BLOCK;
    off_t left = r->last.st_size - r->offset;
    return left <= 0 ? 0 : left < BLOCK ? (size_t)left : BLOCK;
}

/* Reads on from the first byte that is not used up. What was there of an entry that is not whole is
 * read again: the writer may have taken it back. 1 when there is something to take, else 0. */
static int refill(struct log_reader *r, struct err *e)
{
    r->offset += (off_t)r->at;
    r->at = r->n = 0;
    ssize_t n;
    do
        n = pread(r->fd, r->bytes, limit(r), r->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(e, errno, "cannot read the log");
    r->n = (size_t)n;
    struct stat st;
    if (n == 0 && fstat(r->fd, &st) == 0 && st.st_size < r->offset) {
        r->offset = 0; /* somebody emptied it */
        return st.st_size > 0;
    }
    return r->n == BLOCK || memchr(r->bytes, '\n', r->n) != NULL;
}

/* The next file, from its beginning. */
static void step(struct log_reader *r)
{
    close(r->fd);
    set_file(r, TAKE_FD(r->next_fd), 0);
}

/* A line of the buffer, without its end: 1; 0 when there is no whole one. */
static int take_line(struct log_reader *r, const char **ret, size_t *ret_n)
{
    char *begin = r->bytes + r->at, *end = memchr(begin, '\n', r->n - r->at);
    if (!end && r->n - r->at == BLOCK) {
        r->at = r->n;
        r->garbage += !r->in_garbage;
        r->in_garbage = true;
    }
    if (!end)
        return 0;
    r->at += (size_t)(end - begin) + 1;
    *ret = begin;
    *ret_n = (size_t)(end - begin);
    return 1;
}

/* Whether the line is an entry that was asked for. */
static bool is_wanted(struct log_reader *r, const char *line, size_t n, struct log_entry *ret)
{
    if (r->in_garbage) {
        r->in_garbage = false;
        return false;
    }
    if (!log_entry_parse(line, n, ret)) {
        r->garbage++;
        return false;
    }
    if (r->skip[ret->stream] > 0) {
        r->skip[ret->stream]--;
        return false;
    }
    return (!r->has_since || memcmp(ret->time, r->since, LOG_TIME_LEN) >= 0) &&
           (!r->has_until || memcmp(ret->time, r->until, LOG_TIME_LEN) <= 0);
}

/* What a file ends with that is no whole line, once nobody writes into it any longer. */
static bool take_torn(struct log_reader *r, struct log_entry *ret)
{
    const char *line = r->bytes + r->at;
    size_t n = r->n - r->at;
    r->at = r->n;
    if (n < LOG_HEADER_LEN || !is_wanted(r, line, n, ret))
        return false;
    ret->partial = true;
    return true;
}

/* All of the file is used up but a torn entry. Goes to the next one, if there is one. 1: go on; 0:
 * that was all; an entry may be found in either case (*ret_found). */
static int end_of_file(struct log_reader *r, bool final, struct log_entry *ret, bool *ret_found,
                       struct err *e)
{
    if (r->next_fd >= 0) {
        *ret_found = take_torn(r, ret);
        if (!*ret_found)
            step(r);
        return 1;
    }
    bool gap = false;
    int next = r->is_last ? -ENOENT : log_files_next(r->dir_fd, r->fd, &gap);
    r->gap |= gap;
    if (next >= 0) {
        r->next_fd = next; /* what was written before it was made is still to be read */
        return 1;
    }
    if (next != -ENOENT)
        return err_sys(e, -next, "cannot open the log's next file");
    *ret_found = final && take_torn(r, ret);
    return *ret_found;
}

int log_reader_next(struct log_reader *r, bool final, struct log_entry *ret, struct err *e)
{
    int more = r->fd >= 0;
    while (more == 1) {
        const char *line;
        size_t n;
        while (take_line(r, &line, &n))
            if (is_wanted(r, line, n, ret))
                return 1;
        more = refill(r, e);
        if (more == 0) {
            bool found = false;
            more = end_of_file(r, final, ret, &found, e);
            if (found)
                return 1;
        }
    }
    return more;
}

uint64_t log_reader_garbage(const struct log_reader *r)
{
    return r->garbage;
}

bool log_reader_gap(const struct log_reader *r)
{
    return r->gap;
}

void log_reader_close(struct log_reader **r)
{
    if (!*r)
        return;
    fd_close(&(*r)->fd);
    fd_close(&(*r)->next_fd);
    free(*r);
    *r = NULL;
}
