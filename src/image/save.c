#include "image/save.h"

#include "base/file.h"
#include "base/tar_header.h"
#include "image/hash.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/platform.h"
#include "image/reference.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>

#define NAME_ANNOTATION "io.containerd.image.name"
#define OCI_LAYOUT      "{\"imageLayoutVersion\":\"1.0.0\"}"

enum { PIECE = 64 << 10 };

/* An image, and the names under which it is saved. */
struct part {
    struct image image;
    struct strv names; /* full; may be empty */
};

struct saving {
    const struct save *s;
    struct part *parts;
    size_t n;
    json_t *written; /* digests of blobs that are in the archive */
    bool oci, docker;
};

static void saving_release(struct saving *g)
{
    for (size_t i = 0; i < g->n; i++) {
        image_release(&g->parts[i].image);
        strv_release(&g->parts[i].names);
    }
    free(g->parts);
    json_decref(g->written);
}

/* ---- which images ---- */

static void add_name(struct part *p, const char *name)
{
    for (size_t i = 0; i < p->names.n; i++)
        if (strcmp(p->names.v[i], name) == 0)
            return;
    strv_add(&p->names, name);
}

/* The part of the image @id, or a new one with what @what names. */
static int part_of(struct saving *g, const char *what, struct part **ret, struct err *e)
{
    _cleanup_image_ struct image image = {0};
    int r = image_find(g->s->root_fd, what, &image, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->parts[i].image.digest, image.digest) == 0) {
            *ret = &g->parts[i];
            return 0;
        }
    struct part *parts = realloc(g->parts, (g->n + 1) * sizeof(*parts));
    if (!parts)
        return err_nomem(e);
    g->parts = parts;
    parts[g->n] = (struct part){.image = TAKE(image, (struct image){0})};
    *ret = &parts[g->n++];
    return 0;
}

/* A name without a tag: all that the store has of it. */
static int add_tags(struct saving *g, const struct reference *ref, struct err *e)
{
    _cleanup_image_list_ struct image_list list = {0};
    _cleanup_free_ char *repository = reference_repository(ref);
    struct part *part = NULL;
    int r = repository ? image_list(g->s->root_fd, &list, NULL, e) : err_nomem(e);
    for (size_t i = 0; r == 0 && i < list.n; i++)
        for (size_t k = 0; r == 0 && k < list.v[i].names.n; k++) {
            const char *rest = str_after(list.v[i].names.v[k], repository);
            if (!rest || *rest != ':')
                continue;
            r = part_of(g, list.v[i].names.v[k], &part, e);
            if (r == 0)
                add_name(part, list.v[i].names.v[k]);
        }
    return r;
}

static bool has_name(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->names.n; i++)
        if (strcmp(image->names.v[i], name) == 0)
            return true;
    return false;
}

static int add_image(struct saving *g, const char *what, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    struct part *part = NULL;
    int r = part_of(g, what, &part, e);
    /* By its ID, or a digest, it has no name. */
    if (r < 0 || reference_parse(what, &ref, NULL) < 0 || ref.digest)
        return r;
    _cleanup_free_ char *full = reference_full(&ref);
    if (!full)
        return err_nomem(e);
    if (!has_name(&part->image, full))
        return 0;
    return reference_is_name_only(what) ? add_tags(g, &ref, e) : (add_name(part, full), 0);
}

static int check_platform(const struct saving *g, const json_t *wanted, struct err *e)
{
    for (size_t i = 0; g->s->platform && i < g->n; i++) {
        const struct image *image = &g->parts[i].image;
        if (platform_serves(image->config, wanted))
            continue;
        return err_set(e, ENOENT,
                       "image with reference %s was found but does not provide the specified "
                       "platform (%s)",
                       g->parts[i].names.n ? reference_short(g->parts[i].names.v[0]) : image->id,
                       g->s->platform);
    }
    return 0;
}

static int choose(struct saving *g, struct err *e)
{
    _cleanup_json_ json_t *wanted = NULL;
    const char *format = g->s->format;
    g->oci = !format || strcmp(format, "oci-archive") == 0;
    g->docker = !format || strcmp(format, "docker-archive") == 0;
    if (!g->oci && !g->docker)
        return err_set(e, EINVAL,
                       "unknown format \"%s\": there are \"docker-archive\" and \"oci-archive\"",
                       format);
    int r = platform_parse(g->s->platform, &wanted, e);
    for (size_t i = 0; r == 0 && i < g->s->n_names; i++)
        r = add_image(g, g->s->names[i], e);
    for (size_t i = 0; r == 0 && i < g->n; i++)
        if (g->parts[i].names.failed)
            r = err_nomem(e);
    return r < 0 ? r : check_platform(g, wanted, e);
}

