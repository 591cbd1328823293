/* What belongs to no container: volumes, leftovers, caches, the journal, images. */
#include "base/file.h"
#include "engine/events.h"
#include "engine/hold.h"
#include "engine/verify_private.h"
#include "engine/volume_use.h"
#include "image/image.h"
#include "image/inventory.h"
#include "image/reference.h"
#include "runtime/seccomp.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* What is younger may still be written. */
enum { LEFT_SECONDS = 60 };

static int done(char **ret_done, const char *text, struct err *e)
{
    *ret_done = strdup(text);
    return *ret_done ? 0 : err_nomem(e);
}

/* ---- volumes ---- */

static int repair_volumes(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                          struct err *e)
{
    (void)f;
    volume_sweep(v->en);
    return done(ret_done, "what was begun is removed", e);
}

static void look_at_volume(struct verify *v, int dir_fd, const char *name)
{
    _cleanup_volume_ struct volume volume = VOLUME_INIT;
    _cleanup_err_ struct err e = ERR_INIT;
    if (str_after(name, ".new-")) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            verify_add(v, "volume", name, repair_volumes, "its maker was killed");
        return;
    }
    v->n_volumes++;
    if (volume_check_name(name, NULL) < 0)
        verify_add(v, "volume", name, NULL, "lies among the volumes and is none: move it away");
    else if (volume_open(v->en, name, &volume, &e) < 0)
        verify_add(v, "volume", name, NULL,
                   "%s: its files are in \"%s/volumes/%s/" VOLUME_DATA "\"", err_text(&e),
                   v->en->root, name);
    else if (faccessat(volume.dir_fd, VOLUME_DATA, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        verify_add(v, "volume", name, NULL, "its folder \"%s/volumes/%s/" VOLUME_DATA "\" is gone",
                   v->en->root, name);
}

/* What documents name must be there. */
static void look_at_mounts(struct verify *v, const struct verify_container *c)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(c->record.document, "Mounts"), i, m) {
        const char *name = json_str(m, "Name");
        if (!name || !str_eq(json_str(m, "Type"), "volume") || volume_check_name(name, NULL) < 0)
            continue;
        _cleanup_free_ char *path = str_printf("volumes/%s", name);
        if (path && faccessat(v->en->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            verify_add(v, "volume", name, NULL,
                       "container %.12s uses it, and it is gone: 'skiff volume create %s' makes an "
                       "empty one",
                       c->id, name);
    }
}

void verify_volumes(struct verify *v)
{
    v->n_volumes = 0;
    verify_each(v, v->en->root_fd, "volumes", "volume", look_at_volume);
    for (size_t i = 0; i < v->n_containers; i++)
        if (v->containers[i].record.document && !v->containers[i].in_flux)
            look_at_mounts(v, &v->containers[i]);
}

/* ---- files ---- */

static int repair_removed(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                          struct err *e)
{
    int r = record_sweep(v->en, f->subject, e);
    return r < 0 ? r : done(ret_done, "its space is given back", e);
}

/* Who gives back its space holds a lock meanwhile, and so does who reads its log to the end. */
static void look_at_removed(struct verify *v, int dir_fd, const char *name)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && !hold_is_taken(fd, HOLD_LOG))
        verify_add(v, "removed", name, repair_removed, "nobody is giving back its space");
}

static int repair_file(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                       struct err *e)
{
    const char *below = str_after(f->subject, v->en->root);
    int dir_fd = below ? v->en->root_fd : v->en->run_fd;
    if (!below)
        below = str_after(f->subject, v->en->run);
    int r = below ? dir_remove(dir_fd, below + 1, e) : err_set(e, ENOENT, "it is elsewhere");
    return r < 0 ? r : done(ret_done, "the file is removed", e);
}

/* A temporary name that its writer did not live to take away. */
static void look_at_temporary(struct verify *v, int dir_fd, const char *folder, const char *name)
{
    struct stat st;
    if (!strstr(name, ".tmp-") || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode) || time(NULL) - st.st_mtim.tv_sec < LEFT_SECONDS)
        return;
    _cleanup_free_ char *path = str_printf("%s/%s", folder, name);
    if (path)
        verify_add(v, "file", path, repair_file, "its writer was killed");
    v->failed |= !path;
}

