#include "base/file.h"
#include "base/str.h"
#include "cli/request.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { ENV_FILE_LIMIT = 16 << 20 };

int parse_bytes(const char *option, const char *text, long long *ret, struct err *e)
{
    const char *bad = NULL;
    int r = str_to_bytes(text, ret, &bad);
    if (r == -ERANGE)
        return err_set(e, ERANGE, "invalid argument \"%s\" for \"%s\": too large", text, option);
    if (r < 0 && bad)
        return err_set(e, EINVAL, "invalid argument \"%s\" for \"%s\": invalid suffix: '%s'", text,
                       option, bad);
    return r < 0 ? err_set(e, EINVAL, "invalid argument \"%s\" for \"%s\": invalid size", text,
                           option)
                 : 0;
}

int parse_cpus(const char *text, long long *ret_nano, struct err *e)
{
    char *end = NULL;
    double n = str_to_decimal(text, &end);
    if (!end || *end || !isfinite(n) || n > 8192)
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--cpus\": failed to parse %s as a "
                       "number of CPUs",
                       text, text);
    *ret_nano = (long long)(n * 1e9 + 0.5);
    if (*ret_nano > 0 && *ret_nano < 10000000)
        return err_set(e, ERANGE, "--cpus %s: the least is 0.01", text);
    return 0;
}

char *absolute_source(const char *text)
{
    if (text[0] != '.')
        return strdup(text);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    while (text[0] == '.' && text[1] == '/')
        text += 2 + strspn(text + 2, "/");
    bool itself = text[0] == '.' && (text[1] == '\0' || text[1] == ':');
    return here ? str_printf("%s/%s", here, text + itself) : NULL;
}

/* "PATH[:PATH IN CONTAINER][:rwm]" */
int parse_device(const char *text, json_t **ret, struct err *e)
{
    _cleanup_free_ char *copy = strdup(text);
    if (!copy)
        return err_nomem(e);
    char *rest = copy;
    const char *from = strsep(&rest, ":"), *to = from, *access = "rwm";
    if (rest) {
        const char *word = strsep(&rest, ":");
        bool is_access = word[0] != '/' && word[0] && word[strspn(word, "rwm")] == '\0';
        if (is_access)
            access = word;
        else
            to = word;
        if (rest)
            access = rest;
    }
    if (from[0] != '/' || to[0] != '/' || !*access || access[strspn(access, "rwm")])
        return err_set(e, EINVAL, "bad format for \"--device %s\": must be PATH[:PATH][:rwm]",
                       text);
    *ret = json_pack("{s:s, s:s, s:s}", "PathOnHost", from, "PathInContainer", to,
                     "CgroupPermissions", access);
    return *ret ? 0 : err_nomem(e);
}

static bool parse_limit(const char *text, long long *ret)
{
    *ret = -1;
    return str_eq(text, "unlimited") || str_to_int64(text, -1, LLONG_MAX, ret) == 0;
}

/* "NAME=SOFT[:HARD]"; -1 and "unlimited" are no limit. The words are Docker's. */
int parse_ulimit(const char *text, json_t **ret, struct err *e)
{
    _cleanup_free_ char *copy = strdup(text);
    if (!copy)
        return err_nomem(e);
    char *value = strchr(copy, '=');
    if (!value)
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--ulimit\": must be NAME=SOFT[:HARD]", text);
    *value++ = '\0';
    char *second = strchr(value, ':');
    if (second)
        *second++ = '\0';
    long long soft = 0, hard = 0;
    if (second && strchr(second, ':'))
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--ulimit\": too many limit value arguments, "
                       "can only have up to two, soft[:hard]",
                       text);
    if (!parse_limit(value, &soft) || !parse_limit(second ? second : value, &hard))
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--ulimit\": must be NAME=SOFT[:HARD]", text);
    if (hard != -1 && (soft > hard || soft == -1))
        return err_set(
            e, EINVAL,
            "invalid argument \"%s\" for \"--ulimit\": ulimit soft limit must be less than "
            "or equal to hard limit: %lld > %lld",
            text, soft, hard);
    *ret = json_pack("{s:s, s:I, s:I}", "Name", copy, "Soft", (json_int_t)soft, "Hard",
                     (json_int_t)hard);
    return *ret ? 0 : err_set(e, EINVAL, "option \"--ulimit\": its value is not UTF-8");
}

