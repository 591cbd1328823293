/*
 * libFuzzer target: any bytes as a compressed archive. The first byte says which compression it is
 * taken for, so that the fuzzer need not find out the magic numbers.
 */
#include "base/err.h"
#include "base/file.h"
#include "image/unfold.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unfold_fn *const kinds[] = {unfold_gzip, unfold_zstd, unfold_gzip,
                                       unfold_zstd, unfold_xz,   unfold_bzip2};
    static unsigned char in[UNFOLD_BLOCK], out[UNFOLD_BLOCK];
    const struct limits limits = LIMITS_DEFAULT;
    _cleanup_err_ struct err e = ERR_INIT;
    if (size == 0)
        return 0;
    _cleanup_close_ int from = memfd_create("fuzz", MFD_CLOEXEC);
    _cleanup_close_ int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (from < 0 || to < 0 || fd_write_all_at(from, data + 1, size - 1, 0) < 0)
        abort();
    struct unfold u = {"fuzz", from, to, &limits, in, out, 0, 0, NULL, 0};
    int r = kinds[data[0] % ARRAY_LEN(kinds)](&u, &e);
    if (r < 0 && !e.text)
        abort();
    return 0;
}
