#include "image/unfold.h"

#include <archive.h>

/* libarchive asks us for bytes; the story of a failed read is kept here. */
struct source {
    struct unfold *u;
    struct err *e;
    int failed; /* a negative errno */
};

/* Not libarchive's own reader of descriptors: that one looks at the file, which is forbidden here.
 */
static ssize_t on_read(struct archive *a, void *data, const void **ret)
{
    struct source *s = data;
    ssize_t n = unfold_read(s->u, 0, s->e);
    *ret = s->u->in;
    if (n >= 0)
        return n;
    s->failed = (int)n;
    archive_set_error(a, (int)-n, "cannot read the archive");
    return -1;
}

static int tell(struct archive *a, const struct source *s)
{
    const char *text = archive_error_string(a);
    return s->failed ? s->failed : unfold_damaged(s->u, text ? text : "damaged", s->e);
}

static void archive_release(struct archive **a)
{
    archive_read_free(*a);
}

static int copy(struct archive *a, const struct source *s)
{
    const void *bytes;
    size_t n;
    la_int64_t at;
    int status;
    while ((status = archive_read_data_block(a, &bytes, &n, &at)) == ARCHIVE_OK) {
        int r = unfold_write(s->u, bytes, n, s->e);
        if (r < 0)
            return r;
    }
    return status == ARCHIVE_EOF ? 0 : tell(a, s);
}

static int unfold_by(struct unfold *u, int (*support)(struct archive *), struct err *e)
{
    _cleanup_(archive_release) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct source s = {.u = u, .e = e};
    if (!a)
        return err_nomem(e);
    /* ARCHIVE_WARN would mean: by a program. */
    if (support(a) != ARCHIVE_OK)
        return err_set(e, ENOTSUP, "cannot decompress %s: left out of this machine's libarchive",
                       u->name);
    if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_support_format_empty(a) != ARCHIVE_OK ||
        archive_read_open(a, &s, NULL, on_read, NULL) != ARCHIVE_OK)
        return tell(a, &s);
    int status = archive_read_next_header(a, &entry);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK)
        return tell(a, &s);
    /* Its beginning was not enough for libarchive, which would pass it through as it is. */
    if (archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE)
        return unfold_damaged(u, "damaged", e);
    return copy(a, &s);
}

int unfold_xz(struct unfold *u, struct err *e)
{
    return unfold_by(u, archive_read_support_filter_xz, e);
}

int unfold_bzip2(struct unfold *u, struct err *e)
{
    return unfold_by(u, archive_read_support_filter_bzip2, e);
}
