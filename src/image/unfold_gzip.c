#include "image/unfold.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* RFC 1952, 2.3: a member's header. */
enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0, HEADER_FIXED = 10 };

/* Where what has a NUL at its end ends; past @n when that is not there yet. */
static size_t after_text(const unsigned char *p, size_t n, size_t at)
{
    const unsigned char *nul = at < n ? memchr(p + at, '\0', n - at) : NULL;
    return nul ? (size_t)(nul - p) + 1 : n + 1;
}

/* The length of the header at @p; 0 when there is more of it to come, -1 when it is none. Not
 * ISA-L's own reader: that one takes a right header checksum for a wrong one when the header comes
 * in two pieces. */
static ssize_t header_length(const unsigned char *p, size_t n)
{
    static const unsigned char magic[3] = {0x1f, 0x8b, 8};
    size_t at = HEADER_FIXED;
    if (memcmp(p, magic, n < sizeof(magic) ? n : sizeof(magic)) != 0 || (n > 3 && p[3] & RESERVED))
        return -1;
    if (n < HEADER_FIXED)
        return 0;
    if (p[3] & FEXTRA)
        at += at + 2 <= n ? 2u + p[at] + ((size_t)p[at + 1] << 8) : 2u;
    if (p[3] & FNAME)
        at = after_text(p, n, at);
    if (p[3] & FCOMMENT)
        at = after_text(p, n, at);
    if (!(p[3] & FHCRC))
        return at <= n ? (ssize_t)at : 0;
    if (at + 2 > n)
        return 0;
    uint32_t crc = crc32_gzip_refl(0, p, at);
    return (crc & 0xffff) == (uint32_t)(p[at] | p[at + 1] << 8) ? (ssize_t)at + 2 : -1;
}

/* More bytes behind those that are left, which are moved to the front: how many, or as read(2). */
static ssize_t refill(struct unfold *u, struct inflate_state *s, struct err *e)
{
    memmove(u->in, s->next_in, s->avail_in);
    s->next_in = u->in;
    ssize_t n = unfold_read(u, s->avail_in, e);
    if (n > 0)
        s->avail_in += (uint32_t)n;
    return n;
}

/* Goes past a header. 0 when there is none any more; else 1 or a negative errno. */
static int begin_member(struct unfold *u, struct inflate_state *s, struct err *e)
{
    ssize_t n;
    while ((n = header_length(s->next_in, s->avail_in)) == 0) {
        if (s->avail_in == UNFOLD_BLOCK)
            return unfold_damaged(u, "invalid header", e);
        n = refill(u, s, e);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return s->avail_in == 0 ? 0 : unfold_damaged(u, "truncated", e);
    }
    if (n < 0)
        return unfold_damaged(u, "invalid header", e);
    s->next_in += n;
    s->avail_in -= (uint32_t)n;
    isal_inflate_reset(s);
    s->crc_flag =
        ISAL_GZIP_NO_HDR_VER; /* the checksum and the length behind the data are checked */
    return 1;
}

static int unfold_member(struct unfold *u, struct inflate_state *s, struct err *e)
{
    while (s->block_state != ISAL_BLOCK_FINISH) {
        s->next_out = u->out;
        s->avail_out = UNFOLD_BLOCK;
        int code = isal_inflate(s);
        if (code != ISAL_DECOMP_OK)
            return unfold_damaged(u, code == ISAL_INCORRECT_CHECKSUM ? "wrong checksum" : "damaged",
                                  e);
        int r = unfold_write(u, u->out, UNFOLD_BLOCK - s->avail_out, e);
        if (r < 0)
            return r;
        if (s->avail_out == 0 || s->block_state == ISAL_BLOCK_FINISH)
            continue;
        if (s->avail_in > 0)
            return unfold_damaged(u, "damaged", e); /* it would take no more, for ever */
        ssize_t n = refill(u, s, e);
        if (n <= 0)
            return n == 0 ? unfold_damaged(u, "truncated", e) : (int)n;
    }
    return 0;
}

int unfold_gzip(struct unfold *u, struct err *e)
{
    _cleanup_free_ struct inflate_state *s = malloc(sizeof(*s));
    int r;
    if (!s)
        return err_nomem(e);
    isal_inflate_init(s);
    s->next_in = u->in;
    while ((r = begin_member(u, s, e)) > 0 && (r = unfold_member(u, s, e)) == 0)
        ;
    return r;
}
