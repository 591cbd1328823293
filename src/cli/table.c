#include "cli/table.h"

#include <string.h>

enum { WIDTH_MIN = 10, PADDING = 3 };

struct widths {
    size_t *v;
    size_t n;
};

static void widths_release(struct widths *w)
{
    free(w->v);
}

/* How many of @n bytes are an order for a colour, "\033[31m", at @s. */
static size_t colour_length(const char *s, size_t n)
{
    size_t i = 2;
    if (n < 3 || s[0] != '\033' || s[1] != '[')
        return 0;
    while (i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == ';'))
        i++;
    return i < n && s[i] == 'm' ? i + 1 : 0;
}

/* Code points, which continuation bytes and colours are not. */
static size_t width(const char *s, size_t n)
{
    size_t w = 0;
    for (size_t i = 0; i < n; i++) {
        size_t colour = colour_length(s + i, n - i);
        if (colour > 0)
            i += colour - 1;
        else
            w += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return w;
}

static const char *line_end(const char *s, const char *end)
{
    const char *newline = memchr(s, '\n', (size_t)(end - s));
    return newline ? newline : end;
}

static int note(struct widths *columns, size_t column, size_t w)
{
    if (column == columns->n) {
        size_t *v = reallocarray(columns->v, column + 1, sizeof(*v));
        if (!v)
            return -ENOMEM;
        v[column] = WIDTH_MIN;
        columns->v = v;
        columns->n++;
    }
    if (columns->v[column] < w + PADDING)
        columns->v[column] = w + PADDING;
    return 0;
}

/* Calls for each cell that a tab ends; *ret_rest is what stands behind the last. */
static int measure(const char *line, const char *end, struct widths *columns)
{
    size_t column = 0;
    const char *tab;
    while ((tab = memchr(line, '\t', (size_t)(end - line)))) {
        if (note(columns, column++, width(line, (size_t)(tab - line))) < 0)
            return -ENOMEM;
        line = tab + 1;
    }
    return 0;
}

static void print(const char *line, const char *end, const struct widths *columns, struct str *out)
{
    size_t column = 0;
    const char *tab;
    while ((tab = memchr(line, '\t', (size_t)(end - line)))) {
        size_t n = (size_t)(tab - line);
        str_addn(out, line, n);
        for (size_t w = width(line, n); column < columns->n && w < columns->v[column]; w++)
            str_add(out, " ");
        column++;
        line = tab + 1;
    }
    str_addn(out, line, (size_t)(end - line));
}

int table_align(const char *text, size_t n, struct str *out, struct err *e)
{
    __attribute__((cleanup(widths_release))) struct widths columns = {0};
    const char *end = text + n;
    for (const char *s = text; s < end; s = line_end(s, end) + 1) {
        if (measure(s, line_end(s, end), &columns) < 0)
            return err_nomem(e);
    }
    for (const char *s = text; s < end; s = line_end(s, end) + 1) {
        print(s, line_end(s, end), &columns, out);
        str_add(out, "\n");
    }
    return out->failed ? err_nomem(e) : 0;
}
