#include "engine/archive.h"

#include "base/file.h"
#include "base/tar_header.h"
#include "kernel/attributes.h"
#include "kernel/copy_content.h"
#include "kernel/link_table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum {
    BUFFER = 256 << 10,   /* what is gathered before it is written */
    SMALL = 32 << 10,     /* a file that is read into it */
    SHOWN = 16 << 20,     /* of a file at once, where somebody watches */
    PIECES_MAX = 1 << 20, /* of a file with holes; one with more is written whole */
};

struct archive {
    const struct archive_options *o;
    int out;
    const char *prefix; /* NULL or what all paths begin with */
    struct link_table links;
    struct str buffer;
    unsigned long long written; /* bytes */
};

static void archive_release(struct archive *a)
{
    link_table_release(&a->links);
    str_release(&a->buffer);
}

/* ---- output ---- */

static void count(struct archive *a, size_t n)
{
    const struct archive_progress *p = a->o->progress;
    a->written += n;
    if (p)
        p->tell(p->data, a->written);
}

static int flush(struct archive *a)
{
    if (a->buffer.failed)
        return -ENOMEM;
    int r = a->buffer.len > 0 ? fd_write_all(a->out, a->buffer.s, a->buffer.len) : 0;
    if (r == 0 && a->buffer.len > 0)
        count(a, a->buffer.len);
    a->buffer.len = 0;
    return r;
}

static int flush_if_full(struct archive *a)
{
    return a->buffer.len >= BUFFER || a->buffer.failed ? flush(a) : 0;
}

static int add_zeros(struct archive *a, off_t n)
{
    static const char zeros[4096];
    int r = 0;
    while (r == 0 && n > 0) {
        size_t some = n < (off_t)sizeof(zeros) ? (size_t)n : sizeof(zeros);
        str_addn(&a->buffer, zeros, some);
        n -= (off_t)some;
        r = flush_if_full(a);
    }
    return r;
}

/* Returns how much there was. */
static off_t add_by_reading(struct archive *a, int fd, off_t at, off_t n)
{
    _cleanup_free_ char *block = malloc(SMALL);
    off_t done = 0;
    while (block && done < n) {
        size_t most = n - done < SMALL ? (size_t)(n - done) : SMALL;
        ssize_t got = pread(fd, block, most, at + done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : done;
        str_addn(&a->buffer, block, (size_t)got);
        done += got;
        int r = flush_if_full(a);
        if (r < 0)
            return r;
    }
    return block ? done : -ENOMEM;
}

/* All at once, where nobody wants to see how far it has come. */
static size_t at_once(const struct archive *a, off_t n)
{
    return a->o->progress && n > SHOWN ? (size_t)SHOWN : (size_t)n;
}

/* The kernel moves it, where the output is something that it can be moved to. */
static off_t add_by_kernel(struct archive *a, int fd, off_t at, off_t n)
{
    off_t from = at;
    int r = flush(a);
    while (r == 0 && from < at + n) {
        ssize_t done = sendfile(a->out, fd, &from, at_once(a, at + n - from));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && from == at && (errno == EINVAL || errno == ENOSYS))
            return add_by_reading(a, fd, at, n);
        if (done <= 0)
            r = done < 0 ? -errno : 1;
        else
            count(a, (size_t)done);
    }
    return r < 0 ? r : from - at;
}

static int add_piece(struct archive *a, int fd, off_t at, off_t n)
{
    off_t done = n > SMALL ? add_by_kernel(a, fd, at, n) : add_by_reading(a, fd, at, n);
    return done < 0 ? (int)done : add_zeros(a, n - done);
}

/* ---- a regular file ---- */

struct pieces {
    struct tar_piece *v;
    size_t n, cap;
};

static void pieces_release(struct pieces *p)
{
    free(p->v);
}

