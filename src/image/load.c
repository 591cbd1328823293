#include "image/load.h"

#include "base/file.h"
#include "image/bundle.h"
#include "image/chain.h"
#include "image/hash.h"
#include "image/image.h"
#include "image/inventory.h"
#include "image/layout.h"
#include "image/platform.h"
#include "image/put.h"
#include "image/reference.h"
#include "image/store.h"

#include <fcntl.h>
#include <string.h>

enum { TURNS = 3 }; /* how often somebody may remove what we share with others */

struct loading {
    const struct load *l;
    struct bundle archive;
    struct archive_images images;
    struct image_list there; /* in the store, when we began */
    json_t *platform;
};

static void loading_release(struct loading *g)
{
    bundle_release(&g->archive);
    archive_images_release(&g->images);
    image_list_release(&g->there);
    json_decref(g->platform);
}

/* One image on its way. */
struct target {
    const struct archive_image *image;
    char *id;
    const char *config;
    json_t *config_value;
    char *manifest;             /* the bytes; ours when Docker's form has none */
    const char *type;           /* of it */
    json_t *layers;             /* descriptors: of the manifest, or those that it will have */
    struct bundle_file **files; /* NULL: the store has it */
    size_t n;
    struct strv chains;
};

static void target_release(struct target *t)
{
    free(t->id);
    json_decref(t->config_value);
    free(t->manifest);
    json_decref(t->layers);
    free(t->files);
    strv_release(&t->chains);
}

static const char *hex_of(const char *digest)
{
    return digest + sizeof("sha256:") - 1;
}

/* NULL: it has none. */
static const char *diff_id_of(const struct target *t, size_t i)
{
    const char *id =
        json_string_value(json_array_get(json_at(t->config_value, "rootfs.diff_ids"), i));
    return id && digest_is_valid(id) ? id : NULL;
}

/* ---- what the store has ---- */

