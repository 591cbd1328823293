#include "engine/document.h"

#include "engine/log_config.h"

#include <stdint.h>

/* As Docker shows them when nobody said anything, in its order. */
static const char host_text[] =
    "{\"Binds\":[],\"ContainerIDFile\":\"\",\"LogConfig\":{\"Type\":\"\",\"Config\":{}},"
    "\"NetworkMode\":\"\",\"PortBindings\":{},"
    "\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},\"AutoRemove\":false,"
    "\"VolumeDriver\":\"\",\"VolumesFrom\":null,\"ConsoleSize\":[0,0],\"CapAdd\":[],\"CapDrop\":[],"
    "\"CgroupnsMode\":\"\",\"Dns\":[],\"DnsOptions\":[],\"DnsSearch\":[],\"ExtraHosts\":[],"
    "\"GroupAdd\":[],\"IpcMode\":\"\",\"Links\":null,\"OomScoreAdj\":0,\"PidMode\":\"\","
    "\"Privileged\":false,\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":[],"
    "\"UTSMode\":\"\",\"UsernsMode\":\"\",\"TimeMode\":\"\",\"TimeOffsets\":{},"
    "\"ShmSize\":67108864,\"Runtime\":\"skiff\",\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,"
    "\"CgroupParent\":\"\",\"BlkioWeight\":0,\"BlkioWeightDevice\":[],\"BlkioDeviceReadBps\":[],"
    "\"BlkioDeviceWriteBps\":[],\"BlkioDeviceReadIOps\":[],\"BlkioDeviceWriteIOps\":[],"
    "\"CpuPeriod\":0,\"CpuQuota\":0,\"CpuRealtimePeriod\":0,\"CpuRealtimeRuntime\":0,"
    "\"CpusetCpus\":\"\",\"CpusetMems\":\"\",\"Devices\":[],\"DeviceCgroupRules\":[],"
    "\"MemoryReservation\":0,\"MemorySwap\":0,\"MemorySwappiness\":null,\"OomKillDisable\":false,"
    "\"PidsLimit\":null,\"Ulimits\":[],\"Mounts\":[],\"Tmpfs\":{},\"Sysctls\":{},\"Init\":false}";

static const char config_text[] =
    "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
    "\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"
    "\"StdinOnce\":false,\"Env\":[],\"Cmd\":null,\"Image\":\"\",\"Volumes\":null,"
    "\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":{}}";

static bool says_nothing(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    default:
        return false;
    }
}

/* Where what is empty was said all the same. */
static bool is_meant(const char *key)
{
    static const char *const keys[] = {"MaskedPaths", "ReadonlyPaths", "MemorySwappiness",
                                       "StopTimeout", "Entrypoint",    "Healthcheck"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(key, keys[i]))
            return true;
    return false;
}

static void strip(json_t *object)
{
    void *next;
    const char *key;
    json_t *value;
    json_object_foreach_safe(object, next, key, value) if (says_nothing(value) && !is_meant(key))
        json_object_del(object, key);
}

void document_strip(json_t *document)
{
    json_t *host = json_object_get(document, "HostConfig");
    const json_t *size = json_object_get(host, "ConsoleSize");
    if (json_integer_value(json_array_get(size, 0)) == 0 &&
        json_integer_value(json_array_get(size, 1)) == 0)
        json_object_del(host, "ConsoleSize");
    if (str_eq(json_str(host, "RestartPolicy.Name"), "no"))
        json_object_del(host, "RestartPolicy");
    if (str_eq(json_str(host, "LogConfig.Type"), LOG_DRIVER_DEFAULT) &&
        json_object_size(json_at(host, "LogConfig.Config")) == 0)
        json_object_del(host, "LogConfig");
    strip(host);
    strip(json_object_get(document, "Config"));
}

static json_t *complete(const char *text, const json_t *said)
{
    json_t *whole = json_loads(text, 0, NULL);
    if (whole && json_object_update(whole, (json_t *)(uintptr_t)said) == 0)
        return whole;
    json_decref(whole);
    return NULL;
}

json_t *document_host(const json_t *document)
{
    json_t *host = complete(host_text, json_object_get(document, "HostConfig"));
    json_t *log = json_object_get(host, "LogConfig");
    if (host && !*json_str(log, "Type") &&
        json_object_set_new(log, "Type", json_string(LOG_DRIVER_DEFAULT)) < 0) {
        json_decref(host);
        return NULL;
    }
    return host;
}

json_t *document_config(const json_t *document)
{
    return complete(config_text, json_object_get(document, "Config"));
}

static int add_place(json_t *object, const char *key, const struct engine *en, const char *id,
                     const char *file)
{
    if (json_object_get(object, key))
        return 0;
    json_t *path = json_sprintf("%s/containers/%s/%s", en->root, id, file);
    return json_object_set_new(object, key, path) < 0 ? -ENOMEM : 0;
}

int document_add_places(const struct engine *en, const char *id, json_t *whole)
{
    static const struct {
        const char *key, *file;
    } places[] = {
        {"ResolvConfPath", "resolv.conf"},
        {"HostnamePath", "hostname"},
        {"HostsPath", "hosts"},
        {"LogPath", "log"},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(places); i++)
        r = add_place(whole, places[i].key, en, id, places[i].file);
    json_t *driver = json_at(whole, "GraphDriver.Data");
    if (r == 0 && driver)
        r = add_place(driver, "UpperDir", en, id, "upper");
    return r == 0 && driver ? add_place(driver, "WorkDir", en, id, "work") : r;
}
