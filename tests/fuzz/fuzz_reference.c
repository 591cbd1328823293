/*
 * libFuzzer target: any text as an image reference. What is accepted must have one full form, which
 * is accepted again and stays as it is.
 */
#include "base/str.h"
#include "image/reference.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    _cleanup_reference_ struct reference first = {0};
    _cleanup_reference_ struct reference second = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (!text || reference_parse(text, &first, &e) < 0)
        return 0;
    _cleanup_free_ char *full = reference_full(&first);
    if (!full || reference_parse(full, &second, NULL) < 0)
        abort();
    _cleanup_free_ char *again = reference_full(&second);
    if (!str_eq(full, again))
        abort();
    return 0;
}
