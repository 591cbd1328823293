#include "image/push.h"

#include "base/file.h"
#include "image/fetcher.h"
#include "image/folded.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/platform.h"
#include "image/put.h"
#include "image/resolve.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 4, MOUNTS_MAX = 3, SHORT_ID = 12 };

#define DOCKER_LAYER_TYPE "application/vnd.docker.image.rootfs.diff.tar"
#define ACTIONS           "pull,push"

/* One blob on its way. */
struct job {
    char id[SHORT_ID + 1]; /* "" for the config, of which nothing is shown */
    char *digest;
    long long size;
    int fd;
    bool begun, done;
};

struct slot {
    struct fetcher fetcher;
    struct job *job; /* NULL: idle */
};

struct pushing {
    const struct push *p;
    const struct reference *reference;
    const struct endpoint *place;
    const struct credentials *who;
    json_t *index;       /* of the store */
    const json_t *entry; /* the image's in it */
    json_t *config;
    json_t *manifest; /* of the image, as it is pushed */
    char *text;       /* its bytes */
    char *digest;     /* of them */
    const char *kept; /* the digest of the manifest that the store has */
    const char *type;
    struct job *jobs;
    size_t n_jobs;
    struct slot slots[SLOTS];
};

static void pushing_release(struct pushing *g)
{
    for (size_t i = 0; i < SLOTS; i++)
        fetcher_release(&g->slots[i].fetcher);
    for (size_t i = 0; i < g->n_jobs; i++) {
        free(g->jobs[i].digest);
        fd_close(&g->jobs[i].fd);
    }
    free(g->jobs);
    json_decref(g->index);
    json_decref(g->config);
    json_decref(g->manifest);
    free(g->text);
    free(g->digest);
}

/* ---- what is pushed ---- */

static int open_blob(int root_fd, const char *digest, struct err *e)
{
    _cleanup_free_ char *path = digest ? layout_blob_path(digest) : NULL;
    if (!path)
        return err_nomem(e);
    int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? err_sys(e, errno, "cannot open \"%s\" of the store", path) : fd;
}

/* Whether a layer of @type is to be compressed before it goes, and how. */
static bool must_fold(const struct push *p, const char *type, enum fold_kind *ret)
{
    size_t n = type ? strlen(type) : 0;
    bool gzip = n > 4 && strcmp(type + n - 4, "gzip") == 0;
    bool zstd = n > 4 && strcmp(type + n - 4, "zstd") == 0;
    *ret = str_eq(p->compression, "zstd") ? FOLD_ZSTD : FOLD_GZIP;
    if (p->compression)
        return *ret == FOLD_ZSTD ? !zstd : !gzip;
    return !gzip && !zstd;
}

/* Whether the registry has a blob. When it cannot say, it has not. */
static bool is_at_registry(struct pushing *g, const char *digest, long long size)
{
    _cleanup_json_ json_t *answer = NULL;
    struct fetcher *f = &g->slots[0].fetcher;
    return fetcher_ask(f,
                       json_pack("{s:s, s:s, s:o, s:s}", "op", "head", "repository", g->place->path,
                                 "path", json_sprintf("blobs/%s", digest), "actions", ACTIONS),
                       -1, NULL) == 0 &&
           fetcher_wait(f, NULL, NULL, &answer, NULL) == 0 &&
           json_int(answer, "length", size) == size;
}

/* What came of it the last time is at the registry: nothing is to be done. */
static bool recall_layer(struct pushing *g, struct job *j, enum fold_kind kind)
{
    _cleanup_free_ char *digest = NULL;
    long long size;
    if (!folded_recall(g->p->root_fd, j->digest, kind, &digest, &size) ||
        !is_at_registry(g, digest, size))
        return false;
    progress_say(&g->p->progress, j->id, "Layer already exists");
    free(j->digest);
    fd_close(&j->fd);
    j->digest = TAKE_PTR(digest);
    j->size = size;
    j->begun = j->done = true;
    return true;
}

static int compress_layer(struct pushing *g, struct job *j, enum fold_kind kind, struct err *e)
{
    struct folded folded;
    _cleanup_close_ int dir = dir_open(g->p->root_fd, "images", false, e);
    if (dir < 0)
        return dir;
    progress_say(&g->p->progress, j->id, "Compressing");
    int r = fold(j->fd, kind, dir, &folded, e);
    if (r < 0)
        return r;
    folded_note(g->p->root_fd, j->digest, kind, folded.digest, folded.size);
    free(j->digest);
    fd_close(&j->fd);
    j->digest = folded.digest;
    j->size = folded.size;
    j->fd = folded.fd;
    return 0;
}

