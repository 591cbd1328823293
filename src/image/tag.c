#include "image/image.h"

#include "image/layout.h"
#include "image/reference.h"
#include "image/resolve.h"
#include "image/store.h"

int image_tag(int root_fd, const char *what, const char *name, struct err *e)
{
    _cleanup_free_ char *full = NULL;
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    json_t *entry = NULL;

    int r = reference_claim(name, &full, e);
    if (r == 0)
        r = store_make(root_fd, e);
    if (r == 0)
        r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r == 0)
        r = resolve(root_fd, index, what, &entry, NULL, e);
    if (r < 0)
        return r;
    const char *digest = json_str(entry, "digest");
    if (!digest || !digest_is_valid(digest))
        return err_set(e, EBADMSG, "the store names an image by an invalid digest");
    /* The entry may go when its name does. */
    _cleanup_free_ char *copy = str_printf("%s", digest);
    if (!copy)
        return err_nomem(e);
    const struct layout_entry named = {
        .digest = copy, .size = json_int(entry, "size", 0), .name = full};
    r = layout_index_name(index, &named, e);
    return r < 0 ? r : layout_write_index(root_fd, index, e);
}
