#include "cli/template_node.h"

#include <string.h>

/* A function's last step: *ret is a new reference, or memory ran out. */
static int give(json_t *value, json_t **ret, struct err *e)
{
    if (!value)
        return err_nomem(e);
    *ret = value;
    return 0;
}

static int give_text(const char *s, size_t n, json_t **ret, struct err *e)
{
    return give(json_stringn_nocheck(n > 0 ? s : "", n), ret, e);
}

static int give_str(const struct str *s, json_t **ret, struct err *e)
{
    if (s->failed)
        return err_nomem(e);
    if (s->len > TEMPLATE_OUTPUT_MAX)
        return err_set(e, EFBIG, "text is longer than %d bytes", TEMPLATE_OUTPUT_MAX);
    return give_text(s->s, s->len, ret, e);
}

/* --- parts of a value --------------------------------------------------------------------------
 */

static int call_len(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    const json_t *v = args[0];
    switch (json_typeof(v)) {
    case JSON_STRING:
        return give(json_integer((json_int_t)json_string_length(v)), ret, e);
    case JSON_ARRAY:
        return give(json_integer((json_int_t)json_array_size(v)), ret, e);
    case JSON_OBJECT:
        return give(json_integer((json_int_t)json_object_size(v)), ret, e);
    case JSON_NULL:
        return err_set(e, EINVAL, "len of nil pointer");
    default:
        return err_set(e, EINVAL, "len of type %s", template_type(v));
    }
}

static int index_number(const json_t *key, size_t n, size_t *ret, struct err *e)
{
    if (!json_is_integer(key))
        return err_set(e, EINVAL, "cannot index slice/array with %s%s",
                       json_is_null(key) ? "" : "type ", template_type(key));
    json_int_t i = json_integer_value(key);
    if (i < 0 || (size_t)i >= n)
        return err_set(e, EINVAL, "index out of range: %lld", (long long)i);
    *ret = (size_t)i;
    return 0;
}

/* A key that is not there is what Go's zero value would be: "" in a map of strings and in one that
 * is not set, such as an image's labels, else nothing. */
static int index_key(json_t *v, const json_t *key, json_t **ret, struct err *e)
{
    if (!json_is_string(key))
        return err_set(e, EINVAL, "value has type %s; should be string", template_type(key));
    const char *name = json_string_value(key);
    json_t *found = json_object_get(v, name);
    if (found && !template_is_method(name))
        return give(json_incref(found), ret, e);
    if (json_is_null(v) || template_is_string_map(v))
        return give_text("", 0, ret, e);
    return give(json_null(), ret, e);
}

static int index_one(json_t *v, const json_t *key, json_t **ret, struct err *e)
{
    size_t i = 0;
    int r = 0;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return index_key(v, key, ret, e);
    case JSON_ARRAY:
        r = index_number(key, json_array_size(v), &i, e);
        return r < 0 ? r : give(json_incref(json_array_get(v, i)), ret, e);
    case JSON_STRING:
        r = index_number(key, json_string_length(v), &i, e);
        return r < 0 ? r : give(json_integer((unsigned char)json_string_value(v)[i]), ret, e);
    case JSON_NULL:
        if (json_is_string(key))
            return index_key(v, key, ret, e);
        return err_set(e, EINVAL, "index of untyped nil");
    default:
        return err_set(e, EINVAL, "can't index item of type %s", template_type(v));
    }
}

static int call_index(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    json_t *v = json_incref(args[0]);
    for (size_t i = 1; i < n; i++) {
        json_t *part = NULL;
        int r = index_one(v, args[i], &part, e);
        json_decref(v);
        if (r < 0)
            return r;
        v = part;
    }
    *ret = v;
    return 0;
}

