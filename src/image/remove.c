#include "image/image.h"

#include "image/layout.h"
#include "image/reference.h"
#include "image/resolve.h"
#include "image/store.h"

#include <string.h>

/* One removal on its way: the store is locked from the first to the last step. */
struct removal {
    int root_fd;
    const struct image_remove_options *options;
    const char *what;
    json_t *index;
    struct image img; /* without a config when the image is damaged */
    char *by_name;    /* the name, or the name and digest, that was given; NULL when it was an ID */
    struct strv others; /* of an ID the digests of the other manifests that have it */
    struct strv *done;
};

static void removal_release(struct removal *rm)
{
    json_decref(rm->index);
    image_release(&rm->img);
    free(rm->by_name);
    strv_release(&rm->others);
}

static int copy_entry(const json_t *index, const json_t *entry, struct image *img, struct err *e)
{
    const char *digest = json_str(entry, "digest");
    size_t i;
    json_t *other;
    img->digest = strdup(digest ? digest : "");
    json_array_foreach (json_object_get(index, "manifests"), i, other) {
        const char *name = layout_entry_name(other);
        if (name && str_eq(json_str(other, "digest"), digest))
            strv_add(&img->names, name);
    }
    return !img->digest || img->names.failed ? err_nomem(e) : 0;
}

static bool is_listed(const struct strv *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], text) == 0)
            return true;
    return false;
}

static void add_once(struct strv *list, const char *text)
{
    if (text && !is_listed(list, text))
        strv_add(list, text);
}

/* An image may have come with several manifests (packed otherwise, say): by its ID all of them are
 * meant, with their names. */
static int find_others(struct removal *rm, struct err *e)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(rm->index, "manifests"), i, entry) {
        _cleanup_json_ json_t *manifest = NULL;
        const char *digest = json_str(entry, "digest");
        if (!digest || str_eq(digest, rm->img.digest) ||
            layout_read_manifest(rm->root_fd, entry, &manifest, NULL) < 0 ||
            !str_eq(json_str(manifest, "config.digest"), rm->img.id))
            continue;
        add_once(&rm->others, digest);
        add_once(&rm->img.names, layout_entry_name(entry));
        add_once(&rm->img.repo_digests, layout_entry_repo_digest(entry));
    }
    return rm->others.failed || rm->img.names.failed || rm->img.repo_digests.failed ? err_nomem(e)
                                                                                    : 0;
}

static int find(struct removal *rm, struct err *e)
{
    json_t *entry = NULL;
    struct stat st;
    int r = layout_read_index(rm->root_fd, &rm->index, &st, e);
    if (r == 0)
        r = resolve(rm->root_fd, rm->index, rm->what, &entry, &rm->by_name, e);
    if (r < 0)
        return r;
    r = image_load(rm->root_fd, rm->index, entry, &st, &rm->img, NULL);
    if (r == -ENOMEM)
        return err_nomem(e);
    /* A damaged image can be got rid of too. */
    if (r < 0)
        return copy_entry(rm->index, entry, &rm->img, e);
    bool by_id = !rm->by_name && strcmp(rm->what, rm->img.digest) != 0;
    return by_id ? find_others(rm, e) : 0;
}

/* Drops the entries of the image, or only the one that has @name. */
static void drop_entries(struct removal *rm, const char *name)
{
    json_t *entries = json_object_get(rm->index, "manifests");
    for (size_t i = json_array_size(entries); i-- > 0;) {
        const json_t *entry = json_array_get(entries, i);
        const char *digest = json_str(entry, "digest");
        if (!str_eq(digest ? digest : "", rm->img.digest) &&
            !is_listed(&rm->others, digest ? digest : ""))
            continue;
        if (name && !str_eq(layout_entry_name(entry), name))
            continue;
        json_array_remove(entries, i);
    }
}

static void say_untagged(struct removal *rm, const char *name)
{
    strv_addf(rm->done, "Untagged: %s", reference_short(name));
}

static bool in_one_repository(const struct strv *names)
{
    for (size_t i = 1; i < names->n; i++) {
        const char *first = names->v[0], *other = names->v[i];
        size_t n = (size_t)(strrchr(first, ':') - first);
        if (n != (size_t)(strrchr(other, ':') - other) || memcmp(first, other, n) != 0)
            return false;
    }
    return true;
}

static enum image_use use_of(const struct removal *rm, char **ret_by)
{
    const struct image_remove_options *o = rm->options;
    return o && o->in_use && rm->img.id ? o->in_use(o->data, rm->img.id, ret_by) : IMAGE_UNUSED;
}

static int refuse_use(const struct removal *rm, enum image_use use, const char *by, struct err *e)
{
    const char *id = rm->img.id + sizeof("sha256:") - 1;
    return err_set(e, EBUSY, "conflict: unable to delete %.12s (%s) - image is being used by %s %s",
                   id, use == IMAGE_USED_RUNNING ? "cannot be forced" : "must be forced",
                   use == IMAGE_USED_RUNNING ? "running" : "stopped", by ? by : "container");
}

