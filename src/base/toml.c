#include "base/toml.h"

#include "base/file.h"
#include "base/str.h"
#include "base/toml_private.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* What may still happen to a table or an array. A table without a mark came into being as part of
 * a header's path: its own header may still come. */
enum mark {
    MARK_DEFINED = 1, /* by its own header */
    MARK_DOTTED,      /* by dotted keys: more of those may add to it, no header */
    MARK_CLOSED,      /* in braces or brackets: complete */
    MARK_TABLES,      /* an array of [[headers]] */
};

struct document {
    struct toml t;
    json_t *root;
    json_t *marks;   /* the bytes of a json_t's address -> enum mark */
    json_t *current; /* the table that keys go to; borrowed */
};

int toml_fail(const struct toml *t, const char *fmt, ...)
{
    _cleanup_free_ char *words = NULL;
    size_t line = 1;
    for (const char *p = t->begin; p < t->at && p < t->end; p++)
        line += *p == '\n';
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&words, fmt, ap) < 0)
        words = NULL;
    va_end(ap);
    if (!words)
        return err_nomem(t->e);
    return err_set(t->e, EINVAL, "\"%s\" is not valid TOML: line %zu: %s", t->name, line, words);
}

bool toml_take(struct toml *t, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0)
        return false;
    t->at += n;
    return true;
}

void toml_blanks(struct toml *t)
{
    while (*t->at == ' ' || *t->at == '\t')
        t->at++;
}

static int skip_comment(struct toml *t)
{
    if (toml_peek(t) != '#')
        return 0;
    for (; t->at < t->end && *t->at != '\n'; t->at++) {
        unsigned char c = (unsigned char)*t->at;
        if ((c < 0x20 || c == 0x7f) && c != '\t' && !(c == '\r' && t->at[1] == '\n'))
            return toml_fail(t, "a control character");
    }
    return 0;
}

int toml_line_end(struct toml *t)
{
    toml_blanks(t);
    int r = skip_comment(t);
    if (r < 0)
        return r;
    if (t->at >= t->end || toml_take(t, "\n") || toml_take(t, "\r\n"))
        return 0;
    return toml_fail(t, "the line goes on where it should end");
}

int toml_space(struct toml *t)
{
    int r = 0;
    do {
        toml_blanks(t);
        r = skip_comment(t);
    } while (r == 0 && (toml_take(t, "\n") || toml_take(t, "\r\n")));
    return r;
}

static enum mark mark_of(const struct document *d, const json_t *j)
{
    const json_t *mark = json_object_getn(d->marks, (const char *)&j, sizeof(j));
    return (enum mark)json_integer_value(mark);
}

static int set_mark(struct document *d, const json_t *j, enum mark mark)
{
    /* The bytes of an address are no UTF-8, which nobody asks for here. */
    return json_object_setn_new_nocheck(d->marks, (const char *)&j, sizeof(j), json_integer(mark)) <
                   0
               ? err_nomem(d->t.e)
               : 0;
}

/* One part of a key: bare or in quotes. */
static int read_key_part(struct toml *t, struct strv *parts)
{
    static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int c = toml_peek(t);
    if (c == '"' || c == '\'') {
        _cleanup_json_ json_t *text = NULL;
        int r = toml_string(t, false, &text);
        if (r < 0)
            return r;
        strv_add(parts, json_string_value(text));
    } else {
        size_t n = strspn(t->at, bare);
        if (n == 0)
            return toml_fail(t, "a key is missing");
        strv_addf(parts, "%.*s", (int)n, t->at);
        t->at += n;
    }
    if (parts->failed)
        return err_nomem(t->e);
    return parts->n > TOML_DEPTH_MAX ? toml_fail(t, "a key has too many parts") : 0;
}

static int read_key(struct toml *t, struct strv *parts)
{
    for (;;) {
        toml_blanks(t);
        int r = read_key_part(t, parts);
        if (r < 0)
            return r;
        toml_blanks(t);
        if (!toml_take(t, "."))
            return 0;
    }
}