/* slice x 1 3 is x[1:3]. */
static int call_slice(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    const json_t *v = args[0];
    bool list = json_is_array(v);
    if (!list && !json_is_string(v))
        return err_set(e, EINVAL, "can't slice item of type %s", template_type(v));
    if (n > 3)
        return err_set(e, EINVAL, "too many slice indexes: %zu", n - 1);
    size_t len = list ? json_array_size(v) : json_string_length(v);
    size_t from = 0, to = len;
    int r = n > 1 ? index_number(args[1], len + 1, &from, e) : 0;
    if (r == 0 && n > 2)
        r = index_number(args[2], len + 1, &to, e);
    if (r < 0)
        return r;
    if (from > to)
        return err_set(e, EINVAL, "invalid slice index: %zu > %zu", from, to);
    if (!list)
        return give_text(json_string_value(v) + from, to - from, ret, e);

    _cleanup_json_ json_t *part = json_array();
    for (size_t i = from; part && i < to; i++) {
        if (json_array_append(part, json_array_get(v, i)) < 0)
            return err_nomem(e);
    }
    return give(TAKE_PTR(part), ret, e);
}

/* --- text --------------------------------------------------------------------------------------
 */

/* A copy without methods, of the object itself and of none within: rows of a table have them, and
 * nothing else. */
static json_t *without_methods(json_t *v)
{
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach (v, key, value)
        any |= template_is_method(key);
    if (!any)
        return json_incref(v);
    json_t *copy = json_object();
    json_object_foreach (v, key, value) {
        if (copy && !template_is_method(key) && json_object_set_nocheck(copy, key, value) < 0) {
            json_decref(copy);
            copy = NULL;
        }
    }
    return copy;
}

static int append(const char *s, size_t n, void *to)
{
    struct str *out = to;
    str_addn(out, s, n);
    return out->failed || out->len > TEMPLATE_OUTPUT_MAX ? -1 : 0;
}

static int call_json(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *v = without_methods(args[0]);
    if (!v)
        return err_nomem(e);
    _cleanup_str_ struct str out = {0};
    int r = json_dump_callback(v, append, &out,
                               JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (r < 0 && !out.failed && out.len <= TEMPLATE_OUTPUT_MAX)
        return err_set(e, EINVAL, "value is not text that JSON can hold");
    return give_str(&out, ret, e);
}

/* Sprint: a space between neighbours that are no strings. */
static int call_print(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !json_is_string(args[i]) && !json_is_string(args[i - 1]))
            str_add(&out, " ");
        template_print(&out, args[i]);
    }
    return give_str(&out, ret, e);
}

static int call_println(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < n; i++) {
        str_add(&out, i > 0 ? " " : "");
        template_print(&out, args[i]);
    }
    str_add(&out, "\n");
    return give_str(&out, ret, e);
}

static int call_printf(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    template_printf(&out, json_string_value(args[0]), json_string_length(args[0]), args + 1, n - 1);
    return give_str(&out, ret, e);
}

static int call_join(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    size_t i;
    json_t *item;
    json_array_foreach (args[0], i, item) {
        if (!json_is_string(item))
            return err_set(e, EINVAL, "wrong type for item %zu; expected string; got %s", i,
                           template_type(item));
        if (i > 0)
            str_addn(&out, json_string_value(args[1]), json_string_length(args[1]));
        str_addn(&out, json_string_value(item), json_string_length(item));
        if (out.len > TEMPLATE_OUTPUT_MAX)
            break;
    }
    return give_str(&out, ret, e);
}