static int fold_layer(struct pushing *g, json_t *layer, struct job *j, enum fold_kind kind,
                      struct err *e)
{
    int r = recall_layer(g, j, kind) ? 0 : compress_layer(g, j, kind, e);
    if (r < 0)
        return r;
    const char *old = json_str(layer, "mediaType");
    /* Docker's own types know no zstd. */
    const char *type = kind == FOLD_ZSTD                ? LAYOUT_LAYER_TYPE "+zstd"
                       : str_eq(old, DOCKER_LAYER_TYPE) ? DOCKER_LAYER_TYPE ".gzip"
                                                        : LAYOUT_LAYER_TYPE "+gzip";
    if (json_object_set_new(layer, "mediaType", json_string(type)) < 0 ||
        json_object_set_new(layer, "digest", json_string(j->digest)) < 0 ||
        json_object_set_new(layer, "size", json_integer((json_int_t)j->size)) < 0)
        return err_nomem(e);
    return 0;
}

static bool is_listed(const struct pushing *g, const char *digest)
{
    for (size_t i = 0; i < g->n_jobs; i++)
        if (str_eq(g->jobs[i].digest, digest))
            return true;
    return false;
}

/* One more blob, which @desc names; @diff_id NULL: the config. */
static int add_job(struct pushing *g, json_t *desc, const char *diff_id, bool *ret_folded,
                   struct err *e)
{
    const char *digest = json_str(desc, "digest");
    enum fold_kind kind;
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "the store names a blob by an invalid digest");
    struct job j = {.digest = strdup(digest), .size = json_int(desc, "size", 0), .fd = -EBADF};
    if (diff_id)
        snprintf(j.id, sizeof(j.id), "%.*s", SHORT_ID, diff_id + sizeof("sha256:") - 1);
    int r = j.digest ? j.fd = open_blob(g->p->root_fd, digest, e) : err_nomem(e);
    if (r >= 0 && diff_id)
        progress_say(&g->p->progress, j.id, "Preparing");
    if (r >= 0 && diff_id && must_fold(g->p, json_str(desc, "mediaType"), &kind)) {
        r = fold_layer(g, desc, &j, kind, e);
        *ret_folded = true;
    }
    if (r < 0 || is_listed(g, j.digest)) {
        free(j.digest);
        fd_close(&j.fd);
        return r < 0 ? r : 0;
    }
    g->jobs[g->n_jobs++] = j;
    return 0;
}

/* Docker's manifests may only have Docker's layers. */
static int make_oci(json_t *manifest, struct err *e)
{
    size_t i;
    json_t *layer;
    if (json_object_set_new(manifest, "mediaType", json_string(LAYOUT_MANIFEST_TYPE)) < 0 ||
        json_object_set_new(json_object_get(manifest, "config"), "mediaType",
                            json_string(LAYOUT_CONFIG_TYPE)) < 0)
        return err_nomem(e);
    json_array_foreach (json_object_get(manifest, "layers"), i, layer) {
        const char *type = json_str(layer, "mediaType");
        if (str_eq(type, DOCKER_LAYER_TYPE ".gzip") &&
            json_object_set_new(layer, "mediaType", json_string(LAYOUT_LAYER_TYPE "+gzip")) < 0)
            return err_nomem(e);
    }
    return 0;
}

/* The manifest's bytes: those that are known by their digest, if nothing of it had to change. */
static int take_text(struct pushing *g, const json_t *entry, bool folded, struct err *e)
{
    int r = 0;
    g->type = json_str(entry, "mediaType");
    g->kept = json_str(entry, "digest");
    if (folded) {
        r = make_oci(g->manifest, e);
        g->type = LAYOUT_MANIFEST_TYPE;
        g->text = r == 0 ? json_text(g->manifest, JSON_COMPACT) : NULL;
    } else {
        _cleanup_free_ char *path = layout_blob_path(g->kept);
        r = path ? file_read(g->p->root_fd, path, LAYOUT_BLOB_MAX, &g->text, NULL, e)
                 : err_nomem(e);
    }
    if (!g->text)
        return r < 0 ? r : err_nomem(e);
    return r < 0 ? r : hash_bytes(g->text, strlen(g->text), &g->digest, e);
}