/* ---- the archive ---- */

static int write_all(const struct saving *g, const void *bytes, size_t n, struct err *e)
{
    int r = fd_write_all(g->s->out_fd, bytes, n);
    return r < 0 ? err_sys(e, -r, "cannot write the archive") : 0;
}

static int write_head(const struct saving *g, const char *path, mode_t mode, off_t size,
                      struct err *e)
{
    _cleanup_str_ struct str head = {0};
    const struct tar_entry entry = {.path = path, .mode = mode, .size = size};
    tar_add_header(&head, &entry);
    return head.failed ? err_nomem(e) : write_all(g, head.s, head.len, e);
}

static int write_padding(const struct saving *g, off_t size, struct err *e)
{
    _cleanup_str_ struct str zeros = {0};
    tar_add_padding(&zeros, (unsigned long long)size);
    return zeros.failed ? err_nomem(e) : write_all(g, zeros.s, zeros.len, e);
}

static int write_text(const struct saving *g, const char *path, const char *text, struct err *e)
{
    off_t size = (off_t)strlen(text);
    int r = write_head(g, path, S_IFREG | 0644, size, e);
    if (r == 0)
        r = write_all(g, text, (size_t)size, e);
    return r < 0 ? r : write_padding(g, size, e);
}

static int write_json(const struct saving *g, const char *path, const json_t *value, struct err *e)
{
    _cleanup_free_ char *text = value ? json_text(value, JSON_COMPACT) : NULL;
    return text ? write_text(g, path, text, e) : err_nomem(e);
}

static int copy_slowly(const struct saving *g, int fd, struct err *e)
{
    _cleanup_free_ char *piece = malloc(PIECE);
    ssize_t n = piece ? 0 : err_nomem(e);
    while (n == 0 && (n = read(fd, piece, PIECE)) > 0)
        n = write_all(g, piece, (size_t)n, e);
    return n < 0 && piece && errno && !(e && e->code) ? err_sys(e, errno, "cannot read a blob")
                                                      : (int)n;
}

/* By the kernel, where it can: it cannot into a file that is open for appending. */
static int copy_blob(const struct saving *g, int fd, off_t size, struct err *e)
{
    off_t left = size;
    while (left > 0) {
        ssize_t n = sendfile(g->s->out_fd, fd, NULL, (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && left == size && (errno == EINVAL || errno == ENOSYS))
            return copy_slowly(g, fd, e);
        if (n <= 0)
            return err_sys(e, n < 0 ? errno : EIO, "cannot write the archive");
        left -= n;
    }
    return 0;
}

/* Once, however many images have it. */
static int write_blob(struct saving *g, const char *digest, long long size, struct err *e)
{
    struct stat st;
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "an image in the store names a blob by no valid digest");
    if (json_object_get(g->written, digest))
        return 0;
    _cleanup_free_ char *path = layout_blob_path(digest);
    if (!path || json_object_set_new(g->written, digest, json_true()) < 0)
        return err_nomem(e);
    _cleanup_close_ int fd =
        openat(g->s->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, errno, "cannot read \"%s\"", path);
    if (!S_ISREG(st.st_mode) || st.st_size != size)
        return err_set(e, EBADMSG, "\"%s\" has %lld bytes instead of %lld", path,
                       (long long)st.st_size, size);
    int r = write_head(g, str_after(path, "images/"), S_IFREG | 0644, st.st_size, e);
    if (r == 0)
        r = copy_blob(g, fd, st.st_size, e);
    return r < 0 ? r : write_padding(g, st.st_size, e);
}

static int write_blobs(struct saving *g, const struct image *image, struct err *e)
{
    const json_t *config = json_object_get(image->manifest, "config");
    size_t i;
    json_t *layer;
    int r = write_blob(g, json_str(config, "digest"), json_int(config, "size", -1), e);
    json_array_foreach (json_object_get(image->manifest, "layers"), i, layer)
        if (r == 0)
            r = write_blob(g, json_str(layer, "digest"), json_int(layer, "size", -1), e);
    return r < 0 ? r : write_blob(g, image->digest, image->manifest_size, e);
}

/* ---- what says which is which ---- */

static const char *tag_of(const char *full)
{
    return strrchr(full, ':') + 1;
}

