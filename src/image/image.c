#include "image/image.h"

#include "base/file.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/resolve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void image_release(struct image *img)
{
    free(img->id);
    free(img->digest);
    json_decref(img->manifest);
    json_decref(img->config);
    strv_release(&img->layers);
    strv_release(&img->diff_ids);
    strv_release(&img->names);
    strv_release(&img->repo_digests);
    *img = (struct image){0};
}

static int take_diff_ids(const json_t *config, struct image *img, struct err *e)
{
    json_t *ids = json_at(config, "rootfs.diff_ids");
    size_t i;
    json_t *value;
    if (!str_eq(json_str(config, "rootfs.type"), "layers") || !json_is_array(ids))
        return err_set(e, EBADMSG, "image \"%s\" has no list of layers", img->id);
    json_array_foreach (ids, i, value) {
        const char *id = json_string_value(value);
        if (!id || !digest_is_valid(id))
            return err_set(e, EBADMSG, "image \"%s\" has an invalid diff ID", img->id);
        strv_add(&img->diff_ids, id);
    }
    return img->diff_ids.failed ? err_nomem(e) : 0;
}

static bool has_text(const struct strv *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->v[i], text))
            return true;
    return false;
}

/* Where they lie: by their diff IDs, or as the index says. */
static int take_folders(const json_t *entry, struct image *img, struct err *e)
{
    const char *list = json_string_value(
        json_object_get(json_object_get(entry, "annotations"), LAYOUT_LAYERS_ANNOTATION));
    for (size_t i = 0; !list && i < img->diff_ids.n; i++)
        strv_addf(&img->layers, "layers/%s/fs", img->diff_ids.v[i] + sizeof("sha256:") - 1);
    for (const char *hex = list; hex; hex = hex[DIGEST_HEX_LEN] ? hex + DIGEST_HEX_LEN + 1 : NULL) {
        if (strnlen(hex, DIGEST_HEX_LEN) != DIGEST_HEX_LEN || !hex_is_valid(hex, DIGEST_HEX_LEN) ||
            (hex[DIGEST_HEX_LEN] && hex[DIGEST_HEX_LEN] != ','))
            return err_set(e, EBADMSG, "image \"%s\" names the folder of a layer wrongly", img->id);
        strv_addf(&img->layers, "layers/%.*s/fs", DIGEST_HEX_LEN, hex);
    }
    if (img->layers.failed || img->diff_ids.failed)
        return err_nomem(e);
    return img->layers.n == img->diff_ids.n
               ? 0
               : err_set(e, EBADMSG, "image \"%s\" has %zu folders for %zu layers", img->id,
                         img->layers.n, img->diff_ids.n);
}

static int take_names(const json_t *index, struct image *img, struct err *e)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(index, "manifests"), i, entry) {
        if (!str_eq(json_string_value(json_object_get(entry, "digest")), img->digest))
            continue;
        const char *name = layout_entry_name(entry);
        const char *digest = layout_entry_repo_digest(entry);
        if (name)
            strv_add(&img->names, name);
        if (digest && !has_text(&img->repo_digests, digest))
            strv_add(&img->repo_digests, digest);
    }
    return img->names.failed || img->repo_digests.failed ? err_nomem(e) : 0;
}

int image_load(int root_fd, const json_t *index, const json_t *entry, const struct stat *st,
               struct image *ret, struct err *e)
{
    _cleanup_image_ struct image img = {
        .index_time = st->st_ctim,
        .index_inode = st->st_ino,
    };
    _cleanup_json_ json_t *manifest = NULL;

    int r = layout_read_manifest(root_fd, entry, &manifest, e);
    if (r < 0)
        return r;
    const json_t *config_desc = json_object_get(manifest, "config");
    r = layout_read_blob(root_fd, config_desc, &img.config, e);
    if (r < 0)
        return r;
    img.id = strdup(json_string_value(json_object_get(config_desc, "digest")));
    img.digest = strdup(json_string_value(json_object_get(entry, "digest")));
    if (!img.id || !img.digest)
        return err_nomem(e);
    const json_t *settings = json_object_get(img.config, "config");
    if (settings && !json_is_object(settings) && !json_is_null(settings))
        return err_set(e, EBADMSG, "image \"%s\": \"config\" is not an object", img.id);

    r = take_diff_ids(img.config, &img, e);
    if (r == 0)
        r = take_folders(entry, &img, e);
    if (r < 0)
        return r;
    if (img.diff_ids.n != json_array_size(json_object_get(manifest, "layers")))
        return err_set(e, EBADMSG, "image \"%s\" has %zu diff IDs for %zu layers", img.id,
                       img.diff_ids.n, json_array_size(json_object_get(manifest, "layers")));
    r = take_names(index, &img, e);
    if (r < 0)
        return r;
    img.manifest_size = json_int(entry, "size", 0);
    img.manifest = TAKE_PTR(manifest);
    *ret = TAKE(img, (struct image){0});
    return 0;
}

