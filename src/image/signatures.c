#include "image/signatures.h"

#include "image/hash.h"
#include "image/layout.h"
#include "image/public_key.h"
#include "image/signed_identity.h"
#include "image/sigstore_payload.h"

#include <string.h>

#define PAYLOAD_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGNATURE    "dev.cosignproject.cosign/signature"

enum {
    MANIFEST_MAX = 1 << 20,
    PAYLOAD_MAX = 64 << 10,
    SIGNATURES_MAX = 64,
    REASONS_MAX = 3, /* that are told */
};

/* ---- fetching ---- */

struct signature {
    char *payload; /* what is signed */
    size_t n;
    const char *base64; /* the signature; belongs to the manifest */
};

struct signature_list {
    bool fetched;
    json_t *manifest;
    struct signature v[SIGNATURES_MAX];
    size_t n;
};

static void signature_list_release(struct signature_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].payload);
    json_decref(l->manifest);
}

static int get(struct fetcher *f, const char *repository, const char *path, size_t max, char **ret,
               size_t *ret_n, struct err *e)
{
    json_t *message = json_pack("{s:s, s:s, s:s, s:s}", "op", "get", "repository", repository,
                                "path", path, "accept", LAYOUT_MANIFEST_TYPE ", */*");
    return fetcher_text(f, message, max, ret, ret_n, NULL, e);
}

/* -ENOENT: there is none. */
static int fetch_manifest(struct fetcher *f, const struct signatures_wanted *w, json_t **ret,
                          struct err *e)
{
    const char *hex = str_after(w->digest, "sha256:");
    _cleanup_free_ char *path = hex ? str_printf("manifests/sha256-%s.sig", hex) : NULL;
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    if (!path)
        return err_nomem(e);
    int r = get(f, w->repository, path, MANIFEST_MAX, &text, &n, e);
    if (r == 0 && (json_parse(text, n, path, ret, NULL) < 0 ||
                   !json_is_array(json_object_get(*ret, "layers"))))
        r = err_set(e, EBADMSG, "\"%s\" at the registry is no manifest", path);
    return r;
}

static int fetch_payload(struct fetcher *f, const char *repository, const json_t *layer,
                         struct signature *ret, struct err *e)
{
    const char *digest = json_str(layer, "digest");
    long long size = json_int(layer, "size", -1);
    if (!digest || !digest_is_valid(digest) || size < 0 || size > PAYLOAD_MAX)
        return err_set(e, EBADMSG, "a signature has an invalid digest, or more than %d bytes",
                       PAYLOAD_MAX);
    _cleanup_free_ char *path = str_printf("blobs/%s", digest), *came = NULL, *text = NULL;
    if (!path)
        return err_nomem(e);
    int r = get(f, repository, path, PAYLOAD_MAX, &text, &ret->n, e);
    if (r == -ENOENT)
        return err_set(e, EBADMSG, "the registry has lost the signature %s", digest);
    if (r == 0)
        r = hash_bytes(text, ret->n, &came, e);
    if (r == 0 && !str_eq(came, digest))
        r = err_set(e, EBADMSG, "the registry sent something else for the signature \"%s\"",
                    digest);
    if (r == 0)
        ret->payload = TAKE_PTR(text);
    return r;
}

/* Attestations and whatever else lies beside signatures is passed over. */
static int fetch_signatures(struct fetcher *f, const struct signatures_wanted *w,
                            struct signature_list *ret, struct err *e)
{
    size_t i;
    json_t *layer;
    if (ret->fetched)
        return 0;
    int r = fetch_manifest(f, w, &ret->manifest, e);
    if (r == -ENOENT) {
        err_release(e);
        r = 0;
    }
    json_array_foreach (json_object_get(ret->manifest, "layers"), i, layer) {
        const char *base64 =
            json_string_value(json_object_get(json_object_get(layer, "annotations"), SIGNATURE));
        if (r < 0)
            return r;
        if (!base64 || !str_eq(json_str(layer, "mediaType"), PAYLOAD_TYPE))
            continue;
        if (ret->n == SIGNATURES_MAX)
            return err_set(e, E2BIG, "the image has more than %d signatures", SIGNATURES_MAX);
        r = fetch_payload(f, w->repository, layer, &ret->v[ret->n], e);
        if (r == 0)
            ret->v[ret->n++].base64 = base64;
    }
    ret->fetched = r == 0;
    return r;
}