/* With an empty separator, every character is a part. */
static int call_split(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    const char *s = json_string_value(args[0]), *end = s + json_string_length(args[0]);
    const char *by = json_string_value(args[1]);
    size_t by_len = json_string_length(args[1]);
    _cleanup_json_ json_t *parts = json_array();
    bool more = by_len > 0 || s < end;
    while (more && parts) {
        long rune;
        const char *cut = by_len > 0 ? memmem(s, (size_t)(end - s), by, by_len)
                                     : s + template_rune(s, (size_t)(end - s), &rune);
        more = cut && (by_len > 0 || cut < end);
        size_t len = (size_t)((cut ? cut : end) - s);
        if (json_array_append_new(parts, json_stringn_nocheck(len > 0 ? s : "", len)) < 0)
            return err_nomem(e);
        s += len + by_len;
    }
    return give(TAKE_PTR(parts), ret, e);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

enum casing { LOWER, UPPER, TITLE };

/* Letters of ASCII; others stay as they are. */
static int change_case(const json_t *v, enum casing casing, json_t **ret, struct err *e)
{
    size_t n = json_string_length(v);
    _cleanup_free_ char *s = malloc(n + 1);
    if (!s)
        return err_nomem(e);
    memcpy(s, json_string_value(v), n + 1);
    bool inside = false; /* a word */
    for (size_t i = 0; i < n; i++) {
        bool up = casing == UPPER || (casing == TITLE && !inside);
        inside = is_letter(s[i]) || s[i] == '_' || (s[i] >= '0' && s[i] <= '9');
        if (up && s[i] >= 'a' && s[i] <= 'z')
            s[i] = (char)(s[i] - 'a' + 'A');
        else if (casing == LOWER && s[i] >= 'A' && s[i] <= 'Z')
            s[i] = (char)(s[i] - 'A' + 'a');
    }
    return give_text(s, n, ret, e);
}

static int call_lower(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    return change_case(args[0], LOWER, ret, e);
}

static int call_upper(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    return change_case(args[0], UPPER, ret, e);
}

static int call_title(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    return change_case(args[0], TITLE, ret, e);
}

/* pad TEXT BEFORE BEHIND: spaces around what is not empty. */
static int call_pad(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    json_int_t before = json_integer_value(args[1]), behind = json_integer_value(args[2]);
    size_t len = json_string_length(args[0]);
    if (before < 0 || behind < 0 || before > TEMPLATE_WIDTH_MAX || behind > TEMPLATE_WIDTH_MAX)
        return err_set(e, EINVAL, "number of spaces out of range");
    _cleanup_str_ struct str out = {0};
    if (len > 0) {
        str_addf(&out, "%*s", (int)before, "");
        str_addn(&out, json_string_value(args[0]), len);
        str_addf(&out, "%*s", (int)behind, "");
    }
    return give_str(&out, ret, e);
}

static int call_truncate(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    json_int_t most = json_integer_value(args[1]);
    size_t len = json_string_length(args[0]);
    if (most < 0)
        return err_set(e, EINVAL, "length out of range: %lld", (long long)most);
    return give_text(json_string_value(args[0]), (size_t)most < len ? (size_t)most : len, ret, e);
}

static const struct function functions[] = {
    {.name = "and", .takes = "vv*", .lazy = true, .call = template_call_last},
    {.name = "or", .takes = "vv*", .lazy = true, .call = template_call_last},
    {.name = "not", .takes = "v", .call = template_call_not},
    {.name = "eq", .takes = "vv*", .call = template_call_eq},
    {.name = "ne", .takes = "vv", .call = template_call_ne},
    {.name = "lt", .takes = "vv", .call = template_call_lt},
    {.name = "le", .takes = "vv", .call = template_call_le},
    {.name = "gt", .takes = "vv", .call = template_call_gt},
    {.name = "ge", .takes = "vv", .call = template_call_ge},
    {.name = "len", .takes = "v", .call = call_len},
    {.name = "index", .takes = "vv*", .call = call_index},
    {.name = "slice", .takes = "vv*", .call = call_slice},
    {.name = "json", .takes = "v", .call = call_json, .keeps_header = true},
    {.name = "print", .takes = "v*", .call = call_print},
    {.name = "println", .takes = "v*", .call = call_println},
    {.name = "printf", .takes = "sv*", .call = call_printf},
    {.name = "join", .takes = "ls", .call = call_join, .keeps_header = true},
    {.name = "split", .takes = "ss", .call = call_split, .keeps_header = true},
    {.name = "lower", .takes = "s", .call = call_lower, .keeps_header = true},
    {.name = "upper", .takes = "s", .call = call_upper, .keeps_header = true},
    {.name = "title", .takes = "s", .call = call_title, .keeps_header = true},
    {.name = "pad", .takes = "sii", .call = call_pad, .keeps_header = true},
    {.name = "truncate", .takes = "si", .call = call_truncate, .keeps_header = true},
};

const struct function *template_function(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (strlen(functions[i].name) == n && memcmp(functions[i].name, name, n) == 0)
            return &functions[i];
    }
    return NULL;
}