static int add_to(struct pieces *p, off_t at, off_t n)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct tar_piece *more = reallocarray(p->v, cap, sizeof(*more));
        if (!more)
            return -ENOMEM;
        p->v = more;
        p->cap = cap;
    }
    p->v[p->n++] = (struct tar_piece){at, n};
    return 0;
}

/* Where a file's content is; none when it has no holes worth the name. */
static int find_pieces(int fd, const struct stat *st, struct pieces *p)
{
    off_t at = 0, length, end = 0;
    int r = 0;
    if ((off_t)st->st_blocks * 512 >= st->st_size)
        return 0;
    while (r == 0 && p->n < PIECES_MAX && (length = next_piece(fd, &at, st->st_size)) > 0) {
        r = add_to(p, at, length);
        end = at += length;
    }
    bool whole = p->n == 1 && p->v[0].at == 0 && end == st->st_size;
    if (r == 0 && (whole || p->n == PIECES_MAX))
        p->n = 0;
    else if (r == 0 && end < st->st_size)
        r = add_to(p, st->st_size, 0); /* a hole at the end: some readers take the size from here */
    return r;
}

static int add_content(struct archive *a, int fd, const struct tar_entry *t)
{
    unsigned long long n = (unsigned long long)t->size;
    int r = 0;
    if (t->pieces) {
        n = 0;
        for (size_t i = 0; r == 0 && i < t->n_pieces; i++) {
            r = add_piece(a, fd, t->pieces[i].at, t->pieces[i].n);
            n += (unsigned long long)t->pieces[i].n;
        }
    } else {
        r = add_piece(a, fd, 0, t->size);
    }
    tar_add_padding(&a->buffer, n);
    return r;
}

static int add_record(void *data, const char *name, const void *value, size_t n)
{
    _cleanup_free_ char *key = str_printf("SCHILY.xattr.%s", name);
    if (!key)
        return -ENOMEM;
    tar_add_record(data, key, value, n);
    return 0;
}

static int add_file(struct archive *a, const struct walk_entry *entry, struct tar_entry *t)
{
    _cleanup_str_ struct str records = {0};
    _cleanup_(pieces_release) struct pieces pieces = {0};
    struct stat st;
    _cleanup_close_ int fd = walk_open_file(entry);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = attributes_read(fd, false, add_record, &records);
    if (r == 0)
        r = find_pieces(fd, &st, &pieces);
    if (r < 0)
        return r;
    t->size = st.st_size;
    struct tar_entry whole = *t;
    whole.records = &records;
    whole.pieces = pieces.n > 0 ? pieces.v : NULL;
    whole.n_pieces = pieces.n;
    tar_add_header(&a->buffer, &whole);
    return add_content(a, fd, &whole);
}

/* ---- others ---- */

static int add_link(struct archive *a, const struct walk_entry *entry, const struct tar_entry *t)
{
    _cleanup_free_ char *target = NULL;
    int r = walk_read_link(entry, &target);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    struct tar_entry whole = *t;
    whole.target = target;
    tar_add_header(&a->buffer, &whole);
    return 0;
}

static bool is_opaque(int fd)
{
    char value[2];
    return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

/* An empty file by a name that says what is hidden. */
static int add_whiteout(struct archive *a, const char *path, const char *hidden)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *name = hidden
                                    ? str_printf("%s/%s", path, hidden)
                                    : str_printf("%.*s.wh.%s", slash ? (int)(slash + 1 - path) : 0,
                                                 path, slash ? slash + 1 : path);
    if (!name)
        return -ENOMEM;
    const struct tar_entry t = {.path = name, .mode = S_IFREG};
    tar_add_header(&a->buffer, &t);
    return 0;
}

static int add_folder(struct archive *a, const struct walk_entry *entry, const struct tar_entry *t)
{
    _cleanup_str_ struct str records = {0};
    int r = attributes_read(entry->fd, false, add_record, &records);
    if (r < 0)
        return r;
    struct tar_entry whole = *t;
    whole.records = &records;
    tar_add_header(&a->buffer, &whole);
    r = a->o->layer && is_opaque(entry->fd) ? add_whiteout(a, t->path, ".wh..wh..opq") : 0;
    if (r < 0)
        return r;
    return !a->o->enter || a->o->enter(a->o->data, entry) ? 0 : WALK_SKIP;
}

