#include "image/import.h"

#include "base/file.h"
#include "base/json.h"
#include "image/change.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/platform.h"
#include "image/put.h"
#include "image/reference.h"
#include "image/resolve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* An import on its way. */
struct job {
    const struct import *im;
    char *name;       /* full; NULL: none */
    json_t *config;   /* of the image; its layers come last */
    json_t *platform; /* for the index */
    json_t *parent;   /* its manifest; NULL: none */
    int in_fd;
    struct fresh_layer layer;
};

static void job_release(struct job *j)
{
    free(j->name);
    json_decref(j->config);
    json_decref(j->platform);
    json_decref(j->parent);
    fd_close(&j->in_fd);
    fresh_layer_release(&j->layer);
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
    j->platform = json_pack(
        "{s:O*, s:O*, s:O*}", "architecture", json_object_get(j->config, "architecture"), "os",
        json_object_get(j->config, "os"), "variant", json_object_get(j->config, "variant"));
    return j->platform ? 0 : err_nomem(e);
}

/* Everything that can be refused without reading the archive. */
static int prepare(struct job *j, struct err *e)
{
    const struct import *im = j->im;
    int r = im->name ? reference_claim(im->name, &j->name, e) : 0;
    if (r == 0)
        r = take_parent(j, e);
    if (r == 0 && !j->parent)
        r = platform_parse(im->platform, &j->platform, e);
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

/* A container that changed nothing adds no layer to its image. */
static bool is_empty(const struct job *j)
{
    return j->parent && j->layer.result.unpacked.entries == 0;
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
    const struct pipeline_result *res = &j->layer.result;
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

/* The manifest of the image with the config @text. */
static json_t *new_manifest(const char *text, json_t *layers, struct err *e)
{
    _cleanup_free_ char *digest = NULL;
    if (hash_bytes(text, strlen(text), &digest, e) < 0)
        return NULL;
    json_t *manifest =
        json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
                  LAYOUT_MANIFEST_TYPE, "config", "mediaType", LAYOUT_CONFIG_TYPE, "digest", digest,
                  "size", (json_int_t)strlen(text), "layers", layers);
    if (!manifest)
        err_nomem(e);
    return manifest;
}

/* From here on the image is in the store, all of it or nothing. */
static int commit(struct job *j, char **ret_id, struct err *e)
{
    _cleanup_json_ json_t *layers = NULL;
    int r = put_layer(j, &layers, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *config = json_text(j->config, JSON_COMPACT);
    if (!config)
        return err_nomem(e);
    _cleanup_json_ json_t *value = new_manifest(config, layers, e);
    _cleanup_free_ char *manifest = value ? json_text(value, JSON_COMPACT) : NULL;
    if (!manifest)
        return value ? err_nomem(e) : -ENOMEM;
    const struct new_image image = {
        .layers = &j->layer,
        .n_layers = !is_empty(j),
        .config = config,
        .config_len = strlen(config),
        .manifest = manifest,
        .manifest_len = strlen(manifest),
        .manifest_type = LAYOUT_MANIFEST_TYPE,
        .platform = j->platform,
        .name = j->name,
    };
    r = put_image(j->im->root_fd, &image, ret_id, e);
    if (r == -ESTALE)
        return err_set(e, ENOENT, "no such image: %s: it was removed meanwhile", j->im->parent);
    return r;
}

int import_run(const struct import *im, char **ret_id, struct err *e)
{
    _cleanup_(job_release) struct job j = {.im = im, .in_fd = -EBADF, .layer = FRESH_LAYER_INIT};
    int r = prepare(&j, e);
    if (r == 0)
        r = fresh_layer_begin(im->root_fd, &j.layer, e);
    if (r == 0)
        r = fresh_layer_unpack(&j.layer, j.in_fd, &im->limits, e);
    return r < 0 ? r : commit(&j, ret_id, e);
}
