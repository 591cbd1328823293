#include "cli/template_node.h"

#include <stdint.h>
#include <string.h>

/* One verb of printf with its flags. */
struct verb {
    char letter;
    bool minus, plus, sharp, space, zero;
    long width;     /* -1: none given */
    long precision; /* likewise */
};

static const struct verb plain = {.letter = 'v', .width = -1, .precision = -1};

static void print_verb(struct str *out, json_t *v, const struct verb *verb, unsigned depth);

size_t template_rune(const char *s, size_t n, long *ret)
{
    const unsigned char *u = (const unsigned char *)s;
    static const struct {
        unsigned char mask, lead;
        long min;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < ARRAY_LEN(forms) && more < n; more++) {
        if ((u[0] & forms[more].mask) != forms[more].lead)
            continue;
        long rune = more == 0 ? u[0] : u[0] & (0xff & ~forms[more].mask);
        for (size_t i = 1; i <= more; i++) {
            if ((u[i] & 0xc0) != 0x80)
                goto invalid;
            rune = rune << 6 | (u[i] & 0x3f);
        }
        if (rune < forms[more].min || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
            break;
        *ret = rune;
        return more + 1;
    }
invalid:
    *ret = -1;
    return 1;
}

static size_t count_runes(const char *s, size_t n)
{
    size_t runes = 0;
    for (size_t i = 0; i < n; runes++) {
        long rune;
        i += template_rune(s + i, n - i, &rune);
    }
    return runes;
}

void template_quote(struct str *out, const char *s, size_t n)
{
    static const char letters[] = "abfnrtv\\\"";
    static const char means[] = "\a\b\f\n\r\t\v\\\"";
    str_add(out, "\"");
    for (size_t i = 0; i < n;) {
        long rune;
        size_t len = template_rune(s + i, n - i, &rune);
        const char *escape = s[i] ? strchr(means, s[i]) : NULL;
        if (rune < 0)
            str_addf(out, "\\x%02x", (unsigned char)s[i]);
        else if (escape)
            str_addf(out, "\\%c", letters[escape - means]);
        else if (rune < 0x20 || rune == 0x7f)
            str_addf(out, "\\x%02x", (unsigned)rune);
        else if ((rune >= 0x80 && rune < 0xa0) || rune == 0x2028 || rune == 0x2029 ||
                 (rune >= 0x202a && rune <= 0x202e) || rune == 0xfeff)
            str_addf(out, "\\u%04x", (unsigned)rune);
        else
            str_addn(out, s + i, len);
        i += len;
    }
    str_add(out, "\"");
}

static void add_many(struct str *out, char c, size_t n)
{
    char block[64];
    memset(block, c, sizeof(block));
    for (; n > sizeof(block); n -= sizeof(block))
        str_addn(out, block, sizeof(block));
    str_addn(out, block, n);
}

/* Fills up to the verb's width, which counts code points. Zeroes go behind a sign. */
static void add_padded(struct str *out, const char *s, size_t n, const struct verb *verb)
{
    size_t runes = verb->width > 0 ? count_runes(s, n) : 0;
    size_t fill = verb->width > 0 && (size_t)verb->width > runes ? (size_t)verb->width - runes : 0;
    if (verb->zero && !verb->minus && fill > 0 && n > 0 && (s[0] == '-' || s[0] == '+')) {
        str_addn(out, s++, 1);
        n--;
    }
    if (!verb->minus)
        add_many(out, verb->zero ? '0' : ' ', fill);
    str_addn(out, s, n);
    if (verb->minus)
        add_many(out, ' ', fill);
}

/* What a verb prints that does not fit its value: %!d(string=hi) */
static void print_misfit(struct str *out, json_t *v, const struct verb *verb)
{
    if (json_is_null(v)) {
        str_addf(out, "%%!%c(<nil>)", verb->letter);
        return;
    }
    str_addf(out, "%%!%c(%s=", verb->letter, template_type(v));
    template_print(out, v);
    str_add(out, ")");
}

/* --- strings, numbers, booleans ----------------------------------------------------------------
 */

static void print_hex(struct str *out, const char *s, size_t n, const struct verb *verb)
{
    _cleanup_str_ struct str hex = {0};
    for (size_t i = 0; i < n; i++)
        str_addf(&hex, verb->letter == 'X' ? "%02X" : "%02x", (unsigned char)s[i]);
    out->failed |= hex.failed;
    add_padded(out, hex.s ? hex.s : "", hex.len, verb);
}

static void print_string(struct str *out, json_t *v, const struct verb *verb)
{
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    if (verb->precision >= 0) {
        size_t i = 0;
        long rune;
        for (long runes = 0; i < n && runes < verb->precision; runes++)
            i += template_rune(s + i, n - i, &rune);
        n = i;
    }
    if (verb->letter == 'q' || (verb->letter == 'v' && verb->sharp)) {
        _cleanup_str_ struct str quoted = {0};
        template_quote(&quoted, s, n);
        out->failed |= quoted.failed;
        add_padded(out, quoted.s ? quoted.s : "", quoted.len, verb);
    } else if (verb->letter == 'x' || verb->letter == 'X') {
        print_hex(out, s, n, verb);
    } else if (verb->letter == 's' || verb->letter == 'v') {
        add_padded(out, s, n, verb);
    } else {
        print_misfit(out, v, verb);
    }
}

/* The digits of @u in @base at the end of @buf; gives where they begin. */
static char *digits(char *end, unsigned long long u, unsigned base, bool upper)
{
    *end = '\0';
    do {
        *--end = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
        u /= base;
    } while (u > 0);
    return end;
}

static void print_rune(struct str *out, json_t *v, const struct verb *verb)
{
    char text[32];
    long long i = json_integer_value(v);
    unsigned long long u = i < 0 || i > 0x10ffff ? 0xfffd : (unsigned long long)i;
    if (verb->letter == 'U') {
        snprintf(text, sizeof(text), "U+%04llX", (unsigned long long)i);
    } else {
        size_t n = 0;
        if (u < 0x80) {
            text[n++] = (char)u;
        } else {
            size_t more = u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;
            text[n++] = (char)((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | u >> 6 * more);
            while (more-- > 0)
                text[n++] = (char)(0x80 | (u >> 6 * more & 0x3f));
        }
        text[n] = '\0';
        if (verb->letter == 'q') {
            str_addf(out, "'%s'", text);
            return;
        }
    }
    add_padded(out, text, strlen(text), verb);
}

static void print_integer(struct str *out, json_t *v, const struct verb *verb)
{
    static const struct {
        char letter;
        unsigned base;
        const char *prefix; /* with the flag # */
    } bases[] = {{'d', 10, ""}, {'v', 10, ""},  {'x', 16, "0x"}, {'X', 16, "0X"},
                 {'o', 8, "0"}, {'b', 2, "0b"}, {'O', 8, ""}};
    if (strchr("cqU", verb->letter)) {
        print_rune(out, v, verb);
        return;
    }
    size_t i = 0;
    while (i < ARRAY_LEN(bases) && bases[i].letter != verb->letter)
        i++;
    if (i == ARRAY_LEN(bases)) {
        print_misfit(out, v, verb);
        return;
    }
    char buf[80];
    long long n = json_integer_value(v);
    unsigned long long u = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;
    char *d = digits(buf + sizeof(buf) - 1, u, bases[i].base, verb->letter == 'X');

    _cleanup_str_ struct str text = {0};
    str_add(&text, n < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "");
    str_add(&text, verb->sharp ? bases[i].prefix : verb->letter == 'O' ? "0o" : "");
    size_t length = strlen(d);
    if (verb->precision > (long)length)
        add_many(&text, '0', (size_t)verb->precision - length);
    str_add(&text, d);
    out->failed |= text.failed;
    struct verb fill = *verb;
    fill.zero = verb->zero && verb->precision < 0;
    add_padded(out, text.s ? text.s : "", text.len, &fill);
}

/* The shortest digits that read back as the same number, with an exponent from 1e+06 on and below
 * 1e-04. */
static void shortest_real(char *buf, size_t size, double d)
{
    int precision = 0;
    do {
        snprintf(buf, size, "%.*e", precision, d);
    } while (strtod(buf, NULL) != d && ++precision < 17);

    const char *e = strchr(buf, 'e');
    long exponent = e ? strtol(e + 1, NULL, 10) : 0;
    if (e && exponent >= -4 && exponent < 6)
        snprintf(buf, size, "%.*f", precision > exponent ? precision - (int)exponent : 0, d);
}

static void print_real(struct str *out, json_t *v, const struct verb *verb)
{
    static const char *const formats[] = {"%.*e", "%.*E", "%.*f", "%.*F", "%.*g", "%.*G"};
    double d = json_real_value(v);
    _cleanup_free_ char *text = NULL;
    const char *known = strchr("eEfFgG", verb->letter);
    if (verb->letter != 'v' && !known) {
        print_misfit(out, v, verb);
        return;
    }
    bool general = verb->letter == 'v' || verb->letter == 'g' || verb->letter == 'G';
    if (general && verb->precision < 0) {
        char buf[400];
        shortest_real(buf, sizeof(buf), d);
        text = strdup(buf);
    } else {
        const char *format = "%.*g";
        for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
            if (formats[i][3] == verb->letter)
                format = formats[i];
        }
        int precision = verb->precision < 0 ? 6 : (int)verb->precision;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (asprintf(&text, format, precision, d) < 0)
            text = NULL;
#pragma GCC diagnostic pop
    }
    if (!text) {
        out->failed = true;
        return;
    }
    if (verb->plus && text[0] != '-')
        str_add(out, "+");
    add_padded(out, text, strlen(text), verb);
}

/* --- lists and maps ----------------------------------------------------------------------------
 */

bool template_is_method(const char *key)
{
    size_t n = strlen(key);
    return n > 2 && strcmp(key + n - 2, "()") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **template_keys(json_t *object, size_t *ret_n)
{
    const char **keys = reallocarray(NULL, json_object_size(object) + 1, sizeof(*keys));
    if (!keys)
        return NULL;
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        if (!template_is_method(key))
            keys[n++] = key;
    }
    qsort(keys, n, sizeof(*keys), by_text);
    *ret_n = n;
    return keys;
}

static void print_map(struct str *out, json_t *v, const struct verb *verb, unsigned depth)
{
    size_t n = 0;
    const char **keys = template_keys(v, &n);
    if (!keys) {
        out->failed = true;
        return;
    }
    str_add(out, "map[");
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *key = json_string_nocheck(keys[i]);
        str_add(out, i > 0 ? " " : "");
        if (key)
            print_verb(out, key, verb, depth + 1);
        out->failed |= !key;
        str_add(out, ":");
        print_verb(out, json_object_get(v, keys[i]), verb, depth + 1);
    }
    str_add(out, "]");
    free(keys);
}