static bool is_path_there(int root_fd, char *path)
{
    _cleanup_free_ char *own = path;
    return own && faccessat(root_fd, own, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Its blob, and its folder as it is on top of those with the @chain. */
static bool is_layer_there(int root_fd, const char *blob, const char *diff_id, const char *chain,
                           bool lowest)
{
    return is_path_there(root_fd, layout_blob_path(blob)) &&
           chain_find(root_fd, diff_id, chain, lowest);
}

/* The descriptor that some image in the store has of a layer; borrowed. */
static json_t *stored_layer(const struct loading *g, const struct target *t, size_t n)
{
    const char *diff_id = diff_id_of(t, n);
    for (size_t i = 0; i < g->there.n; i++) {
        const struct image *image = &g->there.v[i];
        for (size_t k = 0; k < image->diff_ids.n; k++) {
            json_t *layer = json_array_get(json_object_get(image->manifest, "layers"), k);
            const char *blob = json_str(layer, "digest");
            if (strcmp(image->diff_ids.v[k], diff_id) == 0 && blob && digest_is_valid(blob) &&
                is_layer_there(g->l->root_fd, blob, diff_id, t->chains.v[n], n == 0))
                return layer;
        }
    }
    return NULL;
}

/* A layer that leans on others may lie there for other ones than those it is wanted with. */
static void add_known(struct loading *g, const char *blob, const char *diff_id)
{
    if (!blob || !digest_is_valid(blob) || !is_path_there(g->l->root_fd, layout_blob_path(blob)) ||
        !is_path_there(g->l->root_fd, str_printf("layers/%s", hex_of(diff_id))))
        return;
    json_object_set_new(g->archive.known, hex_of(blob), json_true());
    json_object_set_new(g->archive.known, hex_of(diff_id), json_true());
}

static int list_known(struct loading *g, struct err *e)
{
    g->archive.known = json_object();
    for (size_t i = 0; g->archive.known && i < g->there.n; i++) {
        const struct image *image = &g->there.v[i];
        size_t k;
        json_t *layer;
        json_array_foreach (json_object_get(image->manifest, "layers"), k, layer)
            if (k < image->diff_ids.n)
                add_known(g, json_str(layer, "digest"), image->diff_ids.v[k]);
    }
    return g->archive.known ? 0 : err_nomem(e);
}

/* ---- an image's documents ---- */

static int take_config(struct loading *g, struct target *t, struct err *e)
{
    ssize_t n = 0;
    const char *file = t->image->config;
    t->config = bundle_document(&g->archive, file, &n, e);
    if (!t->config)
        return n == -ENOENT
                   ? err_set(e, EBADMSG, "\"%s\", an image's config, is not in the archive", file)
                   : (int)n;
    int r = hash_bytes(t->config, (size_t)n, &t->id, e);
    if (r == 0 && t->image->id && strcmp(t->id, t->image->id) != 0)
        r = err_set(e, EBADMSG, "\"%s\" in the archive is not what its digest says", file);
    if (r == 0 && (json_parse(t->config, (size_t)n, file, &t->config_value, NULL) < 0 ||
                   !json_is_object(t->config_value)))
        r = err_set(e, EBADMSG, "\"%s\" in the archive is no image's config", file);
    if (r == 0 &&
        json_array_size(json_at(t->config_value, "rootfs.diff_ids")) != t->image->layers.n)
        r = err_set(e, EBADMSG, "image \"%s\" of the archive has %zu diff IDs for %zu layers",
                    t->id, json_array_size(json_at(t->config_value, "rootfs.diff_ids")),
                    t->image->layers.n);
    if (r == 0 && g->l->platform && !platform_serves(t->config_value, g->platform)) {
        _cleanup_free_ char *have = platform_text(t->config_value);
        r = err_set(e, ENOENT, "image \"%s\" of the archive is for %s, not for %s", t->id,
                    have ? have : "another platform", g->l->platform);
    }
    return r;
}

static int take_manifest(struct loading *g, struct target *t, struct err *e)
{
    _cleanup_json_ json_t *value = NULL;
    ssize_t n = 0;
    if (!t->image->manifest) {
        t->layers = json_array();
        return t->layers ? 0 : err_nomem(e);
    }
    const char *text = bundle_document(&g->archive, t->image->manifest, &n, e);
    if (!text)
        return err_set(e, EBADMSG, "\"%s\" is not in the archive", t->image->manifest);
    int r = json_parse(text, (size_t)n, t->image->manifest, &value, e);
    if (r < 0)
        return r;
    t->layers = json_incref(json_object_get(value, "layers"));
    t->manifest = strndup(text, (size_t)n);
    return t->manifest && t->layers ? 0 : err_nomem(e);
}

/* ---- its layers ---- */

/* What there is to unpack. */
static int plan_layer(struct loading *g, struct target *t, size_t i, struct err *e)
{
    const char *diff_id = diff_id_of(t, i);
    const char *file = t->image->layers.v[i];
    const char *blob = json_str(json_array_get(t->layers, i), "digest");
    if (t->image->manifest ? is_layer_there(g->l->root_fd, blob, diff_id, t->chains.v[i], i == 0)
                           : stored_layer(g, t, i) != NULL)
        return 0;
    t->files[i] = bundle_find(&g->archive, file);
    if (t->files[i])
        bundle_forget(t->files[i]);
    return t->files[i]
               ? 0
               : err_set(e, EBADMSG, "\"%s\", a layer, is not in the archive%s", file,
                         json_object_get(g->archive.known, hex_of(diff_id))
                             ? " that can be read once, and no longer in the store: try again"
                             : "");
}

static int compare_sizes(const void *a, const void *b)
{
    const struct bundle_file *x = *(struct bundle_file *const *)a;
    const struct bundle_file *y = *(struct bundle_file *const *)b;
    long long sizes[] = {x ? x->size : 0, y ? y->size : 0};
    return (sizes[0] < sizes[1]) - (sizes[0] > sizes[1]);
}

/* The largest first: one that began last would leave processors idle at the end. */
static int unpack_layers(struct loading *g, const struct target *t, struct err *e)
{
    _cleanup_free_ struct bundle_file **files = calloc(t->n + 1, sizeof(struct bundle_file *));
    int r = files ? 0 : err_nomem(e);
    if (r < 0)
        return r;
    memcpy(files, t->files, t->n * sizeof(struct bundle_file *));
    qsort(files, t->n, sizeof(struct bundle_file *), compare_sizes);
    for (size_t i = 0; r == 0 && i < t->n && files[i]; i++)
        r = bundle_unpack(&g->archive, files[i], e);
    return r;
}

static int plan_layers(struct loading *g, struct target *t, struct err *e)
{
    int r = 0;
    t->n = t->image->layers.n;
    t->files = calloc(t->n + 1, sizeof(struct bundle_file *));
    if (!t->files)
        return err_nomem(e);
    for (size_t i = 0; r == 0 && i < t->n; i++)
        if (!diff_id_of(t, i))
            r = err_set(e, EBADMSG,
                        "image \"%s\" of the archive has no valid diff ID for layer %zu", t->id,
                        i + 1);
    if (r == 0)
        r = chain_ids(json_at(t->config_value, "rootfs.diff_ids"), &t->chains, e);
    for (size_t i = 0; r == 0 && i < t->n; i++)
        r = plan_layer(g, t, i, e);
    return r < 0 ? r : unpack_layers(g, t, e);
}

/* What came against what was to come. */
static int check_layer(const struct target *t, size_t i, struct err *e)
{
    const struct pipeline_result *r = &t->files[i]->layer.result;
    const json_t *layer = json_array_get(t->layers, i);
    const char *name = t->files[i]->name;
    if (t->image->manifest && (!str_eq(r->blob_digest, json_str(layer, "digest")) ||
                               r->blob_size != json_int(layer, "size", -1)))
        return err_set(e, EBADMSG,
                       "\"%s\" in the archive is not what its digest says: it has %s and %lld "
                       "bytes",
                       name, r->blob_digest, r->blob_size);
    return str_eq(r->diff_id, diff_id_of(t, i))
               ? 0
               : err_set(e, EBADMSG, "\"%s\" in the archive unpacks to %s instead of %s", name,
                         r->diff_id, diff_id_of(t, i));
}

static json_t *descriptor_of(const struct loading *g, const struct target *t, size_t i)
{
    if (!t->files[i])
        return json_deep_copy(stored_layer(g, t, i));
    const struct pipeline_result *r = &t->files[i]->layer.result;
    return json_pack("{s:s, s:s, s:I}", "mediaType", r->media_type, "digest", r->blob_digest,
                     "size", (json_int_t)r->blob_size);
}

static int wait_layers(struct loading *g, struct target *t, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        if (t->files[i])
            r = bundle_wait(&g->archive, t->files[i], e);
        if (r == 0 && t->files[i])
            r = check_layer(t, i, e);
        if (r == 0 && !t->image->manifest)
            json_gather(&t->layers, descriptor_of(g, t, i));
    }
    return r < 0 ? r : t->layers ? 0 : err_nomem(e);
}

/* Docker's form has no manifest: the one that describes what is in the store now. */
static int make_manifest(struct target *t, struct err *e)
{
    _cleanup_json_ json_t *value =
        json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
                  LAYOUT_MANIFEST_TYPE, "config", "mediaType", LAYOUT_CONFIG_TYPE, "digest", t->id,
                  "size", (json_int_t)strlen(t->config), "layers", t->layers);
    t->manifest = value ? json_text(value, JSON_COMPACT) : NULL;
    t->type = LAYOUT_MANIFEST_TYPE;
    return t->manifest ? 0 : err_nomem(e);
}