static int add_by_kind(struct archive *a, const struct walk_entry *entry, struct tar_entry *t)
{
    switch (entry->st.st_mode & S_IFMT) {
    case S_IFDIR:
        return add_folder(a, entry, t);
    case S_IFREG:
        return add_file(a, entry, t);
    case S_IFLNK:
        return add_link(a, entry, t);
    case S_IFSOCK:
        return 0; /* archives have none */
    default:
        tar_add_header(&a->buffer, t);
        return 0;
    }
}

/* Another name of what is in the archive; else it is noted down that it is, from now on. */
static int add_entry(struct archive *a, const struct walk_entry *entry, struct tar_entry *t)
{
    if (a->o->layer && S_ISCHR(entry->st.st_mode) && entry->st.st_rdev == makedev(0, 0))
        return add_whiteout(a, t->path, NULL); /* all of them may be one file */
    bool wanted = link_table_wants(&entry->st);
    const char *first = wanted ? link_table_get(&a->links, &entry->st) : NULL;
    if (first) {
        t->hard = true;
        t->target = first;
        tar_add_header(&a->buffer, t);
        return 0;
    }
    size_t before = a->buffer.len;
    int r = add_by_kind(a, entry, t);
    /* Of what vanished nothing was added. */
    bool added = r == 0 && (a->buffer.len != before || t->size > 0);
    return wanted && added ? link_table_put(&a->links, &entry->st, t->path) : r;
}

static int visit(void *data, const struct walk_entry *entry, struct err *e)
{
    struct archive *a = data;
    _cleanup_free_ char *path =
        a->prefix ? str_printf("%s/%s", a->prefix, entry->path) : strdup(entry->path);
    if (!path)
        return err_nomem(e);
    struct tar_entry t = {
        .path = path,
        .mode = entry->st.st_mode,
        .uid = entry->st.st_uid,
        .gid = entry->st.st_gid,
        .mtime = entry->st.st_mtim,
        .rdev = entry->st.st_rdev,
    };
    if (a->o->owner)
        a->o->owner(a->o->data, &t.uid, &t.gid);
    int r = add_entry(a, entry, &t);
    int written = r < 0 ? r : flush_if_full(a);
    if (written < 0)
        return err_sys(e, -written, "cannot write \"%s\" to the archive", path);
    return r;
}

static int finish(struct archive *a, struct err *e)
{
    tar_add_end(&a->buffer);
    int r = flush(a);
    return r < 0 ? err_sys(e, -r, "cannot write the archive") : 0;
}

int archive_folder(int out, int from, const char *name, const struct archive_options *o,
                   struct err *e)
{
    _cleanup_(archive_release) struct archive a = {.o = o, .out = out};
    const struct walk w = {.visit = visit, .data = &a};
    struct walk_entry top = {.dir = -EBADF, .name = name, .path = name, .fd = from};
    if (fstat(from, &top.st) < 0)
        return err_sys(e, errno, "cannot stat the folder");
    int r = name ? visit(&a, &top, e) : 0;
    a.prefix = name;
    if (r == 0)
        r = walk_folder(from, &w, e);
    return r < 0 ? r : finish(&a, e);
}

int archive_node(int out, int dir, const char *from, const char *name,
                 const struct archive_options *o, struct err *e)
{
    _cleanup_(archive_release) struct archive a = {.o = o, .out = out};
    struct walk_entry entry;
    int r = walk_open(dir, from, &entry);
    if (r < 0)
        return err_sys(e, -r, "cannot open \"%s\"", from);
    _cleanup_close_ int opened = entry.fd;
    entry.path = name;
    r = visit(&a, &entry, e);
    return r < 0 ? r : finish(&a, e);
}
