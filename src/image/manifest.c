#include "image/manifest.h"

#include "image/hash.h"
#include "image/layout.h"
#include "image/platform.h"

#include <string.h>

#define DOCKER_INDEX_TYPE    "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define ACCEPT                                                                                     \
    LAYOUT_INDEX_TYPE ", " DOCKER_INDEX_TYPE ", " LAYOUT_MANIFEST_TYPE ", " DOCKER_MANIFEST_TYPE

enum {
    INDEXES_MAX = 3,     /* one in the other */
    VALUES_MAX = 200000, /* of a document: a value of two bytes takes two hundred in memory */
};

void remote_image_release(struct remote_image *r)
{
    free(r->digest);
    free(r->manifest);
    free(r->manifest_digest);
    free(r->type);
    free(r->config);
    json_decref(r->manifest_value);
    json_decref(r->config_value);
    json_decref(r->platform);
    *r = (struct remote_image){0};
}

/* A document at a registry. */
struct document {
    char *text, *digest, *type;
    size_t n;
    json_t *value;
};

static void document_release(struct document *d)
{
    free(d->text);
    free(d->digest);
    free(d->type);
    json_decref(d->value);
    *d = (struct document){0};
}

static json_t *request(const char *op, const char *repository, const char *kind, const char *what)
{
    return json_pack("{s:s, s:s, s:o, s:s}", "op", op, "repository", repository, "path",
                     json_sprintf("%s/%s", kind, what), "accept",
                     strcmp(kind, "manifests") == 0 ? ACCEPT : "*/*");
}

int remote_digest(struct fetcher *f, const char *repository, const char *what, char **ret,
                  struct err *e)
{
    _cleanup_json_ json_t *facts = NULL;
    int r = fetcher_ask(f, request("head", repository, "manifests", what), -1, e);
    if (r == 0)
        r = fetcher_wait(f, NULL, NULL, &facts, e);
    if (r < 0)
        return r;
    const char *digest = json_str(facts, "digest");
    *ret = digest && digest_is_valid(digest) ? strdup(digest) : NULL;
    return 0;
}

/* The media type that came with it, without parameters. */
static char *plain_type(const char *type)
{
    return strndup(type ? type : "", type ? strcspn(type, "; \t") : 0);
}

