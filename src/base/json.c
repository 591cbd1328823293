#include "base/json.h"

#include "base/file.h"
#include "base/str.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

/* jansson (2.14) writes beyond its buffer when that could not grow while a text is parsed: it must
 * never see an allocation fail there. Where to go instead, for each thread; what was parsed so far
 * is lost, but not the process. */
static _Thread_local jmp_buf *out_of_memory;

static void *allocate(size_t n)
{
    void *p = malloc(n);
    if (!p && out_of_memory)
        longjmp(*out_of_memory, 1);
    return p;
}

void json_setup(void)
{
    json_set_alloc_funcs(allocate, free);
    const void *random = (const void *)getauxval(AT_RANDOM);
    size_t seed = 0;
    if (random)
        memcpy(&seed, random, sizeof(seed));
    json_object_seed(seed); /* zero: jansson finds one itself */
}

static void wipe(void *p)
{
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

void json_wipe_freed(void)
{
    json_set_alloc_funcs(allocate, wipe);
}

json_t *json_at(const json_t *root, const char *path)
{
    json_t *at = (json_t *)(uintptr_t)root;
    while (at) {
        const char *dot = strchrnul(path, '.');
        char key[128];
        size_t n = (size_t)(dot - path);
        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        at = json_object_get(at, key);
        if (*dot == '\0')
            break;
        path = dot + 1;
    }
    return at;
}

const char *json_str(const json_t *root, const char *path)
{
    return json_string_value(json_at(root, path));
}

long long json_int(const json_t *root, const char *path, long long otherwise)
{
    const json_t *j = json_at(root, path);
    return json_is_integer(j) ? json_integer_value(j) : otherwise;
}

bool json_bool(const json_t *root, const char *path, bool otherwise)
{
    const json_t *j = json_at(root, path);
    return json_is_boolean(j) ? json_is_true(j) : otherwise;
}

void json_gather(json_t **list, json_t *item)
{
    if (json_array_append_new(*list, item) < 0) {
        json_decref(*list);
        *list = NULL;
    }
}

json_t *json_copy_object(const json_t *object)
{
    json_t *copy = json_object();
    if (copy && json_object_update(copy, (json_t *)(uintptr_t)object) < 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

int json_complete(json_t *object, const json_t *others)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)others, key, value)
        if (!json_object_get(object, key) && json_object_set_nocheck(object, key, value) < 0)
            return -ENOMEM;
    return 0;
}

/* NULL with @where filled; json_error_out_of_memory whenever that was the reason. */
static json_t *load(const char *text, size_t n, json_error_t *where)
{
    jmp_buf here;
    if (setjmp(here) != 0) {
        out_of_memory = NULL;
        where->text[sizeof(where->text) - 1] = json_error_out_of_memory;
        return NULL;
    }
    out_of_memory = &here;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, where);
    out_of_memory = NULL;
    return j;
}

int json_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e)
{
    json_error_t where;
    json_t *j = load(text, n, &where);
    if (!j && json_error_code(&where) == json_error_out_of_memory)
        return err_nomem(e);
    if (!j)
        return err_set(e, EINVAL, "\"%s\" is not valid JSON: line %d, column %d: %s", name,
                       where.line, where.column, where.text);
    *ret = j;
    return 0;
}

int json_read(int dirfd, const char *path, size_t limit, json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read(dirfd, path, limit, &text, &len, e);
    if (r < 0)
        return r;
    return json_parse(text, len, path, ret, e);
}

static int add_text(const char *text, size_t n, void *data)
{
    struct str *out = data;
    str_addn(out, text, n);
    return out->failed ? -1 : 0;
}

char *json_text(const json_t *value, size_t flags)
{
    _cleanup_str_ struct str out = {0};
    if (json_dump_callback(value, add_text, &out, flags) < 0)
        return NULL;
    return str_steal(&out);
}

int json_write(int dirfd, const char *path, json_t *value, mode_t mode, unsigned flags,
               struct err *e)
{
    _cleanup_free_ char *text = json_text(value, JSON_COMPACT);
    if (!text)
        return err_nomem(e);
    return file_replace(dirfd, path, text, strlen(text), mode, flags, e);
}
