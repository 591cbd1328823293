/*
 * libFuzzer target: the report of an unpacker that a stranger's archive has taken over.
 */
#include "image/pipeline.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unpacked u = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (unpacked_from_text(text, size, &u, &e) < 0)
        return 0;
    if (u.size < 0 || u.entries < 0 || u.leaning.n % 2 != 0)
        abort();
    unpacked_release(&u);
    return 0;
}