/* ---- keys ---- */

struct key_list {
    struct public_key **v;
    size_t n;
};

static void key_list_release(struct key_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        public_key_free(l->v[i]);
    free(l->v);
}

/* The keys under @key: one, or a list of them. */
static int read_keys(json_t *requirement, const char *key, bool is_data, const char *file,
                     struct key_list *ret, struct err *e)
{
    json_t *value = json_object_get(requirement, key), *item;
    size_t i, n = json_is_string(value) ? 1 : json_array_size(value);
    _cleanup_free_ char *name = str_printf("the \"%s\" of \"%s\"", key, file);
    if (!value)
        return 0;
    if (!name || !(ret->v = calloc(n, sizeof(struct public_key *))))
        return err_nomem(e);
    for (i = 0; i < n; i++) {
        item = json_is_string(value) ? value : json_array_get(value, i);
        const char *text = json_string_value(item);
        int r = is_data ? public_key_decode(text, name, &ret->v[ret->n], e)
                        : public_key_read(text, &ret->v[ret->n], e);
        if (r < 0)
            return err_wrap(e, "\"%s\"", file);
        ret->n++;
    }
    return 0;
}

static int read_all_keys(json_t *requirement, const char *file, struct key_list *ret, struct err *e)
{
    int r = read_keys(requirement, "keyPath", false, file, ret, e);
    if (r == 0)
        r = read_keys(requirement, "keyPaths", false, file, ret, e);
    if (r == 0)
        r = read_keys(requirement, "keyData", true, file, ret, e);
    if (r == 0)
        r = read_keys(requirement, "keyDatas", true, file, ret, e);
    return r == 0 && ret->n == 0 ? err_set(e, EINVAL, "\"%s\" names no key", file) : r;
}

/* ---- one requirement ---- */

/* Whether it is one. *ret_key is the key that made it, *ret_name what it calls the image, the
 * caller's. -EPERM says why it is none. */
static int check_signature(const struct signature *s, const struct key_list *keys,
                           const json_t *identity, const struct signatures_wanted *w,
                           const char **ret_key, char **ret_name, struct err *e)
{
    _cleanup_sigstore_payload_ struct sigstore_payload payload = {0};
    const struct public_key *by = NULL;
    for (size_t i = 0; i < keys->n && !by; i++)
        if (public_key_verifies(keys->v[i], s->payload, s->n, s->base64))
            by = keys->v[i];
    if (!by)
        return err_set(e, EPERM, "it is not by the key");
    if (sigstore_payload_parse(s->payload, s->n, &payload, e) < 0)
        return -EPERM;
    if (!str_eq(payload.digest, w->digest))
        return err_set(e, EPERM, "it is for the manifest %s", payload.digest);
    if (!signed_identity_matches(identity, w->name, payload.name))
        return err_set(e, EPERM, "it is for the name \"%.300s\"%s", payload.name,
                       reference_is_name_only(payload.name)
                           ? ", which has no tag and is good for \"matchRepository\" alone"
                           : "");
    *ret_key = public_key_name(by);
    *ret_name = strdup(payload.name);
    return *ret_name ? 0 : err_nomem(e);
}

