#include "image/store.h"

#include "base/file.h"
#include "base/str.h"
#include "image/layout.h"
#include "image/partial.h"
#include "image/reference.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

/* What a broken pull has fetched is forgotten when nobody has gone on with it. */
enum { PARTIAL_SECONDS = 7 * 24 * 3600 };

#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* What the images of the index need: two sets of hex digests. */
struct marks {
    json_t *blobs;
    json_t *layers;
};

static void marks_release(struct marks *m)
{
    json_decref(m->blobs);
    json_decref(m->layers);
}

int store_lock(int root_fd, int *ret, struct err *e)
{
    _cleanup_close_ int fd =
        openat(root_fd, "images/.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"images/.lock\"");
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(e, errno, "cannot lock the image store");
    *ret = TAKE_FD(fd);
    return 0;
}

/* Layers have nothing in common that would profit from lying side by side. */
static int make_layers(int root_fd, struct err *e)
{
    if (mkdirat(root_fd, "layers", 0700) < 0)
        return errno == EEXIST ? 0 : err_sys(e, errno, "cannot create folder \"layers\"");
    _cleanup_close_ int fd = dir_open(root_fd, "layers", false, e);
    if (fd < 0)
        return fd;
    dir_spread(fd);
    return 0;
}

int store_make(int root_fd, struct err *e)
{
    int r = dir_make(root_fd, "images", 0700, e);
    if (r == 0)
        r = dir_make(root_fd, LAYOUT_BLOBS, 0700, e);
    if (r == 0)
        r = make_layers(root_fd, e);
    if (r < 0 || faccessat(root_fd, "images/oci-layout", F_OK, 0) == 0)
        return r;
    /* Who sweeps takes temporary files for left ones. */
    _cleanup_close_ int lock = -EBADF;
    r = store_lock(root_fd, &lock, e);
    return r < 0 ? r
                 : file_replace(root_fd, "images/oci-layout", OCI_LAYOUT, sizeof(OCI_LAYOUT) - 1,
                                0644, 0, e);
}

static char *fresh_name(const char *prefix)
{
    unsigned long long nonce[2];
    if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
        return NULL;
    return str_printf("%s%016llx%016llx", prefix, nonce[0], nonce[1]);
}

