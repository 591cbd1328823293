#include "engine/log_file.h"

#include "base/err.h"
#include "base/timestamp.h"
#include "engine/log_files.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum {
    BUFFER = 32 << 10,     /* of a batch: headers and short texts */
    PARTS = 64,            /* of a batch: runs in the buffer, and long texts where they lie */
    LONG = 1024,           /* from so many bytes on copying costs more than another part */
    HELD_FILES = 64,       /* beyond max_files, for readers who are behind, … */
    HELD_BYTES = 64 << 20, /* … and no more than so much of them */
    RETRY_SECONDS = 1,
};

/* Entries on their way into the file. */
struct batch {
    char *buffer; /* BUFFER bytes */
    size_t used;  /* of it */
    struct iovec parts[PARTS];
    int n;
    size_t bytes; /* in all parts */
};

void log_file_init(struct log_file *f, int dir_fd, long long max_size, unsigned max_files)
{
    *f = (struct log_file){
        .dir_fd = dir_fd, .fd = -EBADF, .max_size = max_size, .max_files = max_files};
}

void log_file_close(struct log_file *f)
{
    fd_close(&f->fd);
    free(f->buffer);
    f->buffer = NULL;
}

/* The last entry of a log that is there already may have been torn off, by a kill or a power cut.
 * If nothing but a part of its header is left, that goes; else it is to be ended. */
static int mend(struct log_file *f, int fd, off_t size)
{
    char last[LOG_HEADER_LEN];
    size_t n = size < LOG_HEADER_LEN ? (size_t)size : LOG_HEADER_LEN;
    ssize_t got = pread(fd, last, n, size - (off_t)n);
    if (got < 0)
        return -errno;
    const char *end = memrchr(last, '\n', (size_t)got);
    size_t rest = end ? (size_t)(last + got - end) - 1 : (size_t)got;
    bool header = end || size < LOG_HEADER_LEN;
    f->torn = rest > 0 && !(header && ftruncate(fd, size - (off_t)rest) == 0);
    f->size = f->torn ? size : size - (off_t)rest;
    return 0;
}

static int open_log(struct log_file *f)
{
    _cleanup_close_ int fd = log_files_open(f->dir_fd, 0, O_RDWR | O_APPEND | O_CREAT);
    struct stat st;
    if (fd < 0)
        return fd;
    int r = fstat(fd, &st) < 0 ? -errno : mend(f, fd, st.st_size);
    if (r == 0)
        f->fd = TAKE_FD(fd);
    return r;
}

/* Deletes what is too old, but nothing that a reader still needs, as long as that is bearable. */
static void delete_old(const struct log_file *f, int highest)
{
    long long held = f->max_size > 0 ? HELD_BYTES / f->max_size : 0;
    long long most = f->max_files + (held > HELD_FILES ? HELD_FILES : held);
    for (int i = highest; i >= (int)f->max_files; i--)
        if (log_files_delete(f->dir_fd, (unsigned)i, i >= most) == -EBUSY)
            return;
}

static void rotate(struct log_file *f)
{
    int highest = log_files_highest(f->dir_fd);
    for (int i = highest; i >= 0; i--)
        log_files_shift(f->dir_fd, (unsigned)i);
    fd_close(&f->fd);
    delete_old(f, highest + 1);
}

/* ---- a batch into the file ---- */

/* How many of the first @done bytes are whole entries. */
static size_t whole_entries(const struct batch *b, size_t done)
{
    size_t whole = 0, at = 0;
    for (int i = 0; i < b->n && at < done; i++) {
        const struct iovec *part = &b->parts[i];
        size_t n = done - at < part->iov_len ? done - at : part->iov_len;
        const char *end = memrchr(part->iov_base, '\n', n);
        if (end)
            whole = at + (size_t)(end - (const char *)part->iov_base) + 1;
        at += part->iov_len;
    }
    return whole;
}

/* The file shall end with a whole entry. */
static void cut_torn(struct log_file *f, off_t n)
{
    struct stat st;
    f->torn =
        n > 0 && (fstat(f->fd, &st) < 0 || st.st_size < n || ftruncate(f->fd, st.st_size - n) < 0);
}

/* What one call writes of it after the first @done bytes: at least what is left of a part. */
static ssize_t write_some(struct log_file *f, const struct batch *b, size_t done)
{
    int i = 0;
    for (; done >= b->parts[i].iov_len; i++)
        done -= b->parts[i].iov_len;
    const struct iovec *part = &b->parts[i];
    return done == 0 ? writev(f->fd, part, b->n - i)
                     : write(f->fd, (char *)part->iov_base + done, part->iov_len - done);
}

/* Returns the bytes of it that are in the file, as whole entries: all of them unless the disk is
 * full or broken. */
static size_t write_batch(struct log_file *f, const struct batch *b, int *ret_error)
{
    size_t done = 0;
    while (done < b->bytes) {
        ssize_t n = write_some(f, b, done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *ret_error = n < 0 ? errno : EIO;
            break;
        }
        done += (size_t)n;
    }
    size_t whole = done == b->bytes ? done : whole_entries(b, done);
    f->size += (off_t)whole;
    cut_torn(f, (off_t)(done - whole));
    return whole;
}

static void fail(struct log_file *f, int error)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    f->error = error;
    f->retry = now.tv_sec + RETRY_SECONDS;
}

