#include "image/import.h"

#include "base/file.h"
#include "base/json.h"
#include "image/change.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/pipeline.h"
#include "image/reference.h"
#include "image/resolve.h"
#include "image/store.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <time.h>

/* An import on its way. */
struct job {
    const struct import *im;
    char *name;       /* full; NULL: none */
    json_t *config;   /* of the image; its layers come last */
    json_t *platform; /* for the index */
    json_t *parent;   /* its manifest; NULL: none */
    char *parent_digest;
    int in_fd;
    char *blob_path; /* temporary, NULL once it is in place */
    int blob_fd;
    char *layer_path;
    int layer_fd;
    struct pipeline_result result;
};

static void job_release(struct job *j)
{
    free(j->name);
    json_decref(j->config);
    json_decref(j->platform);
    json_decref(j->parent);
    free(j->parent_digest);
    fd_close(&j->in_fd);
    if (j->blob_path)
        unlinkat(j->im->root_fd, j->blob_path, 0);
    free(j->blob_path);
    fd_close(&j->blob_fd);
    if (j->layer_path) {
        (void)store_condemn(j->im->root_fd, j->layer_path, NULL);
        store_bury(j->im->root_fd);
    }
    free(j->layer_path);
    fd_close(&j->layer_fd);
    pipeline_result_release(&j->result);
}

/* The names that Go gives to architectures, which the image specification prescribes. */
static const char *go_architecture(const char *machine)
{
    static const struct {
        const char *machine, *name;
    } names[] = {
        {"x86_64", "amd64"},    {"aarch64", "arm64"},       {"i686", "386"},
        {"i386", "386"},        {"armv7l", "arm"},          {"armv6l", "arm"},
        {"ppc64le", "ppc64le"}, {"loongarch64", "loong64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(machine, names[i].machine) == 0)
            return names[i].name;
    return machine;
}

static bool is_platform_part(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
            !(s[i] >= '0' && s[i] <= '9') && !strchr("_.-", s[i]))
            return false;
    return n > 0 && n <= 64;
}

/* "os[/architecture[/variant]]", or only an architecture. */
static int parse_platform(const char *text, json_t **ret, struct err *e)
{
    struct utsname host;
    const char *parts[3] = {NULL};
    size_t n = 0;
    _cleanup_free_ char *copy = strdup(text ? text : "linux");
    if (!copy || uname(&host) < 0)
        return err_nomem(e);
    char *save = copy;
    for (char *part; (part = strsep(&save, "/"));) {
        if (n == ARRAY_LEN(parts) || !is_platform_part(part, strlen(part)))
            return err_set(e, EINVAL,
                           "\"%s\" is an invalid platform: must be os/architecture/variant", text);
        parts[n++] = part;
    }
    if (n == 1 && strcmp(parts[0], "linux") != 0) {
        parts[1] = parts[0];
        parts[0] = "linux";
    }
    if (strcmp(parts[0], "linux") != 0)
        return err_set(e, EINVAL, "operating system \"%s\" is not supported: only linux is",
                       parts[0]);
    *ret = json_pack("{s:s, s:s, s:s*}", "architecture",
                     go_architecture(parts[1] ? parts[1] : host.machine), "os", parts[0], "variant",
                     parts[2]);
    return *ret ? 0 : err_nomem(e);
}

/* RFC 3339 with nanoseconds, in UTC. */
static char *now_text(void)
{
    struct timespec now;
    struct tm tm;
    char seconds[32];
    clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &tm) ||
        strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return NULL;
    return str_printf("%s.%09ldZ", seconds, now.tv_nsec);
}