static int refuse(const struct signatures_wanted *w, const struct key_list *keys,
                  const struct signature_list *list, const char *reasons, struct err *e)
{
    _cleanup_free_ char *where = policy_scope_words(w->rule);
    if (!where || !reasons)
        return err_nomem(e);
    const char *key = keys->n > 0 ? public_key_name(keys->v[0]) : "no key";
    const char *more = keys->n > 1 ? " or another" : "";
    const char *hint = w->in_index ? "; a signature of the index it is in does not count (cosign "
                                     "sign --recursive signs all)"
                                   : "";
    return list->n == 0
               ? err_set(e, EPERM,
                         "\"%s\" is refused: \"%s\" asks %s for a signature by %s%s, and the "
                         "registry has none for %s%s",
                         w->name, w->rule->file, where, key, more, w->digest, hint)
               : err_set(e, EPERM,
                         "\"%s\" is refused: \"%s\" asks %s for a signature by %s%s, and none of "
                         "the %zu at the registry is one: %s",
                         w->name, w->rule->file, where, key, more, list->n, reasons);
}

static int check_signed(struct fetcher *f, const struct signatures_wanted *w, json_t *requirement,
                        struct signature_list *list, struct err *e)
{
    _cleanup_(key_list_release) struct key_list keys = {0};
    _cleanup_str_ struct str reasons = {0};
    const json_t *identity = json_object_get(requirement, "signedIdentity");
    int r = read_all_keys(requirement, w->rule->file, &keys, e);
    if (r < 0)
        return r;
    r = fetch_signatures(f, w, list, e);
    if (r < 0)
        return err_wrap(e, "cannot check the signatures that \"%s\" asks for of \"%s\"",
                        w->rule->file, w->name);
    str_add(&reasons, "");
    for (size_t i = 0; i < list->n; i++) {
        _cleanup_err_ struct err why = ERR_INIT;
        _cleanup_free_ char *name = NULL;
        const char *key = NULL;
        r = check_signature(&list->v[i], &keys, identity, w, &key, &name, &why);
        if (r == 0) {
            if (w->progress)
                progress_say(w->progress, NULL, "Verified: signed by key %s as %s", key, name);
            return 0;
        }
        if (r != -EPERM) {
            *e = TAKE(why, ERR_INIT);
            return r;
        }
        if (i < REASONS_MAX)
            str_addf(&reasons, "%s%s", i ? "; " : "", err_text(&why));
    }
    return refuse(w, &keys, list, reasons.failed ? NULL : reasons.s, e);
}

/* ---- all of them ---- */

static void tell_accepted(const struct policy_rule *rule, const struct progress *progress)
{
    _cleanup_free_ char *where = policy_scope_words(rule);
    if (!progress)
        return;
    if (rule->requirements)
        progress_say(progress, NULL, "Policy: accepted without a signature by %s, %s", rule->file,
                     where ? where : "");
    else
        progress_say(progress, NULL,
                     "Policy: accepted without a signature, there is no policy.json");
}

int signatures_check(struct fetcher *f, const struct signatures_wanted *w, struct err *e)
{
    _cleanup_(signature_list_release) struct signature_list list = {0};
    size_t i;
    json_t *requirement;
    if (!w->rule->requirements)
        tell_accepted(w->rule, w->progress);
    json_array_foreach (w->rule->requirements, i, requirement) {
        const char *type = json_str(requirement, "type");
        int r = 0;
        if (str_eq(type, "insecureAcceptAnything"))
            tell_accepted(w->rule, w->progress);
        else if (str_eq(type, "sigstoreSigned"))
            r = check_signed(f, w, requirement, &list, e);
        else
            r = err_set(e, EPERM, "\"%s\" is refused by \"%s\"", w->name, w->rule->file);
        if (r < 0)
            return r;
    }
    return 0;
}

int signatures_admit_unsigned(const char *transport, const char *identity,
                              const struct progress *progress, struct err *e)
{
    _cleanup_policy_ struct policy *policy = NULL;
    struct policy_rule rule = {0};
    int r = policy_read(&policy, e);
    if (r == 0)
        r = policy_admit_unsigned(policy, transport, identity, e);
    if (r == 0)
        r = policy_find(policy, transport, identity, &rule, e);
    if (r == 0)
        tell_accepted(&rule, progress);
    return r;
}
