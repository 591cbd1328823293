/*
 * libFuzzer target: what a registry says when it does not let us in. The first byte tells what the
 * rest is: a WWW-Authenticate header, or the body of an error.
 */
#include "image/fetch_auth.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_challenge(const char *text)
{
    _cleanup_challenge_ struct challenge c = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    int r = challenge_parse(text, &c, &e);
    if (r < 0 && (r != -EBADMSG || !*err_text(&e) || c.realm || c.service || c.scope))
        abort();
    if (r == 0 && c.bearer && !c.realm)
        abort();
}

static void check_answer(char *text, size_t n)
{
    const struct http_answer a = {.body = {.s = text, .len = n}};
    _cleanup_free_ char *words = auth_error_text(&a);
    if (words && strlen(words) > 400)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    _cleanup_free_ char *text = strndup((const char *)data + 1, size - 1);
    if (!text)
        return 0;
    if (*data == 'e')
        check_answer(text, strlen(text));
    else
        check_challenge(text);
    return 0;
}