/* When the store has the very image, then under the manifest that it has there. */
static int find_manifest(struct loading *g, struct target *t, struct err *e)
{
    bool all_there = true;
    for (size_t i = 0; i < t->n; i++)
        all_there &= !t->files[i];
    for (size_t i = 0; all_there && !t->manifest && i < g->there.n; i++) {
        const struct image *image = &g->there.v[i];
        const char *type = json_str(image->manifest, "mediaType");
        if (strcmp(image->id, t->id) != 0 || !type)
            continue;
        _cleanup_free_ char *path = layout_blob_path(image->digest);
        if (path && file_read(g->l->root_fd, path, LAYOUT_BLOB_MAX, &t->manifest, NULL, NULL) == 0)
            t->type = type;
    }
    return t->manifest ? 0 : make_manifest(t, e);
}

/* ---- into the store ---- */

static bool is_listed(const struct bundle_file *const *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (files[i] == files[n])
            return true;
    return false;
}

static int put_with(struct loading *g, const struct target *t, struct fresh_layer *layers, size_t n,
                    struct err *e)
{
    _cleanup_free_ char *id = NULL;
    _cleanup_json_ json_t *platform = json_pack(
        "{s:O*, s:O*, s:O*}", "architecture", json_object_get(t->config_value, "architecture"),
        "os", json_object_get(t->config_value, "os"), "variant",
        json_object_get(t->config_value, "variant"));
    const struct new_image image = {
        .layers = layers,
        .n_layers = n,
        .config = t->config,
        .config_len = strlen(t->config),
        .manifest = t->manifest,
        .manifest_len = strlen(t->manifest),
        .manifest_type = t->image->manifest ? t->image->type : t->type,
        .platform = platform,
        .name = t->image->name,
    };
    return platform ? put_image(g->l->root_fd, &image, &id, e) : err_nomem(e);
}

