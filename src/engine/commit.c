#include "engine/commit.h"

#include "base/file.h"
#include "engine/archive.h"
#include "engine/rootfs_view.h"
#include "image/reference.h"

#include <fcntl.h>

static void tell_owner(void *data, uid_t *uid, gid_t *gid)
{
    rootfs_view_owner(data, uid, gid);
}

int commit_layer(const struct engine *en, struct container_record *c, int out,
                 const struct archive_progress *progress, struct err *e)
{
    _cleanup_view_ struct rootfs_view view = ROOTFS_VIEW_INIT;
    if (str_eq(json_str(c->document, "Image"), IMAGE_HOST))
        return err_set(e, ENOTSUP, "containers of the built-in image have no layer of their own");
    /* For the owners, and so that one that does not run is not started meanwhile. */
    int r = rootfs_view_open(en, c, VIEW_ROOT_ALONE, &view, e);
    if (r < 0)
        return r;
    _cleanup_close_ int upper = dir_open(c->dir_fd, "upper", false, e);
    if (upper < 0)
        return upper;
    const struct archive_options o = {
        .owner = tell_owner, .data = &view, .layer = true, .progress = progress};
    return archive_folder(out, upper, NULL, &o, e);
}

/* The rest of a container's "Config" is about that one container: its name, its terminal. */
json_t *commit_settings(const struct container_record *c)
{
    static const char *const keys[] = {
        "User",   "ExposedPorts", "Env",         "Entrypoint",  "Cmd",     "Volumes", "WorkingDir",
        "Labels", "StopSignal",   "Healthcheck", "ArgsEscaped", "OnBuild", "Shell"};
    const json_t *config = json_at(c->document, "Config");
    _cleanup_json_ json_t *settings = json_object();
    for (size_t i = 0; settings && i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(config, keys[i]);
        bool empty = !value || json_is_null(value) ||
                     (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_object(value) && json_object_size(value) == 0);
        if (!empty && json_object_set(settings, keys[i], value) < 0)
            return NULL;
    }
    return TAKE_PTR(settings);
}

char *commit_created_by(const struct container_record *c)
{
    _cleanup_str_ struct str text = {0};
    size_t i;
    json_t *word;
    json_array_foreach (json_at(c->document, "Config.Cmd"), i, word) {
        str_add(&text, i > 0 ? " " : "");
        str_add(&text, json_is_string(word) ? json_string_value(word) : "");
    }
    return str_steal(&text);
}