static int check_platform(const struct push *p, const json_t *config, struct err *e)
{
    _cleanup_json_ json_t *wanted = NULL;
    if (!p->platform)
        return 0;
    int r = platform_parse(p->platform, &wanted, e);
    if (r < 0 || platform_serves(config, wanted))
        return r;
    _cleanup_free_ char *have = platform_text(config);
    return err_set(e, ENOENT, "image with reference %s was found but is for %s, not for %s",
                   p->reference, have ? have : "another platform", p->platform);
}

static int find_image(struct pushing *g, const char *full, struct err *e)
{
    json_t *entry = NULL;
    int r = resolve(g->p->root_fd, g->index, full, &entry, NULL, e);
    if (r == -ENOENT)
        return err_set(e, ENOENT, "an image does not exist locally with the tag: %s",
                       reference_short(full));
    if (r == 0)
        r = layout_read_manifest(g->p->root_fd, entry, &g->manifest, e);
    if (r == 0)
        r = layout_read_blob(g->p->root_fd, json_object_get(g->manifest, "config"), &g->config, e);
    if (r == 0)
        r = check_platform(g->p, g->config, e);
    g->entry = entry;
    return r;
}

static int list_jobs(struct pushing *g, const char *full, struct err *e)
{
    json_t *layer;
    size_t i;
    bool folded = false;
    int r;
    json_t *layers = json_object_get(g->manifest, "layers");
    const json_t *ids = json_at(g->config, "rootfs.diff_ids");
    g->jobs = calloc(json_array_size(layers) + 1, sizeof(*g->jobs));
    if (!g->jobs)
        return err_nomem(e);
    json_array_foreach (layers, i, layer) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (!id || !digest_is_valid(id))
            return err_set(e, EBADMSG, "\"%s\" has not as many diff IDs as layers", full);
        r = add_job(g, layer, id, &folded, e);
        if (r < 0)
            return r;
    }
    r = add_job(g, json_object_get(g->manifest, "config"), NULL, &folded, e);
    return r < 0 ? r : take_text(g, g->entry, folded, e);
}

/* ---- where the registry may have it already ---- */

/* "library/rust" for a name in our registry and not our repository; fresh, or NULL. */
static char *neighbour(const struct pushing *g, const char *name)
{
    _cleanup_reference_ struct reference r = {0};
    if (!name || reference_parse(name, &r, NULL) < 0 || !str_eq(r.domain, g->reference->domain) ||
        str_eq(r.path, g->reference->path))
        return NULL;
    return TAKE_PTR(r.path);
}

static bool has_blob(const struct pushing *g, const json_t *entry, const char *digest)
{
    _cleanup_json_ json_t *manifest = NULL;
    size_t i;
    json_t *layer;
    if (layout_read_manifest(g->p->root_fd, entry, &manifest, NULL) < 0)
        return false;
    json_array_foreach (json_object_get(manifest, "layers"), i, layer)
        if (str_eq(json_str(layer, "digest"), digest))
            return true;
    return false;
}

static bool is_in(const json_t *list, const char *text)
{
    size_t i;
    json_t *value;
    json_array_foreach (list, i, value)
        if (str_eq(json_string_value(value), text))
            return true;
    return false;
}

/* The repositories of that registry from which our images with this blob came. */
static json_t *sources(const struct pushing *g, const char *digest)
{
    json_t *list = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(g->index, "manifests"), i, entry) {
        const char *kept = json_string_value(
            json_object_get(json_object_get(entry, "annotations"), LAYOUT_DIGEST_ANNOTATION));
        _cleanup_free_ char *path = neighbour(g, kept);
        if (path && json_array_size(list) < MOUNTS_MAX && !is_in(list, path) &&
            has_blob(g, entry, digest))
            json_gather(&list, json_string(path));
    }
    return list;
}

/* ---- sending ---- */

static void on_event(void *data, const json_t *event)
{
    const struct job *j = ((void **)data)[0];
    const struct progress *progress = ((void **)data)[1];
    if (!*j->id)
        return;
    if (str_eq(json_str(event, "event"), "bytes"))
        progress_bytes(progress, j->id, "Pushing", json_int(event, "n", 0), j->size);
    else
        progress_say(progress, j->id, "Retrying in %lld seconds", json_int(event, "seconds", 0));
}