static void print_list(struct str *out, json_t *v, const struct verb *verb, unsigned depth)
{
    size_t i;
    json_t *item;
    str_add(out, "[");
    json_array_foreach (v, i, item) {
        str_add(out, i > 0 ? " " : "");
        print_verb(out, item, verb, depth + 1);
    }
    str_add(out, "]");
}

static void print_verb(struct str *out, json_t *v, const struct verb *verb, unsigned depth)
{
    if (out->failed || out->len > TEMPLATE_OUTPUT_MAX)
        return;
    if (depth > 4096) { /* deeper than any document that was parsed */
        str_add(out, "...");
        return;
    }
    if (verb->letter == 'T') {
        const char *type = json_is_null(v) ? "<nil>" : template_type(v);
        add_padded(out, type, strlen(type), verb);
        return;
    }
    bool boolean = verb->letter == 't' || verb->letter == 'v';
    switch (json_typeof(v)) {
    case JSON_STRING:
        print_string(out, v, verb);
        break;
    case JSON_INTEGER:
        print_integer(out, v, verb);
        break;
    case JSON_REAL:
        print_real(out, v, verb);
        break;
    case JSON_OBJECT:
        print_map(out, v, verb, depth);
        break;
    case JSON_ARRAY:
        print_list(out, v, verb, depth);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        if (boolean)
            add_padded(out, json_is_true(v) ? "true" : "false", json_is_true(v) ? 4 : 5, verb);
        else
            print_misfit(out, v, verb);
        break;
    case JSON_NULL:
        if (verb->letter == 'v' || depth > 0)
            add_padded(out, "<nil>", 5, verb);
        else
            print_misfit(out, v, verb);
        break;
    }
}

