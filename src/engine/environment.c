#include "engine/environment.h"

#include "engine/bundle.h"

#include <string.h>

/* Whether @text is about the variable @name, of @n bytes. */
static bool is_about(const char *text, const char *name, size_t n)
{
    return text && strncmp(text, name, n) == 0 && (text[n] == '=' || text[n] == '\0');
}

static bool has_variable(const json_t *env, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach (env, i, item)
        if (is_about(json_string_value(item), name, strlen(name)))
            return true;
    return false;
}

static int add_variable(json_t *env, const char *name, const char *value, struct err *e)
{
    if (has_variable(env, name))
        return 0;
    return json_add(env, json_sprintf("%s=%s", name, value), e);
}

/* One entry of @more. */
static int change(json_t *env, const char *text, struct err *e)
{
    size_t n = strcspn(text, "=");
    for (size_t i = json_array_size(env); i-- > 0;)
        if (is_about(json_string_value(json_array_get(env, i)), text, n))
            json_array_remove(env, i);
    return text[n] == '=' ? json_add(env, json_string(text), e) : 0;
}

/* What was given, by image and user. */
static int gather(const json_t *config, const json_t *more, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *env = json_array();
    const json_t *given = json_at(config, "Env");
    if (!env || (given && json_array_extend(env, (json_t *)(uintptr_t)given) < 0))
        return err_nomem(e);
    size_t i;
    json_t *item;
    int r = 0;
    json_array_foreach (more, i, item)
        if (r == 0 && json_is_string(item))
            r = change(env, json_string_value(item), e);
    if (r == 0)
        *ret = TAKE_PTR(env);
    return r;
}

int environment_make(const json_t *config, bool tty, const json_t *more, const char *home,
                     json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *env = json_array(), *given = NULL;
    int r = env ? gather(config, more, &given, e) : err_nomem(e);
    if (r == 0 && !has_variable(given, "PATH"))
        r = add_variable(env, "PATH",
                         "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", e);
    if (r == 0 && !has_variable(given, "HOSTNAME"))
        r = add_variable(env, "HOSTNAME", json_str(config, "Hostname"), e);
    if (r == 0 && tty && !has_variable(given, "TERM"))
        r = add_variable(env, "TERM", "xterm", e);
    if (r == 0 && json_array_extend(env, given) < 0)
        r = err_nomem(e);
    if (r == 0)
        r = add_variable(env, "HOME", home, e);
    if (r == 0)
        *ret = TAKE_PTR(env);
    return r;
}
