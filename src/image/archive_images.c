#include "image/archive_images.h"

#include "image/hash.h"
#include "image/layout.h"
#include "image/platform.h"
#include "image/reference.h"

#include <string.h>

#define DOCKER_INDEX_TYPE "application/vnd.docker.distribution.manifest.list.v2+json"
#define NAME_ANNOTATION   "io.containerd.image.name"

enum {
    IMAGES_MAX = 10000, /* of one archive */
    INDEXES_MAX = 3,    /* one in the other */
};

struct reading {
    enum archive_form form;
    archive_document_fn *document;
    void *data;
    const json_t *platform;
    bool strict;
    struct archive_images found;
};

static void image_fields_release(struct archive_image *i)
{
    free(i->name);
    free(i->ref);
    free(i->config);
    free(i->id);
    free(i->manifest);
    free(i->type);
    strv_release(&i->layers);
    *i = (struct archive_image){0};
}

void archive_images_release(struct archive_images *l)
{
    for (size_t i = 0; i < l->n; i++)
        image_fields_release(&l->v[i]);
    free(l->v);
    *l = (struct archive_images){0};
}

/* The image becomes the list's, or is released. */
static int add(struct reading *g, struct archive_image *image, struct err *e)
{
    struct archive_images *l = &g->found;
    bool full = l->n >= IMAGES_MAX;
    struct archive_image *v = full ? NULL : realloc(l->v, (l->n + 1) * sizeof(*v));
    bool failed = !v || image->layers.failed || !image->config;
    if (v)
        l->v = v;
    if (failed) {
        image_fields_release(image);
        return full ? err_set(e, E2BIG, "the archive has more than %d images", IMAGES_MAX)
                    : err_nomem(e);
    }
    l->v[l->n++] = TAKE(*image, (struct archive_image){0});
    return 0;
}

static int parse(struct reading *g, const char *name, json_t **ret, char **ret_digest,
                 struct err *e)
{
    ssize_t n = -ENOENT;
    const char *text = g->document(g->data, name, &n, e);
    if (!text)
        return n == -ENOENT ? err_set(e, ENOENT, "\"%s\" is not in the archive", name) : (int)n;
    int r = ret_digest ? hash_bytes(text, (size_t)n, ret_digest, e) : 0;
    if (r == 0 && json_parse(text, (size_t)n, name, ret, e) < 0)
        r = err_set(e, EBADMSG, "\"%s\" in the archive is not valid JSON", name);
    return r;
}

static bool is_there(struct reading *g, const char *name)
{
    ssize_t n = -ENOENT;
    return g->document(g->data, name, &n, NULL) || n != -ENOENT;
}

/* ---- Docker's form ---- */

static int take_tag(const char *tag, char **ret, struct err *e)
{
    _cleanup_err_ struct err story = ERR_INIT;
    int r = tag ? reference_claim(tag, ret, &story) : -EINVAL;
    return r < 0 ? err_set(e, EBADMSG, "the archive has an image with the name \"%.300s\": %s",
                           tag ? tag : "", tag ? err_text(&story) : "which is no text")
                 : 0;
}

static int docker_image(struct reading *g, const json_t *entry, const char *tag, struct err *e)
{
    struct archive_image image = {0};
    const json_t *layers = json_object_get(entry, "Layers");
    const char *config = json_str(entry, "Config");
    size_t i;
    json_t *layer;
    if (!config || (!json_is_array(layers) && !json_is_null(layers)) ||
        json_array_size(layers) > LAYOUT_LAYERS_MAX)
        return err_set(e, EBADMSG,
                       "manifest.json of the archive has an image without a config, or with no "
                       "valid list of layers");
    int r = tag ? take_tag(tag, &image.name, e) : 0;
    if (r < 0)
        return r;
    image.config = strdup(config);
    json_array_foreach (layers, i, layer)
        strv_add(&image.layers, json_is_string(layer) ? json_string_value(layer) : "");
    return add(g, &image, e);
}

