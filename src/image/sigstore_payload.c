#include "image/sigstore_payload.h"

#include "base/str.h"
#include "image/reference.h"

#define TYPE "cosign container image signature"

void sigstore_payload_release(struct sigstore_payload *p)
{
    json_decref(p->value);
    *p = (struct sigstore_payload){0};
}

int sigstore_payload_parse(const char *text, size_t n, struct sigstore_payload *ret, struct err *e)
{
    _cleanup_json_ json_t *value = NULL;
    if (json_parse(text, n, "signed text", &value, NULL) < 0 || !json_is_object(value))
        return err_set(e, EBADMSG, "what is signed is not a JSON object");
    const json_t *critical = json_object_get(value, "critical");
    const json_t *optional = json_object_get(value, "optional");
    const json_t *image = json_object_get(critical, "image");
    const json_t *identity = json_object_get(critical, "identity");
    const char *type = json_string_value(json_object_get(critical, "type"));
    const char *digest = json_string_value(json_object_get(image, "docker-manifest-digest"));
    const char *name = json_string_value(json_object_get(identity, "docker-reference"));
    if (!str_eq(type, TYPE))
        return err_set(e, EBADMSG, "what is signed has the type \"%.100s\" instead of \"%s\"",
                       type ? type : "", TYPE);
    if (!digest || !digest_is_valid(digest) || !name)
        return err_set(e, EBADMSG, "what is signed names no image, or no SHA-256 of a manifest");
    if (json_object_size(value) != 1U + (optional != NULL) || json_object_size(critical) != 3 ||
        json_object_size(image) != 1 || json_object_size(identity) != 1 ||
        (optional && !json_is_object(optional) && !json_is_null(optional)))
        return err_set(e, EBADMSG, "what is signed says more than is known here");
    *ret = (struct sigstore_payload){.digest = digest, .name = name, .value = TAKE_PTR(value)};
    return 0;
}
