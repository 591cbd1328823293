#include "cli/image_use.h"

#include "engine/events.h"
#include "engine/state.h"

enum image_use cli_image_use(void *data, const char *id, char **ret_by)
{
    struct cli *c = data;
    _cleanup_strv_ struct strv ids = {0};
    enum image_use use = IMAGE_UNUSED;
    if (record_list(&c->engine, &ids, NULL) < 0)
        return IMAGE_USED_RUNNING; /* who cannot look must not remove */
    for (size_t i = 0; i < ids.n && use != IMAGE_USED_RUNNING; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        _cleanup_json_ json_t *state = NULL;
        int r = record_open(&c->engine, ids.v[i], &record, NULL);
        if (r == -ENOMEM)
            return IMAGE_USED_RUNNING;
        if (r < 0 || !str_eq(json_str(record.document, "Image"), id))
            continue;
        bool runs = state_read(&c->engine, &record, &state, NULL, NULL) == 0 &&
                    json_bool(state, "State.Running", false);
        use = runs ? IMAGE_USED_RUNNING : IMAGE_USED_STOPPED;
        free(*ret_by);
        *ret_by = str_printf("container %.12s", record.id);
    }
    return use;
}

void cli_image_tell(struct cli *c, const char *line)
{
    const char *untagged = str_after(line, "Untagged: "), *deleted = str_after(line, "Deleted: ");
    const char *what = untagged ? untagged : deleted;
    if (what)
        event_emit(&c->engine, "image", untagged ? "untag" : "delete", what,
                   (struct event_attribute[]){{"name", what}, {0}});
}
