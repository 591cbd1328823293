#include "image/compression.h"

#include "image/unfold.h"

#include <stdbool.h>
#include <string.h>

struct compression {
    const char *name;
    const char *suffix;
    size_t n;
    unsigned char magic[6];
    unsigned char first_mask; /* zstd has sixteen kinds of skippable frames */
    unfold_fn *unfold;
};

static const struct compression kinds[] = {
    {"gzip", "+gzip", 3, {0x1f, 0x8b, 0x08}, 0xff, unfold_gzip},
    {"zstd", "+zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, 0xff, unfold_zstd},
    {"zstd", "+zstd", 4, {0x50, 0x2a, 0x4d, 0x18}, 0xf0, unfold_zstd},
    {"xz", NULL, 6, {0xfd, '7', 'z', 'X', 'Z', 0}, 0xff, unfold_xz},
    {"bzip2", NULL, 3, {'B', 'Z', 'h'}, 0xff, unfold_bzip2},
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

int compression_remove(const struct compression *c, int in_fd, int out_fd,
                       const struct limits *limits, struct err *e)
{
    return compression_remove_after(c, NULL, 0, in_fd, out_fd, limits, e);
}

int compression_remove_after(const struct compression *c, const void *head, size_t n, int in_fd,
                             int out_fd, const struct limits *limits, struct err *e)
{
    _cleanup_free_ unsigned char *in = malloc(UNFOLD_BLOCK);
    _cleanup_free_ unsigned char *out = malloc(UNFOLD_BLOCK);
    struct unfold u = {c->name, in_fd, out_fd, limits, in, out, 0, 0, head, n};
    return in && out ? c->unfold(&u, e) : err_nomem(e);
}