static int begin(struct pushing *g, struct slot *s, struct err *e)
{
    struct job *j = NULL;
    for (size_t i = 0; i < g->n_jobs && !j; i++)
        if (!g->jobs[i].begun)
            j = &g->jobs[i];
    if (!j)
        return 0;
    j->begun = true;
    s->job = j;
    int r = s->fetcher.pid > 0 ? 0 : fetcher_start(&s->fetcher, e);
    if (r == 0 && s != g->slots) /* the first one has been told */
        r = fetcher_place(&s->fetcher, g->place, g->who, e);
    if (r < 0)
        return r;
    return fetcher_ask(
        &s->fetcher,
        json_pack("{s:s, s:s, s:o, s:s, s:I, s:o, s:s}", "op", "upload", "repository",
                  g->place->path, "path", json_sprintf("blobs/%s", j->digest), "digest", j->digest,
                  "size", (json_int_t)j->size, "from", sources(g, j->digest), "actions", ACTIONS),
        j->fd, e);
}

static int hear(struct pushing *g, struct slot *s, struct err *e)
{
    _cleanup_json_ json_t *answer = NULL;
    void *data[] = {s->job, (void *)(uintptr_t)&g->p->progress};
    int r = fetcher_read(&s->fetcher, on_event, data, &answer, e);
    if (r != 0)
        return r < 0 ? r : 0;
    const char *how = json_str(answer, "upload");
    if (*s->job->id && str_eq(how, "existed"))
        progress_say(&g->p->progress, s->job->id, "Layer already exists");
    else if (*s->job->id && str_eq(how, "mounted"))
        progress_say(&g->p->progress, s->job->id, "Mounted from %s",
                     json_str(answer, "from") ? json_str(answer, "from") : "");
    else if (*s->job->id)
        progress_say(&g->p->progress, s->job->id, "Pushed");
    s->job->done = true;
    s->job = NULL;
    return 0;
}

static size_t n_done(const struct pushing *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_jobs; i++)
        n += g->jobs[i].done;
    return n;
}

static int send_blobs(struct pushing *g, struct err *e)
{
    int r = 0;
    while (r == 0 && n_done(g) < g->n_jobs) {
        struct pollfd fds[SLOTS];
        for (size_t i = 0; r == 0 && i < SLOTS; i++) {
            if (!g->slots[i].job)
                r = begin(g, &g->slots[i], e);
            fds[i] = (struct pollfd){g->slots[i].job ? g->slots[i].fetcher.fd : -1, POLLIN, 0};
        }
        if (r == 0 && poll(fds, SLOTS, -1) < 0 && errno != EINTR)
            r = err_sys(e, errno, "cannot wait for the registry");
        for (size_t i = 0; r == 0 && i < SLOTS; i++)
            if (g->slots[i].job && fds[i].revents)
                r = hear(g, &g->slots[i], e);
    }
    return r;
}

static int send_manifest(struct pushing *g, struct err *e)
{
    size_t n = strlen(g->text);
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_close_ int fd = memfd_create("manifest", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, g->text, n);
    if (r < 0)
        return err_sys(e, -r, "cannot keep the manifest");
    r = fetcher_ask(&g->slots[0].fetcher,
                    json_pack("{s:s, s:s, s:o, s:s, s:I, s:s}", "op", "put", "repository",
                              g->place->path, "path",
                              json_sprintf("manifests/%s", g->reference->tag), "type", g->type,
                              "size", (json_int_t)n, "actions", ACTIONS),
                    fd, e);
    if (r == 0)
        r = fetcher_wait(&g->slots[0].fetcher, NULL, NULL, &answer, e);
    if (r == 0)
        progress_say(&g->p->progress, NULL, "%s: digest: %s size: %zu", g->reference->tag,
                     g->digest, n);
    return r;
}

/* What the registry calls it now. Only a note: the image is there, and if its name has gone to
 * another image meanwhile, nothing is noted. */
static void note_digest(const struct pushing *g, const char *full, const char *repository)
{
    _cleanup_free_ char *repo_digest = str_printf("%s@%s", repository, g->digest);
    if (repo_digest)
        (void)put_repo_digest(g->p->root_fd, g->kept, full, repo_digest, NULL);
}

