#include "engine/bundle.h"
#include "engine/idmap.h"

static int add_time_offsets(struct bundle *b, json_t *linux_, struct err *e)
{
    const json_t *offsets = json_at(bundle_host(b), "TimeOffsets");
    if (!json_object_size(offsets))
        return 0;
    if (b->modes[NS_TIME].kind != MODE_PRIVATE)
        return err_set(e, EINVAL, "--time-offset needs --time=private");
    return json_put(linux_, "timeOffsets", json_deep_copy(offsets), e);
}

static int add_user_maps(struct bundle *b, json_t *linux_, struct err *e)
{
    struct id_range uids, gids;
    int r = idmap_choose(json_at(bundle_host(b), "IDMapping"), &uids, &gids, e);
    if (r < 0)
        return r;
    r = json_put(linux_, "uidMappings", idmap_to_json(&uids), e);
    return r < 0 ? r : json_put(linux_, "gidMappings", idmap_to_json(&gids), e);
}

int bundle_add_namespaces(struct bundle *b, struct err *e)
{
    json_t *linux_ = json_at(b->spec, "linux"), *list = json_array();
    int r = json_put(linux_, "namespaces", list, e);
    for (enum namespace_kind kind = 0; r == 0 && kind < NS_KINDS; kind++) {
        if (b->modes[kind].kind == MODE_HOST)
            continue;
        _cleanup_free_ char *path = NULL;
        r = mode_path(b->engine, kind, &b->modes[kind], &path, e);
        if (r == 0)
            r = json_add(list,
                         json_pack("{s:s, s:s*}", "type", namespace_types[kind].name, "path", path),
                         e);
    }
    if (r == 0 && b->modes[NS_USER].kind == MODE_PRIVATE)
        r = add_user_maps(b, linux_, e);
    return r < 0 ? r : add_time_offsets(b, linux_, e);
}
