#include "engine/inspect.h"

#include "engine/state.h"

#include <string.h>
#include <time.h>

int inspect_container(const struct engine *en, const struct container_record *c, json_t **ret,
                      struct err *e)
{
    _cleanup_json_ json_t *state = NULL, *doc = json_copy(c->document);
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    json_t *fixed =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:n, s:[]}", "RestartCount", 0, "MountLabel", "",
                  "ProcessLabel", "", "AppArmorProfile", "", "LogPath", "", "ExecIDs", "Mounts");
    _cleanup_json_ json_t *fixed_owner = fixed;
    if (!doc || !fixed || json_object_update_missing(doc, fixed) < 0 ||
        json_object_set(doc, "State", json_object_get(state, "State")) < 0 ||
        json_object_set(doc, "NetworkSettings", json_object_get(state, "NetworkSettings")) < 0)
        return err_nomem(e);
    *ret = TAKE_PTR(doc);
    return 0;
}

char *describe_duration(long long s)
{
    if (s < 1)
        return strdup("Less than a second");
    if (s == 1)
        return strdup("1 second");
    if (s < 60)
        return str_printf("%lld seconds", s);
    long long minutes = s / 60, hours = (s + 1800) / 3600;
    if (minutes == 1)
        return strdup("About a minute");
    if (minutes < 60)
        return str_printf("%lld minutes", minutes);
    if (hours == 1)
        return strdup("About an hour");
    if (hours < 48)
        return str_printf("%lld hours", hours);
    if (hours < 24 * 7 * 2)
        return str_printf("%lld days", hours / 24);
    if (hours < 24 * 30 * 2)
        return str_printf("%lld weeks", hours / 24 / 7);
    if (hours < 24 * 365 * 2)
        return str_printf("%lld months", hours / 24 / 30);
    return str_printf("%lld years", hours / 24 / 365);
}

long long parse_time(const char *text)
{
    struct tm tm = {0};
    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return -1;
    return timegm(&tm);
}

char *describe_status(const json_t *state, long long now)
{
    const char *status = json_str(state, "Status");
    const char *key = str_eq(status, "exited") ? "FinishedAt" : "StartedAt";
    long long since = parse_time(json_str(state, key));
    _cleanup_free_ char *duration = describe_duration(since > 0 ? now - since : 0);
    if (!duration)
        return NULL;
    if (str_eq(status, "running"))
        return str_printf("Up %s", duration);
    if (str_eq(status, "exited") && since > 0)
        return str_printf("Exited (%lld) %s ago", json_int(state, "ExitCode", 0), duration);
    if (str_eq(status, "exited"))
        return str_printf("Exited (%lld)", json_int(state, "ExitCode", 0));
    return strdup("Created");
}