void template_print(struct str *out, json_t *v)
{
    print_verb(out, v, &plain, 0);
}

/* --- printf ------------------------------------------------------------------------------------
 */

struct formatter {
    const char *at, *end;
    json_t *const *args;
    size_t n, used;
    struct str *out;
};

static void read_flags(struct formatter *f, struct verb *verb)
{
    for (; f->at < f->end; f->at++) {
        if (*f->at == '-')
            verb->minus = true;
        else if (*f->at == '+')
            verb->plus = true;
        else if (*f->at == '#')
            verb->sharp = true;
        else if (*f->at == ' ')
            verb->space = true;
        else if (*f->at == '0')
            verb->zero = true;
        else
            return;
    }
}

/* A number, or a star for one among the arguments; -1 when there is none. */
static long read_number(struct formatter *f, const char *bad)
{
    long n = -1;
    if (f->at < f->end && *f->at == '*') {
        f->at++;
        const json_t *v = f->used < f->n ? f->args[f->used++] : NULL;
        long long i = json_integer_value(v);
        if (json_is_integer(v) && i >= -TEMPLATE_WIDTH_MAX && i <= TEMPLATE_WIDTH_MAX)
            return (long)i;
        str_add(f->out, bad);
        return -1;
    }
    for (; f->at < f->end && *f->at >= '0' && *f->at <= '9'; f->at++) {
        n = (n < 0 ? 0 : n) * 10 + (*f->at - '0');
        if (n > TEMPLATE_WIDTH_MAX)
            n = TEMPLATE_WIDTH_MAX;
    }
    return n;
}

