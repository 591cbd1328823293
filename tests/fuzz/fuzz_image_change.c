/*
 * libFuzzer target: any lines as Dockerfile instructions, one after the other on one config.
 */
#include "image/change.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    _cleanup_json_ json_t *settings = json_object();
    if (!text || !settings)
        return 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        _cleanup_err_ struct err e = ERR_INIT;
        change_apply(settings, line, &e);
    }
    _cleanup_free_ char *out = json_text(settings, JSON_COMPACT);
    return 0;
}
