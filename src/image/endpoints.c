#include "image/registries_private.h"

#include <arpa/inet.h>
#include <string.h>

void endpoint_list_release(struct endpoint_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].host);
        free(l->v[i].registry);
        free(l->v[i].path);
        certificates_release(&l->v[i].certificates);
    }
    free(l->v);
    *l = (struct endpoint_list){0};
}

/* A host's address when it is one itself: 16 bytes, those of IPv4 behind ::ffff:. The port is left
 * out. */
static bool parse_address(const char *host, unsigned char *ret)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    _cleanup_free_ char *text =
        end ? strndup(host + (*host == '['), (size_t)(end - host) - (*host == '[')) : NULL;
    if (!text)
        return false;
    memcpy(ret, mapped, sizeof(mapped));
    return inet_pton(*host == '[' ? AF_INET6 : AF_INET, text, *host == '[' ? ret : ret + 12) == 1;
}

static bool is_within(const unsigned char *address, const unsigned char *network, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(address, network, whole) == 0 &&
           (!rest || ((address[whole] ^ network[whole]) >> (8 - rest)) == 0);
}

/* Whether @host is an address in the network @cidr ("10.0.0.0/8", "fd00::/8"). */
static bool is_in_network(const char *host, const char *cidr)
{
    unsigned char address[16], network[16] = {[10] = 0xff, [11] = 0xff};
    const char *slash = strchr(cidr, '/');
    _cleanup_free_ char *text = slash ? strndup(cidr, (size_t)(slash - cidr)) : NULL;
    long long bits;
    if (!text || !parse_address(host, address))
        return false;
    bool v4 = inet_pton(AF_INET, text, network + 12) == 1;
    if (!v4 && inet_pton(AF_INET6, text, network) != 1)
        return false;
    if (str_to_int64(slash + 1, 0, v4 ? 32 : 128, &bits) < 0)
        return false;
    return is_within(address, network, (unsigned)bits + (v4 ? 96 : 0));
}

bool registry_host_is_loopback(const char *host)
{
    size_t n = strcspn(host, ":");
    return (n == 9 && strncmp(host, "localhost", 9) == 0) || is_in_network(host, "127.0.0.0/8") ||
           is_in_network(host, "::1/128");
}

static bool is_named_insecure(const struct registries *r, const char *host)
{
    for (size_t i = 0; i < r->insecure.n; i++)
        if (str_eq(r->insecure.v[i], host) || is_in_network(host, r->insecure.v[i]))
            return true;
    return false;
}

enum {
    INSECURE = ENDPOINT_HTTPS | ENDPOINT_HTTP | ENDPOINT_ANY_CERTIFICATE,
};

/* What is spoken on the loopback device nobody else can hear, so its registries need no
 * certificates; whoever gave one of them an authority wants it to be checked. */
static unsigned transport(const struct registries *r, const struct endpoint *at, bool insecure)
{
    if (insecure || is_named_insecure(r, at->registry))
        return INSECURE;
    return registry_host_is_loopback(at->host) && !at->certificates.authorities ? INSECURE
                                                                                : ENDPOINT_HTTPS;
}

static int read_certificates(const struct registries *r, struct endpoint *at, struct err *e)
{
    const char *const *folders = (const char *const *)r->cert_folders.v;
    int res = certificates_read(folders, at->host, &at->certificates, e);
    bool found = at->certificates.authorities || at->certificates.client;
    if (res == 0 && !found && !str_eq(at->host, at->registry))
        res = certificates_read(folders, at->registry, &at->certificates, e);
    return res;
}

/* Adds HOST/PATH, of which @location is the beginning and @rest what follows it. */
static int add(const struct registries *r, const char *location, const char *rest, bool insecure,
               unsigned flags, struct endpoint_list *l, struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list one = {.v = calloc(1, sizeof(*one.v)), .n = 1};
    struct endpoint *v = one.v ? reallocarray(l->v, l->n + 1, sizeof(*l->v)) : NULL;
    if (!v) {
        one.n = 0;
        return err_nomem(e);
    }
    l->v = v;
    _cleanup_free_ char *whole = str_printf("%s%s", location, rest);
    struct endpoint *at = one.v;
    size_t n = whole ? strcspn(whole, "/") : 0;
    at->registry = whole ? strndup(whole, n) : NULL;
    at->path = whole ? strdup(whole[n] ? whole + n + 1 : "") : NULL;
    at->host =
        at->registry ? strdup(str_eq(at->registry, HUB_DOMAIN) ? HUB_HOST : at->registry) : NULL;
    if (!at->host || !at->path)
        return err_nomem(e);
    int res = read_certificates(r, at, e);
    if (res < 0)
        return res;
    at->flags = flags;
    if (!(flags & (ENDPOINT_HTTPS | ENDPOINT_HTTP)))
        at->flags |= transport(r, at, insecure);
    l->v[l->n++] = *at;
    *at = (struct endpoint){0};
    return 0;
}

/* The same of a place that must have a repository. */
static int add_repository(const struct registries *r, const char *location, const char *rest,
                          bool insecure, unsigned flags, struct endpoint_list *l, struct err *e)
{
    int res = add(r, location, rest, insecure, flags, l, e);
    return res == 0 && !reference_path_is_valid(l->v[l->n - 1].path)
               ? err_set(e, EINVAL, "\"%s%s\" is not the name of a repository", location, rest)
               : res;
}

