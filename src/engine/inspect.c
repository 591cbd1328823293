#include "engine/inspect.h"

#include "engine/document.h"
#include "engine/exec_record.h"
#include "engine/log.h"
#include "engine/log_config.h"
#include "engine/network_settings.h"
#include "engine/state.h"

#include <string.h>
#include <time.h>

/* Without what the engine keeps there for itself. */
json_t *inspect_mounts(const json_t *document)
{
    _cleanup_json_ json_t *list = json_array();
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(document, "Mounts"), i, item) {
        json_t *copy = json_copy_object(item);
        if (copy)
            json_object_del(copy, "Spec");
        if (json_array_append_new(list, copy) < 0)
            return NULL;
    }
    return TAKE_PTR(list);
}

/* All there is to tell, in no order. */
static json_t *gather(const struct engine *en, const struct container_record *c,
                      const json_t *state, const char *log_trouble_now)
{
    const json_t *document = c->document;
    const char *trouble = *log_trouble_now ? log_trouble_now : json_str(state, "LogError");
    _cleanup_json_ json_t *whole =
        json_pack("{s:I, s:s, s:s, s:s, s:s, s:n, s:o, s:o, s:o, s:O, s:O}", "RestartCount",
                  json_int(state, "RestartCount", 0), "LogError", trouble ? trouble : "",
                  "MountLabel", "", "ProcessLabel", "", "AppArmorProfile", "", "ExecIDs", "Mounts",
                  inspect_mounts(document), "HostConfig", document_host(document), "Config",
                  document_config(document), "State", json_object_get(state, "State"),
                  "NetworkSettings", json_object_get(state, "NetworkSettings"));
    if (!whole || json_complete(whole, document) < 0)
        return NULL;
    /* The document's own part of it stays as it is. */
    json_t *driver = json_deep_copy(json_object_get(document, "GraphDriver"));
    if ((driver && json_object_set_new(whole, "GraphDriver", driver) < 0) ||
        document_add_places(en, c->id, whole) < 0 || inspect_add_network(whole, document) < 0)
        return NULL;
    return TAKE_PTR(whole);
}

/* Docker's order, which readers know: what it is and how it does first, long lists last. */
static json_t *in_order(json_t *whole)
{
    static const char *const order[] = {
        "Id",           "Created",         "Path",           "Args",
        "State",        "Image",           "ResolvConfPath", "HostnamePath",
        "HostsPath",    "LogPath",         "LogError",       "Name",
        "RestartCount", "Driver",          "Platform",       "MountLabel",
        "ProcessLabel", "AppArmorProfile", "ExecIDs",        "HostConfig",
        "GraphDriver",  "Mounts",          "Config",         "NetworkSettings"};
    _cleanup_json_ json_t *sorted = json_object();
    for (size_t i = 0; sorted && i < ARRAY_LEN(order); i++) {
        json_t *value = json_object_get(whole, order[i]);
        if (value && json_object_set(sorted, order[i], value) < 0)
            return NULL;
    }
    if (!sorted || json_complete(sorted, whole) < 0)
        return NULL;
    return TAKE_PTR(sorted);
}

/* The IDs of what is executed in it now; null when nothing is. */
static int add_execs(const struct engine *en, const struct container_record *c, json_t *whole,
                     struct err *e)
{
    _cleanup_json_ json_t *list = NULL;
    int r = exec_records_read(en, c->id, &list, e);
    if (r < 0 || json_array_size(list) == 0)
        return r;
    json_t *ids = json_array(), *item;
    size_t i;
    json_array_foreach (list, i, item)
        json_gather(&ids, json_incref(json_object_get(item, "ID")));
    return json_object_set_new(whole, "ExecIDs", ids) < 0 ? err_nomem(e) : 0;
}

int inspect_container(const struct engine *en, const struct container_record *c, json_t **ret,
                      struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    int r = state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *trouble = log_trouble(en, c->id);
    _cleanup_json_ json_t *whole = trouble ? gather(en, c, state, trouble) : NULL;
    r = whole ? add_execs(en, c, whole, e) : 0;
    if (r < 0)
        return r;
    json_t *sorted = whole ? in_order(whole) : NULL;
    if (!sorted)
        return err_nomem(e);
    *ret = sorted;
    return 0;
}

static bool publishes(const json_t *document)
{
    return json_object_size(json_at(document, "HostConfig.PortBindings")) > 0 ||
           json_bool(document, "HostConfig.PublishAllPorts", false);
}

/* One that is just ending has none any more. */
static int add_ports(const struct engine *en, const struct container_record *c, json_t *whole)
{
    _cleanup_json_ json_t *settings = NULL;
    int r = network_settings_read(en, c->id, &settings, NULL);
    json_t *ports = json_at(settings, "Ports");
    return r == -ENOMEM || (ports && json_object_set(whole, "Ports", ports) < 0) ? -ENOMEM : 0;
}

int inspect_brief(const struct engine *en, const struct container_record *c, json_t **ret,
                  struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    int r = state_read_brief(en, c, &state, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *whole = json_copy_object(c->document);
    if (!whole || json_object_set(whole, "State", json_object_get(state, "State")) < 0)
        return err_nomem(e);
    if (publishes(c->document) && json_bool(state, "State.Running", false))
        r = add_ports(en, c, whole);
    if (r < 0)
        return err_nomem(e);
    *ret = TAKE_PTR(whole);
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
    const char *key =
        str_eq(status, "exited") || str_eq(status, "restarting") ? "FinishedAt" : "StartedAt";
    long long since = parse_time(json_str(state, key));
    _cleanup_free_ char *duration = describe_duration(since > 0 ? now - since : 0);
    if (!duration)
        return NULL;
    if (str_eq(status, "running")) {
        const char *health = json_str(state, "Health.Status");
        const char *shown = str_eq(health, "starting") ? "health: starting" : health;
        return shown ? str_printf("Up %s (%s)", duration, shown) : str_printf("Up %s", duration);
    }
    if (str_eq(status, "paused"))
        return str_printf("Up %s (Paused)", duration);
    if (str_eq(status, "restarting"))
        return str_printf("Restarting (%lld) %s ago", json_int(state, "ExitCode", 0), duration);
    if (str_eq(status, "exited") && since > 0)
        return str_printf("Exited (%lld) %s ago", json_int(state, "ExitCode", 0), duration);
    if (str_eq(status, "exited"))
        return str_printf("Exited (%lld)", json_int(state, "ExitCode", 0));
    return strdup("Created");
}
