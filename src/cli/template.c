#include "cli/template.h"

#include "cli/table.h"
#include "cli/template_node.h"

#include <string.h>

int template_new(const char *text, struct template **ret, struct err *e)
{
    size_t n = strlen(text);
    if (n > TEMPLATE_TEXT_MAX)
        return err_set(e, EINVAL, "template: longer than %d bytes", TEMPLATE_TEXT_MAX);
    _cleanup_template_ struct template *t = calloc(1, sizeof(*t));
    if (!t)
        return err_nomem(e);
    t->text = strdup(text);
    t->len = n;
    if (!t->text)
        return err_nomem(e);
    int r = template_parse_tree(t, e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    while (t->nodes) {
        struct node *n = t->nodes;
        t->nodes = n->made_before;
        strv_release(&n->names);
        free(n->name);
        json_decref(n->value);
        free(n);
    }
    free(t->text);
    free(t);
}

int template_run(const struct template *t, json_t *value, struct str *out, struct err *e)
{
    return template_execute(t, value, false, out, e);
}

int template_run_header(const struct template *t, json_t *headers, struct str *out, struct err *e)
{
    return template_execute(t, headers, true, out, e);
}

int template_check(const char *text, struct err *e)
{
    _cleanup_template_ struct template *t = NULL;
    return template_new(text, &t, e);
}

int template_render(const char *text, json_t *value, struct str *out, struct err *e)
{
    _cleanup_template_ struct template *t = NULL;
    int r = template_new(text, &t, e);
    return r < 0 ? r : template_run(t, value, out, e);
}

/* Backslash and t or n, as a shell hands them over. */
static void add_unescaped(struct str *out, const char *s)
{
    for (; *s; s++) {
        bool escape = s[0] == '\\' && (s[1] == 't' || s[1] == 'n');
        if (escape)
            s++;
        str_addn(out, escape ? (*s == 't' ? "\t" : "\n") : s, 1);
    }
}

static char *trimmed(const char *s)
{
    s += strspn(s, " ");
    size_t n = strlen(s);
    while (n > 0 && s[n - 1] == ' ')
        n--;
    return strndup(s, n);
}

int template_parse_format(const char *format, const char *columns, struct template_format *ret,
                          struct err *e)
{
    const char *wanted = format ? format : "";
    const char *rest = str_after(wanted, "table");
    bool table = wanted[0] == '\0' || rest;
    _cleanup_free_ char *body = trimmed(rest ? rest : wanted);
    if (!body)
        return err_nomem(e);

    _cleanup_str_ struct str text = {0};
    if (str_eq(body, "json") && !table)
        str_add(&text, "{{json .}}");
    else
        add_unescaped(&text, table && body[0] == '\0' ? columns : body);
    _cleanup_free_ char *s = str_steal(&text);
    if (!s)
        return err_nomem(e);
    struct template *row = NULL;
    int r = template_new(s, &row, e);
    if (r < 0)
        return r;
    *ret = (struct template_format){.row = row, .table = table};
    return 0;
}

void template_format_release(struct template_format *f)
{
    template_free(f->row);
    *f = (struct template_format){0};
}

int template_print_rows(const struct template_format *format, json_t *headers, json_t *rows,
                        struct str *out, struct err *e)
{
    _cleanup_str_ struct str text = {0};
    if (!headers || !rows)
        return err_nomem(e);
    int r = format->table ? template_run_header(format->row, headers, &text, e) : 0;
    if (r == 0 && format->table)
        str_add(&text, "\n");
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        if (r == 0)
            r = template_run(format->row, row, &text, e);
        str_add(&text, "\n");
    }
    if (r < 0)
        return r;
    if (text.failed)
        return err_nomem(e);
    if (format->table)
        return table_align(text.s, text.len, out, e);
    str_addn(out, text.s ? text.s : "", text.len);
    return out->failed ? err_nomem(e) : 0;
}
