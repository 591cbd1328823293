#include "image/put.h"

#include "base/file.h"
#include "image/chain.h"
#include "image/complete.h"
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
    struct strv chains;  /* of its layers, lowest first */
    struct strv folders; /* the digests that name where they lie */
};

static void parts_release(struct parts *p)
{
    json_decref(p->manifest);
    json_decref(p->config);
    free(p->manifest_digest);
    free(p->config_digest);
    strv_release(&p->chains);
    strv_release(&p->folders);
}

static size_t n_layers(const struct parts *p)
{
    return json_array_size(json_object_get(p->manifest, "layers"));
}

static const char *blob_of(const struct parts *p, size_t i)
{
    return json_str(json_array_get(json_object_get(p->manifest, "layers"), i), "digest");
}

static const char *diff_id_of(const struct parts *p, size_t i)
{
    return json_string_value(json_array_get(json_at(p->config, "rootfs.diff_ids"), i));
}

static int check_digests(const struct parts *p, struct err *e)
{
    size_t ids = json_array_size(json_at(p->config, "rootfs.diff_ids"));
    if (n_layers(p) != ids)
        return err_set(e, EBADMSG, "the image has %zu diff IDs for %zu layers", ids, n_layers(p));
    for (size_t i = 0; i < ids; i++) {
        const char *blob = blob_of(p, i), *id = diff_id_of(p, i);
        if (!blob || !digest_is_valid(blob) || !id || !digest_is_valid(id))
            return err_set(e, EBADMSG, "layer %zu of the image has no valid digest", i + 1);
    }
    return 0;
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
    r = check_digests(p, e);
    return r < 0 ? r : chain_ids(json_at(p->config, "rootfs.diff_ids"), &p->chains, e);
}

/* The layer number @i, if it is a new one. */
static struct fresh_layer *fresh(const struct new_image *image, const struct parts *p, size_t i)
{
    for (size_t k = 0; k < image->n_layers; k++)
        if (str_eq(image->layers[k].result.blob_digest, blob_of(p, i)) &&
            str_eq(image->layers[k].result.diff_id, diff_id_of(p, i)))
            return &image->layers[k];
    return NULL;
}

static char *folder_path(const char *id)
{
    return str_printf("layers/%s", id + sizeof("sha256:") - 1);
}

static int gone(const char *what, struct err *e)
{
    return err_set(e, ESTALE, "\"%s\" is not in the store", what);
}

/* ---- layers that lean on those below ---- */

/* Where the files of layer @i are: fresh ones have no name yet. */
static int open_files(int root_fd, const struct new_image *image, const struct parts *p, size_t i,
                      struct err *e)
{
    const struct fresh_layer *l = fresh(image, p, i);
    if (l && l->folder_path)
        return dir_open(l->folder_fd, "fs", false, e);
    const char *id = chain_find(root_fd, diff_id_of(p, i), p->chains.v[i], i == 0);
    _cleanup_free_ char *path = id ? str_printf("layers/%s/fs", id + sizeof("sha256:") - 1) : NULL;
    if (!path)
        return id ? err_nomem(e) : gone(diff_id_of(p, i), e);
    return dir_open(root_fd, path, false, e);
}

static int complete_one(int root_fd, const struct new_image *image, const struct parts *p, size_t i,
                        struct fresh_layer *l, struct err *e)
{
    _cleanup_free_ int *below = calloc(i, sizeof(*below));
    size_t n = 0;
    int r = 0;
    if (!below)
        return err_nomem(e);
    while (r >= 0 && n < i)
        if ((r = open_files(root_fd, image, p, i - 1 - n, e)) >= 0)
            below[n++] = r;
    _cleanup_close_ int files = r >= 0 ? dir_open(l->folder_fd, "fs", false, e) : -EBADF;
    if (r >= 0)
        r = files < 0 ? files : complete_layer(files, &l->result.unpacked, below, n, e);
    for (size_t k = 0; k < n; k++)
        close(below[k]);
    if (r < 0)
        return r;
    l->chain_id = strdup(p->chains.v[i]);
    return l->chain_id ? 0 : err_nomem(e);
}

static int complete(int root_fd, const struct new_image *image, const struct parts *p,
                    struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_layers(p); i++) {
        struct fresh_layer *l = fresh(image, p, i);
        if (!l || !l->folder_path || l->chain_id || !unpacked_leans(&l->result.unpacked))
            continue;
        /* The lowest has nothing to lean on: its links are refused, its folders are as they are. */
        r = i == 0 ? complete_layer(-EBADF, &l->result.unpacked, NULL, 0, e)
                   : complete_one(root_fd, image, p, i, l, e);
    }
    return r;
}

/* ---- with the store locked ---- */

static int find_folder(int root_fd, const struct new_image *image, struct parts *p, size_t i,
                       struct err *e)
{
    const struct fresh_layer *l = fresh(image, p, i);
    const char *id = diff_id_of(p, i);
    if (l) {
        strv_add(&p->folders, l->chain_id ? l->chain_id : id);
        return 0;
    }
    const char *found = chain_find(root_fd, id, p->chains.v[i], i == 0);
    if (!found)
        return gone(id, e);
    strv_add(&p->folders, found);
    _cleanup_free_ char *blob = layout_blob_path(blob_of(p, i));
    if (!blob)
        return err_nomem(e);
    if (faccessat(root_fd, blob, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return errno == ENOENT ? gone(blob, e) : err_sys(e, errno, "cannot look for \"%s\"", blob);
}

/* Nothing may be changed before all of it is sure. */
static int find_folders(int root_fd, const struct new_image *image, struct parts *p, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n_layers(p); i++)
        r = find_folder(root_fd, image, p, i, e);
    return r == 0 && p->folders.failed ? err_nomem(e) : r;
}

/* What the index has to say of them; NULL: nothing, or memory ran out. */
static char *folder_list(const struct parts *p)
{
    _cleanup_str_ struct str list = {0};
    bool usual = true;
    for (size_t i = 0; i < p->folders.n; i++) {
        usual = usual && strcmp(p->folders.v[i], diff_id_of(p, i)) == 0;
        str_addf(&list, "%s%s", i ? "," : "", p->folders.v[i] + sizeof("sha256:") - 1);
    }
    return usual ? NULL : str_steal(&list);
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
    _cleanup_free_ char *path = folder_path(l->chain_id ? l->chain_id : l->result.diff_id);
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
    _cleanup_free_ char *layers = folder_list(p);
    const struct layout_entry entry = {
        .digest = p->manifest_digest,
        .type = image->manifest_type,
        .size = (long long)image->manifest_len,
        .platform = image->platform,
        .name = image->name,
        .repo_digest = image->repo_digest,
        .layers = layers,
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
        r = complete(root_fd, image, &p, e);
    if (r == 0)
        r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r == 0)
        r = find_folders(root_fd, image, &p, e);
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

int put_repo_digest(int root_fd, const char *manifest_digest, const char *name,
                    const char *repo_digest, struct err *e)
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
        if (str_eq(json_str(entry, "digest"), manifest_digest) &&
            str_eq(layout_entry_name(entry), name))
            found = entry;
    if (!found)
        return err_set(e, ESTALE, "\"%s\" is not the name of \"%s\" any more", name,
                       manifest_digest);
    const struct layout_entry named = {
        .digest = manifest_digest,
        .size = json_int(found, "size", 0),
        .name = name,
        .repo_digest = repo_digest,
    };
    r = layout_index_name(index, &named, e);
    return r < 0 ? r : layout_write_index(root_fd, index, e);
}
