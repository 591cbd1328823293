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

static int by_name(const json_t *entries, struct reference *ref, json_t **ret, struct err *e)
{
    _cleanup_free_ char *digest = TAKE_PTR(ref->digest);
    _cleanup_free_ char *wanted = reference_full(ref);
    size_t i;
    json_t *entry;
    if (!wanted)
        return err_nomem(e);
    json_array_foreach (entries, i, entry) {
        if (digest && !str_eq(json_string_value(json_object_get(entry, "digest")), digest))
            continue;
        const char *name = json_string_value(
            json_object_get(json_object_get(entry, "annotations"), LAYOUT_REF_ANNOTATION));
        if (name_matches(name, wanted, ref->tag == NULL)) {
            *ret = entry;
            return 0;
        }
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

static int copy_name(const json_t *entry, char **ret, struct err *e)
{
    if (!ret)
        return 0;
    const char *name = layout_entry_name(entry);
    *ret = name ? strdup(name) : NULL;
    return name && !*ret ? err_nomem(e) : 0;
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
    json_array_foreach (json_object_get(index, "manifests"), i, entry)
        if (layout_entry_name(entry) && add_spellings(&words, layout_entry_name(entry)) < 0)
            return NULL;
    const char *near = nearest_word(what, (const char *const *)words.v, words.n);
    return near ? strdup(near) : NULL;
}

static int no_such(const json_t *index, const char *what, struct err *e)
{
    _cleanup_free_ char *near = e ? resolve_nearest(index, what) : NULL;
    return near ? err_set(e, ENOENT, "no such image: %s: did you mean \"%s\"?", what, near)
                : err_set(e, ENOENT, "no such image: %s", what);
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
            r = by_name(entries, &ref, ret, e);
        else if (r == -ENOMEM)
            return err_nomem(e);
        else
            r = -ENOENT;
        if (r == 0)
            return copy_name(*ret, ret_by_name, e);
    }
    if (r == -ENOENT && may_be_id)
        r = by_id(root_fd, entries, hex ? hex : what, ret, e);
    return r == -ENOENT ? no_such(index, what, e) : r;
}
