#include "image/compression.h"

#include "base/file.h"

#include <archive.h>
#include <stdbool.h>
#include <string.h>

enum { BLOCK_SIZE = 256 << 10 };

struct compression {
    const char *name;
    const char *suffix;
    size_t n;
    unsigned char magic[6];
    unsigned char first_mask; /* zstd has sixteen kinds of skippable frames */
    int (*support)(struct archive *a);
};

static const struct compression kinds[] = {
    {"gzip", "+gzip", 3, {0x1f, 0x8b, 0x08}, 0xff, archive_read_support_filter_gzip},
    {"zstd", "+zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, 0xff, archive_read_support_filter_zstd},
    {"zstd", "+zstd", 4, {0x50, 0x2a, 0x4d, 0x18}, 0xf0, archive_read_support_filter_zstd},
    {"xz", NULL, 6, {0xfd, '7', 'z', 'X', 'Z', 0}, 0xff, archive_read_support_filter_xz},
    {"bzip2", NULL, 3, {'B', 'Z', 'h'}, 0xff, archive_read_support_filter_bzip2},
};

/* "BZh" may also begin the first file's name in a plain archive. */
static bool has_no_name(const struct compression *c, const unsigned char *head, size_t n)
{
    return strcmp(c->name, "bzip2") != 0 || (n >= 10 && memcmp(head + 4, "1AY&SY", 6) == 0);
}

const struct compression *compression_detect(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct compression *c = &kinds[i];
        if (n >= c->n && has_no_name(c, head, n) && (head[0] & c->first_mask) == c->magic[0] &&
            memcmp(head + 1, c->magic + 1, c->n - 1) == 0)
            return c;
    }
    return NULL;
}

const char *compression_suffix(const struct compression *c)
{
    return c->suffix;
}

struct source {
    int fd;
    char *block;
};

/* Not libarchive's own reader of descriptors: that one looks at the file, which is forbidden here.
 */
static ssize_t on_read(struct archive *a, void *data, const void **ret)
{
    struct source *s = data;
    ssize_t n;
    do
        n = read(s->fd, s->block, BLOCK_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        archive_set_error(a, errno, "cannot read the archive");
    *ret = s->block;
    return n;
}

static int tell(struct archive *a, const struct compression *c, struct err *e)
{
    const char *text = archive_error_string(a);
    return err_set(e, EBADMSG, "cannot decompress the archive (%s): %s", c->name,
                   text ? text : "damaged");
}

static void archive_release(struct archive **a)
{
    archive_read_free(*a);
}

static int copy(struct archive *a, const struct compression *c, int out_fd,
                const struct limits *limits, struct err *e)
{
    const void *bytes;
    size_t n;
    la_int64_t at;
    long long out = 0;
    int status;
    while ((status = archive_read_data_block(a, &bytes, &n, &at)) == ARCHIVE_OK) {
        int r = fd_write_all(out_fd, bytes, n);
        if (r < 0)
            return err_sys(e, -r, "cannot pass the archive on");
        out += (long long)n;
        long long in = archive_filter_bytes(a, -1);
        if (out > LIMITS_RATIO_FREE && out / limits->ratio > in)
            return err_set(e, E2BIG, "the archive unfolds to more than %lld times its size",
                           limits->ratio);
    }
    return status == ARCHIVE_EOF ? 0 : tell(a, c, e);
}

int compression_remove(const struct compression *c, int in_fd, int out_fd,
                       const struct limits *limits, struct err *e)
{
    _cleanup_(archive_release) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    _cleanup_free_ char *block = malloc(BLOCK_SIZE);
    struct source source = {in_fd, block};
    if (!a || !block)
        return err_nomem(e);
    /* ARCHIVE_WARN would mean: by a program. */
    if (c->support(a) != ARCHIVE_OK)
        return err_set(e, ENOTSUP, "cannot decompress %s: left out of this machine's libarchive",
                       c->name);
    if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_support_format_empty(a) != ARCHIVE_OK ||
        archive_read_open(a, &source, NULL, on_read, NULL) != ARCHIVE_OK)
        return tell(a, c, e);
    int status = archive_read_next_header(a, &entry);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK)
        return tell(a, c, e);
    /* Its beginning was not enough for libarchive, which would pass it through as it is. */
    if (archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE)
        return err_set(e, EBADMSG, "cannot decompress the archive (%s): damaged", c->name);
    return copy(a, c, out_fd, limits, e);
}