static int fresh_table(struct document *d, json_t *in, const char *key, enum mark mark,
                       json_t **ret)
{
    json_t *table = json_object();
    if (!table || json_object_set_new_nocheck(in, key, table) < 0)
        return err_nomem(d->t.e);
    *ret = table;
    return mark ? set_mark(d, table, mark) : 0;
}

static int read_value(struct document *d, json_t **ret);

/* "a.b.c = value" in the table @in. */
static int read_pair(struct document *d, json_t *in)
{
    _cleanup_strv_ struct strv parts = {0};
    _cleanup_json_ json_t *value = NULL;
    int r = read_key(&d->t, &parts);
    if (r < 0)
        return r;
    if (!toml_take(&d->t, "="))
        return toml_fail(&d->t, "\"=\" is missing");
    toml_blanks(&d->t);
    for (size_t i = 0; i + 1 < parts.n; i++) {
        json_t *next = json_object_get(in, parts.v[i]);
        if (next && mark_of(d, next) != MARK_DOTTED)
            return toml_fail(&d->t, "\"%s\" is there already", parts.v[i]);
        r = next ? 0 : fresh_table(d, in, parts.v[i], MARK_DOTTED, &next);
        if (r < 0)
            return r;
        in = next;
    }
    const char *key = parts.v[parts.n - 1];
    if (json_object_get(in, key))
        return toml_fail(&d->t, "\"%s\" is there already", key);
    r = read_value(d, &value);
    if (r == 0 && json_object_set_nocheck(in, key, value) < 0)
        r = err_nomem(d->t.e);
    return r;
}

static int read_array(struct document *d, json_t *array)
{
    struct toml *t = &d->t;
    for (;;) {
        int r = toml_space(t);
        if (r < 0 || toml_take(t, "]"))
            return r;
        _cleanup_json_ json_t *value = NULL;
        r = read_value(d, &value);
        if (r < 0)
            return r;
        if (json_array_append(array, value) < 0)
            return err_nomem(t->e);
        r = toml_space(t);
        if (r < 0 || toml_take(t, "]"))
            return r;
        if (!toml_take(t, ","))
            return toml_fail(t, "an array needs \",\" between its values");
    }
}

/* In braces, on one line; no comma after the last. */
static int read_inline_table(struct document *d, json_t *table)
{
    struct toml *t = &d->t;
    toml_blanks(t);
    if (toml_take(t, "}"))
        return 0;
    for (;;) {
        int r = read_pair(d, table);
        if (r < 0)
            return r;
        toml_blanks(t);
        if (toml_take(t, "}"))
            return 0;
        if (!toml_take(t, ","))
            return toml_fail(t, "a table in braces needs \",\" between its keys, and \"}\"");
    }
}

static int read_nested(struct document *d, json_t **ret)
{
    bool array = *d->t.at == '[';
    _cleanup_json_ json_t *value = array ? json_array() : json_object();
    if (!value)
        return err_nomem(d->t.e);
    if (d->t.depth >= TOML_DEPTH_MAX)
        return toml_fail(&d->t, "values are nested too deeply");
    d->t.at++;
    d->t.depth++;
    int r = array ? read_array(d, value) : read_inline_table(d, value);
    d->t.depth--;
    if (r == 0)
        r = set_mark(d, value, MARK_CLOSED);
    if (r == 0)
        *ret = TAKE_PTR(value);
    return r;
}

static int read_value(struct document *d, json_t **ret)
{
    switch (toml_peek(&d->t)) {
    case '"':
    case '\'':
        return toml_string(&d->t, true, ret);
    case '[':
    case '{':
        return read_nested(d, ret);
    default:
        return toml_scalar(&d->t, ret);
    }
}

