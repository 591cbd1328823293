#include "image/inventory.h"

#include "base/file.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/partial.h"
#include "image/reference.h"
#include "image/resolve.h"
#include "image/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct looking {
    int root_fd;
    image_finding *tell;
    void *data;
};

/* ---- images ---- */

/* The blob that a descriptor names, with the size that it says. NULL, or what is wrong. */
static const char *blob_fault(const struct looking *l, const json_t *desc)
{
    const char *digest = json_str(desc, "digest");
    struct stat st;
    if (!digest || !digest_is_valid(digest))
        return "a layer has no valid digest";
    _cleanup_free_ char *path = layout_blob_path(digest);
    if (!path || fstatat(l->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return "the archive of a layer is missing: pull or import it again";
    return S_ISREG(st.st_mode) && st.st_size == json_int(desc, "size", -1)
               ? NULL
               : "the archive of a layer has another size than it should: pull or import it again";
}

static const char *layers_fault(const struct looking *l, const struct image *img)
{
    struct stat st;
    for (size_t i = 0; i < img->layers.n; i++)
        if (fstatat(l->root_fd, img->layers.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISDIR(st.st_mode))
            return "the folder of a layer is missing: remove it, and pull or import it again";
    return image_size(l->root_fd, img) < 0 ? "the folder of a layer has no \"layer.json\": remove "
                                             "it, and pull or import it again"
                                           : NULL;
}

static void look_at_image(const struct looking *l, const json_t *index, const json_t *entry,
                          const struct stat *st)
{
    _cleanup_image_ struct image img = {0};
    _cleanup_json_ json_t *manifest = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    const char *name = layout_entry_name(entry), *digest = json_str(entry, "digest");
    const char *fault = NULL;
    size_t i;
    json_t *desc;
    int r = image_load(l->root_fd, index, entry, st, &img, &e);
    if (r == 0)
        r = layout_read_manifest(l->root_fd, entry, &manifest, &e);
    json_array_foreach (json_object_get(manifest, "layers"), i, desc)
        fault = fault ? fault : blob_fault(l, desc);
    if (r == 0 && !fault)
        fault = layers_fault(l, &img);
    if (r < 0 || fault)
        l->tell(l->data,
                name     ? reference_short(name)
                : digest ? digest
                         : "?",
                r < 0 ? err_text(&e) : fault, false);
}

/* ---- leftovers ---- */

static void look_for_left(const struct looking *l, const char *folder, const json_t *needed)
{
    int fd = openat(l->root_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        bool temporary = str_after(name, ".tmp-"), dead = str_after(name, ".dead-");
        bool left = temporary
                        ? store_is_abandoned(fd, name)
                        : dead || (needed && name[0] != '.' && !json_object_get(needed, name));
        _cleanup_free_ char *path = left ? str_printf("%s/%s", folder, name) : NULL;
        if (path)
            l->tell(l->data, path,
                    temporary || dead ? "its writer was killed" : "no image needs it", true);
    }
}

/* Locked, for whoever writes has what he writes locked and in the index before he lets go. */
static int look_for_leftovers(const struct looking *l, struct err *e)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL, *blobs = NULL, *layers = NULL;
    int r = store_lock(l->root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(l->root_fd, &index, NULL, e);
    if (r < 0)
        return r;
    if (store_needed(l->root_fd, index, &blobs, &layers) == 0) {
        look_for_left(l, LAYOUT_BLOBS, blobs);
        look_for_left(l, "layers", layers);
    } else {
        look_for_left(l, "layers", NULL);
    }
    _cleanup_closedir_ DIR *dir = NULL;
    int fd = openat(l->root_fd, "images", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *path = str_printf("images/%s", entry->d_name);
        if (path && str_after(entry->d_name, ".tmp-") && store_is_abandoned(fd, entry->d_name))
            l->tell(l->data, path, "its writer was killed", true);
    }
    return 0;
}

int image_inspect_store(int root_fd, image_finding *tell, void *data, size_t *ret_images,
                        struct err *e)
{
    const struct looking l = {.root_fd = root_fd, .tell = tell, .data = data};
    _cleanup_json_ json_t *index = NULL;
    struct stat st;
    size_t i;
    json_t *entry;
    *ret_images = 0;
    if (faccessat(root_fd, "images", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int r = layout_read_index(root_fd, &index, &st, e);
    if (r < 0)
        return r;
    json_array_foreach (json_object_get(index, "manifests"), i, entry) {
        look_at_image(&l, index, entry, &st);
        ++*ret_images;
    }
    return look_for_leftovers(&l, e);
}

static int sweep(int root_fd, long long *ret_partial, struct err *e)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    int r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r == 0)
        r = store_sweep(root_fd, index, e);
    if (r == 0 && ret_partial)
        *ret_partial = partial_sweep(root_fd, 0);
    fd_close(&lock);
    store_bury(root_fd);
    return r;
}

int image_sweep(int root_fd, struct err *e)
{
    return sweep(root_fd, NULL, e);
}

static bool has_dead(int root_fd, const char *folder)
{
    int fd = openat(root_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (str_after(entry->d_name, ".tmp-") || str_after(entry->d_name, ".dead-"))
            return true;
    return false;
}

void image_sweep_dead(int root_fd)
{
    if (has_dead(root_fd, "images") || has_dead(root_fd, "layers"))
        (void)image_sweep(root_fd, NULL);
}

int image_sweep_all(int root_fd, long long *ret_bytes, struct err *e)
{
    return sweep(root_fd, ret_bytes, e);
}
