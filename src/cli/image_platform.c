#include "cli/image_platform.h"

#include "image/platform.h"

int image_platform_check(const struct image *image, const char *what, const char *platform,
                         struct err *e)
{
    _cleanup_json_ json_t *wanted = NULL;
    if (!platform || !*platform)
        return 0;
    int r = platform_parse(platform, &wanted, e);
    if (r < 0 || platform_serves(image->config, wanted))
        return r;
    return err_set(e, ENOENT,
                   "image with reference %s was found but does not provide the specified platform "
                   "(%s)",
                   what, platform);
}
