#include "image/archive_scan.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum {
    BLOCK = 512,
    EXTRA_MAX = 1 << 20,  /* bytes of a header's own header */
    BEHIND_MAX = 1 << 20, /* and of what fills the archive up */
    PIECE = 64 << 10,
    SPLICE = 1 << 20,
};

/* A ustar header: offset and length of its fields. */
enum {
    NAME_AT = 0,
    NAME_LEN = 100,
    SIZE_AT = 124,
    SIZE_LEN = 12,
    SUM_AT = 148,
    SUM_LEN = 8,
    TYPE_AT = 156,
    TARGET_AT = 157,
    TARGET_LEN = 100,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_LEN = 155,
};

/* What headers before a file's own say of it. */
struct file {
    char *name, *target; /* NULL: its own header says it */
    long long size;      /* -1: likewise */
};

static void file_release(struct file *f)
{
    free(f->name);
    free(f->target);
    *f = (struct file){.size = -1};
}

/* ---- bytes ---- */

/* Up to @n bytes; fewer only at the end. */
static ssize_t take(struct archive_scan *s, void *to, size_t n, struct err *e)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r;
        if (s->head_len > 0) {
            r = (ssize_t)(n - got < s->head_len ? n - got : s->head_len);
            memcpy((char *)to + got, s->head, (size_t)r);
            s->head = (const char *)s->head + r;
            s->head_len -= (size_t)r;
        } else if (s->again) {
            r = pread(s->in_fd, (char *)to + got, n - got, s->at);
        } else {
            r = read(s->in_fd, (char *)to + got, n - got);
        }
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_sys(e, errno, "cannot read the archive");
        if (r == 0)
            break;
        got += (size_t)r;
        s->at += r;
    }
    return (ssize_t)got;
}

static int cut_off(struct err *e)
{
    return err_set(e, EBADMSG, "the archive is cut off");
}

static int take_all(struct archive_scan *s, void *to, size_t n, struct err *e)
{
    ssize_t got = take(s, to, n, e);
    return got < 0 ? (int)got : (size_t)got < n ? cut_off(e) : 0;
}

/* By copying: @to_fd -1 throws it away. */
static int move_slowly(struct archive_scan *s, long long n, int to_fd, struct err *e)
{
    _cleanup_free_ char *piece = malloc(PIECE);
    if (!piece)
        return err_nomem(e);
    while (n > 0) {
        size_t want = n < PIECE ? (size_t)n : PIECE;
        int r = take_all(s, piece, want, e);
        if (r < 0)
            return r;
        r = to_fd >= 0 ? fd_write_all(to_fd, piece, want) : 0;
        if (r < 0)
            return err_sys(e, -r, "cannot pass the archive on");
        n -= (long long)want;
    }
    return 0;
}

/* Whatever can be moved without being copied is. */
static int move(struct archive_scan *s, long long n, struct err *e)
{
    while (n > 0 && s->head_len == 0) {
        ssize_t r = splice(s->in_fd, NULL, s->out_fd, NULL, n < SPLICE ? (size_t)n : SPLICE, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EINVAL)
            break;
        if (r < 0)
            return err_sys(e, errno, "cannot pass the archive on");
        if (r == 0)
            return cut_off(e);
        n -= r;
        s->at += r;
    }
    return n > 0 ? move_slowly(s, n, s->out_fd, e) : 0;
}

static int pass_over(struct archive_scan *s, long long n, struct err *e)
{
    char last;
    if (!s->again || n == 0)
        return move_slowly(s, n, -1, e);
    s->at += n - 1;
    return take_all(s, &last, 1, e);
}

static long long padding(long long size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

/* ---- fields ---- */

/* Octal digits, or a number in base 256 behind a byte 0x80. -1: none, or one that is too large. */
static long long number(const unsigned char *field, size_t n)
{
    long long value = 0;
    size_t i = 0;
    if (field[0] & 0x80) {
        for (i = 1; i < n; i++) {
            if (value > LLONG_MAX >> 8)
                return -1;
            value = value << 8 | field[i];
        }
        return field[0] == 0x80 ? value : -1;
    }
    while (i < n && field[i] == ' ')
        i++;
    size_t first = i;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (field[i] - '0');
    return i > first && (i == n || field[i] == ' ' || field[i] == '\0') ? value : -1;
}

static bool sum_is_right(const unsigned char *block)
{
    long long sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];
    return number(block + SUM_AT, SUM_LEN) == sum;
}

