#include "image/layout.h"

#include "base/file.h"
#include "base/str.h"
#include "image/reference.h"

#include <fcntl.h>
#include <string.h>

#define INDEX_PATH "images/index.json"

/* What a manifest and its config may call themselves: OCI's names and Docker's. */
static const char *const manifest_types[] = {
    LAYOUT_MANIFEST_TYPE,
    "application/vnd.docker.distribution.manifest.v2+json",
};
static const char *const config_types[] = {
    LAYOUT_CONFIG_TYPE,
    "application/vnd.docker.container.image.v1+json",
};

static bool is_one_of(const char *type, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(type, types[i]))
            return true;
    return false;
}

bool layout_is_manifest_type(const char *type)
{
    return is_one_of(type, manifest_types, ARRAY_LEN(manifest_types));
}

static int new_index(json_t **ret, struct err *e)
{
    json_t *index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
                              LAYOUT_INDEX_TYPE, "manifests");
    if (!index)
        return err_nomem(e);
    *ret = index;
    return 0;
}

static int parse_index(int fd, json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *index = NULL;
    size_t n;
    int r = fd_read_all(fd, LAYOUT_INDEX_MAX, &text, &n);
    if (r < 0)
        return err_sys(e, -r, "cannot read \"%s\"", INDEX_PATH);
    r = json_parse(text, n, INDEX_PATH, &index, e);
    if (r < 0)
        return r;
    if (!json_is_object(index) || !json_is_array(json_object_get(index, "manifests")) ||
        json_object_get(index, "layers") || json_object_get(index, "config"))
        return err_set(e, EBADMSG, "\"%s\" is not an image index", INDEX_PATH);
    *ret = TAKE_PTR(index);
    return 0;
}

int layout_read_index(int root_fd, json_t **ret, struct stat *ret_st, struct err *e)
{
    struct stat st = {0};
    int r;
    _cleanup_close_ int fd = openat(root_fd, INDEX_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot open \"%s\"", INDEX_PATH);
    if (fd < 0) {
        r = new_index(ret, e);
    } else {
        if (fstat(fd, &st) < 0)
            return err_sys(e, errno, "cannot stat \"%s\"", INDEX_PATH);
        if (!S_ISREG(st.st_mode))
            return err_set(e, EBADMSG, "\"%s\" is not a regular file", INDEX_PATH);
        r = parse_index(fd, ret, e);
    }
    if (r == 0 && ret_st)
        *ret_st = st;
    return r;
}

int layout_write_index(int root_fd, json_t *index, struct err *e)
{
    return json_write(root_fd, INDEX_PATH, index, 0644, FILE_SYNC, e);
}

static const char *full_name(const json_t *entry, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
    return text && reference_is_full(text) ? text : NULL;
}

const char *layout_entry_name(const json_t *entry)
{
    return full_name(entry, LAYOUT_REF_ANNOTATION);
}

const char *layout_entry_repo_digest(const json_t *entry)
{
    const char *name = full_name(entry, LAYOUT_DIGEST_ANNOTATION);
    const char *at = name ? strchr(name, '@') : NULL;
    const char *slash = strrchr(name ? name : "", '/');
    /* A tag besides would stand between the last part and the digest. */
    return at && slash && !memchr(slash, ':', (size_t)(at - slash)) ? name : NULL;
}

static bool entry_is(const json_t *entry, const char *digest)
{
    return str_eq(json_string_value(json_object_get(entry, "digest")), digest);
}

static size_t count_entries(const json_t *entries, const char *digest)
{
    size_t i, n = 0;
    json_t *entry;
    json_array_foreach (entries, i, entry)
        n += entry_is(entry, digest);
    return n;
}

/* The entry that has the name goes, or stays without it when it is the manifest's only one. */
static int take_name(json_t *entries, const char *name, struct err *e)
{
    for (size_t i = json_array_size(entries); i-- > 0;) {
        json_t *entry = json_array_get(entries, i);
        if (!str_eq(layout_entry_name(entry), name))
            continue;
        const char *digest = json_string_value(json_object_get(entry, "digest"));
        if (digest && count_entries(entries, digest) == 1) {
            if (json_object_del(json_object_get(entry, "annotations"), LAYOUT_REF_ANNOTATION) < 0)
                return err_nomem(e);
        } else if (json_array_remove(entries, i) < 0) {
            return err_nomem(e);
        }
    }
    return 0;
}

/* A nameless entry of the manifest, to be named. */
static json_t *nameless(json_t *entries, const char *digest)
{
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry)
        if (entry_is(entry, digest) && !layout_entry_name(entry))
            return entry;
    return NULL;
}

static int annotate(json_t *entry, const char *key, const char *value, struct err *e)
{
    json_t *annotations = json_object_get(entry, "annotations");
    if (!json_is_object(annotations)) {
        annotations = json_object();
        if (json_object_set_new(entry, "annotations", annotations) < 0)
            return err_nomem(e);
    }
    return json_object_set_new(annotations, key, json_string(value)) < 0 ? err_nomem(e) : 0;
}

