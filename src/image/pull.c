#include "image/pull.h"

#include "image/inventory.h"
#include "image/layout.h"
#include "image/manifest.h"
#include "image/platform.h"
#include "image/policy.h"
#include "image/pull_layers.h"
#include "image/put.h"
#include "image/signatures.h"
#include "image/store.h"

#include <string.h>

enum {
    TURNS = 3, /* how often somebody may remove what we share with others */
    TAGS_MAX = 10000,
};

struct pulling {
    const struct pull *p;
    struct policy *policy;
    struct registries *registries;
    struct credential_places credentials;
    json_t *platform;
    struct fetcher fetcher;
};

static void pulling_release(struct pulling *g)
{
    policy_free(g->policy);
    registries_free(g->registries);
    credential_places_release(&g->credentials);
    json_decref(g->platform);
    fetcher_release(&g->fetcher);
}

/* ---- an image at one place ---- */

struct target {
    const struct reference *reference;
    const char *full;       /* the name it gets: with a tag, or with a digest */
    const char *repository; /* "docker.io/library/rust" */
    const char *what;       /* the tag or digest that the registry is asked for */
    const struct endpoint *place;
    const struct credentials *who;
    struct policy_rule rule; /* what the policy says about that name */
};

/* Holds the manifest @digest of layers against the policy. */
static int check_policy(struct pulling *g, const struct target *t, const char *digest,
                        bool in_index, struct err *e)
{
    const struct signatures_wanted wanted = {
        .rule = &t->rule,
        .name = t->full,
        .repository = t->place->path,
        .digest = digest,
        .in_index = in_index,
        .progress = g->p->verify ? &g->p->progress : NULL,
    };
    return signatures_check(&g->fetcher, &wanted, e);
}

/* The index's entry that has the name; it belongs to @index. */
static json_t *entry_of(const json_t *index, const char *full)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(index, "manifests"), i, entry)
        if (str_eq(layout_entry_name(entry), full))
            return entry;
    return NULL;
}

static bool has_digest(const json_t *entry, const char *digest)
{
    const char *kept = json_string_value(
        json_object_get(json_object_get(entry, "annotations"), LAYOUT_DIGEST_ANNOTATION));
    const char *at = kept ? strchr(kept, '@') : NULL;
    return str_eq(json_str(entry, "digest"), digest) || (at && str_eq(at + 1, digest));
}

/* Whether the image under that name is the one that the registry has, for this platform, and is
 * allowed to be here: the policy may have changed. The ID of
 * it is the caller's; NULL: it is not. */
static int is_up_to_date(struct pulling *g, const struct target *t, char **ret_id, struct err *e)
{
    _cleanup_json_ json_t *index = NULL, *manifest = NULL, *config = NULL;
    _cleanup_free_ char *digest = NULL;
    *ret_id = NULL;
    if (layout_read_index(g->p->root_fd, &index, NULL, NULL) < 0)
        return 0;
    const json_t *entry = entry_of(index, t->full);
    if (!entry || layout_read_manifest(g->p->root_fd, entry, &manifest, NULL) < 0 ||
        layout_read_blob(g->p->root_fd, json_object_get(manifest, "config"), &config, NULL) < 0 ||
        !platform_is(config, g->platform))
        return 0;
    int r =
        t->reference->digest ? 0 : remote_digest(&g->fetcher, t->place->path, t->what, &digest, e);
    if (r < 0)
        return r;
    const char *wanted = t->reference->digest ? t->reference->digest : digest;
    if (!wanted || !has_digest(entry, wanted))
        return 0;
    const char *own = json_str(entry, "digest");
    r = check_policy(g, t, own, !str_eq(own, wanted), e);
    if (r < 0)
        return r;
    *ret_id = strdup(json_str(manifest, "config.digest"));
    if (!*ret_id)
        return err_nomem(e);
    progress_say(&g->p->progress, NULL, "Digest: %s", wanted);
    return 0;
}

static void release_layers(struct fresh_layer *layers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fresh_layer_release(&layers[i]);
    free(layers);
}

static int put(struct pulling *g, const struct target *t, const struct remote_image *image,
               struct fresh_layer *layers, size_t n, char **ret_id, struct err *e)
{
    _cleanup_free_ char *repo_digest = str_printf("%s@%s", t->repository, image->digest);
    if (!repo_digest)
        return err_nomem(e);
    const struct new_image new = {
        .layers = layers,
        .n_layers = n,
        .config = image->config,
        .config_len = image->config_len,
        .manifest = image->manifest,
        .manifest_len = image->manifest_len,
        .manifest_type = image->type,
        .platform = image->platform,
        .name = t->full,
        .repo_digest = repo_digest,
    };
    return put_image(g->p->root_fd, &new, ret_id, e);
}

