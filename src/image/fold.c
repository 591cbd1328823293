#include "image/fold.h"

#include "base/file.h"
#include "base/str.h"
#include "image/compression.h"
#include "image/hash.h"
#include "image/sandbox.h"
#include "image/stage.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { BLOCK = 256 << 10, GZIP_LEVEL = 2, ZSTD_LEVEL = 3 };

/* ---- what the stages do ---- */

static int take_off(const void *data, struct str *report, struct err *e)
{
    const struct limits limits = LIMITS_DEFAULT;
    (void)report;
    int r = sandbox_enter_pure(e);
    return r < 0 ? r : compression_remove(data, STAGE_IN, STAGE_OUT, &limits, e);
}

static ssize_t read_block(void *block)
{
    ssize_t n;
    do
        n = read(STAGE_IN, block, BLOCK);
    while (n < 0 && errno == EINTR);
    return n;
}

static int pass_on(const void *bytes, size_t n, struct err *e)
{
    int r = fd_write_all(STAGE_OUT, bytes, n);
    return r < 0 ? err_sys(e, -r, "cannot pass the archive on") : 0;
}

static int gzip_stream(struct isal_zstream *z, unsigned char *in, unsigned char *out, struct err *e)
{
    do {
        if (z->avail_in == 0 && !z->end_of_stream) {
            ssize_t n = read_block(in);
            if (n < 0)
                return err_sys(e, errno, "cannot read the archive");
            z->next_in = in;
            z->avail_in = (uint32_t)n;
            z->end_of_stream = n == 0;
        }
        z->next_out = out;
        z->avail_out = BLOCK;
        if (isal_deflate(z) != COMP_OK)
            return err_set(e, EIO, "cannot compress the archive");
        int r = pass_on(out, BLOCK - z->avail_out, e);
        if (r < 0)
            return r;
    } while (z->internal_state.state != ZSTATE_END);
    return 0;
}

static int put_on_gzip(const void *data, struct str *report, struct err *e)
{
    _cleanup_free_ unsigned char *in = malloc(BLOCK), *out = malloc(BLOCK);
    _cleanup_free_ unsigned char *work = malloc(ISAL_DEF_LVL2_LARGE);
    _cleanup_free_ struct isal_zstream *z = calloc(1, sizeof(*z));
    (void)data, (void)report;
    if (!in || !out || !work || !z)
        return err_nomem(e);
    int r = sandbox_enter_pure(e);
    if (r < 0)
        return r;
    isal_deflate_init(z);
    z->gzip_flag = IGZIP_GZIP;
    z->level = GZIP_LEVEL;
    z->level_buf = work;
    z->level_buf_size = ISAL_DEF_LVL2_LARGE;
    return gzip_stream(z, in, out, e);
}

static void zstd_release(ZSTD_CCtx **c)
{
    ZSTD_freeCCtx(*c);
}

static int put_on_zstd(const void *data, struct str *report, struct err *e)
{
    _cleanup_free_ unsigned char *in = malloc(BLOCK), *out = malloc(BLOCK);
    _cleanup_(zstd_release) ZSTD_CCtx *c = ZSTD_createCCtx();
    (void)data, (void)report;
    if (!in || !out || !c)
        return err_nomem(e);
    int entered = sandbox_enter_pure(e);
    if (entered < 0)
        return entered;
    (void)ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    for (;;) {
        ssize_t n = read_block(in);
        if (n < 0)
            return err_sys(e, errno, "cannot read the archive");
        ZSTD_inBuffer from = {in, (size_t)n, 0};
        size_t left;
        do {
            ZSTD_outBuffer to = {out, BLOCK, 0};
            left = ZSTD_compressStream2(c, &to, &from, n == 0 ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left))
                return err_set(e, EIO, "cannot compress the archive: %s", ZSTD_getErrorName(left));
            int r = pass_on(out, to.pos, e);
            if (r < 0)
                return r;
        } while (n == 0 ? left > 0 : from.pos < from.size);
        if (n == 0)
            return 0;
    }
}

/* ---- stages ---- */

/* Starts one that reads @in, which becomes its alone; *ret_out is what it writes. */
static int start(int in, const char *name, stage_work *work, const void *data, struct stage *ret,
                 int *ret_out, struct err *e)
{
    _cleanup_close_ int own_in = in;
    _cleanup_close_ int from = -EBADF;
    _cleanup_close_ int to = -EBADF;
    int r = stage_pipe(&from, &to, e);
    const struct stage_plan plan = {
        .name = name, .in = own_in, .out = to, .more = -EBADF, .work = work, .data = data};
    if (r == 0)
        r = stage_start(&plan, ret, e);
    if (r == 0)
        *ret_out = TAKE_FD(from);
    return r;
}

static int keep(int from, int to, struct folded *ret, struct err *e)
{
    _cleanup_hash_ struct hash *h = NULL;
    _cleanup_free_ char *block = malloc(BLOCK);
    ssize_t n = 0;
    int r = block ? hash_new(&h, e) : err_nomem(e);
    while (r == 0 && ((n = read(from, block, BLOCK)) > 0 || (n < 0 && errno == EINTR))) {
        if (n < 0)
            continue;
        r = hash_add(h, block, (size_t)n, e);
        int w = r == 0 ? fd_write_all(to, block, (size_t)n) : 0;
        if (w < 0)
            r = err_sys(e, -w, "cannot write the compressed layer");
        ret->size += n;
    }
    if (r == 0 && n < 0)
        r = err_sys(e, errno, "cannot read the compressed layer");
    return r < 0 ? r : hash_finish(h, &ret->digest, e);
}

int fold(int blob_fd, enum fold_kind kind, int dir_fd, struct folded *ret, struct err *e)
{
    unsigned char head[COMPRESSION_HEAD];
    ssize_t n = pread(blob_fd, head, sizeof(head), 0);
    const struct compression *has = n > 0 ? compression_detect(head, (size_t)n) : NULL;
    _cleanup_stage_ struct stage off = STAGE_INIT, on = STAGE_INIT;
    _cleanup_close_ int to = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int in = fcntl(blob_fd, F_DUPFD_CLOEXEC, 3);
    if (to < 0 || in < 0)
        return err_sys(e, errno, "cannot make a file for the compressed layer");
    if (lseek(in, 0, SEEK_SET) < 0)
        return err_sys(e, errno, "cannot read the layer");
    int r = has ? start(in, "decompressor", take_off, has, &off, &in, e) : 0;
    if (r == 0)
        r = start(in, "compressor", kind == FOLD_ZSTD ? put_on_zstd : put_on_gzip, NULL, &on, &in,
                  e);
    if (r < 0)
        return r;
    _cleanup_close_ int from = in;
    struct folded folded = {.fd = -EBADF};
    r = keep(from, to, &folded, e);
    /* When it has ended, nobody may wait for what is read no more. Of those that fail the last is
     * the reason: those before it only hear that nobody reads. */
    fd_close(&from);
    _cleanup_err_ struct err on_story = ERR_INIT, off_story = ERR_INIT;
    int second = stage_finish(&on, NULL, NULL, &on_story);
    int first = stage_finish(&off, NULL, NULL, &off_story);
    if (r == 0 && second < 0) {
        r = second;
        if (e)
            *e = TAKE(on_story, ERR_INIT);
    } else if (r == 0 && first < 0) {
        r = first;
        if (e)
            *e = TAKE(off_story, ERR_INIT);
    }
    if (r < 0) {
        free(folded.digest);
        return r;
    }
    folded.fd = TAKE_FD(to);
    *ret = folded;
    return 0;
}
