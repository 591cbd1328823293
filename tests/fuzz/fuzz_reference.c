/*
 * libFuzzer target: any text as an image reference. What is accepted must have one full form, which
 * is accepted again, stays as it is, and is known as full.
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
    if (!text)
        return 0;
    bool is_full = reference_is_full(text);
    if (reference_parse(text, &first, &e) < 0) {
        if (is_full)
            abort();
        return 0;
    }
    _cleanup_free_ char *full = reference_full(&first);
    if (!full || reference_parse(full, &second, NULL) < 0 || is_full != str_eq(full, text))
        abort();
    _cleanup_free_ char *again = reference_full(&second);
    if (!str_eq(full, again))
        abort();
    return 0;
}
