/*
 * libFuzzer target: any text as TOML. What is accepted is JSON that can be written.
 */
#include "base/toml.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *j = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    int r = toml_parse((const char *)data, size, "fuzz", &j, &e);
    if (r < 0) {
        if (r != -EINVAL || j || !strstr(err_text(&e), "\"fuzz\" is not valid TOML: "))
            abort();
        return 0;
    }
    _cleanup_free_ char *text = json_text(j, JSON_COMPACT);
    _cleanup_json_ json_t *again = NULL;
    if (!text || json_parse(text, strlen(text), "fuzz", &again, NULL) < 0 || !json_equal(j, again))
        abort();
    return 0;
}
