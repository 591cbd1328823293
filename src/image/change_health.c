#include "image/change_health.h"

#include "base/str.h"
#include "base/timestamp.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static int put_retries(json_t *check, const char *value, struct err *e)
{
    char *end;
    errno = 0;
    long n = strtol(value, &end, 10);
    if (end == value || *end || errno || n < 0 || n > INT_MAX)
        return err_set(e, EINVAL, "--retries: \"%s\" is not a number from 0 on", value);
    return json_object_set_new(check, "Retries", json_integer(n)) < 0 ? err_nomem(e) : 0;
}

/* One "--name=value". */
static int put_option(json_t *check, const char *word, struct err *e)
{
    static const struct {
        const char *option, *key;
    } spans[] = {{"--interval=", "Interval"},
                 {"--timeout=", "Timeout"},
                 {"--start-period=", "StartPeriod"},
                 {"--start-interval=", "StartInterval"}};
    const char *value = str_after(word, "--retries=");
    if (value)
        return put_retries(check, value, e);
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        long long ns;
        if (!(value = str_after(word, spans[i].option)))
            continue;
        if (parse_duration(value, &ns) < 0 || (ns != 0 && ns < 1000000))
            return err_set(e, EINVAL, "%.*s: \"%s\" is not a duration of a millisecond or more",
                           (int)strcspn(word, "="), word, value);
        return json_object_set_new(check, spans[i].key, json_integer(ns)) < 0 ? err_nomem(e) : 0;
    }
    return err_set(e, EINVAL, "unknown option \"%s\"", word);
}

/* What comes after CMD: a list of words, or one text for a shell. */
static json_t *read_command(const char *text)
{
    _cleanup_json_ json_t *words = *text == '[' ? json_loads(text, 0, NULL) : NULL;
    size_t i;
    json_t *word;
    json_array_foreach (words, i, word)
        if (!json_is_string(word))
            return json_pack("[s, s]", "CMD-SHELL", text);
    if (json_array_size(words) == 0)
        return json_pack("[s, s]", "CMD-SHELL", text);
    return json_array_insert_new(words, 0, json_string("CMD")) < 0 ? NULL : TAKE_PTR(words);
}

int change_health(json_t *settings, const char *text, struct err *e)
{
    _cleanup_json_ json_t *check = json_object();
    if (!check)
        return err_nomem(e);
    const char *at = skip_blanks(text);
    while (at[0] == '-' && at[1] == '-') {
        size_t n = strcspn(at, " \t");
        _cleanup_free_ char *word = strndup(at, n);
        int r = word ? put_option(check, word, e) : err_nomem(e);
        if (r < 0)
            return r;
        at = skip_blanks(at + n);
    }
    size_t n = strcspn(at, " \t");
    const char *rest = skip_blanks(at + n);
    bool none = n == 4 && strncasecmp(at, "NONE", 4) == 0;
    if (!none && !(n == 3 && strncasecmp(at, "CMD", 3) == 0))
        return err_set(e, EINVAL, "unknown type \"%.*s\": CMD or NONE", (int)(n > 64 ? 64 : n), at);
    if (none ? *rest || json_object_size(check) > 0 : !*rest)
        return err_set(e, EINVAL, none ? "NONE takes no arguments" : "missing command after CMD");
    json_t *test = none ? json_pack("[s]", "NONE") : read_command(rest);
    if (!test)
        return err_set(e, EINVAL, "the command is not text in UTF-8");
    if (json_object_set_new(check, "Test", test) < 0 ||
        json_object_set(settings, "Healthcheck", check) < 0)
        return err_nomem(e);
    return 0;
}
