#include "engine/inspect.h"

#include "engine/modes.h"

/* As Docker shows them where there is nothing to tell, in its order. */
static const char settings_text[] =
    "{\"Bridge\":\"\",\"SandboxID\":\"\",\"SandboxKey\":\"\",\"Ports\":{},\"HairpinMode\":false,"
    "\"LinkLocalIPv6Address\":\"\",\"LinkLocalIPv6PrefixLen\":0,\"SecondaryIPAddresses\":null,"
    "\"SecondaryIPv6Addresses\":null,\"EndpointID\":\"\",\"Gateway\":\"\","
    "\"GlobalIPv6Address\":\"\",\"GlobalIPv6PrefixLen\":0,\"IPAddress\":\"\",\"IPPrefixLen\":0,"
    "\"IPv6Gateway\":\"\",\"MacAddress\":\"\",\"Networks\":{}}";

static const char endpoint_text[] =
    "{\"IPAMConfig\":null,\"Links\":null,\"Aliases\":null,\"MacAddress\":\"\",\"DriverOpts\":null,"
    "\"GwPriority\":0,\"NetworkID\":\"\",\"EndpointID\":\"\",\"Gateway\":\"\",\"IPAddress\":\"\","
    "\"IPPrefixLen\":0,\"IPv6Gateway\":\"\",\"GlobalIPv6Address\":\"\","
    "\"GlobalIPv6PrefixLen\":0,\"DNSNames\":null}";

/* The entry @name of @networks: the defaults, what was said, what is. */
static int put_endpoint(json_t *networks, const char *name, const json_t *said, const json_t *now)
{
    json_t *whole = json_loads(endpoint_text, 0, NULL);
    if (whole && ((said && json_object_update(whole, (json_t *)(uintptr_t)said) < 0) ||
                  (now && json_object_update(whole, (json_t *)(uintptr_t)now) < 0))) {
        json_decref(whole);
        whole = NULL;
    }
    return json_object_set_new(networks, name, whole) < 0 ? -ENOMEM : 0;
}

/* The mode's own, where it is none that a person made: "bridge", "host" or "none". */
static const char *usual_network(const json_t *document)
{
    struct mode m;
    if (mode_of(document, NS_NETWORK, &m, NULL) < 0 || m.value)
        return NULL;
    return m.kind == MODE_HOST      ? "host"
           : m.kind != MODE_PRIVATE ? NULL
           : m.cable                ? "bridge"
                                    : "none";
}

static int put_endpoints(json_t *networks, const json_t *now, const json_t *document)
{
    const json_t *said = json_at(document, "NetworkSettings.Networks");
    const char *usual = usual_network(document), *name;
    json_t *value;
    int r = 0;
    if (usual && !said && json_object_size(now) == 0)
        r = put_endpoint(networks, usual, NULL, NULL);
    json_object_foreach ((json_t *)(uintptr_t)now, name, value)
        if (r == 0)
            r = put_endpoint(networks, name, json_object_get(said, name), value);
    json_object_foreach ((json_t *)(uintptr_t)said, name, value)
        if (r == 0 && !json_object_get(networks, name))
            r = put_endpoint(networks, name, value, NULL);
    return r;
}

int inspect_add_network(json_t *whole, const json_t *document)
{
    json_t *now = json_object_get(whole, "NetworkSettings");
    _cleanup_json_ json_t *settings = json_loads(settings_text, 0, NULL);
    _cleanup_json_ json_t *networks = json_object();
    if (!settings || !networks || (now && json_object_update(settings, now) < 0) ||
        put_endpoints(networks, json_object_get(now, "Networks"), document) < 0 ||
        json_object_set(settings, "Networks", networks) < 0 ||
        json_object_set(whole, "NetworkSettings", settings) < 0)
        return -ENOMEM;
    return 0;
}