/* What a key of the new config says; nothing for NULL. */
static int put_text(json_t *object, const char *key, const char *text, struct err *e)
{
    if (!text || !*text)
        return 0;
    json_t *value = json_string(text);
    if (!value)
        return err_set(e, EINVAL, "the %s is not text in UTF-8",
                       strcmp(key, "comment") == 0 ? "message" : key);
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

/* One more entry of the history. Its layer may turn out to be empty: see place_image. */
static int add_history(struct job *j, const char *now, struct err *e)
{
    const struct import *im = j->im;
    _cleanup_free_ char *from = str_printf("Imported from %s", im->file);
    _cleanup_json_ json_t *entry = json_pack("{s:s}", "created", now);
    json_t *history = json_object_get(j->config, "history");
    if (!from || !entry)
        return err_nomem(e);
    int r = put_text(entry, "created_by", im->created_by, e);
    if (r == 0)
        r = put_text(entry, "author", im->author, e);
    if (r == 0)
        r = put_text(entry, "comment", im->message ? im->message : im->parent ? NULL : from, e);
    if (r < 0)
        return r;
    if (!json_is_array(history) &&
        json_object_set_new(j->config, "history", history = json_array()) < 0)
        return err_nomem(e);
    return json_array_append(history, entry) < 0 ? err_nomem(e) : 0;
}

/* What a config says of the container that its image was once made from is not true of ours. */
static void drop_past(json_t *config)
{
    static const char *const keys[] = {"author", "container", "container_config", "docker_version"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        json_object_del(config, keys[i]);
}

static int new_config(struct job *j, struct err *e)
{
    const struct import *im = j->im;
    _cleanup_free_ char *now = now_text();
    if (!j->config)
        j->config = json_deep_copy(j->platform);
    json_t *settings = im->settings ? json_deep_copy(im->settings) : json_object();
    if (!now || json_object_set_new(j->config, "config", settings) < 0 ||
        json_object_set_new(j->config, "created", json_string(now)) < 0)
        return err_nomem(e);
    drop_past(j->config);
    int r = put_text(j->config, "author", im->author, e);
    if (r == 0)
        r = add_history(j, now, e);
    for (size_t i = 0; r == 0 && i < im->changes.n; i++)
        r = change_apply(settings, im->changes.v[i], e);
    return r;
}

/* Reads the parent's manifest, and its config as the one to begin with. */
static int take_parent(struct job *j, struct err *e)
{
    _cleanup_json_ json_t *index = NULL;
    json_t *entry = NULL;
    if (!j->im->parent)
        return 0;
    int r = layout_read_index(j->im->root_fd, &index, NULL, e);
    if (r == 0)
        r = resolve(j->im->root_fd, index, j->im->parent, &entry, NULL, e);
    if (r == 0)
        r = layout_read_manifest(j->im->root_fd, entry, &j->parent, e);
    if (r == 0)
        r = layout_read_blob(j->im->root_fd, json_object_get(j->parent, "config"), &j->config, e);
    if (r < 0)
        return r;
    if (json_array_size(json_object_get(j->parent, "layers")) !=
        json_array_size(json_at(j->config, "rootfs.diff_ids")))
        return err_set(e, EBADMSG, "image \"%s\" has not as many diff IDs as layers",
                       j->im->parent);
    if (json_array_size(json_object_get(j->parent, "layers")) >= LAYOUT_LAYERS_MAX)
        return err_set(e, E2BIG, "image \"%s\" has %d layers, and no image may have more",
                       j->im->parent, LAYOUT_LAYERS_MAX);
    j->parent_digest = strdup(json_str(entry, "digest"));
    j->platform = json_pack(
        "{s:O*, s:O*, s:O*}", "architecture", json_object_get(j->config, "architecture"), "os",
        json_object_get(j->config, "os"), "variant", json_object_get(j->config, "variant"));
    return j->parent_digest && j->platform ? 0 : err_nomem(e);
}

/* Everything that can be refused without reading the archive. */
static int prepare(struct job *j, struct err *e)
{
    const struct import *im = j->im;
    int r = im->name ? reference_claim(im->name, &j->name, e) : 0;
    if (r == 0)
        r = take_parent(j, e);
    if (r == 0 && !j->parent)
        r = parse_platform(im->platform, &j->platform, e);
    if (r == 0)
        r = new_config(j, e);
    if (r < 0)
        return r;
    bool from_stdin = strcmp(im->file, "-") == 0;
    j->in_fd = from_stdin ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(im->file, O_RDONLY | O_CLOEXEC);
    if (j->in_fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", im->file);
    struct stat st;
    if (fstat(j->in_fd, &st) == 0 && S_ISDIR(st.st_mode))
        return err_sys(e, EISDIR, "cannot read \"%s\"", im->file);
    return 0;
}

static int claim_place(struct job *j, struct err *e)
{
    int root = j->im->root_fd;
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    int r = store_make(root, e);
    if (r == 0)
        r = store_lock(root, &lock, e);
    if (r == 0)
        r = layout_read_index(root, &index, NULL, e);
    if (r == 0)
        r = store_sweep(root, index, e);
    if (r == 0)
        r = store_new_blob(root, &j->blob_path, &j->blob_fd, e);
    if (r == 0)
        r = store_new_layer(root, &j->layer_path, &j->layer_fd, e);
    fd_close(&lock);
    store_bury(root);
    return r;
}

/* The names come from the unpacker, which may be in a stranger's hands. */
static int mark_opaque(int folder_fd, const struct strv *paths, struct err *e)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    for (size_t i = 0; i < paths->n; i++) {
        const char *path = *paths->v[i] ? paths->v[i] : ".";
        _cleanup_close_ int fd = (int)syscall(SYS_openat2, folder_fd, path, &how, sizeof(how));
        if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
            return err_sys(e, errno, "cannot make the folder \"%s\" opaque", path);
    }
    return 0;
}

static int take_apart(struct job *j, struct err *e)
{
    const struct unpacked *u = &j->result.unpacked;
    _cleanup_close_ int folder = dir_open(j->layer_fd, "fs", false, e);
    if (folder < 0)
        return folder;
    const struct pipeline p = {
        .in_fd = j->in_fd,
        .blob_fd = j->blob_fd,
        .folder_fd = folder,
        .limits = &j->im->limits,
    };
    int r = pipeline_run(&p, &j->result, e);
    if (r == 0)
        r = mark_opaque(folder, &u->opaque, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *facts =
        json_pack("{s:I, s:I}", "size", (json_int_t)u->size, "entries", (json_int_t)u->entries);
    if (!facts)
        return err_nomem(e);
    r = json_write(j->layer_fd, "layer.json", facts, 0644, 0, e);
    if (r < 0)
        return r;
    /* Once for all files, before anything names them. */
    return syncfs(j->layer_fd) < 0 ? err_sys(e, errno, "cannot write the layer to the disk") : 0;
}

/* Renames the finished blob to its digest. One that is there already has the same bytes. */
static int place_blob(struct job *j, struct err *e)
{
    _cleanup_free_ char *path = layout_blob_path(j->result.blob_digest);
    if (!path)
        return err_nomem(e);
    if (renameat(j->im->root_fd, j->blob_path, j->im->root_fd, path) < 0)
        return err_sys(e, errno, "cannot put \"%s\" in place", path);
    free(TAKE_PTR(j->blob_path));
    return 0;
}

static int place_layer(struct job *j, struct err *e)
{
    int root = j->im->root_fd;
    _cleanup_free_ char *path = str_printf("layers/%s", j->result.diff_id + sizeof("sha256:") - 1);
    if (!path)
        return err_nomem(e);
    if (renameat2(root, j->layer_path, root, path, RENAME_NOREPLACE) < 0) {
        if (errno == EEXIST)
            return 0; /* the same layer: a container may be using it */
        return err_sys(e, errno, "cannot put \"%s\" in place", path);
    }
    free(TAKE_PTR(j->layer_path));
    return 0;
}

/* Writes @value as a blob; gives its descriptor. */
static int place_json(int root_fd, const json_t *value, const char *type, json_t **ret,
                      struct err *e)
{
    _cleanup_free_ char *text = json_text(value, JSON_COMPACT);
    _cleanup_free_ char *digest = NULL;
    if (!text)
        return err_nomem(e);
    size_t n = strlen(text);
    if (n > LAYOUT_BLOB_MAX)
        return err_set(e, EINVAL, "the image's config is larger than %d bytes", LAYOUT_BLOB_MAX);
    int r = hash_bytes(text, n, &digest, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = layout_blob_path(digest);
    if (!path)
        return err_nomem(e);
    r = file_replace(root_fd, path, text, n, 0644, FILE_SYNC, e);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)n);
    return *ret ? 0 : err_nomem(e);
}

/* A container that changed nothing adds no layer to its image. */
static bool is_empty(const struct job *j)
{
    return j->parent && j->result.unpacked.entries == 0;
}

/* The parent's list, with @item behind it. */
static json_t *longer(const json_t *list, json_t *item)
{
    json_t *all = json_array();
    if (all && json_is_array(list) && json_array_extend(all, (json_t *)(uintptr_t)list) < 0) {
        json_decref(all);
        all = NULL;
    }
    json_gather(&all, item);
    return all;
}

static int put_layer(struct job *j, json_t **ret_layers, struct err *e)
{
    const struct pipeline_result *res = &j->result;
    json_t *history = json_object_get(j->config, "history");
    json_t *layers = json_object_get(j->parent, "layers");
    if (is_empty(j)) {
        *ret_layers = json_incref(layers);
        return json_object_set_new(json_array_get(history, json_array_size(history) - 1),
                                   "empty_layer", json_true()) < 0
                   ? err_nomem(e)
                   : 0;
    }
    json_t *ids = longer(json_at(j->config, "rootfs.diff_ids"), json_string(res->diff_id));
    json_t *rootfs = json_pack("{s:s, s:o}", "type", "layers", "diff_ids", ids);
    *ret_layers =
        longer(layers, json_pack("{s:s, s:s, s:I}", "mediaType", res->media_type, "digest",
                                 res->blob_digest, "size", (json_int_t)res->blob_size));
    return json_object_set_new(j->config, "rootfs", rootfs) < 0 || !*ret_layers ? err_nomem(e) : 0;
}

static int place_image(struct job *j, json_t **ret_manifest, json_t **ret_config, struct err *e)
{
    int root = j->im->root_fd;
    _cleanup_json_ json_t *config = NULL;
    _cleanup_json_ json_t *layers = NULL;
    int r = put_layer(j, &layers, e);
    if (r == 0)
        r = place_json(root, j->config, LAYOUT_CONFIG_TYPE, &config, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *manifest =
        json_pack("{s:i, s:s, s:O, s:O}", "schemaVersion", 2, "mediaType", LAYOUT_MANIFEST_TYPE,
                  "config", config, "layers", layers);
    if (!manifest)
        return err_nomem(e);
    r = place_json(root, manifest, LAYOUT_MANIFEST_TYPE, ret_manifest, e);
    if (r == 0)
        *ret_config = TAKE_PTR(config);
    return r;
}

/* Once more, with the store locked: its layers are there as long as it is. */
static int confirm_parent(const struct job *j, const json_t *index, struct err *e)
{
    json_t *entry;
    return j->parent ? resolve(j->im->root_fd, index, j->parent_digest, &entry, NULL, e) : 0;
}

/* From here on the image is in the store, all of it or nothing. */
static int commit(struct job *j, char **ret_id, struct err *e)
{
    int root = j->im->root_fd;
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    _cleanup_json_ json_t *manifest = NULL;
    _cleanup_json_ json_t *config = NULL;

    int r = store_lock(root, &lock, e);
    if (r == 0)
        r = layout_read_index(root, &index, NULL, e);
    if (r == 0)
        r = confirm_parent(j, index, e);
    if (r == 0 && !is_empty(j))
        r = place_blob(j, e);
    if (r == 0 && !is_empty(j))
        r = place_layer(j, e);
    if (r == 0)
        r = place_image(j, &manifest, &config, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *id = strdup(json_str(config, "digest"));
    if (!id)
        return err_nomem(e);
    r = layout_index_name(index, json_str(manifest, "digest"), json_int(manifest, "size", 0),
                          j->platform, j->name, e);
    if (r == 0)
        r = layout_write_index(root, index, e);
    if (r == 0)
        *ret_id = TAKE_PTR(id);
    return r;
}

/* What commit put in place before it failed belongs to no image. */
static void undo(const struct import *im)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    if (store_lock(im->root_fd, &lock, NULL) == 0 &&
        layout_read_index(im->root_fd, &index, NULL, NULL) == 0)
        (void)store_sweep(im->root_fd, index, NULL);
    fd_close(&lock);
    store_bury(im->root_fd);
}

int import_run(const struct import *im, char **ret_id, struct err *e)
{
    _cleanup_(job_release) struct job j = {
        .im = im,
        .in_fd = -EBADF,
        .blob_fd = -EBADF,
        .layer_fd = -EBADF,
    };
    int r = prepare(&j, e);
    if (r == 0)
        r = claim_place(&j, e);
    if (r == 0)
        r = take_apart(&j, e);
    if (r < 0)
        return r;
    r = commit(&j, ret_id, e);
    if (r < 0)
        undo(im);
    return r;
}
