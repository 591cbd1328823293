#include "cli/plain_text.h"

#include "base/str.h"

#include <string.h>

char *plain_text(const char *text)
{
    _cleanup_str_ struct str out = {0};
    _cleanup_free_ char *copy = strdup(text ? text : "");
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++)
        *c = *c == '\t' || *c == '\n' || *c == '\r' ? ' ' : *c;
    str_add_visible(&out, copy, "");
    return str_steal(&out);
}

/* By characters, not bytes. */
char *plain_text_of_width(const char *text, size_t width)
{
    char *plain = plain_text(text);
    size_t characters = 0, cut = 0;
    for (size_t i = 0; plain && plain[i]; i++) {
        if (((unsigned char)plain[i] & 0xc0) == 0x80)
            continue;
        if (characters++ == width - 1)
            cut = i;
    }
    if (!plain || characters <= width)
        return plain;
    char *shorter = str_printf("%.*s…", (int)cut, plain);
    free(plain);
    return shorter;
}