/* Layers that an image before this one has brought in are the store's by now. */
static int put(struct loading *g, const struct target *t, struct err *e)
{
    _cleanup_free_ struct fresh_layer *layers = calloc(t->n + 1, sizeof(*layers));
    _cleanup_free_ struct bundle_file **from = calloc(t->n + 1, sizeof(struct bundle_file *));
    size_t n = 0;
    if (!layers || !from)
        return err_nomem(e);
    for (size_t i = 0; i < t->n; i++) {
        from[n] = t->files[i];
        if (from[n] && from[n]->layer.blob_path &&
            !is_listed((const struct bundle_file *const *)from, n)) {
            layers[n] = from[n]->layer;
            n++;
        }
    }
    int r = put_with(g, t, layers, n, e);
    for (size_t i = 0; i < n; i++)
        from[i]->layer = layers[i];
    return r;
}

static void tell(const struct loading *g, const struct target *t)
{
    const char *name = t->image->name;
    for (size_t i = 0; name && i < g->there.n; i++)
        for (size_t k = 0; k < g->there.v[i].names.n; k++)
            if (str_eq(g->there.v[i].names.v[k], name) && !str_eq(g->there.v[i].id, t->id))
                progress_stream(&g->l->told,
                                "The image %s already exists, renaming the old one with ID %s to "
                                "empty string\n",
                                reference_short(name), g->there.v[i].id);
    if (name)
        progress_stream(&g->l->told, "Loaded image: %s\n", reference_short(name));
    else
        progress_stream(&g->l->told, "Loaded image ID: %s\n", t->id);
}

static int try_image(struct loading *g, const struct archive_image *image, struct strv *ret_ids,
                     struct err *e)
{
    _cleanup_(target_release) struct target t = {.image = image};
    int r = take_config(g, &t, e);
    if (r == 0)
        r = take_manifest(g, &t, e);
    if (r == 0)
        r = plan_layers(g, &t, e);
    if (r == 0)
        r = wait_layers(g, &t, e);
    if (r == 0 && !image->manifest)
        r = find_manifest(g, &t, e);
    if (r == 0)
        r = put(g, &t, e);
    if (r < 0)
        return r;
    strv_add(ret_ids, t.id);
    tell(g, &t);
    return 0;
}

static int load_image(struct loading *g, const struct archive_image *image, struct strv *ret_ids,
                      struct err *e)
{
    int r = -ESTALE;
    for (int turn = 0; r == -ESTALE && turn < TURNS; turn++) {
        err_release(e);
        r = try_image(g, image, ret_ids, e);
    }
    return r;
}

/* ---- which images ---- */

static bool is_wanted(const struct archive_image *image, const char *only)
{
    _cleanup_free_ char *full = NULL;
    if (!only || str_eq(image->ref, only))
        return true;
    return image->name && reference_claim(only, &full, NULL) == 0 && strcmp(full, image->name) == 0;
}

static size_t count_wanted(const struct loading *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->images.n; i++)
        n += is_wanted(&g->images.v[i], g->l->only);
    return n;
}

static int load_images(struct loading *g, struct strv *ret_ids, struct err *e)
{
    size_t wanted = count_wanted(g);
    int r = 0;
    if (wanted == 0)
        return err_set(e, ENOENT, "no image there has the name \"%s\"", g->l->only);
    if (g->l->single && wanted > 1 && !g->l->only)
        return err_set(e, EINVAL, "there are %zu images: one of them is to be named", wanted);
    for (size_t i = 0; r == 0 && i < g->images.n; i++)
        if (is_wanted(&g->images.v[i], g->l->only))
            r = load_image(g, &g->images.v[i], ret_ids, e);
    return r == 0 && ret_ids->failed ? err_nomem(e) : r;
}

int load_run(const struct load *l, struct strv *ret_ids, struct err *e)
{
    _cleanup_(loading_release) struct loading g = {.l = l, .archive = BUNDLE_INIT};
    g.archive.root_fd = l->root_fd;
    g.archive.limits = &l->limits;
    g.archive.progress = &l->progress;
    int r = store_make(l->root_fd, e);
    if (r == 0) {
        image_sweep_dead(l->root_fd);
        r = platform_parse(l->platform, &g.platform, e);
    }
    if (r == 0)
        r = image_list(l->root_fd, &g.there, NULL, e);
    if (r == 0)
        r = list_known(&g, e);
    if (r == 0 && l->folder_fd >= 0) {
        g.archive.folder_fd = fcntl(l->folder_fd, F_DUPFD_CLOEXEC, 3);
        r = g.archive.folder_fd < 0 ? err_sys(e, errno, "cannot keep the folder") : 0;
    } else if (r == 0) {
        r = bundle_read(&g.archive, l->in_fd, e);
    }
    if (r == 0)
        r = archive_images_read(l->form, bundle_document, &g.archive, g.platform,
                                l->platform != NULL, &g.images, e);
    return r < 0 ? r : load_images(&g, ret_ids, e);
}
