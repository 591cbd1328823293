#include "engine/log_tail.h"

#include "engine/log_entry.h"
#include "engine/log_files.h"

#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 65536 };

/* What was learned of the lines so far, going backwards. */
struct count {
    uint64_t left;    /* lines that are still wanted */
    bool open[2];     /* of each stream: the first entry of a wanted line was not met yet */
    bool seen[2];     /* some entry was met */
    uint64_t skip[2]; /* entries that were met and are not wanted */
};

/* Takes the entry before those that were taken. True when it is before all that is wanted. */
static bool take(struct count *c, const struct log_entry *entry)
{
    enum log_stream s = entry->stream;
    /* An entry that ends a line, or the last of all, which nothing ends yet. */
    bool ends_line = !entry->partial || !c->seen[s];
    c->seen[s] = true;
    if (ends_line) {
        c->open[s] = c->left > 0;
        c->left -= c->left > 0;
    }
    if (c->open[s])
        return false;
    if (c->left == 0 && !c->open[!s])
        return true;
    c->skip[s]++;
    return false;
}

/* A file, read backwards by blocks. */
struct backwards {
    int fd;
    off_t at; /* of the block in the file */
    size_t n; /* bytes of it */
    /* The block, and after it what an entry's header needs that begins at its end. */
    char bytes[BLOCK + LOG_HEADER_LEN];
};

static int load_before(struct backwards *b, struct err *e)
{
    size_t n = b->at < BLOCK ? (size_t)b->at : BLOCK;
    memmove(b->bytes + n, b->bytes, LOG_HEADER_LEN);
    ssize_t got = pread(b->fd, b->bytes, n, b->at - (off_t)n);
    if (got < 0)
        return err_sys(e, errno, "cannot read the log");
    if ((size_t)got < n) /* it became shorter meanwhile */
        memset(b->bytes + got, 0, n - (size_t)got);
    b->n = n;
    b->at -= (off_t)n;
    return 0;
}

/* Takes the line that begins at @start of the block and ends, without its line end, at @end of the
 * file. */
static bool take_line(struct backwards *b, size_t start, off_t end, struct count *c)
{
    off_t length = end - b->at - (off_t)start;
    struct log_entry entry;
    size_t n = length < LOG_HEADER_LEN ? (size_t)length : LOG_HEADER_LEN;
    return log_entry_parse(b->bytes + start, n, &entry) && take(c, &entry);
}

/* Counts down the lines of one file from its end. 1 with *ret_offset when that is where to begin; 0
 * when all of the file is wanted. */
static int walk(struct backwards *b, struct count *c, off_t *ret_offset, struct err *e)
{
    struct stat st;
    if (fstat(b->fd, &st) < 0)
        return err_sys(e, errno, "cannot stat the log");
    off_t end = -1; /* of the line that is looked for; what the file ends with is no line yet */
    b->at = st.st_size;
    while (b->at > 0) {
        int r = load_before(b, e);
        if (r < 0)
            return r;
        for (char *nl; (nl = memrchr(b->bytes, '\n', b->n));) {
            size_t start = (size_t)(nl - b->bytes) + 1;
            if (end >= 0 && take_line(b, start, end, c)) {
                *ret_offset = end + 1;
                return 1;
            }
            b->n = start - 1;
            end = b->at + (off_t)b->n;
        }
    }
    b->n = 0;
    if (end >= 0 && take_line(b, 0, end, c)) {
        *ret_offset = end + 1;
        return 1;
    }
    return 0;
}

static int find(struct backwards *b, int dir_fd, struct count *c, off_t *ret_offset, struct err *e)
{
    int r;
    while ((r = walk(b, c, ret_offset, e)) == 0) {
        int older = log_files_previous(dir_fd, b->fd);
        if (older == -ENOENT || older == -ESTALE)
            break;
        if (older < 0)
            return err_sys(e, -older, "cannot open the log");
        close(b->fd);
        b->fd = older;
    }
    if (r == 0)
        *ret_offset = 0;
    return r;
}

int log_tail_find(int dir_fd, uint64_t lines, struct log_place *ret, struct err *e)
{
    struct count c = {.left = lines};
    _cleanup_free_ struct backwards *b = malloc(sizeof(*b));
    if (!b)
        return err_nomem(e);
    memset(b->bytes, 0, sizeof(b->bytes));
    b->fd = log_files_newest(dir_fd);
    if (b->fd < 0)
        return err_sys(e, -b->fd, "cannot open the log");
    off_t offset = 0;
    int r = find(b, dir_fd, &c, &offset, e);
    if (r < 0) {
        close(b->fd);
        return r;
    }
    *ret = (struct log_place){.fd = b->fd, .offset = offset, .skip = {c.skip[0], c.skip[1]}};
    return 0;
}