/* What a registry called an image is true of names in that repository. */
static void drop_foreign_digest(json_t *entry, const char *name)
{
    json_t *annotations = json_object_get(entry, "annotations");
    const char *digest = json_string_value(json_object_get(annotations, LAYOUT_DIGEST_ANNOTATION));
    size_t n = digest ? strcspn(digest, "@") : 0;
    if (digest && (strncmp(name, digest, n) != 0 || (name[n] != ':' && name[n] != '@')))
        json_object_del(annotations, LAYOUT_DIGEST_ANNOTATION);
}

static json_t *copy_or_new_entry(json_t *entries, const struct layout_entry *new)
{
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry) {
        if (!entry_is(entry, new->digest))
            continue;
        json_t *copy = json_deep_copy(entry);
        if (copy && new->name)
            drop_foreign_digest(copy, new->name);
        return copy;
    }
    return json_pack("{s:s, s:s, s:I, s:O*}", "mediaType",
                     new->type ? new->type : LAYOUT_MANIFEST_TYPE, "digest", new->digest, "size",
                     (json_int_t) new->size, "platform", new->platform);
}

int layout_index_name(json_t *index, const struct layout_entry *new, struct err *e)
{
    json_t *entries = json_object_get(index, "manifests");
    if (!new->name && count_entries(entries, new->digest) > 0)
        return 0;
    json_t *entry = NULL;
    int r = new->name ? take_name(entries, new->name, e) : 0;
    if (r < 0)
        return r;
    if (new->name)
        entry = nameless(entries, new->digest);
    if (entry)
        drop_foreign_digest(entry, new->name);
    if (!entry) {
        entry = copy_or_new_entry(entries, new);
        if (json_array_append_new(entries, entry) < 0)
            return err_nomem(e);
    }
    if (new->name)
        r = annotate(entry, LAYOUT_REF_ANNOTATION, new->name, e);
    if (r == 0 && new->repo_digest)
        r = annotate(entry, LAYOUT_DIGEST_ANNOTATION, new->repo_digest, e);
    if (r == 0 && new->layers)
        r = annotate(entry, LAYOUT_LAYERS_ANNOTATION, new->layers, e);
    return r;
}

char *layout_blob_path(const char *digest)
{
    return str_printf(LAYOUT_BLOBS "/%s", digest + sizeof("sha256:") - 1);
}

int layout_read_blob(int root_fd, const json_t *desc, json_t **ret, struct err *e)
{
    const char *digest = json_string_value(json_object_get(desc, "digest"));
    json_int_t size = json_int(desc, "size", -1);
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "the store names a blob by an invalid digest");
    if (size < 0 || size > LAYOUT_BLOB_MAX)
        return err_set(e, EBADMSG, "blob \"%s\": size %lld is not between 0 and %d", digest,
                       (long long)size, LAYOUT_BLOB_MAX);

    _cleanup_free_ char *path = layout_blob_path(digest);
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *value = NULL;
    size_t n;
    if (!path)
        return err_nomem(e);
    int r = file_read(root_fd, path, (size_t)size, &text, &n, e);
    if (r < 0)
        return r == -EFBIG || r == -ENOENT ? (err_wrap(e, "damaged image"), -EBADMSG) : r;
    if (n != (size_t)size)
        return err_set(e, EBADMSG, "blob \"%s\" has %zu bytes instead of %lld", digest, n,
                       (long long)size);
    r = json_parse(text, n, path, &value, e);
    if (r < 0)
        return r == -EINVAL ? -EBADMSG : r;
    if (!json_is_object(value))
        return err_set(e, EBADMSG, "blob \"%s\" is not a JSON object", digest);
    *ret = TAKE_PTR(value);
    return 0;
}

int layout_check_manifest(const json_t *manifest, const char *type, const char *digest,
                          struct err *e)
{
    const json_t *own_type = json_object_get(manifest, "mediaType");
    const json_t *layers = json_object_get(manifest, "layers");
    if (!layout_is_manifest_type(type))
        return err_set(e, EBADMSG, "\"%s\" is not the type of an image manifest", type ? type : "");
    if (json_object_get(manifest, "manifests") ||
        (own_type && !str_eq(json_string_value(own_type), type)))
        return err_set(e, EBADMSG, "manifest \"%s\" claims to be something else as well", digest);
    if (json_int(manifest, "schemaVersion", 0) != 2 || !json_is_array(layers) ||
        !is_one_of(json_str(manifest, "config.mediaType"), config_types, ARRAY_LEN(config_types)))
        return err_set(e, EBADMSG, "\"%s\" is not an image manifest", digest);
    if (json_array_size(layers) > LAYOUT_LAYERS_MAX)
        return err_set(e, EBADMSG, "manifest \"%s\" has more than %d layers", digest,
                       LAYOUT_LAYERS_MAX);
    return 0;
}

int layout_read_manifest(int root_fd, const json_t *entry, json_t **ret, struct err *e)
{
    const char *type = json_string_value(json_object_get(entry, "mediaType"));
    if (!layout_is_manifest_type(type))
        return err_set(e, EBADMSG, "the store's index has an entry that is not an image manifest");

    _cleanup_json_ json_t *manifest = NULL;
    int r = layout_read_blob(root_fd, entry, &manifest, e);
    if (r == 0)
        r = layout_check_manifest(manifest, type,
                                  json_string_value(json_object_get(entry, "digest")), e);
    if (r == 0)
        *ret = TAKE_PTR(manifest);
    return r;
}