/* Makes sure that @bytes of entries can follow in one file. 0 or a positive errno. */
static int make_ready(struct log_file *f, size_t bytes)
{
    int r = f->fd < 0 ? open_log(f) : 0;
    if (r == 0 && f->max_size > 0 && f->size > 0 && f->size + (off_t)bytes > f->max_size) {
        rotate(f);
        r = open_log(f);
    }
    if (r == 0 && f->torn) {
        r = write(f->fd, "\n", 1) == 1 ? 0 : -errno;
        f->torn = r < 0;
        f->size += r == 0;
    }
    return -r;
}

/* Returns the bytes of it that are in the file; when that is not all, `error` is set. */
static size_t put(struct log_file *f, const struct batch *b)
{
    int error = make_ready(f, b->bytes);
    size_t done = error ? 0 : write_batch(f, b, &error);
    if (error)
        fail(f, error);
    return done;
}

/* ---- bytes into batches ---- */

static void add_in_place(struct batch *b, const char *bytes, size_t n)
{
    b->parts[b->n++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    b->bytes += n;
}

static void add_copy(struct batch *b, const char *bytes, size_t n)
{
    char *to = b->buffer + b->used;
    memcpy(to, bytes, n);
    b->used += n;
    struct iovec *last = b->n > 0 ? &b->parts[b->n - 1] : NULL;
    if (!last || (char *)last->iov_base + last->iov_len != to) {
        add_in_place(b, to, n);
        return;
    }
    last->iov_len += n;
    b->bytes += n;
}

/* The bytes of the container's that its next entry takes: a line with its end, or a piece of one;
 * and how many they are in the file. */
static size_t entry_length(const char *bytes, size_t n, size_t *ret_whole)
{
    size_t most = n < LOG_TEXT_MAX ? n : LOG_TEXT_MAX;
    const char *end = memchr(bytes, '\n', most);
    size_t length = end ? (size_t)(end - bytes) + 1 : most;
    *ret_whole = LOG_HEADER_LEN + length + !end;
    return length;
}

static bool has_room(const struct log_file *f, const struct batch *b, size_t whole)
{
    return b->n + 3 <= PARTS && b->used + LOG_HEADER_LEN + LONG < BUFFER &&
           (f->max_size <= 0 || f->size + (off_t)(b->bytes + whole) <= f->max_size);
}

/* Fills the batch from @bytes, with one entry at least and up to what fits into the file. */
static void fill(const struct log_file *f, struct batch *b, const char *headers[2],
                 const char *bytes, size_t n)
{
    size_t length, whole;
    b->n = 0;
    b->used = b->bytes = 0;
    for (size_t at = 0; at < n; at += length) {
        length = entry_length(bytes + at, n - at, &whole);
        bool partial = whole > LOG_HEADER_LEN + length;
        if (b->n > 0 && !has_room(f, b, whole))
            return;
        add_copy(b, headers[partial], LOG_HEADER_LEN);
        if (length < LONG)
            add_copy(b, bytes + at, length);
        else
            add_in_place(b, bytes + at, length);
        if (partial)
            add_copy(b, "\n", 1);
    }
}

/* How many of the container's bytes the first @whole bytes of a batch of them are. */
static size_t bytes_in(const char *bytes, size_t n, size_t whole)
{
    size_t at = 0, entry;
    while (whole > 0) {
        at += entry_length(bytes + at, n - at, &entry);
        whole -= entry;
    }
    return at;
}

/* The first entry after some are missing. False when it cannot be written either. */
static bool tell_loss(struct log_file *f, const char time[LOG_TIME_LEN])
{
    _cleanup_err_ struct err story = ERR_INIT;
    err_sys(&story, f->error, "skiff: %llu bytes of output are missing here",
            (unsigned long long)f->lost);
    char header[LOG_HEADER_LEN];
    const char *text = err_text(&story);
    log_entry_header(header, time, LOG_STDERR, false);
    struct batch b = {.buffer = f->buffer};
    f->error = 0;
    add_copy(&b, header, sizeof(header));
    add_in_place(&b, text, strlen(text));
    add_copy(&b, "\n", 1);
    if (put(f, &b) == b.bytes)
        f->lost = 0;
    return !f->error;
}

static bool is_time_to_retry(const struct log_file *f)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec >= f->retry;
}

void log_file_write(struct log_file *f, enum log_stream stream, const void *bytes, size_t n)
{
    struct timespec now;
    char time[40], whole[LOG_HEADER_LEN], piece[LOG_HEADER_LEN];
    const char *headers[] = {whole, piece}, *at = bytes;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(now, time);
    if (!f->buffer && !(f->buffer = malloc(BUFFER))) {
        fail(f, ENOMEM);
        f->lost += n;
        return;
    }
    if (f->error && (!is_time_to_retry(f) || !tell_loss(f, time))) {
        f->lost += n;
        return;
    }
    log_entry_header(whole, time, stream, false);
    log_entry_header(piece, time, stream, true);
    struct batch b = {.buffer = f->buffer};
    while (n > 0 && !f->error) {
        fill(f, &b, headers, at, n);
        size_t done = bytes_in(at, n, put(f, &b));
        at += done;
        n -= done;
    }
    f->lost += n;
}
