#include "cli/login_server.h"

#include "base/str.h"
#include "image/credentials.h"
#include "image/registries.h"

#include <string.h>

int login_server(const char *text, char **ret, struct err *e)
{
    static const char *const hub[] = {HUB_DOMAIN, ("index." HUB_DOMAIN), HUB_HOST};
    const char *host = text ? text : HUB_DOMAIN;
    const char *bare = str_after(host, "https://");
    bare = bare ? bare : str_after(host, "http://");
    host = bare ? bare : host;
    _cleanup_free_ char *name = strndup(host, strcspn(host, "/"));
    if (!name)
        return err_nomem(e);
    if (!reference_domain_is_valid(name))
        return err_set(e, EINVAL, "\"%s\" is no registry: HOST[:PORT] is wanted", text);
    for (size_t i = 0; i < ARRAY_LEN(hub); i++)
        if (str_eq(name, hub[i])) {
            free(name);
            name = strdup(HUB_DOMAIN);
        }
    *ret = TAKE_PTR(name);
    return *ret ? 0 : err_nomem(e);
}

const char *login_server_shown(const char *registry)
{
    return str_eq(registry, HUB_DOMAIN) ? HUB_SERVER : registry;
}
