#include "engine/root_mount.h"

#include "engine/base_layer.h"
#include "engine/idmap.h"
#include "engine/overlay.h"
#include "runtime/userns.h"

#include <fcntl.h>

static int choose_maps(struct container_record *c, bool sync, struct id_range *ret_uids,
                       struct id_range *ret_gids, struct err *e)
{
    json_t *host = json_at(c->document, "HostConfig");
    int r = idmap_choose(json_at(host, "IDMapping"), ret_uids, ret_gids, e);
    if (r < 0)
        return r;
    if (json_object_set_new(host, "IDMapping",
                            json_pack("{s:I, s:I, s:I}", "UID", (json_int_t)ret_uids->first, "GID",
                                      (json_int_t)ret_gids->first, "Size",
                                      (json_int_t)ret_uids->size)) < 0)
        return err_nomem(e);
    return record_save(c, sync, e);
}

int root_userns(const struct engine *en, struct container_record *c, const struct mode *user,
                bool sync, int *ret, struct err *e)
{
    *ret = -EBADF;
    if (user->kind == MODE_HOST)
        return 0;
    _cleanup_free_ char *path = NULL;
    int r = mode_path(en, NS_USER, user, &path, e);
    if (r < 0)
        return r;
    if (path) {
        *ret = namespace_open_path(path, NS_USER, e);
        return *ret < 0 ? *ret : 0;
    }
    struct id_range uids, gids;
    r = choose_maps(c, sync, &uids, &gids, e);
    if (r < 0)
        return r;
    const struct spec_id_map uid_map = {0, uids.first, uids.size};
    const struct spec_id_map gid_map = {0, gids.first, gids.size};
    *ret = userns_new(&uid_map, 1, &gid_map, 1, e);
    return *ret < 0 ? *ret : 0;
}

int root_mount(const struct engine *en, const struct container_record *c,
               const struct create_image *image, int userns, bool discard, struct err *e)
{
    struct overlay o = {
        .root_fd = image->built_in ? AT_FDCWD : en->root_fd,
        .layers = image->built_in ? NULL : &image->image.layers,
        .base = image->built_in ? NULL : BASE_LAYER,
        .container_fd = c->dir_fd,
        .userns_fd = userns,
        .discard = discard,
    };
    int r = image->built_in ? 0 : base_layer_make(en, e);
    if (r == 0 && userns >= 0)
        r = userns_root(userns, &o.owner_uid, &o.owner_gid, e);
    return r < 0 ? r : overlay_mount(&o, e);
}

int root_mount_image(const struct engine *en, const struct container_record *c,
                     const struct create_image *image, int userns, struct err *e)
{
    if (image->built_in)
        return err_set(e, ENOTSUP,
                       "the built-in image has no layer of its own: nothing can be compared");
    const struct overlay o = {
        .root_fd = en->root_fd,
        .layers = &image->image.layers,
        .base = BASE_LAYER,
        .container_fd = c->dir_fd,
        .userns_fd = userns,
        .image_alone = true,
    };
    int r = base_layer_make(en, e);
    return r < 0 ? r : overlay_mount(&o, e);
}