static int fetch_layers(struct pulling *g, const struct target *t, const struct remote_image *image,
                        char **ret_id, struct err *e)
{
    const struct layers_wanted wanted = {
        .root_fd = g->p->root_fd,
        .repository = t->place->path,
        .image = image,
        .place = t->place,
        .who = t->who,
        .limits = &g->p->limits,
        .progress = &g->p->progress,
        .first = &g->fetcher,
    };
    int r = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        struct fresh_layer *layers = NULL;
        size_t n = 0;
        err_release(e);
        r = pull_layers(&wanted, &layers, &n, e);
        if (r == 0)
            r = put(g, t, image, layers, n, ret_id, e);
        release_layers(layers, n);
        if (r != -ESTALE)
            break;
    }
    return r;
}

static int fetch_image(struct pulling *g, const struct target *t, char **ret_id, struct err *e)
{
    _cleanup_remote_image_ struct remote_image image = {0};
    const char *shown = reference_short(t->full);
    progress_say(&g->p->progress,
                 t->reference->tag && !t->reference->digest ? t->what : t->reference->digest,
                 "Pulling from %s", t->reference->path);
    int r = is_up_to_date(g, t, ret_id, e);
    if (r < 0)
        return r;
    if (*ret_id) {
        progress_say(&g->p->progress, NULL, "Status: Image is up to date for %s", shown);
        return 0;
    }
    r = remote_image_fetch(&g->fetcher, t->place->path, t->what, g->platform,
                           g->p->platform != NULL, &image, e);
    if (r == 0)
        r = check_policy(g, t, image.manifest_digest, !str_eq(image.digest, image.manifest_digest),
                         e);
    if (r == 0)
        r = fetch_layers(g, t, &image, ret_id, e);
    if (r < 0)
        return r;
    progress_say(&g->p->progress, NULL, "Digest: %s", image.digest);
    progress_say(&g->p->progress, NULL, "Status: Downloaded newer image for %s", shown);
    return 0;
}

/* ---- places ---- */

/* Without credentials many images can be had too. */
static void find_credentials(struct pulling *g, const struct endpoint *place,
                             struct credentials *ret)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (credentials_find(&g->credentials, place->registry, place->path, ret, &e) < 0)
        progress_warn("%s", err_text(&e));
}

/* What Docker's users know such failures by. */
static int explain(int r, const struct reference *ref, struct err *e)
{
    _cleanup_free_ char *repository = reference_repository(ref);
    const char *shown = repository ? reference_short(repository) : ref->path;
    _cleanup_free_ char *why = strdup(err_text(e));
    const char *words = why ? why : "";
    if (r == -ENOENT && !strstr(words, "platform") && !strstr(words, "no matching manifest"))
        return err_set(e, ENOENT, "manifest for %s%s%s not found: %s", shown,
                       ref->digest ? "@" : ":", ref->digest ? ref->digest : ref->tag, words);
    if (r == -EACCES)
        return err_set(e, EACCES,
                       "pull access denied for %s, repository does not exist or may require "
                       "'skiff login': %s",
                       shown, words);
    /* The rest name what failed, and not for which image. */
    return r == -EPERM || r == -ENOENT
               ? r
               : err_wrap(e, "cannot pull \"%s%s%s\"", shown, ref->digest ? "@" : ":",
                          ref->digest ? ref->digest : ref->tag);
}

static int pull_tags(struct pulling *g, const struct reference *ref, const struct endpoint *place,
                     const struct credentials *who, struct strv *ret_ids, struct err *e);

static int pull_one(struct pulling *g, const struct reference *ref, const struct endpoint *place,
                    const struct credentials *who, struct strv *ret_ids, struct err *e)
{
    _cleanup_free_ char *id = NULL;
    _cleanup_free_ char *repository = reference_repository(ref);
    if (!repository)
        return err_nomem(e);
    _cleanup_free_ char *full =
        ref->digest ? str_printf("%s@%s", repository, ref->digest) : reference_full(ref);
    if (!full)
        return err_nomem(e);
    struct target t = {
        .reference = ref,
        .full = full,
        .repository = repository,
        .what = ref->digest ? ref->digest : ref->tag,
        .place = place,
        .who = who,
    };
    int r = policy_find(g->policy, "docker", full, &t.rule, e);
    if (r == 0)
        r = policy_admit(&t.rule, full, e);
    if (r == 0)
        r = fetch_image(g, &t, &id, e);
    if (r == 0)
        strv_add(ret_ids, id);
    return r;
}

static int pull_from_place(struct pulling *g, const struct reference *ref,
                           const struct endpoint *place, struct strv *ret_ids, struct err *e)
{
    _cleanup_credentials_ struct credentials who = {0};
    find_credentials(g, place, &who);
    int r = fetcher_place(&g->fetcher, place, &who, e);
    if (r == 0)
        r = g->p->all_tags ? pull_tags(g, ref, place, &who, ret_ids, e)
                           : pull_one(g, ref, place, &who, ret_ids, e);
    return r;
}

/* One page of the list, behind the tag @last (NULL: the first). */
static int fetch_tags(struct pulling *g, const struct endpoint *place, const char *last,
                      json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    int r = fetcher_text(
        &g->fetcher,
        json_pack("{s:s, s:s, s:o}", "op", "get", "repository", place->path, "path",
                  json_sprintf("tags/list?n=1000%s%s", last ? "&last=" : "", last ? last : "")),
        LAYOUT_BLOB_MAX, &text, &n, NULL, e);
    return r < 0 ? r : json_parse(text, n, "list of tags", ret, e);
}

