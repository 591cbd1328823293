#include "engine/network_settings.h"

#include "base/file.h"

enum { LIMIT = 16 << 20, FILE_MODE = 0600 };

json_t *network_settings_none(void)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:s, s:{}, s:{}}", "Bridge", "",
                     "IPAddress", "", "Gateway", "", "IPPrefixLen", 0, "MacAddress", "",
                     "GlobalIPv6Address", "", "GlobalIPv6PrefixLen", 0, "IPv6Gateway", "", "Ports",
                     "Networks");
}

static char *path_of(const char *id)
{
    return str_printf("containers/%s/network.json", id);
}

int network_settings_write(const struct engine *en, const char *id, json_t *settings, struct err *e)
{
    _cleanup_free_ char *path = path_of(id);
    return path ? json_write(en->run_fd, path, settings, FILE_MODE, 0, e) : err_nomem(e);
}

int network_settings_read(const struct engine *en, const char *id, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = path_of(id);
    if (!path)
        return err_nomem(e);
    int r = json_read(en->run_fd, path, LIMIT, ret, e);
    if (r == 0 &&
        (!json_is_object(json_at(*ret, "Networks")) || !json_is_object(json_at(*ret, "Ports")))) {
        json_decref(*ret);
        *ret = NULL;
        return err_set(e, EBADMSG, "\"%s\" is not what a container has of networks", path);
    }
    return r;
}
