#include "image/unfold.h"

#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdint.h>

static const char *reason(int code)
{
    switch (code) {
    case ISAL_INVALID_WRAPPER:
    case ISAL_UNSUPPORTED_METHOD:
        return "invalid header";
    case ISAL_INCORRECT_CHECKSUM:
        return "wrong checksum";
    default:
        return "damaged";
    }
}

/* A member from its header on. */
static void begin_member(struct inflate_state *s)
{
    isal_inflate_reset(s);
    s->crc_flag = ISAL_GZIP; /* header and trailer are its business, and the checksum */
}

/* Unfolds what was read. *inside: in the middle of a member, before and after. */
static int unfold_block(struct unfold *u, struct inflate_state *s, bool *inside, struct err *e)
{
    do {
        *inside = *inside || s->avail_in > 0;
        s->next_out = u->out;
        s->avail_out = UNFOLD_BLOCK;
        int code = isal_inflate(s);
        if (code != ISAL_DECOMP_OK)
            return unfold_damaged(u, reason(code), e);
        int r = unfold_write(u, u->out, UNFOLD_BLOCK - s->avail_out, e);
        if (r < 0)
            return r;
        if (s->block_state == ISAL_BLOCK_FINISH) {
            begin_member(s);
            *inside = false;
        }
    } while (s->avail_in > 0 || s->avail_out == 0);
    return 0;
}

int unfold_gzip(struct unfold *u, struct err *e)
{
    _cleanup_free_ struct inflate_state *s = malloc(sizeof(*s));
    bool inside = true;
    if (!s)
        return err_nomem(e);
    isal_inflate_init(s);
    begin_member(s);
    for (;;) {
        ssize_t n = unfold_read(u, e);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return inside ? unfold_damaged(u, "truncated", e) : 0;
        s->next_in = u->in;
        s->avail_in = (uint32_t)n;
        int r = unfold_block(u, s, &inside, e);
        if (r < 0)
            return r;
    }
}
