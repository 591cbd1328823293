#include "cli/template_node.h"

#include <stdint.h>
#include <string.h>

bool template_truth(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return json_object_size(v) > 0;
    case JSON_ARRAY:
        return json_array_size(v) > 0;
    case JSON_STRING:
        return json_string_length(v) > 0;
    case JSON_INTEGER:
        return json_integer_value(v) != 0;
    case JSON_REAL:
        return json_real_value(v) < 0 || json_real_value(v) > 0;
    case JSON_TRUE:
        return true;
    default:
        return false;
    }
}

const char *template_type(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "map[string]interface {}";
    case JSON_ARRAY:
        return "[]interface {}";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "int";
    case JSON_REAL:
        return "float64";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    default:
        return "nil";
    }
}

bool template_is_string_map(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (!json_is_string(value))
            return false;
    }
    return true;
}

static int give_bool(bool value, json_t **ret)
{
    *ret = json_boolean(value); /* a constant: there is nothing to run out of */
    return 0;
}

/* --- and, or, not ------------------------------------------------------------------------------
 */

/* Whoever calls stops at the argument that decides, so that the last one there is the result. */
int template_call_last(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    *ret = json_incref(args[n - 1]);
    return 0;
}

int template_call_not(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    return give_bool(!template_truth(args[0]), ret);
}

/* --- comparisons -------------------------------------------------------------------------------
 */

static bool is_number(const json_t *v)
{
    return json_is_number(v);
}

static int compare_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return x < y ? -1 : x > y;
    }
    double x = json_number_value(a), y = json_number_value(b);
    return x < y ? -1 : x > y;
}

static int compare_strings(const json_t *a, const json_t *b)
{
    size_t na = json_string_length(a), nb = json_string_length(b);
    int c = memcmp(json_string_value(a), json_string_value(b), na < nb ? na : nb);
    if (c != 0)
        return c < 0 ? -1 : 1;
    return na < nb ? -1 : na > nb;
}

static int incompatible(struct err *e)
{
    return err_set(e, EINVAL, "incompatible types for comparison");
}

static int equal(const json_t *a, const json_t *b, bool *ret, struct err *e)
{
    if (json_is_object(a) || json_is_array(a) || json_is_object(b) || json_is_array(b))
        return err_set(e, EINVAL, "non-comparable type %s",
                       template_type(json_is_object(a) || json_is_array(a) ? a : b));
    if (json_is_null(a) || json_is_null(b))
        *ret = json_is_null(a) && json_is_null(b);
    else if (is_number(a) && is_number(b))
        *ret = compare_numbers(a, b) == 0;
    else if (json_is_string(a) && json_is_string(b))
        *ret = compare_strings(a, b) == 0;
    else if (json_is_boolean(a) && json_is_boolean(b))
        *ret = json_is_true(a) == json_is_true(b);
    else
        return incompatible(e);
    return 0;
}

int template_call_eq(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    if (n < 2)
        return err_set(e, EINVAL, "missing argument for comparison");
    bool same = false;
    for (size_t i = 1; i < n && !same; i++) {
        int r = equal(args[0], args[i], &same, e);
        if (r < 0)
            return r;
    }
    return give_bool(same, ret);
}

int template_call_ne(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    bool same = false;
    int r = equal(args[0], args[1], &same, e);
    return r < 0 ? r : give_bool(!same, ret);
}

static int order(json_t *const *args, int *ret, struct err *e)
{
    const json_t *a = args[0], *b = args[1];
    if (json_is_string(a) && json_is_string(b))
        *ret = compare_strings(a, b);
    else if (is_number(a) && is_number(b))
        *ret = compare_numbers(a, b);
    else if ((json_is_string(a) || is_number(a)) && (json_is_string(b) || is_number(b)))
        return incompatible(e);
    else
        return err_set(e, EINVAL, "invalid type for comparison");
    return 0;
}

int template_call_lt(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    int c = 0, r = order(args, &c, e);
    return r < 0 ? r : give_bool(c < 0, ret);
}

int template_call_le(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    int c = 0, r = order(args, &c, e);
    return r < 0 ? r : give_bool(c <= 0, ret);
}

int template_call_gt(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    int c = 0, r = order(args, &c, e);
    return r < 0 ? r : give_bool(c > 0, ret);
}

int template_call_ge(json_t *const *args, size_t n, json_t **ret, struct err *e)
{
    int c = 0, r = order(args, &c, e);
    return r < 0 ? r : give_bool(c >= 0, ret);
}