static bool is_zero(const unsigned char *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

static char *text_of(const unsigned char *field, size_t n)
{
    return strndup((const char *)field, n);
}

static char *own_name(const unsigned char *block)
{
    _cleanup_free_ char *name = text_of(block + NAME_AT, NAME_LEN);
    _cleanup_free_ char *prefix = text_of(block + PREFIX_AT, PREFIX_LEN);
    if (!name || !prefix)
        return NULL;
    /* GNU's own format has other things there. */
    bool has_prefix = memcmp(block + MAGIC_AT, "ustar\0", 6) == 0 && *prefix;
    return has_prefix ? str_printf("%s/%s", prefix, name) : TAKE_PTR(name);
}

/* ---- headers before a header ---- */

static int replace(char **to, const char *from, size_t n, struct err *e)
{
    free(*to);
    *to = strndup(from, n);
    return *to ? 0 : err_nomem(e);
}

static int take_record(struct file *f, const char *key, const char *value, size_t n, struct err *e)
{
    if (strcmp(key, "path") == 0)
        return replace(&f->name, value, n, e);
    if (strcmp(key, "linkpath") == 0)
        return replace(&f->target, value, n, e);
    if (strcmp(key, "size") != 0)
        return strncmp(key, "GNU.sparse.", 11) == 0
                   ? err_set(e, EBADMSG, "the archive has a file with holes")
                   : 0;
    _cleanup_free_ char *text = strndup(value, n);
    if (!text)
        return err_nomem(e);
    return str_to_int64(text, 0, LLONG_MAX, &f->size) < 0
               ? err_set(e, EBADMSG, "the archive has a file of no valid size")
               : 0;
}

/* "LENGTH KEY=VALUE\n", one after the other. */
static int take_records(struct file *f, char *text, size_t n, struct err *e)
{
    for (size_t at = 0; at < n;) {
        char *stop;
        errno = 0;
        unsigned long length = strtoul(text + at, &stop, 10);
        char *end = text + at + (length <= n - at ? length : 0);
        if (errno || length > n - at || *stop != ' ' || stop + 2 >= end || end[-1] != '\n')
            return err_set(e, EBADMSG, "the archive has a broken pax header");
        char *key = stop + 1, *equals = memchr(key, '=', (size_t)(end - key));
        if (!equals)
            return err_set(e, EBADMSG, "the archive has a broken pax header");
        *equals = '\0';
        int r = take_record(f, key, equals + 1, (size_t)(end - 1 - equals - 1), e);
        if (r < 0)
            return r;
        at += length;
    }
    return 0;
}

/* Whether @type is one of those; then what it holds is taken. 1: it was. */
static int take_extra(struct archive_scan *s, char type, long long size, struct file *f,
                      struct err *e)
{
    if (!strchr("xgLK", type) || type == '\0')
        return 0;
    if (size > EXTRA_MAX)
        return err_set(e, E2BIG, "the archive has a header of %lld bytes", size);
    _cleanup_free_ char *text = calloc(1, (size_t)size + 1);
    if (!text)
        return err_nomem(e);
    int r = take_all(s, text, (size_t)size, e);
    if (r == 0)
        r = pass_over(s, padding(size), e);
    if (r == 0 && type == 'x')
        r = take_records(f, text, (size_t)size, e);
    if (r == 0 && type == 'L')
        r = replace(&f->name, text, (size_t)size, e);
    if (r == 0 && type == 'K')
        r = replace(&f->target, text, (size_t)size, e);
    return r < 0 ? r : 1;
}

/* ---- files ---- */

/* Without "./" and slashes at the beginning or end. */
static int tidy(char *name, const char **ret, struct err *e)
{
    size_t n = strlen(name);
    while (n > 0 && name[n - 1] == '/')
        name[--n] = '\0';
    for (;;)
        if (*name == '/')
            name++;
        else if (name[0] == '.' && name[1] == '/')
            name += 2;
        else
            break;
    if (strlen(name) > ARCHIVE_NAME_MAX)
        return err_set(e, E2BIG, "the archive has a file with a name of %zu bytes", strlen(name));
    for (const char *part = name; *part; part += strcspn(part, "/"), part += *part == '/')
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return err_set(e, EBADMSG, "the archive has a file outside of it: \"%s\"", name);
    *ret = name;
    return 0;
}

static int tell(struct archive_scan *s, const char *name, const char *target, long long size,
                struct err *e)
{
    const struct archive_head head = {
        .size = (uint64_t)size,
        .at = (uint64_t)s->at,
        .name = (uint32_t)strlen(name),
        .target = (uint32_t)strlen(target),
    };
    int r = fd_write_all(s->out_fd, &head, sizeof(head));
    if (r == 0)
        r = fd_write_all(s->out_fd, name, head.name);
    if (r == 0)
        r = fd_write_all(s->out_fd, target, head.target);
    return r < 0 ? err_sys(e, -r, "cannot pass the archive on") : 0;
}

static int take_file(struct archive_scan *s, const unsigned char *block, struct file *f,
                     long long size, struct err *e)
{
    char type = (char)block[TYPE_AT];
    bool regular = type == '0' || type == '\0' || type == '7', link = type == '1' || type == '2';
    const char *name = "";
    if (!f->name && !(f->name = own_name(block)))
        return err_nomem(e);
    if (!f->target && !(f->target = text_of(block + TARGET_AT, TARGET_LEN)))
        return err_nomem(e);
    if (type == 'S')
        return err_set(e, EBADMSG, "the archive has a file with holes");
    int r = tidy(f->name, &name, e);
    if (r < 0)
        return r;
    if (strlen(f->target) > ARCHIVE_NAME_MAX)
        return err_set(e, E2BIG, "the archive has a link with a target of %zu bytes",
                       strlen(f->target));
    /* Links have no content, whatever the header says; what else there is has no meaning here. */
    if (link)
        return *name && *f->target ? tell(s, name, f->target, 0, e) : 0;
    if (!regular || !*name)
        return pass_over(s, size + padding(size), e);
    r = tell(s, name, "", size, e);
    if (r == 0)
        r = s->again ? pass_over(s, size, e) : move(s, size, e);
    return r < 0 ? r : pass_over(s, padding(size), e);
}

/* 1: the archive ends here. */
static int next_file(struct archive_scan *s, struct file *f, bool *ret_extra, struct err *e)
{
    unsigned char block[BLOCK];
    ssize_t n = take(s, block, BLOCK, e);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return 1;
    if (n < BLOCK)
        return cut_off(e);
    if (is_zero(block))
        return 1;
    if (!sum_is_right(block))
        return err_set(e, EBADMSG, "the archive is no tar archive, or is damaged");
    long long size = f->size >= 0 ? f->size : number(block + SIZE_AT, SIZE_LEN);
    if (size < 0)
        return err_set(e, EBADMSG, "the archive has a file of no valid size");
    if (size > s->size_max)
        return err_set(e, E2BIG, "the archive has a file of %lld bytes", size);
    int r = take_extra(s, (char)block[TYPE_AT], size, f, e);
    *ret_extra = r == 1;
    return r != 0 ? (r < 0 ? r : 0) : take_file(s, block, f, size, e);
}

/* Who writes the archive into a pipe wants it to be read to its end. */
static int read_on(struct archive_scan *s, struct err *e)
{
    unsigned char block[BLOCK];
    ssize_t n = BLOCK;
    for (long long behind = 0; !s->again && n == BLOCK && behind < BEHIND_MAX; behind += BLOCK) {
        n = take(s, block, BLOCK, e);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

int archive_scan(struct archive_scan *s, struct err *e)
{
    _cleanup_(file_release) struct file f = {.size = -1};
    off_t begun = s->at;
    bool extra = false;
    int r = 0;
    for (int n = 0, files = 0; r == 0; n++) {
        if (files > ARCHIVE_FILES_MAX || n > 4 * ARCHIVE_FILES_MAX)
            return err_set(e, E2BIG, "the archive has more than %d files", ARCHIVE_FILES_MAX);
        r = next_file(s, &f, &extra, e);
        if (r == 0 && !extra) {
            file_release(&f);
            files++;
        }
    }
    if (r < 0)
        return r;
    if (s->at == begun)
        return err_set(e, EBADMSG, "the archive is empty");
    return extra ? cut_off(e) : read_on(s, e);
}
