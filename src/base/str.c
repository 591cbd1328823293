#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

static bool reserve(struct str *b, size_t more)
{
    if (b->failed)
        return false;
    if (more >= SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return true;

    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    char *s = realloc(b->s, cap);
    if (!s) {
        b->failed = true;
        return false;
    }
    b->s = s;
    b->cap = cap;
    return true;
}

void str_addn(struct str *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n > 0)
        memcpy(b->s + b->len, bytes, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void str_add(struct str *b, const char *s)
{
    str_addn(b, s, strlen(s));
}

/* Bytes of the character at @s when it is one that gives orders, else 0: ASCII's, U+0080 to U+009F,
 * and those that break lines or turn the direction of what follows. */
static size_t control_length(const unsigned char *s, unsigned *ret_code)
{
    *ret_code = s[0];
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    *ret_code = s[1];
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
        return 2;
    if (s[0] != 0xe2 || (s[1] != 0x80 && s[1] != 0x81) || s[2] < 0x80)
        return 0;
    unsigned code = 0x2000U + ((s[1] & 0x3fU) << 6) + (s[2] & 0x3fU);
    *ret_code = code;
    bool turns = code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                 (code >= 0x2066 && code <= 0x2069);
    return turns || code == 0x2028 || code == 0x2029 ? 3 : 0;
}

void str_add_visible(struct str *b, const char *s, const char *also)
{
    while (*s) {
        unsigned code;
        size_t n = control_length((const unsigned char *)s, &code);
        if (n > 0)
            str_addf(b, n < 3 ? "\\x%02x" : "\\u%04x", code);
        else if (strchr(also, *s))
            str_addf(b, "\\%c", *s);
        else
            str_addn(b, s, 1);
        s += n > 0 ? n : 1;
    }
}

void str_addf(struct str *b, const char *fmt, ...)
{
    _cleanup_free_ char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0) {
        s = NULL;
        b->failed = true;
        return;
    }
    str_addn(b, s, (size_t)n);
}

char *str_steal(struct str *b)
{
    str_addn(b, "", 0);
    char *s = b->failed ? NULL : TAKE_PTR(b->s);
    str_release(b);
    return s;
}

void str_release(struct str *b)
{
    free(b->s);
    *b = (struct str){0};
}

static void strv_take(struct strv *l, char *s)
{
    char **v = s && !l->failed ? reallocarray(l->v, l->n + 2, sizeof(*v)) : NULL;
    if (!v) {
        free(s);
        l->failed = true;
        return;
    }
    l->v = v;
    l->v[l->n++] = s;
    l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
    strv_take(l, strdup(s));
}

void strv_addf(struct strv *l, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    strv_take(l, s);
}

void strv_release(struct strv *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct strv){0};
}

char *str_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return s;
}

const char *str_after(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

int str_to_int64(const char *s, long long min, long long max, long long *ret)
{
    /* strtoll alone would take leading blanks, a plus sign and trailing words. */
    const char *digits = s[0] == '-' ? s + 1 : s;
    if (digits[0] < '0' || digits[0] > '9')
        return -EINVAL;

    char *end = NULL;
    errno = 0;
    long long n = strtoll(s, &end, 10);
    if (*end != '\0')
        return -EINVAL;
    if (errno == ERANGE || n < min || n > max)
        return -ERANGE;
    *ret = n;
    return 0;
}

unsigned str_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t la = strlen(a), lb = strlen(b);
    if (la >= MAX || lb >= MAX)
        return 99;

    unsigned rows[3][MAX + 1]; /* the row two above, the one above, this one */
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= lb; j++)
        above[j] = before[j] = (unsigned)j;

    for (size_t i = 1; i <= la; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[lb];
}

char *path_clean(const char *path)
{
    _cleanup_str_ struct str out = {0};
    str_add(&out, "");
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && strncmp(path, "..", 2) == 0 && out.len > 0) {
            out.len = (size_t)(strrchr(out.s, '/') - out.s);
            out.s[out.len] = '\0';
        } else if (n > 0 && !(n == 1 && *path == '.') && !(n == 2 && strncmp(path, "..", 2) == 0)) {
            str_add(&out, "/");
            str_addn(&out, path, n);
        }
        if (out.failed)
            return NULL;
        path += n + (path[n] == '/');
    }
    if (out.len == 0)
        str_add(&out, "/");
    return str_steal(&out);
}

double str_to_decimal(const char *text, char **ret_end)
{
    const char *digits = text[0] == '.' ? text + 1 : text;
    *ret_end = NULL;
    if (digits[0] == '0' && (digits[1] | 0x20) == 'x')
        return -1;
    return digits[0] >= '0' && digits[0] <= '9' ? strtod(text, ret_end) : -1;
}

int str_to_bytes(const char *text, long long *ret, const char **ret_bad)
{
    static const char units[] = "bkmgtp";
    char *end = NULL;
    *ret_bad = NULL;
    if (str_eq(text, "-1")) {
        *ret = -1;
        return 0;
    }
    errno = 0;
    double n = str_to_decimal(text, &end);
    if (!end || errno || n > 1e300)
        return -EINVAL;
    const char *u = *end ? strchr(units, *end | 0x20) : units;
    if (*end && (!u || (end[1] && !str_eq(end + 1, "b") && !str_eq(end + 1, "B") &&
                        !str_eq(end + 1, "ib") && !str_eq(end + 1, "iB")))) {
        *ret_bad = end;
        return -EINVAL;
    }
    for (long i = u - units; i > 0; i--)
        n *= 1024;
    if (n > 9e18)
        return -ERANGE;
    *ret = (long long)n;
    return 0;
}
