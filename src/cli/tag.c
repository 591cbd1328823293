#include "cli/cli.h"
#include "engine/events.h"
#include "image/image.h"
#include "image/reference.h"

static const struct option_def tag_table[] = {{0}};

static void tell(struct cli *c, const char *name)
{
    _cleanup_image_ struct image image = {0};
    _cleanup_reference_ struct reference reference = {0};
    _cleanup_free_ char *full = NULL;
    if (image_find(c->engine.root_fd, name, &image, NULL) == 0 &&
        reference_parse(name, &reference, NULL) == 0 && (full = reference_full(&reference)))
        event_emit(&c->engine, "image", "tag", image.id,
                   (struct event_attribute[]){{"name", reference_short(full)}, {0}});
}

static int run_tag(struct cli *c, int argc, char **argv, struct err *e)
{
    char nothing, **words;
    int n;
    int r = cli_parse(&cmd_tag, argc, argv, &nothing, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    if (str_eq(words[0], IMAGE_HOST) || str_eq(words[1], IMAGE_HOST))
        return err_set(e, EINVAL, "\"%s\" is the built-in image, which has no other name",
                       IMAGE_HOST);
    r = image_tag(c->engine.root_fd, words[0], words[1], e);
    if (r == 0)
        tell(c, words[1]);
    return r;
}

const struct cli_command cmd_tag = {
    .line = "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    .summary = "Give an image one more name",
    .options = tag_table,
    .min = 2,
    .max = 2,
    .first = WORD_IMAGE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_tag,
};
