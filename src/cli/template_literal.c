#include "cli/template_node.h"

#include <math.h>
#include <string.h>

static int utf8(struct str *out, unsigned long rune)
{
    char b[4];
    size_t n = 0;
    if (rune >= 0x110000 || (rune >= 0xd800 && rune < 0xe000))
        return -EINVAL;
    if (rune < 0x80) {
        b[n++] = (char)rune;
    } else if (rune < 0x800) {
        b[n++] = (char)(0xc0 | rune >> 6);
        b[n++] = (char)(0x80 | (rune & 0x3f));
    } else if (rune < 0x10000) {
        b[n++] = (char)(0xe0 | rune >> 12);
        b[n++] = (char)(0x80 | (rune >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (rune & 0x3f));
    } else {
        b[n++] = (char)(0xf0 | rune >> 18);
        b[n++] = (char)(0x80 | (rune >> 12 & 0x3f));
        b[n++] = (char)(0x80 | (rune >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (rune & 0x3f));
    }
    str_addn(out, b, n);
    return 0;
}

/* @digits hexadecimal (base 16) or octal (8) digits at @s; -1 when they are not there. */
static long escape_digits(const char *s, size_t n, size_t digits, unsigned base)
{
    if (n < digits)
        return -1;
    unsigned long v = 0;
    for (size_t i = 0; i < digits; i++) {
        static const char hex[] = "0123456789abcdef";
        const char *d = memchr(hex, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i], base);
        if (!d)
            return -1;
        v = v * base + (unsigned long)(d - hex);
    }
    return (long)v;
}

/* One escape behind a backslash, as strconv.Unquote reads it. Returns how many bytes it took, 0
 * when it is none. */
static size_t unescape(const char *s, size_t n, char quote, struct str *out)
{
    static const char letters[] = "abfnrtv\\";
    static const char means[] = "\a\b\f\n\r\t\v\\";
    if (n == 0)
        return 0;
    const char *letter = memchr(letters, s[0], sizeof(letters) - 1);
    if (letter || s[0] == quote) {
        str_addn(out, letter ? &means[letter - letters] : s, 1);
        return 1;
    }
    bool octal = s[0] >= '0' && s[0] <= '7';
    size_t digits = octal ? 3 : s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : s[0] == 'U' ? 8 : 0;
    size_t skip = octal ? 0 : 1;
    long v = digits ? escape_digits(s + skip, n - skip, digits, octal ? 8 : 16) : -1;
    if (v < 0)
        return 0;
    if (s[0] == 'u' || s[0] == 'U')
        return utf8(out, (unsigned long)v) == 0 ? skip + digits : 0;
    if (v > 255)
        return 0;
    char byte = (char)v;
    str_addn(out, &byte, 1);
    return skip + digits;
}

static int unquote(const char *text, const struct token *t, struct str *out, struct err *e)
{
    const char *s = text + t->at + 1;
    size_t n = t->len - 2;
    if (t->kind == TOKEN_RAW) {
        str_addn(out, s, n);
        return 0;
    }
    for (size_t i = 0; i < n;) {
        if (s[i] != '\\') {
            str_addn(out, s + i++, 1);
            continue;
        }
        size_t took = unescape(s + i + 1, n - i - 1, s[-1], out);
        if (took == 0)
            return template_syntax(text, t->at, e, "invalid syntax in %.*s",
                                   (int)(t->len > 60 ? 60 : t->len), text + t->at);
        i += 1 + took;
    }
    return 0;
}

static int string_literal(const char *text, const struct token *t, json_t **ret, struct err *e)
{
    _cleanup_str_ struct str s = {0};
    int r = unquote(text, t, &s, e);
    if (r < 0)
        return r;
    if (s.failed)
        return err_nomem(e);
    if (t->kind != TOKEN_RUNE) {
        *ret = json_stringn_nocheck(s.s ? s.s : "", s.len);
        return 0;
    }
    long rune = -1;
    if (s.len == 0 || template_rune(s.s, s.len, &rune) != s.len || rune < 0)
        return template_syntax(text, t->at, e, "malformed character constant: %.*s",
                               (int)(t->len > 60 ? 60 : t->len), text + t->at);
    *ret = json_integer(rune);
    return 0;
}

/* Go allows 1_000_000. */
static void without_underscores(const char *s, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '_')
            *out++ = s[i];
    }
    *out = '\0';
}

static long long read_integer(const char *s, char **end)
{
    const char *digits = s + (s[0] == '+' || s[0] == '-');
    int base = digits[0] != '0'            ? 0
               : (digits[1] | 0x20) == 'b' ? 2
               : (digits[1] | 0x20) == 'o' ? 8
                                           : 0;
    if (base == 0)
        return strtoll(s, end, 0);
    long long i = strtoll(digits + 2, end, base);
    return s[0] == '-' ? -i : i;
}

static int number_literal(const char *text, const struct token *t, json_t **ret, struct err *e)
{
    char s[128];
    if (t->len >= sizeof(s))
        return template_syntax(text, t->at, e, "bad number syntax: \"%.40s...\"", text + t->at);
    without_underscores(text + t->at, t->len, s);

    char *end = NULL;
    errno = 0;
    long long i = read_integer(s, &end);
    if (*end == '\0' && errno == ERANGE)
        return template_syntax(text, t->at, e, "integer overflow: \"%s\"", s);
    if (*end == '\0') {
        *ret = json_integer(i);
        return 0;
    }
    double d = strtod(s, &end);
    if (*end != '\0' || !isfinite(d))
        return template_syntax(text, t->at, e, "bad number syntax: \"%s\"", s);
    *ret = json_real(d);
    return 0;
}

int template_literal(const char *text, const struct token *t, json_t **ret, struct err *e)
{
    json_t *value = NULL;
    int r = t->kind == TOKEN_NUMBER ? number_literal(text, t, &value, e)
                                    : string_literal(text, t, &value, e);
    if (r < 0)
        return r;
    if (!value)
        return err_nomem(e);
    *ret = value;
    return 0;
}
