#include "image/unfold.h"

#include <stdbool.h>
#include <zstd.h>
#include <zstd_errors.h>

static void dctx_free(ZSTD_DCtx **d)
{
    ZSTD_freeDCtx(*d);
}

/* Unfolds what was read. *inside: in the middle of a frame, afterwards. */
static int unfold_block(struct unfold *u, ZSTD_DCtx *d, size_t n, bool *inside, struct err *e)
{
    ZSTD_inBuffer in = {u->in, n, 0};
    ZSTD_outBuffer out;
    do {
        out = (ZSTD_outBuffer){u->out, UNFOLD_BLOCK, 0};
        size_t left = ZSTD_decompressStream(d, &out, &in);
        if (ZSTD_isError(left))
            return unfold_damaged(u, ZSTD_getErrorName(left), e);
        *inside = left != 0;
        int r = unfold_write(u, u->out, out.pos, e);
        if (r < 0)
            return r;
    } while (in.pos < in.size || (out.pos == out.size && *inside));
    return 0;
}

int unfold_zstd(struct unfold *u, struct err *e)
{
    _cleanup_(dctx_free) ZSTD_DCtx *d = ZSTD_createDCtx();
    bool inside = true;
    if (!d)
        return err_nomem(e);
    for (;;) {
        ssize_t n = unfold_read(u, 0, e);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return inside ? unfold_damaged(u, "truncated", e) : 0;
        int r = unfold_block(u, d, (size_t)n, &inside, e);
        if (r < 0)
            return r;
    }
}
