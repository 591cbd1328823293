#include "base/toml_private.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether @text looks like @shape: '0' is any digit, other characters are themselves. */
static bool has_shape(const char *text, const char *shape)
{
    for (; *shape; shape++, text++)
        if (*shape == '0' ? !is_digit(*text) : *text != *shape)
            return false;
    return true;
}

static int two(const char *s)
{
    return (s[0] - '0') * 10 + s[1] - '0';
}

static bool date_is_valid(const char *s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = two(s) * 100 + two(s + 2), month = two(s + 5), day = two(s + 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* 07:32:00[.999]: its length, 0 when it is none. */
static size_t time_length(const char *s)
{
    if (!has_shape(s, "00:00:00") || two(s) > 23 || two(s + 3) > 59 || two(s + 6) > 60)
        return 0;
    if (s[8] != '.')
        return 8;
    size_t n = strspn(s + 9, "0123456789");
    return n > 0 ? 9 + n : 0;
}

static bool offset_is_valid(const char *s)
{
    if ((*s == 'Z' || *s == 'z') && !s[1])
        return true;
    return (*s == '+' || *s == '-') && has_shape(s + 1, "00:00") && !s[6] && two(s + 1) <= 23 &&
           two(s + 4) <= 59;
}

/* A date, a time, or both, and then perhaps with an offset. */
static bool moment_is_valid(const char *s)
{
    size_t n;
    if (!has_shape(s, "0000-00-00")) {
        n = time_length(s);
        return n > 0 && !s[n];
    }
    if (!date_is_valid(s))
        return false;
    if (!s[10])
        return true;
    if (s[10] != 'T' && s[10] != 't' && s[10] != ' ')
        return false;
    n = time_length(s + 11);
    return n > 0 && (!s[11 + n] || offset_is_valid(s + 11 + n));
}

/* Leaves the underscores out, each of which must stand between two digits of @digits. */
static bool strip_underscores(char *s, const char *digits)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        if (*from != '_')
            *to++ = *from;
        else if (from == s || !strchr(digits, from[-1]) || !from[1] || !strchr(digits, from[1]))
            return false;
    }
    *to = '\0';
    return true;
}

static json_t *read_based(char *text, int base, const char *digits)
{
    if (!strip_underscores(text, digits) || !*text || strspn(text, digits) != strlen(text))
        return NULL;
    errno = 0;
    long long n = strtoll(text, NULL, base);
    return errno ? NULL : json_integer(n);
}

/* [sign] digits without a leading zero, and for a float a fraction, an exponent or both. */
static json_t *read_decimal(char *text)
{
    static const char digits[] = "0123456789";
    if (!strip_underscores(text, digits))
        return NULL;
    const char *s = text + (*text == '+' || *text == '-');
    size_t n = strspn(s, digits);
    if (n == 0 || (*s == '0' && n > 1))
        return NULL;
    s += n;
    bool whole = !*s;
    if (*s == '.') {
        n = strspn(s + 1, digits);
        s += n > 0 ? n + 1 : 0;
    }
    if (*s == 'e' || *s == 'E') {
        size_t sign = s[1] == '+' || s[1] == '-';
        n = strspn(s + 1 + sign, digits);
        s += n > 0 ? n + 1 + sign : 0;
    }
    if (*s)
        return NULL;
    errno = 0;
    if (whole) {
        long long value = strtoll(text, NULL, 10);
        return errno ? NULL : json_integer(value);
    }
    double value = strtod(text, NULL);
    return isfinite(value) ? json_real(value) : NULL;
}

static json_t *read_number(char *text)
{
    if (str_after(text, "0x"))
        return read_based(text + 2, 16, "0123456789abcdefABCDEF");
    if (str_after(text, "0o"))
        return read_based(text + 2, 8, "01234567");
    if (str_after(text, "0b"))
        return read_based(text + 2, 2, "01");
    return read_decimal(text);
}

/* How far the value goes. A blank between a date and its time belongs to it. */
static size_t scalar_length(const struct toml *t)
{
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "+-_.:";
    size_t n = strspn(t->at, bytes);
    if (n == 10 && has_shape(t->at, "0000-00-00 00:"))
        n += 1 + strspn(t->at + 11, bytes);
    return n;
}

int toml_scalar(struct toml *t, json_t **ret)
{
    enum { SCALAR_MAX = 128 };
    char text[SCALAR_MAX + 1];
    size_t n = scalar_length(t);
    if (n == 0)
        return toml_fail(t, "a value is missing");
    if (n > SCALAR_MAX)
        return toml_fail(t, "a number is too long");
    memcpy(text, t->at, n);
    text[n] = '\0';
    json_t *j;
    if (str_eq(text, "true") || str_eq(text, "false"))
        j = json_boolean(text[0] == 't');
    else if (moment_is_valid(text))
        j = json_string(text);
    else
        j = read_number(text);
    if (!j)
        return toml_fail(t, "\"%.*s\" is no value that can be taken", (int)n, t->at);
    t->at += n;
    *ret = j;
    return 0;
}