/* Not less than there are, without parsing them. */
static size_t count_values(const char *text, size_t n)
{
    size_t values = 1;
    for (size_t i = 0; i < n; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values;
}

/* Fetches @kind/@what and compares it with the digest and size that @desc says (NULL: @what is a
 * tag or a digest of which nothing more is known). */
static int fetch(struct fetcher *f, const char *repository, const char *kind, const char *what,
                 long long size, struct document *ret, struct err *e)
{
    struct document d = {0};
    _cleanup_json_ json_t *facts = NULL;
    if (size > LAYOUT_BLOB_MAX)
        return err_set(e, EBADMSG, "\"%s\" says that it has %lld bytes: more than %d are refused",
                       what, size, LAYOUT_BLOB_MAX);
    int r = fetcher_text(f, request("get", repository, kind, what), LAYOUT_BLOB_MAX, &d.text, &d.n,
                         &facts, e);
    if (r == 0)
        r = hash_bytes(d.text, d.n, &d.digest, e);
    if (r == 0 && digest_is_valid(what) && strcmp(what, d.digest) != 0)
        r = err_set(e, EBADMSG, "the registry sent something else for \"%s\": it has the digest %s",
                    what, d.digest);
    if (r == 0 && size >= 0 && d.n != (size_t)size)
        r = err_set(e, EBADMSG, "\"%s\" has %zu bytes instead of %lld", what, d.n, size);
    if (r == 0 && count_values(d.text, d.n) > VALUES_MAX)
        r = err_set(e, EBADMSG, "what the registry sent for \"%s\" has more than %d values", what,
                    VALUES_MAX);
    if (r == 0 && json_parse(d.text, d.n, what, &d.value, NULL) < 0)
        r = err_set(e, EBADMSG,
                    "what the registry sent for \"%s\" is not JSON (its type is \"%.100s\")", what,
                    json_str(facts, "type") ? json_str(facts, "type") : "not said");
    if (r == 0 && !json_is_object(d.value))
        r = err_set(e, EBADMSG, "what the registry sent for \"%s\" is not a JSON object", what);
    if (r == 0 && !(d.type = plain_type(json_str(facts, "type"))))
        r = err_nomem(e);
    if (r < 0)
        document_release(&d);
    else
        *ret = d;
    return r;
}

static bool is_index_type(const char *type)
{
    return str_eq(type, LAYOUT_INDEX_TYPE) || str_eq(type, DOCKER_INDEX_TYPE);
}

/* What servers say that do not know what they serve. */
static bool is_vague(const char *type)
{
    static const char *const types[] = {"", "application/json", "application/octet-stream",
                                        "binary/octet-stream", "text/plain"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(type, types[i]))
            return true;
    return false;
}

/* What a manifest is: by itself where it says so, else by what the registry says. They may not say
 * different things (CVE-2021-41190). */
static int settle_type(struct document *d, const char *what, struct err *e)
{
    const json_t *own = json_object_get(d->value, "mediaType");
    const char *type = json_string_value(own);
    bool registry_knows = is_index_type(d->type) || layout_is_manifest_type(d->type);
    if (own && !type)
        return err_set(e, EBADMSG, "manifest \"%s\" has a media type that is no text", what);
    if (type && registry_knows && strcmp(type, d->type) != 0)
        return err_set(e, EBADMSG,
                       "manifest \"%s\" says that it is \"%.100s\", the registry that it is \"%s\"",
                       what, type, d->type);
    if (json_int(d->value, "schemaVersion", 0) == 1)
        return err_set(e, EBADMSG,
                       "manifest \"%s\" is of schema version 1, which is no longer supported",
                       what);
    if (!registry_knows && (!type || !is_vague(d->type)))
        return err_set(e, EBADMSG,
                       "what the registry sent for \"%s\" is no manifest: its type is "
                       "\"%.100s\"",
                       what, d->type);
    if (!type)
        return 0;
    char *copy = strdup(type);
    if (!copy)
        return err_nomem(e);
    free(d->type);
    d->type = copy;
    return 0;
}

/* "linux/amd64, linux/arm64": what an index has, for who finds nothing. */
static char *offers(const json_t *manifests)
{
    _cleanup_str_ struct str list = {0};
    size_t i;
    json_t *entry;
    json_array_foreach (manifests, i, entry) {
        _cleanup_free_ char *text = platform_text(json_object_get(entry, "platform"));
        if (text && i < 20 && !str_eq(json_str(entry, "platform.os"), "unknown"))
            str_addf(&list, "%s%s", list.len ? ", " : "", text);
    }
    return str_steal(&list);
}

static int choose(const struct document *d, const char *what, const json_t *platform, json_t **ret,
                  struct err *e)
{
    const json_t *manifests = json_object_get(d->value, "manifests");
    if (!json_is_array(manifests) || json_object_get(d->value, "layers") ||
        json_object_get(d->value, "config"))
        return err_set(e, EBADMSG, "index \"%s\" claims to be something else as well", what);
    json_t *entry = platform_choose(manifests, platform);
    const char *digest = json_str(entry, "digest");
    if (!entry) {
        _cleanup_free_ char *wanted = platform_text(platform), *have = offers(manifests);
        return err_set(e, ENOENT, "no matching manifest for %s in the manifest list entries%s%s%s",
                       wanted ? wanted : "", have && *have ? ": there are " : "", have ? have : "",
                       "");
    }
    if (!digest || !digest_is_valid(digest) || json_int(entry, "size", -1) < 0)
        return err_set(e, EBADMSG, "index \"%s\" names a manifest by an invalid digest or size",
                       what);
    *ret = entry;
    return 0;
}

/* Down from what @what names to a manifest of layers. */
static int fetch_manifest(struct fetcher *f, const char *repository, const char *what,
                          const json_t *platform, struct document *ret, char **ret_first,
                          struct err *e)
{
    _cleanup_(document_release) struct document d = {0};
    int r = fetch(f, repository, "manifests", what, -1, &d, e);
    if (r == 0)
        r = settle_type(&d, what, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *first = strdup(d.digest);
    if (!first)
        return err_nomem(e);
    for (int depth = 1; is_index_type(d.type); depth++) {
        struct document next = {0};
        json_t *entry = NULL;
        if (depth > INDEXES_MAX)
            return err_set(e, EBADMSG, "\"%s\" is an index of indexes of indexes", what);
        r = choose(&d, what, platform, &entry, e);
        if (r == 0)
            r = fetch(f, repository, "manifests", json_str(entry, "digest"),
                      json_int(entry, "size", -1), &next, e);
        if (r < 0)
            return r;
        document_release(&d);
        d = next;
        r = settle_type(&d, d.digest, e);
        if (r < 0)
            return r;
    }
    r = layout_check_manifest(d.value, d.type, d.digest, e);
    if (r < 0)
        return r;
    *ret = TAKE(d, (struct document){0});
    *ret_first = TAKE_PTR(first);
    return 0;
}

static int check_config(const struct document *config, const struct document *manifest,
                        const json_t *platform, bool strict, struct err *e)
{
    size_t layers = json_array_size(json_object_get(manifest->value, "layers"));
    size_t ids = json_array_size(json_at(config->value, "rootfs.diff_ids"));
    if (layers != ids)
        return err_set(e, EBADMSG, "the image has %zu diff IDs for %zu layers", ids, layers);
    if (!strict || platform_serves(config->value, platform))
        return 0;
    _cleanup_free_ char *have = platform_text(config->value), *want = platform_text(platform);
    return err_set(e, ENOENT,
                   "the image was found, but is for %s and not for the platform that was asked for "
                   "(%s)",
                   have ? have : "another platform", want ? want : "");
}

int remote_image_fetch(struct fetcher *f, const char *repository, const char *what,
                       const json_t *platform, bool strict, struct remote_image *ret, struct err *e)
{
    _cleanup_(document_release) struct document manifest = {0}, config = {0};
    _cleanup_free_ char *first = NULL;
    int r = fetch_manifest(f, repository, what, platform, &manifest, &first, e);
    if (r < 0)
        return r;
    const char *digest = json_str(manifest.value, "config.digest");
    if (!digest || !digest_is_valid(digest) || json_int(manifest.value, "config.size", -1) < 0)
        return err_set(e, EBADMSG, "manifest \"%s\" names its config by an invalid digest or size",
                       manifest.digest);
    r = fetch(f, repository, "blobs", digest, json_int(manifest.value, "config.size", -1), &config,
              e);
    if (r == 0)
        r = check_config(&config, &manifest, platform, strict, e);
    if (r < 0)
        return r;
    json_t *own = json_pack(
        "{s:O*, s:O*, s:O*}", "architecture", json_object_get(config.value, "architecture"), "os",
        json_object_get(config.value, "os"), "variant", json_object_get(config.value, "variant"));
    if (!own)
        return err_nomem(e);
    *ret = (struct remote_image){
        .digest = TAKE_PTR(first),
        .manifest = TAKE_PTR(manifest.text),
        .manifest_len = manifest.n,
        .manifest_digest = TAKE_PTR(manifest.digest),
        .type = TAKE_PTR(manifest.type),
        .config = TAKE_PTR(config.text),
        .config_len = config.n,
        .manifest_value = TAKE_PTR(manifest.value),
        .config_value = TAKE_PTR(config.value),
        .platform = own,
    };
    return 0;
}