static void format_verb(struct formatter *f)
{
    struct verb verb = plain;
    read_flags(f, &verb);
    bool star = f->at < f->end && *f->at == '*';
    verb.width = read_number(f, "%!(BADWIDTH)");
    if (star && verb.width < -1) {
        verb.minus = true;
        verb.width = -verb.width;
    }
    if (f->at < f->end && *f->at == '.') {
        f->at++;
        verb.precision = read_number(f, "%!(BADPREC)");
        verb.precision = verb.precision < 0 ? 0 : verb.precision;
    }
    if (f->at == f->end) {
        str_add(f->out, "%!(NOVERB)");
        return;
    }
    long rune;
    size_t len = template_rune(f->at, (size_t)(f->end - f->at), &rune);
    verb.letter = len == 1 && rune > 0 ? *f->at : '?';
    if (verb.letter == '%')
        str_add(f->out, "%");
    else if (f->used == f->n)
        str_addf(f->out, "%%!%.*s(MISSING)", (int)len, f->at);
    else
        print_verb(f->out, f->args[f->used++], &verb, 0);
    f->at += len;
}

void template_printf(struct str *out, const char *format, size_t len, json_t *const *args, size_t n)
{
    struct formatter f = {.at = format, .end = format + len, .args = args, .n = n, .out = out};
    while (f.at < f.end && !out->failed && out->len <= TEMPLATE_OUTPUT_MAX) {
        const char *percent = memchr(f.at, '%', (size_t)(f.end - f.at));
        str_addn(out, f.at, (size_t)((percent ? percent : f.end) - f.at));
        f.at = percent ? percent + 1 : f.end;
        if (percent)
            format_verb(&f);
    }
    if (f.used >= n)
        return;
    str_add(out, "%!(EXTRA ");
    for (; f.used < n; f.used++) {
        json_t *v = f.args[f.used];
        if (json_is_null(v)) {
            str_add(out, "<nil>");
        } else {
            str_addf(out, "%s=", template_type(v));
            template_print(out, v);
        }
        str_add(out, f.used + 1 < n ? ", " : "");
    }
    str_add(out, ")");
}