/* All names go, the image stays for the container that is stopped. */
static int untag_all(struct removal *rm, struct err *e)
{
    json_t *entries = json_object_get(rm->index, "manifests");
    json_t *kept = NULL;
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry)
        if (!kept && str_eq(json_str(entry, "digest"), rm->img.digest))
            kept = json_deep_copy(entry);
    json_object_del(json_object_get(kept, "annotations"), LAYOUT_REF_ANNOTATION);
    drop_entries(rm, NULL);
    int r = json_array_append_new(entries, kept) < 0 ? err_nomem(e) : 0;
    if (r == 0)
        r = layout_write_index(rm->root_fd, rm->index, e);
    for (size_t n = 0; r == 0 && n < rm->img.names.n; n++)
        say_untagged(rm, rm->img.names.v[n]);
    return r;
}

/* Takes the image out of the index, then asks again: see image_confirm. */
static int delete_image(struct removal *rm, struct err *e)
{
    _cleanup_free_ char *by = NULL;
    _cleanup_json_ json_t *before = json_deep_copy(rm->index);
    if (!before)
        return err_nomem(e);
    drop_entries(rm, NULL);
    int r = layout_write_index(rm->root_fd, rm->index, e);
    if (r < 0)
        return r;
    enum image_use use = use_of(rm, &by);
    if (use != IMAGE_UNUSED) {
        r = layout_write_index(rm->root_fd, before, e);
        return r < 0 ? r : refuse_use(rm, use, by, e);
    }
    for (size_t i = 0; i < rm->img.names.n; i++)
        say_untagged(rm, rm->img.names.v[i]);
    for (size_t i = 0; i < rm->img.repo_digests.n; i++)
        say_untagged(rm, rm->img.repo_digests.v[i]);
    strv_addf(rm->done, "Deleted: %s", rm->img.id ? rm->img.id : rm->img.digest);
    return store_sweep(rm->root_fd, rm->index, e);
}

/* The image keeps its names and loses what a registry called it. 0 when it was not called so. */
static int untag_digest(struct removal *rm, struct err *e)
{
    int n = 0;
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(rm->index, "manifests"), i, entry) {
        if (!str_eq(layout_entry_repo_digest(entry), rm->by_name))
            continue;
        if (json_object_del(json_object_get(entry, "annotations"), LAYOUT_DIGEST_ANNOTATION) < 0)
            return err_nomem(e);
        n++;
    }
    int r = n > 0 ? layout_write_index(rm->root_fd, rm->index, e) : 0;
    if (r < 0)
        return r;
    if (n > 0)
        say_untagged(rm, rm->by_name);
    return n;
}

static int remove_locked(struct removal *rm, struct err *e)
{
    _cleanup_free_ char *by = NULL;
    bool force = rm->options && rm->options->force;
    int r = find(rm, e);
    if (r < 0)
        return r;
    bool by_digest = rm->by_name && strchr(rm->by_name, '@');
    if (by_digest && rm->img.names.n > 0 && (r = untag_digest(rm, e)) != 0)
        return r < 0 ? r : 0;
    if (rm->by_name && !by_digest && rm->img.names.n > 1) {
        drop_entries(rm, rm->by_name);
        r = layout_write_index(rm->root_fd, rm->index, e);
        if (r == 0)
            say_untagged(rm, rm->by_name);
        return r;
    }
    if (!force && !in_one_repository(&rm->img.names))
        return err_set(e, EBUSY,
                       "conflict: unable to delete %.12s (must be forced) - image is referenced in "
                       "multiple repositories",
                       rm->what);
    enum image_use use = use_of(rm, &by);
    if (use == IMAGE_USED_RUNNING || (use == IMAGE_USED_STOPPED && !force))
        return refuse_use(rm, use, by, e);
    return use == IMAGE_USED_STOPPED ? untag_all(rm, e) : delete_image(rm, e);
}

int image_remove(int root_fd, const char *what, const struct image_remove_options *options,
                 struct strv *ret_done, struct err *e)
{
    _cleanup_strv_ struct strv done = {0};
    _cleanup_(removal_release) struct removal rm = {
        .root_fd = root_fd,
        .options = options,
        .what = what,
        .done = &done,
    };
    _cleanup_close_ int lock = -EBADF;

    int r = store_make(root_fd, e);
    if (r == 0)
        r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = remove_locked(&rm, e);
    fd_close(&lock);
    if (r < 0)
        return r;
    store_bury(root_fd);
    if (done.failed)
        return err_nomem(e);
    *ret_done = TAKE(done, (struct strv){0});
    return 0;
}
