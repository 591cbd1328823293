#include "image/registries_private.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

enum { DAEMON_MAX = 1 << 20 };

/* "https://mirror.example[:port][/]": dockerd takes nothing behind it either. */
static int add_mirror(struct registries *r, const char *url, const char *path, struct err *e)
{
    const char *plain = str_after(url, "http://");
    const char *host = plain ? plain : str_after(url, "https://");
    _cleanup_free_ char *copy = strdup(host ? host : url);
    if (!copy)
        return err_nomem(e);
    size_t n = strlen(copy);
    if (n > 0 && copy[n - 1] == '/')
        copy[n - 1] = '\0';
    if ((!host && strstr(url, "://")) || !registry_host_is_valid(copy))
        return err_set(e, EINVAL, "\"%s\": registry-mirrors: \"%s\" is not \"https://HOST[:PORT]\"",
                       path, url);
    json_t *mirror = json_pack("{s:s, s:b}", "host", copy, "plain", plain ? 1 : 0);
    return json_array_append_new(r->hub_mirrors, mirror) < 0 ? err_nomem(e) : 0;
}

/* "host[:port]" or "10.0.0.0/8". A scheme does not belong there, and is passed over as dockerd
 * does. */
static int add_insecure(struct registries *r, const char *text, const char *path, struct err *e)
{
    const char *host = str_after(text, "http://");
    host = host ? host : str_after(text, "https://");
    host = host ? host : text;
    size_t n = strcspn(host, "/");
    _cleanup_free_ char *start = strndup(host, n);
    long long bits;
    if (!start)
        return err_nomem(e);
    bool network = host[n] && str_to_int64(host + n + 1, 0, 128, &bits) == 0;
    if ((host[n] && !network) || (!network && !registry_host_is_valid(start)))
        return err_set(e, EINVAL,
                       "\"%s\": insecure-registries: \"%s\" is neither HOST[:PORT] nor a network",
                       path, text);
    strv_add(&r->insecure, host);
    return r->insecure.failed ? err_nomem(e) : 0;
}

typedef int add_fn(struct registries *r, const char *text, const char *path, struct err *e);

static int add_each(struct registries *r, const json_t *daemon, const char *key, add_fn *add,
                    const char *path, struct err *e)
{
    json_t *list = json_object_get(daemon, key), *item;
    size_t i;
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(e, EINVAL, "\"%s\": \"%s\" is not a list", path, key);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        int res = text ? add(r, text, path, e)
                       : err_set(e, EINVAL, "\"%s\": \"%s\" is not a list of strings", path, key);
        if (res < 0)
            return res;
    }
    return 0;
}

int registries_parse_daemon(struct registries *r, const char *text, size_t n, const char *path,
                            struct err *e)
{
    _cleanup_json_ json_t *daemon = NULL;
    if (n == 0)
        return 0; /* dockerd takes an empty one for one that says nothing */
    int res = json_parse(text, n, path, &daemon, e);
    if (res < 0)
        return res;
    if (!json_is_object(daemon))
        return err_set(e, EINVAL, "\"%s\" is not a JSON object", path);
    res = add_each(r, daemon, "registry-mirrors", add_mirror, path, e);
    if (res == 0)
        res = add_each(r, daemon, "insecure-registries", add_insecure, path, e);
    return res;
}

int registries_read_daemon(struct registries *r, const char *path, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int res = file_read(AT_FDCWD, path, DAEMON_MAX, &text, &n, e);
    if (res == -ENOENT) {
        err_release(e);
        return 0;
    }
    return res < 0 ? res : registries_parse_daemon(r, text, n, path, e);
}