static int docker_images(struct reading *g, struct err *e)
{
    _cleanup_json_ json_t *list = NULL;
    size_t i, k;
    json_t *entry, *tag;
    int r = parse(g, "manifest.json", &list, NULL, e);
    if (r == 0 && !json_is_array(list))
        r = err_set(e, EBADMSG, "manifest.json of the archive is no list of images");
    if (r < 0)
        return r;
    json_array_foreach (list, i, entry) {
        const json_t *tags = json_object_get(entry, "RepoTags");
        if (json_array_size(tags) == 0)
            r = docker_image(g, entry, NULL, e);
        json_array_foreach (tags, k, tag)
            if (r == 0)
                r = docker_image(g, entry, json_is_string(tag) ? json_string_value(tag) : "", e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- manifests ---- */

static char *blob_file(const struct reading *g, const char *digest)
{
    const char *hex = digest + sizeof("sha256:") - 1;
    return g->form == ARCHIVE_TARRED ? str_printf("blobs/sha256/%s", hex) : strdup(hex);
}

/* The names that an entry of the index has, whoever wrote it. A word alone is a tag of a name that
 * nobody knows. */
static int take_names(const json_t *entry, struct archive_image *image, struct err *e)
{
    const json_t *notes = json_object_get(entry, "annotations");
    const char *ref = json_string_value(json_object_get(notes, LAYOUT_REF_ANNOTATION));
    const char *name = json_string_value(json_object_get(notes, NAME_ANNOTATION));
    if (ref && !(image->ref = strdup(ref)))
        return err_nomem(e);
    if (!name && ref && strpbrk(ref, ":/") && !strchr(ref, '@'))
        name = ref;
    return name ? take_tag(name, &image->name, e) : 0;
}

static bool is_index_type(const char *type)
{
    return str_eq(type, LAYOUT_INDEX_TYPE) || str_eq(type, DOCKER_INDEX_TYPE);
}

/* The media type of a document: what it says itself, and nobody may say something else
 * (CVE-2021-41190); else what its entry says. */
static int settle_type(const json_t *value, const char *said, const char *file, const char **ret,
                       struct err *e)
{
    const json_t *own = json_object_get(value, "mediaType");
    const char *type = json_string_value(own);
    if ((own && !type) || (type && said && strcmp(type, said) != 0))
        return err_set(e, EBADMSG,
                       "manifest \"%s\" in the archive says that it is something else than its "
                       "index",
                       file);
    *ret = type ? type : said;
    if (!*ret && json_object_get(value, "manifests"))
        *ret = LAYOUT_INDEX_TYPE;
    return 0;
}

static int fill(struct reading *g, const json_t *manifest, struct archive_image *image,
                struct err *e)
{
    const char *id = json_str(manifest, "config.digest");
    size_t i;
    json_t *layer;
    if (!id || !digest_is_valid(id))
        return err_set(e, EBADMSG, "manifest \"%s\" names its config by no valid digest",
                       image->manifest);
    image->config = blob_file(g, id);
    image->id = strdup(id);
    json_array_foreach (json_object_get(manifest, "layers"), i, layer) {
        const char *digest = json_str(layer, "digest");
        if (!digest || !digest_is_valid(digest))
            return err_set(e, EBADMSG, "manifest \"%s\" names layer %zu by no valid digest",
                           image->manifest, i + 1);
        _cleanup_free_ char *file = blob_file(g, digest);
        strv_add(&image->layers, file ? file : "");
        image->layers.failed |= !file;
    }
    return image->id ? 0 : err_nomem(e);
}

static int choose(struct reading *g, const json_t *manifests, const char *file, json_t **ret,
                  struct err *e)
{
    _cleanup_free_ char *wanted = platform_text(g->platform);
    json_t *entry = platform_choose(manifests, g->platform);
    const char *digest = json_str(entry, "digest");
    if (!entry)
        return err_set(e, ENOENT, "\"%s\" in the archive has no image for %s", file,
                       wanted ? wanted : "this machine");
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "\"%s\" in the archive names a manifest by no valid digest",
                       file);
    *ret = entry;
    return 0;
}

/* The image that the file @file leads to. @digest NULL: nobody says what it should have. */
static int follow(struct reading *g, const char *file, const char *digest, const char *said,
                  struct archive_image *image, int depth, struct err *e)
{
    _cleanup_json_ json_t *value = NULL;
    _cleanup_free_ char *real = NULL;
    const char *type = NULL;
    json_t *entry = NULL;
    int r = parse(g, file, &value, &real, e);
    if (r == 0 && digest && !str_eq(real, digest))
        r = err_set(e, EBADMSG, "\"%s\" in the archive is not what its digest says", file);
    if (r == 0)
        r = settle_type(value, said, file, &type, e);
    if (r < 0)
        return r;
    if (is_index_type(type)) {
        if (depth >= INDEXES_MAX)
            return err_set(e, EBADMSG, "\"%s\" in the archive is an index of indexes of indexes",
                           file);
        r = choose(g, json_object_get(value, "manifests"), file, &entry, e);
        if (r < 0)
            return r;
        _cleanup_free_ char *next = blob_file(g, json_str(entry, "digest"));
        return next ? follow(g, next, json_str(entry, "digest"), json_str(entry, "mediaType"),
                             image, depth + 1, e)
                    : err_nomem(e);
    }
    type = type ? type : LAYOUT_MANIFEST_TYPE;
    r = layout_check_manifest(value, type, real, e);
    if (r < 0)
        return r;
    image->manifest = strdup(file);
    image->type = strdup(type);
    return image->manifest && image->type ? fill(g, value, image, e) : err_nomem(e);
}

/* Also what an index names that is not for here: with a platform asked for, or with a choice. */
static bool is_passed_over(const struct reading *g, const json_t *entry, size_t n)
{
    const json_t *offered = json_object_get(entry, "platform");
    return offered && (g->strict || n > 1) &&
           (str_eq(json_str(offered, "os"), "unknown") ||
            (g->strict && !platform_serves(offered, g->platform)));
}

static int layout_entry(struct reading *g, const json_t *entry, struct err *e)
{
    struct archive_image image = {0};
    const char *digest = json_str(entry, "digest");
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "index.json of the archive names a manifest by no valid digest");
    _cleanup_free_ char *file = blob_file(g, digest);
    int r = file ? take_names(entry, &image, e) : err_nomem(e);
    if (r == 0)
        r = follow(g, file, digest, json_str(entry, "mediaType"), &image, 1, e);
    if (r == 0)
        return add(g, &image, e);
    image_fields_release(&image);
    return r;
}

/* Whether the entries are one image for several platforms. */
static bool is_one_image(const json_t *manifests)
{
    size_t i;
    json_t *entry;
    json_array_foreach (manifests, i, entry)
        if (!json_object_get(entry, "platform") ||
            json_object_get(json_object_get(entry, "annotations"), LAYOUT_REF_ANNOTATION) ||
            json_object_get(json_object_get(entry, "annotations"), NAME_ANNOTATION))
            return false;
    return json_array_size(manifests) > 1;
}

static int layout_images(struct reading *g, struct err *e)
{
    _cleanup_json_ json_t *index = NULL;
    size_t i;
    json_t *entry = NULL;
    int r = parse(g, "index.json", &index, NULL, e);
    const json_t *manifests = json_object_get(index, "manifests");
    if (r == 0 && !json_is_array(manifests))
        r = err_set(e, EBADMSG, "index.json of the archive has no list of manifests");
    if (r < 0)
        return r;
    if (is_one_image(manifests)) {
        r = choose(g, manifests, "index.json", &entry, e);
        return r < 0 ? r : layout_entry(g, entry, e);
    }
    json_array_foreach (manifests, i, entry) {
        r = is_passed_over(g, entry, json_array_size(manifests)) ? 0 : layout_entry(g, entry, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int folder_image(struct reading *g, struct err *e)
{
    struct archive_image image = {0};
    int r = follow(g, "manifest.json", NULL, NULL, &image, 1, e);
    if (r == 0)
        return add(g, &image, e);
    image_fields_release(&image);
    return r;
}

int archive_images_read(enum archive_form form, archive_document_fn *document, void *data,
                        const json_t *platform, bool strict, struct archive_images *ret,
                        struct err *e)
{
    struct reading g = {form, document, data, platform, strict, {0}};
    int r;
    if (form == ARCHIVE_FOLDER_OF_ONE)
        r = folder_image(&g, e);
    else if (is_there(&g, "index.json"))
        r = layout_images(&g, e);
    else if (is_there(&g, "manifest.json"))
        r = docker_images(&g, e);
    else
        r = err_set(e, EBADMSG,
                    "it is no archive of images: it has neither index.json nor manifest.json");
    if (r == 0 && g.found.n == 0) {
        _cleanup_free_ char *wanted = strict ? platform_text(platform) : NULL;
        r = err_set(e, ENOENT, "the archive has no image%s%s", wanted ? " for " : "",
                    wanted ? wanted : "");
    }
    if (r < 0)
        archive_images_release(&g.found);
    else
        *ret = g.found;
    return r;
}
