#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

#include <string.h>

/* Where a text is being read. Nothing is checked here but what keeps us inside of it: what is
 * picked is parsed afterwards, and what is passed over nobody gets. NULL from any step: this is not
 * what JSON looks like. */
struct pick {
    const char *end;
    const char *const *keys;
    struct str out;
};

static const char *skip_blanks(const struct pick *p, const char *at)
{
    while (at && at < p->end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at && at < p->end ? at : NULL;
}

static const char *skip_string(const struct pick *p, const char *at)
{
    for (at++; at < p->end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return NULL;
}

static const char *skip_value(const struct pick *p, const char *at)
{
    size_t depth = 0;
    while (at && at < p->end) {
        const char c = *at;
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return at;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at = c == '"' ? skip_string(p, at) : at + 1;
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            return at;
    }
    return NULL;
}

enum wish { NOTHING, SOME, ALL };

/* What is wanted of the member @name of the object that is @prefix. */
static enum wish wish_for(const struct pick *p, const char *prefix, const char *name, size_t n)
{
    for (const char *const *key = p->keys; *key; key++) {
        const char *rest = str_after(*key, prefix);
        if (rest && strncmp(rest, name, n) == 0 && (rest[n] == '\0' || rest[n] == '.'))
            return rest[n] == '.' ? SOME : ALL;
    }
    return NOTHING;
}

static const char *pick_object(struct pick *p, const char *prefix, const char *at);

static const char *pick_member(struct pick *p, const char *prefix, const char *name, bool *first)
{
    const char *after = skip_string(p, name), *colon = skip_blanks(p, after);
    const char *value = colon && *colon == ':' ? skip_blanks(p, colon + 1) : NULL;
    if (!value)
        return NULL;
    size_t n = (size_t)(after - name) - 2;
    enum wish wish = wish_for(p, prefix, name + 1, n);
    if (wish == NOTHING)
        return skip_value(p, value);
    str_add(&p->out, *first ? "" : ",");
    *first = false;
    str_addn(&p->out, name, n + 2);
    str_add(&p->out, ":");
    if (wish == SOME && *value == '{') {
        _cleanup_free_ char *inner = str_printf("%s%.*s.", prefix, (int)n, name + 1);
        return inner ? pick_object(p, inner, value) : NULL;
    }
    const char *end = skip_value(p, value);
    if (end)
        str_addn(&p->out, value, (size_t)(end - value));
    return end;
}

/* Nested no deeper than the keys are. */
static const char *pick_object(struct pick *p, const char *prefix, const char *at)
{
    bool first = true;
    str_add(&p->out, "{");
    at = skip_blanks(p, at + 1);
    bool more = at && *at == '"';
    while (more) {
        at = skip_blanks(p, pick_member(p, prefix, at, &first));
        more = at && *at == ',';
        at = more ? skip_blanks(p, at + 1) : at;
        if (more && (!at || *at != '"'))
            return NULL;
    }
    str_add(&p->out, "}");
    return at && *at == '}' ? at + 1 : NULL;
}

int json_read_some(int dirfd, const char *path, size_t limit, const char *const keys[],
                   json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = file_read(dirfd, path, limit, &text, &n, e);
    if (r < 0)
        return r;
    _cleanup_str_ struct str out = {0};
    struct pick p = {.end = text + n, .keys = keys};
    const char *at = skip_blanks(&p, text);
    const char *end = at && *at == '{' ? pick_object(&p, "", at) : NULL;
    out = p.out;
    /* One that is not whole: the parser says where. */
    if (!end || skip_blanks(&p, end))
        return json_parse(text, n, path, ret, e);
    return out.failed ? err_nomem(e) : json_parse(out.s, out.len, path, ret, e);
}