int image_find(int root_fd, const char *what, struct image *ret, struct err *e)
{
    _cleanup_json_ json_t *index = NULL;
    struct stat st;
    json_t *entry;
    int r = layout_read_index(root_fd, &index, &st, e);
    if (r < 0)
        return r;
    r = resolve(root_fd, index, what, &entry, NULL, e);
    if (r < 0)
        return r;
    return image_load(root_fd, index, entry, &st, ret, e);
}

char *image_nearest(int root_fd, const char *what)
{
    _cleanup_json_ json_t *index = NULL;
    if (layout_read_index(root_fd, &index, NULL, NULL) < 0)
        return NULL;
    return resolve_nearest(index, what);
}

int image_confirm(int root_fd, const struct image *img, struct err *e)
{
    struct stat st;
    if (fstatat(root_fd, "images/index.json", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_ino == img->index_inode && st.st_ctim.tv_sec == img->index_time.tv_sec &&
        st.st_ctim.tv_nsec == img->index_time.tv_nsec)
        return 0;

    _cleanup_json_ json_t *index = NULL;
    json_t *entry;
    int r = layout_read_index(root_fd, &index, NULL, e);
    if (r < 0)
        return r;
    return resolve(root_fd, index, img->digest, &entry, NULL, e);
}

/* *ret is untouched when it is not known. */
static int read_layer_size(int root_fd, const struct image *img, size_t i, long long *ret)
{
    _cleanup_json_ json_t *layer = NULL;
    if (i >= img->layers.n)
        return -EINVAL;
    const char *folder = img->layers.v[i], *slash = strrchr(folder, '/');
    _cleanup_free_ char *path = str_printf("%.*s/layer.json", (int)(slash - folder), folder);
    if (!path)
        return -ENOMEM;
    int r = json_read(root_fd, path, 4096, &layer, NULL);
    if (r == 0)
        *ret = json_int(layer, "size", -1);
    return r;
}

long long image_layer_size(int root_fd, const struct image *img, size_t i)
{
    long long size = -1;
    (void)read_layer_size(root_fd, img, i, &size);
    return size;
}

long long image_size(int root_fd, const struct image *img)
{
    long long total = 0;
    for (size_t i = 0; i < img->diff_ids.n; i++) {
        long long size = image_layer_size(root_fd, img, i);
        if (size < 0 || __builtin_add_overflow(total, size, &total))
            return -1;
    }
    return total;
}

time_t image_created(const struct image *img)
{
    return image_time(json_str(img->config, "created"));
}

/* Adds @size to *total the first time that @seen meets @id. */
static int count_once(json_t *seen, const char *id, long long size, long long *total)
{
    long long more;
    if (!id || json_object_get(seen, id))
        return 0;
    if (json_object_set_new(seen, id, json_true()) < 0)
        return -ENOMEM;
    if (size > 0 && !__builtin_add_overflow(*total, size, &more))
        *total = more;
    return 0;
}

/* Its config and layers as they came. */
static int count_blobs(const struct image *img, json_t *seen, long long *total)
{
    const json_t *config = json_at(img->manifest, "config");
    size_t i;
    json_t *layer;
    int r = count_once(seen, json_str(config, "digest"), json_int(config, "size", 0), total);
    json_array_foreach (json_at(img->manifest, "layers"), i, layer)
        if (r == 0)
            r = count_once(seen, json_str(layer, "digest"), json_int(layer, "size", 0), total);
    return r;
}

long long image_content_size(const struct image *img)
{
    _cleanup_json_ json_t *seen = json_object();
    long long total = 0;
    int r = count_blobs(img, seen, &total);
    return r < 0 ? r : total;
}

static int count_layers(int root_fd, const struct image *img, json_t *seen, long long *total)
{
    for (size_t k = 0; k < img->diff_ids.n; k++) {
        long long size = 0;
        if (json_object_get(seen, img->layers.v[k]))
            continue;
        if (read_layer_size(root_fd, img, k, &size) == -ENOMEM ||
            count_once(seen, img->layers.v[k], size, total) < 0)
            return -ENOMEM;
    }
    return 0;
}

long long image_list_size(int root_fd, const struct image_list *l)
{
    /* An archive that is not packed has its layer's digest: so each kind has its own set. */
    _cleanup_json_ json_t *blobs = json_object();
    _cleanup_json_ json_t *layers = json_object();
    long long total = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->n; i++) {
        r = count_blobs(&l->v[i], blobs, &total);
        if (r == 0)
            r = count_layers(root_fd, &l->v[i], layers, &total);
    }
    return r < 0 ? r : total;
}

/* "02:00" in seconds. */
static bool parse_offset(const char *text, time_t *ret)
{
    for (size_t i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    *ret =
        ((text[0] - '0') * 10 + text[1] - '0') * 3600 + ((text[3] - '0') * 10 + text[4] - '0') * 60;
    return text[5] == '\0';
}

time_t image_time(const char *text)
{
    struct tm tm = {0};
    char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (!rest)
        return -1;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    time_t t = timegm(&tm);
    time_t offset;
    if (strcmp(rest, "Z") == 0)
        return t;
    if ((*rest != '+' && *rest != '-') || !parse_offset(rest + 1, &offset))
        return -1;
    return *rest == '+' ? t - offset : t + offset;
}
