#include "runtime/spec_get.h"

#include <stdint.h>

/* A string that is there must be a string. Keys are paths from the top, for the message. */
int spec_get_string(const json_t *doc, const char *path, const char **ret, struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_string(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not a string", path);
    *ret = json_string_value(j);
    return 0;
}

int spec_get_bool(const json_t *doc, const char *path, bool *ret, struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_boolean(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not true or false", path);
    *ret = json_is_true(j);
    return 0;
}

int spec_get_int(const json_t *object, const char *key, const char *where, long long min,
                 long long max, long long otherwise, long long *ret, struct err *e)
{
    const json_t *j = json_at(object, key);
    if (!j || json_is_null(j)) {
        *ret = otherwise;
        return 0;
    }
    if (!json_is_integer(j))
        return err_set(e, EINVAL, "config.json: \"%s.%s\" is not a whole number", where, key);
    long long n = json_integer_value(j);
    if (n < min || n > max)
        return err_set(e, ERANGE, "config.json: \"%s.%s\" is %lld: must be %lld to %lld", where,
                       key, n, min, max);
    *ret = n;
    return 0;
}

int spec_get_array(const json_t *doc, const char *path, const json_t **ret, size_t *ret_n,
                   struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_array(j) && !json_is_null(j))
        return err_set(e, EINVAL, "config.json: \"%s\" is not a list", path);
    *ret = json_is_array(j) ? j : NULL;
    *ret_n = json_array_size(j);
    return 0;
}

/* A list of strings as a NULL-terminated vector; the strings stay the document's. */
int spec_get_strings(const json_t *doc, const char *path, char ***ret, size_t *ret_n, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;

    _cleanup_free_ char **v = calloc(n + 1, sizeof(*v));
    if (!v)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return err_set(e, EINVAL, "config.json: \"%s\" has something that is not a string",
                           path);
        v[i] = (char *)(uintptr_t)json_string_value(item);
    }
    *ret = TAKE_PTR(v);
    *ret_n = n;
    return 0;
}

int spec_get_typed(const json_t *doc, const char *path, json_type type, const json_t **ret,
                   struct err *e)
{
    const json_t *j = json_at(doc, path);
    if (j && !json_is_null(j) && json_typeof(j) != type)
        return err_set(e, EINVAL, "config.json: \"%s\" is not %s", path,
                       type == JSON_OBJECT ? "an object" : "a list");
    *ret = j && json_typeof(j) == type ? j : NULL;
    return 0;
}