/* How much of @name the prefix takes: 0 when it is none of it. A prefix ends where a part of the
 * name does. */
static size_t match(const char *name, const char *prefix)
{
    const char *end = str_after(prefix, "*");
    size_t n = strlen(prefix), host = strcspn(name, "/");
    if (end) {
        size_t m = strlen(end);
        return host > m && strncmp(name + host - m, end, m) == 0 ? host : 0;
    }
    if (strncmp(name, prefix, n) != 0)
        return 0;
    bool ends = !name[n] || name[n] == '/' || (n > host && (name[n] == ':' || name[n] == '@'));
    return ends ? n : 0;
}

/* The table for @name whose prefix is the longest; of equal ones that without a "*". */
static const json_t *find_rule(const struct registries *r, const char *name, size_t *ret_matched)
{
    const json_t *best = NULL, *rule;
    const char *prefix;
    *ret_matched = 0;
    json_object_foreach (r->rules, prefix, rule) {
        size_t n = match(name, prefix);
        if (n > *ret_matched || (n > 0 && n == *ret_matched && *prefix != '*')) {
            *ret_matched = n;
            best = rule;
        }
    }
    return best;
}

static int check_blocked(const json_t *rule, const char *name, struct err *e)
{
    return json_bool(rule, "blocked", false)
               ? err_set(e, EACCES, "the registry of \"%s\" is blocked by \"%s\"", name,
                         json_str(rule, "file"))
               : 0;
}

static int add_mirrors(const struct registries *r, const json_t *rule, const struct reference *ref,
                       const char *rest, struct endpoint_list *l, struct err *e)
{
    json_t *mirrors = json_object_get(rule, "mirrors"), *mirror;
    size_t i;
    json_array_foreach (mirrors, i, mirror) {
        const char *serves = json_str(mirror, "serves");
        if (str_eq(serves, ref->digest ? "tag-only" : "digest-only"))
            continue;
        int res = add_repository(r, json_str(mirror, "location"), rest,
                                 json_bool(mirror, "insecure", false), ENDPOINT_MIRROR, l, e);
        if (res < 0)
            return res;
    }
    return 0;
}

/* Those that daemon.json has for Docker Hub. */
static int add_hub_mirrors(const struct registries *r, const char *place, struct endpoint_list *l,
                           struct err *e)
{
    const char *path = str_after(place, HUB_DOMAIN "/");
    const json_t *mirror;
    size_t i;
    json_array_foreach (path ? r->hub_mirrors : NULL, i, mirror) {
        _cleanup_free_ char *rest = str_printf("/%s", path);
        if (!rest)
            return err_nomem(e);
        unsigned plain = json_bool(mirror, "plain", false) ? ENDPOINT_HTTP : 0;
        int res =
            add_repository(r, json_str(mirror, "host"), rest, false, ENDPOINT_MIRROR | plain, l, e);
        if (res < 0)
            return res;
    }
    return 0;
}

/* What the files say about a name. */
struct named {
    char *name; /* "docker.io/library/rust" */
    const json_t *rule;
    size_t matched; /* how much of the reference its prefix takes */
};

static void named_release(struct named *n)
{
    free(n->name);
}

static int find_named(const struct registries *r, const struct reference *ref, struct named *ret,
                      struct err *e)
{
    _cleanup_free_ char *full = reference_full(ref);
    ret->name = reference_repository(ref);
    if (!ret->name || !full)
        return err_nomem(e);
    ret->rule = find_rule(r, full, &ret->matched);
    return check_blocked(ret->rule, ret->name, e);
}

int registries_pull_from(const struct registries *r, const struct reference *ref,
                         struct endpoint_list *ret, struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list l = {0};
    _cleanup_(named_release) struct named n = {0};
    int res = find_named(r, ref, &n, e);
    if (res < 0)
        return res;
    const char *rest = n.name + (n.matched < strlen(n.name) ? n.matched : strlen(n.name));
    const char *location = json_str(n.rule, "location");
    _cleanup_free_ char *place = location ? str_printf("%s%s", location, rest) : strdup(n.name);
    if (!place)
        return err_nomem(e);
    res = add_mirrors(r, n.rule, ref, rest, &l, e);
    if (res == 0)
        res = add_hub_mirrors(r, place, &l, e);
    if (res == 0)
        res = add_repository(r, place, "", json_bool(n.rule, "insecure", false), 0, &l, e);
    if (res == 0)
        *ret = TAKE(l, (struct endpoint_list){0});
    return res;
}

int registries_push_to(const struct registries *r, const struct reference *ref,
                       struct endpoint_list *ret, struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list l = {0};
    _cleanup_(named_release) struct named n = {0};
    int res = find_named(r, ref, &n, e);
    if (res == 0)
        res = add_repository(r, n.name, "", json_bool(n.rule, "insecure", false), 0, &l, e);
    if (res == 0)
        *ret = TAKE(l, (struct endpoint_list){0});
    return res;
}

int registries_login_to(const struct registries *r, const char *registry, struct endpoint_list *ret,
                        struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list l = {0};
    size_t matched;
    const json_t *rule = find_rule(r, registry, &matched);
    int res = check_blocked(rule, registry, e);
    if (res == 0)
        res = add(r, registry, "", json_bool(rule, "insecure", false), 0, &l, e);
    if (res == 0)
        *ret = TAKE(l, (struct endpoint_list){0});
    return res;
}
