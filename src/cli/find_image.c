#include "cli/find_image.h"

#include "cli/image_platform.h"
#include "cli/pull.h"
#include "image/place.h"
#include "image/platform.h"
#include "image/reference.h"

#include <string.h>

static bool pulls(const struct request_options *o, const char *policy)
{
    return str_eq(o->pull && *o->pull ? o->pull : "missing", policy);
}

int check_pull_options(const struct request_options *o, struct err *e)
{
    _cleanup_json_ json_t *platform = NULL;
    if (!pulls(o, "always") && !pulls(o, "missing") && !pulls(o, "never"))
        return err_set(e, EINVAL,
                       "invalid pull option: '%s': must be one of \"always\", \"missing\" or "
                       "\"never\"",
                       o->pull);
    return o->platform && *o->platform ? platform_parse(o->platform, &platform, e) : 0;
}

/* -ENOENT for one that is made for another platform than the one that was asked for. */
static int find_here(struct cli *c, const struct request_options *o, const char *name,
                     struct create_image *ret, struct err *e)
{
    _cleanup_create_image_ struct create_image found = {0};
    int r = create_find_image(&c->engine, name, &found, e);
    if (r == 0 && !found.built_in)
        r = image_platform_check(&found.image, name, o->platform, e);
    if (r == 0)
        *ret = TAKE(found, (struct create_image){0});
    return r;
}

/* "busybox:latest"; NULL when @name cannot be one of a registry's: an ID, or no reference at all.
 */
static char *name_at_registry(const char *name)
{
    _cleanup_reference_ struct reference reference = {0};
    _cleanup_free_ char *full = NULL;
    if (str_eq(name, IMAGE_HOST) || digest_is_valid(name) ||
        reference_parse(name, &reference, NULL) < 0 || !(full = reference_full(&reference)))
        return NULL;
    return strdup(reference_short(full));
}

static int not_here(struct cli *c, const char *name, const char *shown, struct err *e)
{
    _cleanup_free_ char *near = image_nearest(c->engine.root_fd, name);
    return near ? err_set(e, ENOENT, "unable to find image '%s' locally: did you mean \"%s\"?",
                          shown, near)
                : err_set(e, ENOENT, "unable to find image '%s' locally", shown);
}

/* Fetches @name, and finds what has come: by its ID, whoever else gives the name away meanwhile. */
static int pull_and_find(struct cli *c, const struct request_options *o, const char *name,
                         struct create_image *ret, struct err *e)
{
    const struct pull p = {.name = name,
                           .platform = o->platform,
                           .quiet = o->quiet,
                           .verify = o->verify,
                           .screen = STDERR_FILENO};
    _cleanup_free_ char *id = NULL;
    int r = cli_pull(c, &p, &id, e);
    if (r < 0) {
        _cleanup_free_ char *near = image_nearest(c->engine.root_fd, name);
        _cleanup_free_ char *story = near ? strdup(err_text(e)) : NULL;
        return story ? err_set(e, -r, "%s (the image \"%s\" is here: did you mean that?)", story,
                               near)
                     : r;
    }
    return create_find_image(&c->engine, digest_is_valid(id) ? id : name, ret, e);
}

int find_or_pull_image(struct cli *c, const struct request_options *o, const char *name,
                       struct create_image *ret, struct err *e)
{
    bool always = pulls(o, "always") && !str_eq(name, IMAGE_HOST);
    _cleanup_err_ struct err why = ERR_INIT;
    /* Whether what is there is here already, only looking there can tell. */
    if (place_is(name))
        return pulls(o, "never") ? err_set(e, ENOENT, "unable to find image '%s' locally", name)
                                 : pull_and_find(c, o, name, ret, e);
    if (!always) {
        int r = find_here(c, o, name, ret, &why);
        if (r != -ENOENT) {
            *e = TAKE(why, ERR_INIT);
            return r;
        }
    }
    _cleanup_free_ char *shown = name_at_registry(name);
    if (!shown) {
        *e = TAKE(why, ERR_INIT);
        return always ? err_set(e, EINVAL, "invalid reference format: \"%s\"", name) : -ENOENT;
    }
    if (pulls(o, "never"))
        return not_here(c, name, shown, e);
    if (!always && !o->quiet)
        fprintf(stderr, "Unable to find image '%s' locally\n", shown);
    return pull_and_find(c, o, name, ret, e);
}