/* "monotonic=+1d", "boottime=-2h30m": days, hours, minutes, seconds. */
int parse_time_offset(const char *text, json_t *offsets, struct err *e)
{
    const char *value = strchr(text, '=');
    size_t n = value ? (size_t)(value - text) : 0;
    bool monotonic = n == 9 && strncmp(text, "monotonic", n) == 0;
    bool boottime = n == 8 && strncmp(text, "boottime", n) == 0;
    long long total = 0;
    bool good = monotonic || boottime;
    bool negative = good && value[1] == '-';
    const char *at = good ? value + 1 + (value[1] == '-' || value[1] == '+') : "";
    good &= *at != '\0';
    while (good && *at) {
        char *end;
        errno = 0;
        long long part = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : -1;
        long long unit = part < 0       ? 0
                         : *end == 'd'  ? 86400
                         : *end == 'h'  ? 3600
                         : *end == 'm'  ? 60
                         : *end == 's'  ? 1
                         : *end == '\0' ? 1
                                        : 0;
        good = unit > 0 && errno == 0 && part < 4000000000LL;
        if (good) {
            total += part * unit;
            at = *end ? end + 1 : end;
        }
    }
    if (!good)
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--time-offset\": must be "
                       "monotonic=±N[d|h|m|s] or boottime=±N[d|h|m|s]",
                       text);
    json_t *offset =
        json_pack("{s:I, s:i}", "secs", (json_int_t)(negative ? -total : total), "nanosecs", 0);
    return json_object_set_new(offsets, monotonic ? "monotonic" : "boottime", offset) < 0
               ? err_nomem(e)
               : 0;
}

/* Docker's words. */
int parse_restart_policy(const char *text, json_t **ret, struct err *e)
{
    static const char *const known[] = {"no", "always", "on-failure", "unless-stopped"};
    const char *colon = strchrnul(text, ':');
    long long count = 0;
    if (*colon && colon == text)
        return err_set(e, EINVAL, "invalid restart policy format: no policy provided before colon");
    if (*colon && colon[1] && str_to_int64(colon + 1, INT_MIN, INT_MAX, &count) < 0)
        return err_set(e, EINVAL,
                       "invalid restart policy format: maximum retry count must be an integer");
    _cleanup_free_ char *name = strndup(text, (size_t)(colon - text));
    if (!name)
        return err_nomem(e);
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        is_known |= str_eq(name, known[i]);
    if (!is_known && *name)
        return err_set(e, EINVAL,
                       "invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
                       "'on-failure', or 'unless-stopped'",
                       name);
    bool on_failure = str_eq(name, "on-failure");
    if (count != 0 && !on_failure)
        return err_set(e, EINVAL,
                       "invalid restart policy: maximum retry count can only be used with "
                       "'on-failure'%s",
                       count < 0 ? " and cannot be negative" : "");
    if (count < 0)
        return err_set(e, EINVAL, "invalid restart policy: maximum retry count cannot be negative");
    *ret = json_pack("{s:s, s:I}", "Name", *name ? name : "no", "MaximumRetryCount",
                     (json_int_t)count);
    return *ret ? 0 : err_nomem(e);
}

int add_env(json_t *env, const char *text, struct err *e)
{
    if (text[0] == '=' || text[0] == '\0')
        return err_set(e, EINVAL, "invalid environment variable: \"%s\"", text);
    json_t *entry;
    if (strchr(text, '=')) {
        entry = json_string(text);
    } else {
        /* Docker's: a name that is not set here is not set there, though the image set it. */
        const char *value = getenv(text);
        entry = value ? json_sprintf("%s=%s", text, value) : json_string(text);
    }
    if (!entry)
        return err_set(e, EINVAL, "invalid environment variable \"%.*s\": it is not UTF-8",
                       (int)strcspn(text, "="), text);
    return json_array_append_new(env, entry) < 0 ? err_nomem(e) : 0;
}

/* Calls @add for each line of a file that is no comment. */
static int each_variable(const char *path, int (*add)(json_t *, const char *, struct err *),
                         json_t *target, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(AT_FDCWD, path, ENV_FILE_LIMIT, &text, NULL, e);
    unsigned number = 0;
    char *begin = text && str_after(text, "\xef\xbb\xbf") ? text + 3 : text; /* the mark of UTF-8 */
    for (char *at = begin, *line; r == 0 && (line = strsep(&at, "\n"));) {
        number++;
        size_t n = strlen(line);
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
            continue;
        size_t name = strcspn(line, "=");
        if (strcspn(line, " \t") < name)
            r = err_set(e, EINVAL,
                        "poorly formatted environment: variable '%.*s' contains "
                        "whitespaces (%s, line %u)",
                        (int)name, line, path, number);
        else
            r = add(target, line, e);
    }
    return r;
}

static int add_set_env(json_t *env, const char *line, struct err *e)
{
    return strchr(line, '=') || getenv(line) ? add_env(env, line, e) : 0;
}

int add_env_file(json_t *env, const char *path, struct err *e)
{
    return each_variable(path, add_set_env, env, e);
}

static int add_label(json_t *labels, const char *line, struct err *e)
{
    const char *value = strchrnul(line, '=');
    _cleanup_free_ char *key = strndup(line, (size_t)(value - line));
    if (!key)
        return err_nomem(e);
    json_t *j = *key ? json_string(*value ? value + 1 : "") : NULL;
    if (!j || json_object_set_new(labels, key, j) < 0)
        return err_set(e, EINVAL, "\"%s\" is no label: KEY=VALUE, in UTF-8", line);
    return 0;
}

int add_label_file(json_t *labels, const char *path, struct err *e)
{
    return each_variable(path, add_label, labels, e);
}