/* Whether we may push at all is known before anything is compressed for it. */
static int check_access(struct pushing *g, struct err *e)
{
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_err_ struct err story = ERR_INIT;
    struct fetcher *f = &g->slots[0].fetcher;
    int r = fetcher_ask(
        f,
        json_pack("{s:s, s:s, s:o, s:s}", "op", "head", "repository", g->place->path, "path",
                  json_sprintf("manifests/%s", g->reference->tag), "actions", ACTIONS),
        -1, &story);
    if (r == 0)
        r = fetcher_wait(f, NULL, NULL, &answer, &story);
    if (r == 0 || r == -ENOENT)
        return 0;
    if (e)
        *e = TAKE(story, ERR_INIT);
    return r;
}

static int push_one(const struct push *p, const struct reference *ref, const struct endpoint *place,
                    const struct credentials *who, struct err *e)
{
    _cleanup_(pushing_release) struct pushing g = {
        .p = p, .reference = ref, .place = place, .who = who};
    _cleanup_free_ char *full = reference_full(ref), *repository = reference_repository(ref);
    for (size_t i = 0; i < SLOTS; i++)
        g.slots[i].fetcher = FETCHER_INIT;
    if (!full || !repository)
        return err_nomem(e);
    int r = layout_read_index(p->root_fd, &g.index, NULL, e);
    if (r == 0)
        r = fetcher_start(&g.slots[0].fetcher, e);
    if (r == 0)
        r = fetcher_place(&g.slots[0].fetcher, place, who, e);
    if (r == 0)
        r = find_image(&g, full, e);
    if (r == 0)
        r = check_access(&g, e);
    if (r == 0)
        r = list_jobs(&g, full, e);
    if (r == 0)
        r = send_blobs(&g, e);
    if (r == 0)
        r = send_manifest(&g, e);
    if (r == 0)
        note_digest(&g, full, repository);
    if (r == -EACCES) {
        _cleanup_free_ char *why = strdup(err_text(e));
        return err_set(e, EACCES, "push access denied for %s: %s: try 'skiff login'",
                       reference_short(repository), why ? why : "");
    }
    return r;
}

/* All names that the store has in the repository. */
static int push_tags(const struct push *p, const struct reference *ref,
                     const struct endpoint *place, const struct credentials *who, struct err *e)
{
    _cleanup_json_ json_t *index = NULL;
    size_t i, n = 0;
    json_t *entry;
    int r = layout_read_index(p->root_fd, &index, NULL, e);
    json_array_foreach (json_object_get(index, "manifests"), i, entry) {
        _cleanup_reference_ struct reference one = {0};
        const char *name = layout_entry_name(entry);
        if (r < 0 || !name || reference_parse(name, &one, NULL) < 0 || one.digest ||
            !str_eq(one.domain, ref->domain) || !str_eq(one.path, ref->path))
            continue;
        r = push_one(p, &one, place, who, e);
        n++;
    }
    return r == 0 && n == 0 ? err_set(e, ENOENT, "an image does not exist locally with the tag: %s",
                                      p->reference)
                            : r;
}

int push_run(const struct push *p, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_registry_places_ struct registry_places places = {0};
    _cleanup_registries_ struct registries *registries = NULL;
    _cleanup_credential_places_ struct credential_places files = {0};
    _cleanup_endpoints_ struct endpoint_list list = {0};
    _cleanup_credentials_ struct credentials who = {0};
    int r = reference_parse(p->reference, &ref, e);
    if (r == 0 && ref.digest)
        r = err_set(e, EINVAL, "cannot push a digest reference");
    if (r == 0)
        r = registry_places_default(&places, e);
    if (r == 0)
        r = registries_read(&places, &registries, e);
    if (r == 0)
        r = registries_push_to(registries, &ref, &list, e);
    if (r == 0)
        r = credential_places_default(&files, e);
    if (r < 0)
        return r;
    if (!list.v || list.n == 0)
        return err_set(e, EINVAL, "there is no place to push \"%s\" to", p->reference);
    const struct endpoint *place = &list.v[list.n - 1];
    if (credentials_find(&files, place->registry, place->path, &who, e) < 0) {
        progress_warn("%s", err_text(e));
        err_release(e);
    }
    _cleanup_free_ char *repository = reference_repository(&ref);
    progress_say(&p->progress, NULL, "The push refers to repository [%s]",
                 repository ? repository : ref.path);
    return p->all_tags ? push_tags(p, &ref, place, &who, e) : push_one(p, &ref, place, &who, e);
}
