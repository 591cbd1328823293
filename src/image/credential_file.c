#include "image/credential_private.h"

#include "base/file.h"
#include "image/registries.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *encode(const char *text)
{
    size_t n = strlen(text), at = 0;
    char *out = malloc((n + 2) / 3 * 4 + 1);
    for (size_t i = 0; out && i < n; i += 3) {
        uint32_t bits = (uint32_t)(unsigned char)text[i] << 16;
        bits |= i + 1 < n ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < n ? (uint32_t)(unsigned char)text[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++)
            out[at++] = i + k > n ? '=' : base64[bits >> (18 - 6 * k) & 63];
    }
    if (out)
        out[at] = '\0';
    return out;
}

/* NULL when it is none, or memory ran out. With or without "=" at its end. */
static char *decode(const char *text)
{
    size_t n = strcspn(text, "="), at = 0;
    if (n % 4 == 1 || strspn(text + n, "=") != strlen(text + n) || strlen(text + n) > 2)
        return NULL;
    _cleanup_secret_ char *out = calloc(1, n / 4 * 3 + 3);
    uint32_t bits = 0;
    for (size_t i = 0; out && i < n; i++) {
        const char *letter = strchr(base64, text[i]);
        if (!letter)
            return NULL;
        bits = bits << 6 | (uint32_t)(letter - base64);
        if (i % 4 != 0)
            out[at++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
    }
    return TAKE_PTR(out);
}

/* Without jansson's words, which may show the text where it is wrong: a secret. */
static int parse(const char *text, size_t n, const char *path, json_t **ret, struct err *e)
{
    int r = json_parse(text, n, path, ret, NULL);
    if (r < 0)
        return r == -ENOMEM ? err_nomem(e) : err_set(e, EINVAL, "\"%s\" is not valid JSON", path);
    return json_is_object(*ret) ? 0 : err_set(e, EINVAL, "\"%s\" is not a JSON object", path);
}

int credential_file_read(const char *path, json_t **ret, struct err *e)
{
    _cleanup_secret_ char *text = NULL;
    _cleanup_json_ json_t *file = NULL;
    size_t n = 0;
    int r = file_read(AT_FDCWD, path, CREDENTIAL_FILE_MAX, &text, &n, e);
    if (r == -ENOENT || r == -ENOTDIR) {
        err_release(e);
        return 0;
    }
    if (r == 0 && strspn(text, " \t\r\n") < n)
        r = parse(text, n, path, &file, e);
    if (r < 0)
        return r;
    if (!file && !(file = json_object())) /* an empty file says nothing */
        return err_nomem(e);
    *ret = TAKE_PTR(file);
    return 0;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
    size_t m = strlen(end);
    return n > m && strncmp(s + n - m, end, m) == 0;
}

/* The part of a key that counts, and Docker Hub by its one name. Points into @key. */
static const char *canonical(const char *key, size_t *ret_len)
{
    const char *bare = str_after(key, "https://");
    bare = bare ? bare : str_after(key, "http://");
    size_t n = bare ? strcspn(bare, "/") : strlen(key);
    bare = bare ? bare : key;
    while (n > 0 && bare[n - 1] == '/')
        n--;
    if (ends_with(bare, n, "/v1") || ends_with(bare, n, "/v2"))
        n -= 3;
    static const char *const hub[] = {"index." HUB_DOMAIN, HUB_HOST};
    for (size_t i = 0; i < ARRAY_LEN(hub); i++)
        if (n == strlen(hub[i]) && strncmp(bare, hub[i], n) == 0) {
            *ret_len = strlen(HUB_DOMAIN);
            return HUB_DOMAIN;
        }
    *ret_len = n;
    return bare;
}

const char *credential_key(json_t *table, const char *registry, const char *path)
{
    _cleanup_free_ char *whole = str_printf("%s%s%s", registry, path ? "/" : "", path ? path : "");
    const char *key, *best = NULL;
    size_t best_len = 0;
    json_t *value;
    if (!whole)
        return NULL;
    json_object_foreach (table, key, value) {
        size_t n;
        const char *place = canonical(key, &n);
        bool fits = n >= strlen(registry) && strncmp(whole, place, n) == 0 &&
                    (!whole[n] || whole[n] == '/');
        if (fits && n > best_len) {
            best_len = n;
            best = key;
        }
    }
    return best;
}

const char *credential_program(json_t *file, const char *registry, const char *path)
{
    json_t *programs = json_object_get(file, "credHelpers");
    const char *key = credential_key(programs, registry, path);
    const char *own = key ? json_string_value(json_object_get(programs, key)) : NULL;
    const char *all = json_string_value(json_object_get(file, "credsStore"));
    const char *name = own && *own ? own : all;
    return name && *name ? name : NULL;
}

/* "user:password" in base64. */
static int split(const char *auth, struct credentials *c, struct err *e)
{
    _cleanup_secret_ char *both = decode(auth);
    char *colon = both ? strchr(both, ':') : NULL;
    if (!colon)
        return err_set(e, EINVAL, "\"auth\" is not a user and a password in base64");
    *colon = '\0';
    int r = credential_copy(both, &c->user, e);
    return r < 0 ? r : credential_copy(colon + 1, &c->password, e);
}

static int take_entry(json_t *entry, struct credentials *c, struct err *e)
{
    const char *auth = json_str(entry, "auth");
    int r = credential_copy(json_str(entry, "identitytoken"), &c->identity_token, e);
    if (r == 0)
        r = credential_copy(json_str(entry, "registrytoken"), &c->registry_token, e);
    if (r == 0 && auth && *auth)
        return split(auth, c, e);
    if (r == 0)
        r = credential_copy(json_str(entry, "username"), &c->user, e);
    return r < 0 ? r : credential_copy(json_str(entry, "password"), &c->password, e);
}

int credential_entry(json_t *file, const char *name, const char *registry, const char *path,
                     struct credentials *ret, struct err *e)
{
    _cleanup_credentials_ struct credentials c = {0};
    json_t *entries = json_object_get(file, "auths");
    const char *key = credential_key(entries, registry, path);
    int r = key ? take_entry(json_object_get(entries, key), &c, e) : 0;
    if (r < 0)
        return err_wrap(e, "\"%s\": the entry \"%s\"", name, key);
    *ret = TAKE(c, (struct credentials){0});
    return 0;
}

static json_t *make_entry(const struct credentials *c)
{
    _cleanup_secret_ char *both = str_printf("%s:%s", c->user ? c->user : "",
                                             c->identity_token || !c->password ? "" : c->password);
    _cleanup_secret_ char *auth = both ? encode(both) : NULL;
    if (!auth)
        return NULL;
    if (!credentials_are_there(c))
        return json_object();
    return json_pack("{s:s, s:s*, s:s*}", "auth", auth, "identitytoken", c->identity_token,
                     "registrytoken", c->registry_token);
}

int credential_entry_set(json_t *file, const char *name, const char *registry,
                         const struct credentials *c, struct err *e)
{
    json_t *entries = json_object_get(file, "auths");
    const char *base = strrchr(name, '/'), *key;
    bool dockers = str_eq(base ? base + 1 : name, "config.json");
    if (entries && !json_is_object(entries))
        return err_set(e, EINVAL, "\"%s\": \"auths\" is not an object", name);
    while ((key = credential_key(entries, registry, NULL)) != NULL)
        json_object_del(entries, key);
    if (!c)
        return 0;
    if (!entries) {
        entries = json_object();
        if (!entries || json_object_set_new(file, "auths", entries) < 0)
            return err_nomem(e);
    }
    key = dockers && str_eq(registry, HUB_DOMAIN) ? HUB_SERVER : registry;
    return json_object_set_new(entries, key, make_entry(c)) < 0 ? err_nomem(e) : 0;
}
