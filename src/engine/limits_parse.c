/* Limits that come as texts of their own and go to other places of the OCI configuration. */
#include "base/str.h"
#include "engine/limits.h"
#include "runtime/spec.h"

#include <string.h>

int limits_parse_device_rule(const char *text, json_t **ret, struct err *e)
{
    char type = 0, major[12] = "", minor[12] = "", access[4] = "";
    int end = 0;
    long long numbers[2] = {-1, -1};
    bool good =
        text &&
        sscanf(text, "%c %11[0-9*]:%11[0-9*] %3[rwm]%n", &type, major, minor, access, &end) == 4 &&
        text[end] == '\0' && strchr("abc", type) &&
        (str_eq(major, "*") || str_to_int64(major, 0, INT32_MAX, &numbers[0]) == 0) &&
        (str_eq(minor, "*") || str_to_int64(minor, 0, INT32_MAX, &numbers[1]) == 0);
    if (!good)
        return err_set(e, EINVAL, "invalid device cgroup format '%s'", text ? text : "");
    const char type_text[2] = {type, '\0'};
    *ret = json_pack("{s:b, s:s, s:I, s:I, s:s}", "allow", 1, "type", type_text, "major",
                     (json_int_t)numbers[0], "minor", (json_int_t)numbers[1], "access", access);
    return *ret ? 0 : err_nomem(e);
}

int limits_parse_ulimit(const json_t *limit, json_t **ret, struct err *e)
{
    const char *name = json_str(limit, "Name");
    json_t *soft = json_at(limit, "Soft"), *hard = json_at(limit, "Hard");
    _cleanup_free_ char *type = str_printf("RLIMIT_%s", name ? name : "");
    if (!type)
        return err_nomem(e);
    for (char *c = type; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    if (spec_rlimit_by_name(type) < 0)
        return err_set(e, EINVAL, "invalid ulimit type: %s", name ? name : "");
    if (!json_is_integer(soft) || !json_is_integer(hard))
        return err_set(e, EINVAL, "ulimit %s has no soft and hard limit", name);
    *ret = json_pack("{s:s, s:O, s:O}", "type", type, "soft", soft, "hard", hard);
    return *ret ? 0 : err_nomem(e);
}
