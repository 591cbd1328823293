#include "base/toml_private.h"

#include "base/str.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_utf8(struct str *out, unsigned long c)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    b[0] = (char)(first[n] | c);
    str_addn(out, b, n);
}

/* \u00e9 or \U0001f600, the letter being behind us. */
static int add_code_point(struct toml *t, int digits, struct str *out)
{
    unsigned long c = 0;
    for (int i = 0; i < digits; i++, t->at++) {
        int digit = t->at < t->end ? hex_digit(*t->at) : -1;
        if (digit < 0)
            return toml_fail(t, "an escape needs %d hexadecimal digits", digits);
        c = c << 4 | (unsigned)digit;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return toml_fail(t, "an escape is no character that can be taken");
    add_utf8(out, c);
    return 0;
}

/* A backslash at the end of a line of a long string: what is blank after it does not count. */
static bool skip_fold(struct toml *t)
{
    const char *p = t->at;
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p != '\n' && !(*p == '\r' && p[1] == '\n'))
        return false;
    while (*p == ' ' || *p == '\t' || *p == '\n' || (*p == '\r' && p[1] == '\n'))
        p++;
    t->at = p;
    return true;
}

static int add_escape(struct toml *t, bool multiline, struct str *out)
{
    static const char letters[] = "btnfr\"\\", meant[] = "\b\t\n\f\r\"\\";
    if (multiline && skip_fold(t))
        return 0;
    int c = toml_peek(t);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (c > 0)
        t->at++;
    if (letter) {
        str_addn(out, meant + (letter - letters), 1);
        return 0;
    }
    if (c == 'u' || c == 'U')
        return add_code_point(t, c == 'u' ? 4 : 8, out);
    return toml_fail(t, "an escape that is not known");
}

/* How many of the quotes that come next belong to the text: a long string may end with up to two of
 * them before its own three. Negative when it does not end here. */
static int closing(const struct toml *t, char quote, bool multiline)
{
    int n = 0;
    while (n < 5 && t->at + n < t->end && t->at[n] == quote)
        n++;
    if (!multiline)
        return n > 0 ? 0 : -1;
    return n >= 3 ? n - 3 : -1;
}

static int add_plain(struct toml *t, bool multiline, struct str *out)
{
    unsigned char c = (unsigned char)*t->at;
    bool line_end = c == '\n' || (c == '\r' && t->at[1] == '\n');
    if (line_end && !multiline)
        return toml_fail(t, "a string does not end on its line");
    if (!line_end && (c < 0x20 || c == 0x7f) && c != '\t')
        return toml_fail(t, "a control character");
    str_addn(out, t->at, c == '\r' ? 2 : 1);
    t->at += c == '\r' ? 2 : 1;
    return 0;
}

static int read_string(struct toml *t, char quote, bool multiline, struct str *out)
{
    for (;;) {
        if (t->at >= t->end)
            return toml_fail(t, "a string does not end");
        int ours = closing(t, quote, multiline);
        if (ours >= 0) {
            str_addn(out, t->at, (size_t)ours);
            t->at += ours + (multiline ? 3 : 1);
            return 0;
        }
        int r;
        if (*t->at == '\\' && quote == '"') {
            t->at++;
            r = add_escape(t, multiline, out);
        } else {
            r = add_plain(t, multiline, out);
        }
        if (r < 0)
            return r;
    }
}

int toml_string(struct toml *t, bool multiline, json_t **ret)
{
    _cleanup_str_ struct str out = {0};
    char quote = *t->at;
    bool is_long = toml_take(t, quote == '"' ? "\"\"\"" : "'''");
    if (is_long && !multiline)
        return toml_fail(t, "a string of several lines cannot stand here");
    if (!is_long)
        t->at++;
    else if (!toml_take(t, "\n"))
        toml_take(t, "\r\n"); /* the first line end does not count */
    int r = read_string(t, quote, is_long, &out);
    if (r < 0)
        return r;
    str_addn(&out, "", 0);
    json_t *j = out.failed ? NULL : json_stringn(out.s, out.len);
    if (!j)
        return err_nomem(t->e);
    *ret = j;
    return 0;
}