/* Of an array of tables the last one is meant. */
static int enter(struct document *d, json_t **table, const char *key)
{
    json_t *next = json_object_get(*table, key);
    if (!next)
        return fresh_table(d, *table, key, 0, table);
    enum mark mark = mark_of(d, next);
    if (mark == MARK_TABLES)
        next = json_array_get(next, json_array_size(next) - 1);
    if (mark == MARK_CLOSED || !json_is_object(next))
        return toml_fail(&d->t, "\"%s\" is there already, and cannot be added to", key);
    *table = next;
    return 0;
}

static int define_table(struct document *d, json_t *in, const char *key)
{
    json_t *table = json_object_get(in, key);
    if (!table)
        return fresh_table(d, in, key, MARK_DEFINED, &d->current);
    if (!json_is_object(table) || mark_of(d, table))
        return toml_fail(&d->t, "\"%s\" is there already", key);
    d->current = table;
    return set_mark(d, table, MARK_DEFINED);
}

static int define_element(struct document *d, json_t *in, const char *key)
{
    json_t *array = json_object_get(in, key);
    if (array && mark_of(d, array) != MARK_TABLES)
        return toml_fail(&d->t, "\"%s\" is there already", key);
    if (!array) {
        array = json_array();
        if (!array || json_object_set_new_nocheck(in, key, array) < 0)
            return err_nomem(d->t.e);
        int r = set_mark(d, array, MARK_TABLES);
        if (r < 0)
            return r;
    }
    json_t *table = json_object();
    if (!table || json_array_append_new(array, table) < 0)
        return err_nomem(d->t.e);
    d->current = table;
    return set_mark(d, table, MARK_DEFINED);
}

/* "[a.b]" or "[[a.b]]", its first bracket being behind us. */
static int read_header(struct document *d)
{
    _cleanup_strv_ struct strv parts = {0};
    bool element = toml_take(&d->t, "[");
    int r = read_key(&d->t, &parts);
    if (r < 0)
        return r;
    if (!toml_take(&d->t, element ? "]]" : "]"))
        return toml_fail(&d->t, "the bracket of a table's name is missing");
    json_t *table = d->root;
    for (size_t i = 0; i + 1 < parts.n; i++) {
        r = enter(d, &table, parts.v[i]);
        if (r < 0)
            return r;
    }
    const char *key = parts.v[parts.n - 1];
    return element ? define_element(d, table, key) : define_table(d, table, key);
}

static int read_document(struct document *d)
{
    d->current = d->root;
    for (;;) {
        int r = toml_space(&d->t);
        if (r < 0 || d->t.at >= d->t.end)
            return r;
        r = toml_take(&d->t, "[") ? read_header(d) : read_pair(d, d->current);
        if (r == 0)
            r = toml_line_end(&d->t);
        if (r < 0)
            return r;
    }
}

/* jansson knows what is UTF-8: it makes no string of anything else. */
static int check_text(struct toml *t, const char *text, size_t n)
{
    _cleanup_json_ json_t *plain = json_stringn_nocheck(text, n);
    _cleanup_json_ json_t *checked = json_stringn(text, n);
    if (!plain)
        return err_nomem(t->e);
    if (!checked)
        return err_set(t->e, EINVAL, "\"%s\" is not valid TOML: it is not UTF-8", t->name);
    if (memchr(text, '\0', n))
        return err_set(t->e, EINVAL, "\"%s\" is not valid TOML: it has a NUL byte", t->name);
    return 0;
}

int toml_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e)
{
    _cleanup_free_ char *copy = strndup(text, n);
    _cleanup_json_ json_t *root = json_object();
    _cleanup_json_ json_t *marks = json_object();
    if (!copy || !root || !marks)
        return err_nomem(e);
    struct document d = {
        .t = {.at = copy, .begin = copy, .end = copy + n, .name = name, .e = e},
        .root = root,
        .marks = marks,
    };
    int r = check_text(&d.t, text, n);
    if (r == 0)
        r = read_document(&d);
    if (r == 0)
        *ret = TAKE_PTR(root);
    return r;
}

int toml_read(int dirfd, const char *path, size_t limit, json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = file_read(dirfd, path, limit, &text, &n, e);
    return r < 0 ? r : toml_parse(text, n, path, ret, e);
}
