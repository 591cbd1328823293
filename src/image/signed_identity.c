#include "image/signed_identity.h"

#include "base/str.h"
#include "image/reference.h"
#include "image/registries_private.h"

#include <string.h>

/* The full form of @text and its repository: to be released. Of one without a tag the full form is
 * left NULL: what must match exactly has to be said exactly. */
struct name {
    char *full, *repository;
};

static void name_release(struct name *n)
{
    free(n->full);
    free(n->repository);
}

static bool name_parse(const char *text, struct name *ret)
{
    _cleanup_reference_ struct reference reference = {0};
    if (!text || reference_parse(text, &reference, NULL) < 0)
        return false;
    ret->repository = reference_repository(&reference);
    if (!reference_is_name_only(text))
        ret->full = reference_full(&reference);
    return ret->repository != NULL;
}

/* ---- the kinds ---- */

typedef bool matches_fn(const json_t *identity, const struct name *image, const struct name *sign);

static bool match_exact(const json_t *identity, const struct name *image, const struct name *sign)
{
    return str_eq(image->full, sign->full);
}

/* An image that is named by a digest has no tag that could be the one that was signed. */
static bool match_digest_or_exact(const json_t *identity, const struct name *image,
                                  const struct name *sign)
{
    if (!sign->full || !image->full)
        return false;
    const char *rest = str_after(image->full, image->repository);
    return rest && *rest == '@' ? str_eq(image->repository, sign->repository)
                                : str_eq(image->full, sign->full);
}

static bool match_repository(const json_t *identity, const struct name *image,
                             const struct name *sign)
{
    return str_eq(image->repository, sign->repository);
}

static bool match_given(const json_t *identity, const char *key, matches_fn *matches,
                        const struct name *sign)
{
    _cleanup_(name_release) struct name given = {0};
    return name_parse(json_str(identity, key), &given) && matches(identity, &given, sign);
}

static bool exact_reference(const json_t *identity, const struct name *image,
                            const struct name *sign)
{
    return match_given(identity, "dockerReference", match_exact, sign);
}

static bool exact_repository(const json_t *identity, const struct name *image,
                             const struct name *sign)
{
    return match_given(identity, "dockerRepository", match_repository, sign);
}

/* Only whole parts of a repository's name are a prefix. */
static bool remap(const json_t *identity, const struct name *image, const struct name *sign)
{
    const char *prefix = json_str(identity, "prefix");
    const char *rest = str_after(image->repository, prefix);
    if (!rest || (*rest && *rest != '/'))
        return match_digest_or_exact(identity, image, sign);
    _cleanup_(name_release) struct name mapped = {0};
    _cleanup_free_ char *text =
        str_printf("%s%s", json_str(identity, "signedPrefix"),
                   (image->full ? image->full : image->repository) + strlen(prefix));
    return text && name_parse(text, &mapped) && match_digest_or_exact(identity, &mapped, sign);
}

/* ---- what the file says ---- */

static bool is_exact(const char *text)
{
    _cleanup_(name_release) struct name name = {0};
    return name_parse(text, &name) && name.full;
}

static bool is_name(const char *text)
{
    _cleanup_(name_release) struct name name = {0};
    return name_parse(text, &name);
}

static const struct kind {
    const char *name;
    matches_fn *matches;
    struct {
        const char *key;
        bool (*is_valid)(const char *text);
    } values[2];
} kinds[] = {
    {"matchExact", match_exact, {{0}}},
    {"matchRepoDigestOrExact", match_digest_or_exact, {{0}}},
    {"matchRepository", match_repository, {{0}}},
    {"exactReference", exact_reference, {{"dockerReference", is_exact}}},
    {"exactRepository", exact_repository, {{"dockerRepository", is_name}}},
    {"remapIdentity",
     remap,
     {{"prefix", registry_location_is_valid}, {"signedPrefix", registry_location_is_valid}}},
};

static const struct kind *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

int signed_identity_check(const json_t *identity, struct err *e)
{
    const char *type = json_str(identity, "type");
    const struct kind *kind = find(type);
    size_t wanted = 1;
    if (!kind)
        return err_set(e, EINVAL, "\"signedIdentity\" has the type \"%.100s\", which is not known",
                       type ? type : "");
    for (size_t i = 0; i < ARRAY_LEN(kind->values) && kind->values[i].key; i++, wanted++) {
        const char *key = kind->values[i].key;
        const char *text = json_string_value(json_object_get(identity, key));
        if (!text || !kind->values[i].is_valid(text))
            return err_set(e, EINVAL, "\"%s\" of a \"signedIdentity\" is no %s: \"%.300s\"", key,
                           kind->values[i].is_valid == is_exact ? "name with a tag or digest"
                                                                : "name",
                           text ? text : "");
    }
    if (json_object_size(identity) != wanted)
        return err_set(e, EINVAL, "a \"signedIdentity\" of type \"%s\" has a key that is not known",
                       kind->name);
    return 0;
}

bool signed_identity_matches(const json_t *identity, const char *name, const char *signed_name)
{
    _cleanup_(name_release) struct name image = {0}, sign = {0};
    const struct kind *kind =
        find(identity ? json_str(identity, "type") : "matchRepoDigestOrExact");
    return kind && name_parse(name, &image) && name_parse(signed_name, &sign) &&
           kind->matches(identity, &image, &sign);
}
