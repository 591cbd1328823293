#include "image/resolve.h"

#include "base/options.h"
#include "image/layout.h"
#include "image/reference.h"

#include <string.h>

static json_t *by_manifest(const json_t *entries, const char *digest)
{
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry)
        if (str_eq(json_string_value(json_object_get(entry, "digest")), digest))
            return entry;
    return NULL;
}

/* The full name without a digest, in one repository when the reference has a digest and no tag. */
static bool name_matches(const char *name, const char *wanted, bool any_tag)
{
    const char *rest = name ? str_after(name, wanted) : NULL;
    return rest && (any_tag ? *rest == ':' && !strchr(rest, '/') : *rest == '\0');
}

/* By the digest of a manifest that has a name in that repository, or by what a registry called it.
 */
static bool digest_matches(const json_t *entry, const struct reference *ref, const char *wanted,
                           const char *repo_digest)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    const char *called = json_string_value(
        json_object_get(json_object_get(entry, "annotations"), LAYOUT_DIGEST_ANNOTATION));
    return (str_eq(digest, ref->digest) &&
            name_matches(layout_entry_name(entry), wanted, ref->tag == NULL)) ||
           (str_eq(called, repo_digest) && layout_entry_repo_digest(entry));
}

static int by_name(const json_t *entries, struct reference *ref, json_t **ret, char **ret_how,
                   struct err *e)
{
    _cleanup_free_ char *repository = reference_repository(ref);
    _cleanup_free_ char *repo_digest =
        repository && ref->digest ? str_printf("%s@%s", repository, ref->digest) : NULL;
    _cleanup_free_ char *wanted =
        ref->tag && repository ? str_printf("%s:%s", repository, ref->tag) : TAKE_PTR(repository);
    size_t i;
    json_t *entry;
    if (!wanted || (ref->digest && !repo_digest))
        return err_nomem(e);
    json_array_foreach (entries, i, entry) {
        const char *name = json_string_value(
            json_object_get(json_object_get(entry, "annotations"), LAYOUT_REF_ANNOTATION));
        if (!(ref->digest ? digest_matches(entry, ref, wanted, repo_digest)
                          : name_matches(name, wanted, false)))
            continue;
        *ret = entry;
        if (!ret_how)
            return 0;
        *ret_how = ref->digest ? TAKE_PTR(repo_digest) : strdup(name);
        return *ret_how ? 0 : err_nomem(e);
    }
    return -ENOENT;
}

/* Reads every manifest: their configs' digests are the IDs. One that cannot be read has none. */
static int by_id(int root_fd, const json_t *entries, const char *hex, json_t **ret, struct err *e)
{
    _cleanup_free_ char *first = NULL;
    size_t i;
    json_t *entry, *found = NULL;
    json_array_foreach (entries, i, entry) {
        _cleanup_json_ json_t *manifest = NULL;
        int r = layout_read_manifest(root_fd, entry, &manifest, NULL);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0)
            continue;
        const char *id = json_str(manifest, "config.digest");
        if (!id || !digest_is_valid(id) || !str_after(id + sizeof("sha256:") - 1, hex))
            continue;
        if (first && strcmp(first, id) != 0)
            return err_set(e, EINVAL, "image ID prefix \"%s\" is ambiguous", hex);
        if (first)
            continue;
        found = entry;
        first = strdup(id);
        if (!first)
            return err_nomem(e);
    }
    if (!found)
        return -ENOENT;
    *ret = found;
    return 0;
}

/* With and without the tag that may be left out. */
static int add_spellings(struct strv *words, const char *full)
{
    const char *name = reference_short(full), *latest = strstr(name, ":latest");
    strv_add(words, name);
    if (latest && latest[7] == '\0')
        strv_addf(words, "%.*s", (int)(latest - name), name);
    return words->failed ? -ENOMEM : 0;
}

char *resolve_nearest(const json_t *index, const char *what)
{
    _cleanup_strv_ struct strv words = {0};
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(index, "manifests"), i, entry) {
        const char *name = layout_entry_name(entry);
        if (name && add_spellings(&words, name) < 0)
            return NULL;
    }
    const char *near = nearest_word(what, (const char *const *)words.v, words.n);
    return near ? strdup(near) : NULL;
}

/* Docker's words: the name with its tag, an ID as it was typed. */
static int no_such(const json_t *index, const char *what, const struct reference *ref,
                   struct err *e)
{
    _cleanup_free_ char *near = e ? resolve_nearest(index, what) : NULL;
    _cleanup_free_ char *full = ref->path ? reference_full(ref) : NULL;
    const char *shown = full ? reference_short(full) : what;
    return near ? err_set(e, ENOENT, "no such image: %s: did you mean \"%s\"?", shown, near)
                : err_set(e, ENOENT, "no such image: %s", shown);
}

int resolve(int root_fd, const json_t *index, const char *what, json_t **ret, char **ret_by_name,
            struct err *e)
{
    const json_t *entries = json_object_get(index, "manifests");
    const char *hex = str_after(what, "sha256:");
    _cleanup_reference_ struct reference ref = {0};
    int r = -ENOENT;

    if (ret_by_name)
        *ret_by_name = NULL;
    if (digest_is_valid(what) && (*ret = by_manifest(entries, what)))
        return 0;
    size_t n = strlen(hex ? hex : what);
    bool may_be_id = n <= DIGEST_HEX_LEN && hex_is_valid(hex ? hex : what, n);
    if (!hex || !may_be_id) {
        r = reference_parse(what, &ref, may_be_id ? NULL : e);
        if (r < 0 && !may_be_id)
            return r;
        if (r == 0)
            r = by_name(entries, &ref, ret, ret_by_name, e);
        else if (r == -ENOMEM)
            return err_nomem(e);
        else
            r = -ENOENT;
        if (r == 0 || r == -ENOMEM)
            return r;
    }
    if (r == -ENOENT && may_be_id)
        r = by_id(root_fd, entries, hex ? hex : what, ret, e);
    return r == -ENOENT ? no_such(index, what, &ref, e) : r;
}