int store_new_blob(int root_fd, char **ret_path, int *ret_fd, struct err *e)
{
    _cleanup_free_ char *path = fresh_name("images/.tmp-");
    if (!path)
        return err_nomem(e);
    _cleanup_close_ int fd = openat(root_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_sys(e, errno, "cannot create a file in \"images\"");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fchmod(fd, 0644) < 0)
        return err_sys(e, errno, "cannot claim \"%s\"", path);
    *ret_path = TAKE_PTR(path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int store_new_layer(int root_fd, char **ret_path, int *ret_fd, struct err *e)
{
    _cleanup_free_ char *path = fresh_name("layers/.tmp-");
    if (!path)
        return err_nomem(e);
    if (mkdirat(root_fd, path, 0700) < 0)
        return err_sys(e, errno, "cannot create a folder in \"layers\"");
    _cleanup_close_ int fd = dir_open(root_fd, path, false, e);
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_sys(e, errno, "cannot claim \"%s\"", path);
    if (mkdirat(fd, "fs", 0755) < 0 || fchmodat(fd, "fs", 0755, 0) < 0)
        return err_sys(e, errno, "cannot create \"%s/fs\"", path);
    *ret_path = TAKE_PTR(path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int mark(json_t *set, const char *digest)
{
    if (!digest || !digest_is_valid(digest))
        return -EBADMSG;
    return json_object_set_new(set, digest + sizeof("sha256:") - 1, json_true()) < 0 ? -ENOMEM : 0;
}

/* The folders of its layers: by their diff IDs, or as the index says. */
static int mark_folders(const json_t *entry, const json_t *config, struct marks *m)
{
    const char *list = json_string_value(
        json_object_get(json_object_get(entry, "annotations"), LAYOUT_LAYERS_ANNOTATION));
    size_t i;
    json_t *value;
    int r = 0;
    if (!list) {
        json_array_foreach (json_at(config, "rootfs.diff_ids"), i, value)
            r = r == 0 ? mark(m->layers, json_string_value(value)) : r;
        return r;
    }
    while (r == 0 && *list) {
        size_t n = strcspn(list, ",");
        _cleanup_free_ char *digest = str_printf("sha256:%.*s", (int)n, list);
        r = digest ? mark(m->layers, digest) : -ENOMEM;
        list += n + (list[n] == ',');
    }
    return r;
}

static int mark_image(int root_fd, const json_t *entry, struct marks *m)
{
    _cleanup_json_ json_t *manifest = NULL;
    _cleanup_json_ json_t *config = NULL;
    size_t i;
    json_t *value;

    int r = layout_read_manifest(root_fd, entry, &manifest, NULL);
    if (r == 0)
        r = layout_read_blob(root_fd, json_object_get(manifest, "config"), &config, NULL);
    if (r == 0)
        r = mark(m->blobs, json_str(entry, "digest"));
    if (r == 0)
        r = mark(m->blobs, json_str(manifest, "config.digest"));
    if (r < 0)
        return r;
    json_array_foreach (json_object_get(manifest, "layers"), i, value)
        if ((r = mark(m->blobs, json_str(value, "digest"))) < 0)
            return r;
    return mark_folders(entry, config, m);
}

static int mark_all(int root_fd, const json_t *index, struct marks *m)
{
    size_t i;
    json_t *entry;
    if (!m->blobs || !m->layers)
        return -ENOMEM;
    json_array_foreach (json_object_get(index, "manifests"), i, entry) {
        int r = mark_image(root_fd, entry, m);
        if (r < 0)
            return r;
    }
    return 0;
}

bool store_is_abandoned(int dirfd, const char *name)
{
    _cleanup_close_ int fd =
        openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int store_condemn(int root_fd, const char *path, struct err *e)
{
    _cleanup_free_ char *dead = fresh_name("layers/.dead-");
    if (!dead)
        return err_nomem(e);
    if (renameat(root_fd, path, root_fd, dead) < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot remove \"%s\"", path);
    return 0;
}

static int open_folder(int root_fd, const char *path, DIR **ret, struct err *e)
{
    _cleanup_close_ int fd = dir_open(root_fd, path, false, e);
    if (fd < 0)
        return fd;
    DIR *d = fdopendir(fd);
    if (!d)
        return err_sys(e, errno, "cannot read \"%s\"", path);
    (void)TAKE_FD(fd);
    *ret = d;
    return 0;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int sweep_images(int root_fd, struct err *e)
{
    _cleanup_closedir_ DIR *d = NULL;
    int r = open_folder(root_fd, "images", &d, e);
    if (r < 0)
        return r;
    for (struct dirent *entry; (entry = readdir(d));) {
        const char *name = entry->d_name;
        /* Replacing a file of the layout happens under the lock that is held here. */
        bool left = str_after(name, "index.json.tmp-") || str_after(name, "oci-layout.tmp-") ||
                    (str_after(name, ".tmp-") && store_is_abandoned(dirfd(d), name));
        if (left && unlinkat(dirfd(d), name, 0) < 0 && errno != ENOENT)
            return err_sys(e, errno, "cannot remove \"images/%s\"", name);
    }
    return 0;
}

static int sweep_blobs(int root_fd, const json_t *needed, struct err *e)
{
    _cleanup_closedir_ DIR *d = NULL;
    int r = open_folder(root_fd, LAYOUT_BLOBS, &d, e);
    if (r < 0)
        return r;
    for (struct dirent *entry; (entry = readdir(d));)
        if (!is_dot(entry->d_name) && !json_object_get(needed, entry->d_name) &&
            unlinkat(dirfd(d), entry->d_name, 0) < 0 && errno != ENOENT)
            return err_sys(e, errno, "cannot remove \"" LAYOUT_BLOBS "/%s\"", entry->d_name);
    return 0;
}

static int sweep_layers(int root_fd, const json_t *needed, struct err *e)
{
    _cleanup_closedir_ DIR *d = NULL;
    int r = open_folder(root_fd, "layers", &d, e);
    if (r < 0)
        return r;
    for (struct dirent *entry; (entry = readdir(d));) {
        const char *name = entry->d_name;
        bool temp = str_after(name, ".tmp-") != NULL;
        if (is_dot(name) || str_after(name, ".dead-") ||
            (temp && !store_is_abandoned(dirfd(d), name)) ||
            (!temp && (!needed || json_object_get(needed, name))))
            continue;
        _cleanup_free_ char *path = str_printf("layers/%s", name);
        if (!path)
            return err_nomem(e);
        r = store_condemn(root_fd, path, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int store_needed(int root_fd, const json_t *index, json_t **ret_blobs, json_t **ret_layers)
{
    _cleanup_(marks_release) struct marks m = {json_object(), json_object()};
    int r = mark_all(root_fd, index, &m);
    if (r < 0)
        return r;
    *ret_blobs = TAKE_PTR(m.blobs);
    *ret_layers = TAKE_PTR(m.layers);
    return 0;
}

int store_sweep(int root_fd, const json_t *index, struct err *e)
{
    _cleanup_(marks_release) struct marks m = {json_object(), json_object()};
    bool known = mark_all(root_fd, index, &m) == 0;
    int r = sweep_images(root_fd, e);
    (void)partial_sweep(root_fd, PARTIAL_SECONDS);
    if (r == 0 && known)
        r = sweep_blobs(root_fd, m.blobs, e);
    if (r == 0)
        r = sweep_layers(root_fd, known ? m.layers : NULL, e);
    return r;
}

void store_bury(int root_fd)
{
    _cleanup_closedir_ DIR *d = NULL;
    if (open_folder(root_fd, "layers", &d, NULL) < 0)
        return;
    for (struct dirent *entry; (entry = readdir(d));)
        if (str_after(entry->d_name, ".dead-"))
            (void)dir_remove(dirfd(d), entry->d_name, NULL);
}
