#include "cli/rows.h"

#include "cli/cli.h"
#include "cli/template.h"

#include <stdint.h>

int rows_print(const char *format, const char *columns, json_t *headers, json_t *rows,
               struct err *e)
{
    _cleanup_template_format_ struct template_format f = {0};
    _cleanup_str_ struct str out = {0};
    int r = template_parse_format(format, columns, &f, e);
    if (r == 0)
        r = template_print_rows(&f, headers, rows, &out, e);
    return r < 0 ? r : cli_print(out.s ? out.s : "", e);
}

bool rows_usual(const char *format)
{
    return !format || !*format || str_eq(format, "table");
}

json_t *rows_labels(const json_t *labels)
{
    _cleanup_str_ struct str text = {0};
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)labels, key, value)
        str_addf(&text, "%s%s=%s", text.len ? "," : "", key, json_string_value(value));
    _cleanup_free_ char *whole = str_steal(&text);
    return whole ? json_string(whole) : NULL;
}

/* How many bytes of @s are one character; 0 when they are none. */
static size_t character(const char *s)
{
    _cleanup_json_ json_t *one = NULL;
    for (size_t n = 1; n <= 4 && s[n - 1]; n++)
        if ((one = json_stringn(s, n)))
            return n;
    return 0;
}

json_t *rows_text(const char *text)
{
    json_t *whole = json_string(text);
    if (whole)
        return whole;
    _cleanup_str_ struct str out = {0};
    for (const char *s = text; *s;) {
        size_t n = character(s);
        str_addn(&out, n ? s : "\xef\xbf\xbd", n ? n : 3);
        s += n ? n : 1;
    }
    return out.failed ? NULL : json_string(out.s);
}
