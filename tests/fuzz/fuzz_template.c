/*
 * libFuzzer target: any text as a template, run over one document and as the header of a table.
 */
#include "base/json.h"
#include "cli/template.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"Id\":\"abc\",\"N\":-7,\"R\":2.5,\"T\":true,\"Nil\":null,\"S\":{\"Pid\":1,\"E\":\"\"},"
    "\"L\":[1,\"x\",null,[2],{\"k\":\"v\"}],\"M\":{\"a\":\"b\"},\"E\":[],\"Label()\":{\"a\":\"b\"}"
    "}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    _cleanup_json_ json_t *value = json_loads(document, 0, NULL);
    _cleanup_template_ struct template *t = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_str_ struct str out = {0};
    if (!text || !value || template_new(text, &t, &e) < 0)
        return 0;
    template_run(t, value, &out, &e);
    template_run_header(t, value, &out, &e);
    return 0;
}
