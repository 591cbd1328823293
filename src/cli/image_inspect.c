#include "cli/image_inspect.h"

#include "cli/image_platform.h"
#include "image/image.h"
#include "image/reference.h"

/* A name that is a digest's is none of its tags. */
static json_t *short_names(const struct strv *names, bool digests)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < names->n; i++)
        if (reference_has_digest(names->v[i]) == digests)
            json_gather(&list, json_string(reference_short(names->v[i])));
    return list;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* The image's own configuration, with what it does not say as Docker shows that. */
static json_t *image_settings(const json_t *config)
{
    json_t *settings =
        json_pack("{s:s, s:n, s:n, s:n, s:s, s:n, s:n, s:n}", "User", "", "Env", "Cmd", "Volumes",
                  "WorkingDir", "", "Entrypoint", "OnBuild", "Labels");
    json_t *own = json_at(config, "config");
    if (settings && json_is_object(own) && json_object_update(settings, own) < 0) {
        json_decref(settings);
        return NULL;
    }
    return settings;
}

/* Where its layers lie: the uppermost, and those below it from the top down. */
static json_t *graph_driver(const struct cli *c, const struct image *image)
{
    _cleanup_str_ struct str lower = {0};
    size_t n = image->layers.n;
    for (size_t i = n; i-- > 1;)
        str_addf(&lower, "%s%s/%s", lower.len ? ":" : "", c->engine.root, image->layers.v[i - 1]);
    json_t *data = json_object();
    bool whole = data && !lower.failed;
    if (whole && lower.len > 0)
        whole = json_object_set_new(data, "LowerDir", json_string(lower.s)) == 0;
    if (whole && n > 0)
        whole =
            json_object_set_new(data, "UpperDir",
                                json_sprintf("%s/%s", c->engine.root, image->layers.v[n - 1])) == 0;
    json_t *driver = whole ? json_pack("{s:O, s:s}", "Data", data, "Name", "overlay2") : NULL;
    json_decref(data);
    return driver;
}

/* Of the manifest, as the index names it. */
static json_t *descriptor(const struct image *image)
{
    const char *type = json_str(image->manifest, "mediaType");
    return json_pack("{s:s, s:s, s:I}", "mediaType",
                     type ? type : "application/vnd.oci.image.manifest.v1+json", "digest",
                     image->digest, "size", (json_int_t)image->manifest_size);
}

int image_inspect(struct cli *c, const char *what, const char *platform, json_t **ret,
                  struct err *e)
{
    _cleanup_image_ struct image image = {0};
    int r = image_find(c->engine.root_fd, what, &image, e);
    if (r == 0)
        r = image_platform_check(&image, what, platform, e);
    if (r < 0)
        return r;
    const char *variant = json_str(image.config, "variant");
    json_t *layers = json_at(image.config, "rootfs.diff_ids");
    const json_t *history = json_at(image.config, "history");
    history = json_array_get(history, json_array_size(history) - 1);
    _cleanup_json_ json_t *document = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:o, s:{s:s, s:O*}, "
        "s:{s:s}, s:o}",
        "Id", image.id, "RepoTags", short_names(&image.names, false), "RepoDigests",
        short_names(&image.repo_digests, true), "Parent", "", "Comment",
        or_empty(json_str(history, "comment")), "Created",
        or_empty(json_str(image.config, "created")), "DockerVersion",
        or_empty(json_str(image.config, "docker_version")), "Author",
        or_empty(json_str(image.config, "author")), "Config", image_settings(image.config),
        "Architecture", or_empty(json_str(image.config, "architecture")), "Os",
        or_empty(json_str(image.config, "os")), "Size",
        (json_int_t)image_size(c->engine.root_fd, &image), "GraphDriver", graph_driver(c, &image),
        "RootFS", "Type", "layers", "Layers", layers, "Metadata", "LastTagTime",
        "0001-01-01T00:00:00Z", "Descriptor", descriptor(&image));
    if (!document ||
        (variant && json_object_set_new(document, "Variant", json_string(variant)) < 0))
        return err_nomem(e);
    *ret = TAKE_PTR(document);
    return 0;
}
