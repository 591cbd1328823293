#include "image/put.h"

#include "base/file.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an image says of itself, read from its own bytes. */
struct parts {
    json_t *manifest, *config;
    char *manifest_digest, *config_digest;
};

static void parts_release(struct parts *p)
{
    json_decref(p->manifest);
    json_decref(p->config);
    free(p->manifest_digest);
    free(p->config_digest);
}

static int take_parts(const struct new_image *image, struct parts *p, struct err *e)
{
    if (image->config_len > LAYOUT_BLOB_MAX || image->manifest_len > LAYOUT_BLOB_MAX)
        return err_set(e, E2BIG, "the image's config or manifest is larger than %d bytes",
                       LAYOUT_BLOB_MAX);
    int r = json_parse(image->manifest, image->manifest_len, "manifest", &p->manifest, e);
    if (r == 0)
        r = json_parse(image->config, image->config_len, "image config", &p->config, e);
    if (r == 0)
        r = hash_bytes(image->manifest, image->manifest_len, &p->manifest_digest, e);
    if (r == 0)
        r = hash_bytes(image->config, image->config_len, &p->config_digest, e);
    if (r == 0)
        r = layout_check_manifest(p->manifest, image->manifest_type, p->manifest_digest, e);
    if (r < 0)
        return r;
    if (!str_eq(json_str(p->manifest, "config.digest"), p->config_digest))
        return err_set(e, EBADMSG, "manifest \"%s\" has another config than it was put with",
                       p->manifest_digest);
    size_t n = json_array_size(json_object_get(p->manifest, "layers"));
    size_t ids = json_array_size(json_at(p->config, "rootfs.diff_ids"));
    return n == ids ? 0 : err_set(e, EBADMSG, "the image has %zu diff IDs for %zu layers", ids, n);
}

static struct fresh_layer *fresh(const struct new_image *image, const char *blob, const char *id)
{
    for (size_t i = 0; i < image->n_layers; i++)
        if (str_eq(image->layers[i].result.blob_digest, blob) &&
            str_eq(image->layers[i].result.diff_id, id))
            return &image->layers[i];
    return NULL;
}

static char *folder_path(const char *diff_id)
{
    return str_printf("layers/%s", diff_id + sizeof("sha256:") - 1);
}

static int is_there(int root_fd, char *path, struct err *e)
{
    _cleanup_free_ char *own = path;
    if (!own)
        return err_nomem(e);
    if (faccessat(root_fd, own, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return errno == ENOENT ? err_set(e, ESTALE, "\"%s\" is not in the store", own)
                           : err_sys(e, errno, "cannot look for \"%s\"", own);
}

/* Nothing may be changed before all of it is sure. */
static int check_layers(int root_fd, const struct new_image *image, const struct parts *p,
                        struct err *e)
{
    size_t i;
    json_t *layer;
    json_array_foreach (json_object_get(p->manifest, "layers"), i, layer) {
        const char *blob = json_str(layer, "digest");
        const char *id =
            json_string_value(json_array_get(json_at(p->config, "rootfs.diff_ids"), i));
        if (!blob || !digest_is_valid(blob) || !id || !digest_is_valid(id))
            return err_set(e, EBADMSG, "layer %zu of the image has no valid digest", i + 1);
        if (fresh(image, blob, id))
            continue;
        int r = is_there(root_fd, layout_blob_path(blob), e);
        if (r == 0)
            r = is_there(root_fd, folder_path(id), e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Renames the finished blob to its digest. One that is there already has the same bytes. */
static int place_blob(struct fresh_layer *l, struct err *e)
{
    _cleanup_free_ char *path = layout_blob_path(l->result.blob_digest);
    if (!path)
        return err_nomem(e);
    if (!l->blob_path)
        return 0;
    if (renameat(l->root_fd, l->blob_path, l->root_fd, path) < 0)
        return err_sys(e, errno, "cannot put \"%s\" in place", path);
    free(TAKE_PTR(l->blob_path));
    return 0;
}

static int place_folder(struct fresh_layer *l, struct err *e)
{
    _cleanup_free_ char *path = folder_path(l->result.diff_id);
    if (!path)
        return err_nomem(e);
    if (!l->folder_path)
        return 0;
    if (renameat2(l->root_fd, l->folder_path, l->root_fd, path, RENAME_NOREPLACE) < 0)
        return errno == EEXIST /* the same layer: a container may be using it */
                   ? 0
                   : err_sys(e, errno, "cannot put \"%s\" in place", path);
    free(TAKE_PTR(l->folder_path));
    return 0;
}

static int place_text(int root_fd, const char *digest, const char *text, size_t n, struct err *e)
{
    _cleanup_free_ char *path = layout_blob_path(digest);
    return path ? file_replace(root_fd, path, text, n, 0644, FILE_SYNC, e) : err_nomem(e);
}

static int place_all(int root_fd, json_t *index, const struct new_image *image,
                     const struct parts *p, struct err *e)
{
    const struct layout_entry entry = {
        .digest = p->manifest_digest,
        .type = image->manifest_type,
        .size = (long long)image->manifest_len,
        .platform = image->platform,
        .name = image->name,
        .repo_digest = image->repo_digest,
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < image->n_layers; i++) {
        r = place_blob(&image->layers[i], e);
        if (r == 0)
            r = place_folder(&image->layers[i], e);
    }
    if (r == 0)
        r = place_text(root_fd, p->config_digest, image->config, image->config_len, e);
    if (r == 0)
        r = place_text(root_fd, p->manifest_digest, image->manifest, image->manifest_len, e);
    if (r == 0)
        r = layout_index_name(index, &entry, e);
    return r < 0 ? r : layout_write_index(root_fd, index, e);
}

int put_image(int root_fd, const struct new_image *image, char **ret_id, struct err *e)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    _cleanup_(parts_release) struct parts p = {0};
    int r = take_parts(image, &p, e);
    if (r == 0)
        r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r == 0)
        r = check_layers(root_fd, image, &p, e);
    if (r < 0)
        return r;
    r = place_all(root_fd, index, image, &p, e);
    if (r == 0) {
        *ret_id = TAKE_PTR(p.config_digest);
        return 0;
    }
    /* What has its place already belongs to no image. */
    _cleanup_json_ json_t *before = NULL;
    if (layout_read_index(root_fd, &before, NULL, NULL) == 0)
        (void)store_sweep(root_fd, before, NULL);
    fd_close(&lock);
    store_bury(root_fd);
    return r;
}

int put_name(int root_fd, const char *manifest_digest, const char *name, const char *repo_digest,
             struct err *e)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    int r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r < 0)
        return r;
    size_t i;
    json_t *entry, *found = NULL;
    json_array_foreach (json_object_get(index, "manifests"), i, entry)
        if (str_eq(json_str(entry, "digest"), manifest_digest))
            found = entry;
    if (!found)
        return err_set(e, ESTALE, "\"%s\" is not in the store", manifest_digest);
    const struct layout_entry named = {
        .digest = manifest_digest,
        .size = json_int(found, "size", 0),
        .name = name,
        .repo_digest = repo_digest,
    };
    r = layout_index_name(index, &named, e);
    return r < 0 ? r : layout_write_index(root_fd, index, e);
}