static void look_for_temporaries(struct verify *v, int dir_fd, const char *path, const char *folder)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        look_at_temporary(v, fd, folder, entry->d_name);
}

static void look_at_cached(struct verify *v, int dir_fd, const char *name)
{
    if (strstr(name, ".tmp-"))
        return;
    _cleanup_free_ char *path = str_printf("%s/cache/%s", v->en->root, name);
    int r = seccomp_check_cached(dir_fd, name);
    if (path && r < 0 && r != -ENOENT)
        verify_add(v, "file", path, repair_file, "is no compiled filter (%s), and will not be used",
                   r == -EBADMSG ? "damaged" : strerrordesc_np(-r));
    v->failed |= !path;
}

static void look_at_journal(struct verify *v, const char *name)
{
    struct stat st;
    if (fstatat(v->en->root_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        verify_add(v, "file", name, NULL, "the journal of events is no regular file: move it away");
}

static void look_at_events(struct verify *v)
{
    _cleanup_event_reader_ struct event_reader *reader = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    look_at_journal(v, "events");
    look_at_journal(v, "events.1");
    int r = event_reader_open(v->en, false, &reader, &e);
    while (r == 0 || r == 1) {
        _cleanup_json_ json_t *event = NULL;
        r = event_reader_next(reader, 0, 0, &event, &e);
        if (r == 0)
            return;
    }
    verify_add(v, "file", "events", NULL, "%s", err_text(&e));
}

void verify_files(struct verify *v)
{
    const struct engine *en = v->en;
    verify_each(v, en->root_fd, "removed", "removed", look_at_removed);
    verify_each(v, en->root_fd, "cache", "file", look_at_cached);
    look_at_events(v);
    look_for_temporaries(v, en->root_fd, ".", en->root);
    _cleanup_free_ char *cache = str_printf("%s/cache", en->root);
    if (cache)
        look_for_temporaries(v, en->root_fd, "cache", cache);
    for (size_t i = 0; i < v->n_containers; i++) {
        const char *id = v->containers[i].id;
        _cleanup_free_ char *own = str_printf("%s/containers/%s", en->root, id);
        _cleanup_free_ char *run = str_printf("%s/containers/%s", en->run, id);
        v->failed |= !own || !run;
        if (!own || !run)
            return;
        look_for_temporaries(v, en->containers_fd, id, own);
        look_for_temporaries(v, en->run_fd, run + strlen(en->run) + 1, run);
    }
}

/* ---- images ---- */

static int repair_images(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    (void)f;
    int r = image_sweep(v->en->root_fd, e);
    return r < 0 ? r : done(ret_done, "what no image needs is removed", e);
}

/* What a killed pull leaves is no fault: the next one takes it away, as a repair does. */
static void take_image_finding(void *data, const char *subject, const char *problem, bool left)
{
    struct verify *v = data;
    if (!left || (v->flags & VERIFY_REPAIR))
        verify_add(v, "image", subject, left ? repair_images : NULL, "%s", problem);
}

/* Each container's image is told of by its next start; here it is whether it would. */
static void look_at_images_of_containers(struct verify *v)
{
    for (size_t i = 0; i < v->n_containers; i++) {
        const struct verify_container *c = &v->containers[i];
        _cleanup_image_ struct image image = {0};
        const char *id = json_str(c->record.document, "Image");
        if (!id || c->in_flux || str_eq(id, IMAGE_HOST))
            continue;
        if (image_find(v->en->root_fd, id, &image, NULL) == -ENOENT)
            verify_add(v, "image", id, NULL,
                       "container %.12s is made from it, and it is gone: the container cannot be "
                       "started",
                       c->id);
    }
}

void verify_images(struct verify *v)
{
    _cleanup_err_ struct err e = ERR_INIT;
    v->n_images = 0;
    if (image_inspect_store(v->en->root_fd, take_image_finding, v, &v->n_images, &e) < 0)
        verify_add(v, "image", "index.json", NULL, "%s", err_text(&e));
    else
        look_at_images_of_containers(v);
}
