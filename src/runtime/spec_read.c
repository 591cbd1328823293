#include "runtime/spec.h"

#include "base/file.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

enum { CONFIG_MAX_BYTES = 16 << 20 };

/* One number of the text. The specification has unsigned 64-bit ones (Go programs write "unlimited"
 * as 2^64-1), jansson's are signed and what is larger fails to parse. Such a number is given to it
 * as the signed one of the same 64 bits, which loses nothing for those who want it unsigned. */
static void add_number(struct str *out, const char *number, size_t n)
{
    char digits[24];
    if (n >= 19 && n < sizeof(digits) && strspn(number, "0123456789") >= n) {
        memcpy(digits, number, n);
        digits[n] = '\0';
        errno = 0;
        unsigned long long value = strtoull(digits, NULL, 10);
        if (errno == 0 && value > INT64_MAX) {
            str_addf(out, "%lld", (long long)value);
            return;
        }
    }
    str_addn(out, number, n);
}

static size_t string_length(const char *text)
{
    size_t n = 1;
    while (text[n] && text[n] != '"')
        n += text[n] == '\\' && text[n + 1] ? 2 : 1;
    return n + (text[n] == '"');
}

static char *fold_numbers(const char *text)
{
    _cleanup_str_ struct str out = {0};
    while (*text) {
        size_t n = strcspn(text, "\"0123456789");
        str_addn(&out, text, n);
        text += n;
        /* After a minus it is signed already. */
        bool negative = out.len > 0 && !out.failed && out.s[out.len - 1] == '-';
        n = *text == '"' ? string_length(text) : strspn(text, "0123456789.eE+-");
        if (*text == '"' || negative)
            str_addn(&out, text, n);
        else
            add_number(&out, text, n);
        text += n;
    }
    return str_steal(&out);
}

int spec_read(int dirfd, const char *path, json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read(dirfd, path, CONFIG_MAX_BYTES, &text, &len, e);
    if (r < 0)
        return r;
    if (strlen(text) != len)
        return err_set(e, EINVAL, "\"%s\" is not valid JSON: it has a NUL byte", path);
    _cleanup_free_ char *folded = fold_numbers(text);
    if (!folded)
        return err_nomem(e);
    return json_parse(folded, strlen(folded), path, ret, e);
}