/* The tags of @page that are not in *tags yet become so, as references; *ret_last is the last of
 * them. */
static int take_tags(const struct reference *ref, const json_t *page, json_t *tags, char **ret_last,
                     struct err *e)
{
    size_t i;
    json_t *tag;
    json_array_foreach (json_object_get(page, "tags"), i, tag) {
        _cleanup_reference_ struct reference one = {0};
        _cleanup_free_ char *name =
            json_is_string(tag)
                ? str_printf("%s/%s:%s", ref->domain, ref->path, json_string_value(tag))
                : NULL;
        if (!name || reference_parse(name, &one, NULL) < 0)
            return err_set(e, EBADMSG, "the registry lists something that is no tag");
        if (json_object_get(tags, name))
            continue;
        free(*ret_last);
        *ret_last = strdup(one.tag);
        if (!*ret_last || json_object_set_new(tags, name, json_true()) < 0)
            return err_nomem(e);
        if (json_object_size(tags) > TAGS_MAX)
            return err_set(e, E2BIG, "\"%s\" has more than %d tags", ref->path, TAGS_MAX);
    }
    return 0;
}

/* Page by page, until one has nothing new: not every registry says how it goes on. */
static int list_tags(struct pulling *g, const struct reference *ref, const struct endpoint *place,
                     json_t *tags, struct err *e)
{
    _cleanup_free_ char *last = NULL;
    for (size_t before = 0;; before = json_object_size(tags)) {
        _cleanup_json_ json_t *page = NULL;
        int r = fetch_tags(g, place, last, &page, e);
        if (r == 0)
            r = take_tags(ref, page, tags, &last, e);
        if (r < 0 || json_object_size(tags) == before)
            return r;
    }
}

static int pull_tags(struct pulling *g, const struct reference *ref, const struct endpoint *place,
                     const struct credentials *who, struct strv *ret_ids, struct err *e)
{
    _cleanup_json_ json_t *tags = json_object();
    const char *name;
    json_t *value;
    int r = tags ? list_tags(g, ref, place, tags, e) : err_nomem(e);
    if (r < 0)
        return r;
    json_object_foreach (tags, name, value) {
        _cleanup_reference_ struct reference one = {0};
        r = reference_parse(name, &one, e);
        if (r == 0)
            r = pull_one(g, &one, place, who, ret_ids, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Mirrors may lack what the place itself has, or be out of order. What the policy refuses is
 * refused, wherever it comes from. */
static int pull_name(struct pulling *g, const char *name, struct strv *ret_ids, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_endpoints_ struct endpoint_list places = {0};
    int r = reference_parse(name, &ref, e);
    if (r == 0 && g->p->all_tags && ref.digest)
        r = err_set(e, EINVAL, "a tag or digest cannot be used with --all-tags");
    if (r == 0)
        r = registries_pull_from(g->registries, &ref, &places, e);
    for (size_t i = 0; r == 0 && i < places.n; i++) {
        err_release(e);
        int got = pull_from_place(g, &ref, &places.v[i], ret_ids, e);
        if (got == 0)
            return 0;
        if (i + 1 == places.n || got == -EPERM)
            return explain(got, &ref, e);
        progress_say(&g->p->progress, NULL, "mirror %s: %s", places.v[i].host, err_text(e));
        /* Its connection may be in any state. */
        fetcher_release(&g->fetcher);
        r = fetcher_start(&g->fetcher, e);
    }
    return r;
}

static int prepare(struct pulling *g, struct err *e)
{
    _cleanup_registry_places_ struct registry_places places = {0};
    /* First, for it takes its time to start. */
    int r = g->fetcher.pid > 0 ? 0 : fetcher_start(&g->fetcher, e);
    if (r == 0)
        r = registry_places_default(&places, e);
    if (r == 0)
        r = registries_read(&places, &g->registries, e);
    if (r == 0)
        r = policy_read(&g->policy, e);
    if (r == 0)
        r = credential_places_default(&g->credentials, e);
    if (r == 0)
        r = platform_parse(g->p->platform, &g->platform, e);
    if (r == 0)
        r = store_make(g->p->root_fd, e);
    if (r == 0)
        image_sweep_dead(g->p->root_fd);
    return r;
}

int pull_run(const struct pull *p, struct strv *ret_ids, struct err *e)
{
    _cleanup_(pulling_release) struct pulling g = {.p = p, .fetcher = p->fetcher};
    _cleanup_strv_ struct strv names = {0};
    _cleanup_free_ char *why = NULL;
    int r = prepare(&g, e);
    if (r == 0)
        r = registries_names(g.registries, p->reference, &names, &why, e);
    if (r == 0 && why)
        progress_say(&p->progress, NULL, "%s", why);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        err_release(e);
        int got = pull_name(&g, names.v[i], ret_ids, e);
        if (got != -ENOENT || i + 1 == names.n)
            return got < 0 ? got : ret_ids->failed ? err_nomem(e) : 0;
    }
    return r;
}