static json_t *index_entry(const struct image *image, const char *name)
{
    const char *type = json_str(image->manifest, "mediaType");
    json_t *entry = json_pack("{s:s, s:s, s:I}", "mediaType", type ? type : LAYOUT_MANIFEST_TYPE,
                              "digest", image->digest, "size", (json_int_t)image->manifest_size);
    json_t *notes =
        name ? json_pack("{s:s, s:s}", NAME_ANNOTATION, name, LAYOUT_REF_ANNOTATION, tag_of(name))
             : NULL;
    if (name && (!notes || !entry || json_object_set_new(entry, "annotations", notes) < 0)) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

static int write_index(const struct saving *g, struct err *e)
{
    _cleanup_json_ json_t *manifests = json_array();
    for (size_t i = 0; i < g->n; i++) {
        const struct part *p = &g->parts[i];
        if (p->names.n == 0)
            json_gather(&manifests, index_entry(&p->image, NULL));
        for (size_t k = 0; k < p->names.n; k++)
            json_gather(&manifests, index_entry(&p->image, p->names.v[k]));
    }
    _cleanup_json_ json_t *index =
        manifests ? json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", LAYOUT_INDEX_TYPE,
                              "manifests", manifests)
                  : NULL;
    return write_json(g, "index.json", index, e);
}

static json_t *blob_file(const char *digest)
{
    const char *hex = digest ? str_after(digest, "sha256:") : NULL;
    return hex ? json_sprintf("blobs/sha256/%s", hex) : NULL;
}

static json_t *docker_entry(const struct part *p)
{
    json_t *tags = p->names.n ? json_array() : json_null(), *layers = json_array();
    json_t *sources = json_object();
    size_t i;
    json_t *layer;
    for (i = 0; i < p->names.n; i++)
        json_gather(&tags, json_string(reference_short(p->names.v[i])));
    json_array_foreach (json_object_get(p->image.manifest, "layers"), i, layer) {
        json_gather(&layers, blob_file(json_str(layer, "digest")));
        if (i < p->image.diff_ids.n)
            json_object_set(sources, p->image.diff_ids.v[i], layer);
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "Config", blob_file(p->image.id), "RepoTags", tags,
                     "Layers", layers, "LayerSources", sources);
}

/* {"busybox": {"latest": "HEX"}}: which of its layers that is has no meaning any more. */
static json_t *repositories(const struct saving *g)
{
    json_t *all = json_object();
    for (size_t i = 0; all && i < g->n; i++)
        for (size_t k = 0; k < g->parts[i].names.n; k++) {
            const struct part *p = &g->parts[i];
            const char *name = reference_short(p->names.v[k]);
            _cleanup_free_ char *repository = strndup(name, (size_t)(tag_of(name) - 1 - name));
            const json_t *layers = json_object_get(p->image.manifest, "layers");
            const char *top =
                json_str(json_array_get(layers, json_array_size(layers) - 1), "digest");
            json_t *tags = repository ? json_object_get(all, repository) : NULL;
            if (repository && !tags && (tags = json_object()))
                json_object_set_new(all, repository, tags);
            if (top && tags)
                json_object_set_new(tags, tag_of(name), json_string(str_after(top, "sha256:")));
        }
    return all;
}

static int write_docker(const struct saving *g, struct err *e)
{
    _cleanup_json_ json_t *list = json_array();
    for (size_t i = 0; i < g->n; i++)
        json_gather(&list, docker_entry(&g->parts[i]));
    _cleanup_json_ json_t *names = repositories(g);
    int r = write_json(g, "manifest.json", list, e);
    return r < 0 || json_object_size(names) == 0 ? r : write_json(g, "repositories", names, e);
}

static int write_archive(struct saving *g, struct err *e)
{
    _cleanup_str_ struct str end = {0};
    int r = write_head(g, "blobs", S_IFDIR | 0755, 0, e);
    if (r == 0)
        r = write_head(g, "blobs/sha256", S_IFDIR | 0755, 0, e);
    for (size_t i = 0; r == 0 && i < g->n; i++)
        r = write_blobs(g, &g->parts[i].image, e);
    if (r == 0 && g->oci)
        r = write_index(g, e);
    if (r == 0 && g->docker)
        r = write_docker(g, e);
    if (r == 0 && g->oci)
        r = write_text(g, "oci-layout", OCI_LAYOUT, e);
    tar_add_end(&end);
    if (r == 0)
        r = end.failed ? err_nomem(e) : write_all(g, end.s, end.len, e);
    return r;
}

int save_run(const struct save *s, struct err *e)
{
    _cleanup_(saving_release) struct saving g = {.s = s, .written = json_object()};
    int r = g.written ? choose(&g, e) : err_nomem(e);
    return r < 0 ? r : write_archive(&g, e);
}
