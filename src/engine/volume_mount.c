#include "engine/volume_mount.h"

#include "base/file.h"
#include "engine/shm.h"
#include "engine/state.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

bool volume_has_type(const struct volume *v)
{
    const char *type = json_str(v->document, "Options.type");
    return type && *type;
}

bool volume_is_mount(const json_t *mount)
{
    return str_eq(json_str(mount, "Type"), "volume");
}

/* Options as an OCI mount has them: flags of the mount, and the file system's own. The strings of
 * *ret are those of @entry, which stays the caller's. */
static int parse_options(const struct volume *v, json_t **entry, struct spec_mount *ret,
                         struct err *e)
{
    const json_t *options = json_object_get(v->document, "Options");
    const char *type = json_str(options, "type"), *device = json_str(options, "device");
    const char *words = json_str(options, "o");
    json_t *list = json_array();
    while (list && words && *words) {
        size_t n = strcspn(words, ",");
        if (n > 0)
            json_gather(&list, json_stringn(words, n));
        words += n + (words[n] == ',');
    }
    *entry = json_pack("{s:s, s:s, s:s, s:o}", "destination", "/", "type", type ? type : "none",
                       "source", device ? device : "none", "options", list);
    return *entry ? spec_parse_mount(*entry, ret, e) : err_nomem(e);
}

const char *volume_bind_device(const struct volume *v)
{
    const char *words = json_str(v->document, "Options.o");
    if (!str_eq(json_str(v->document, "Options.type"), "none"))
        return NULL;
    for (size_t n; words && *words; words += n + (words[n] == ',')) {
        n = strcspn(words, ",");
        if ((n == 4 && strncmp(words, "bind", n) == 0) ||
            (n == 5 && strncmp(words, "rbind", n) == 0))
            return json_str(v->document, "Options.device");
    }
    return NULL;
}

static int mount_fresh(const struct volume *v, struct err *e)
{
    _cleanup_json_ json_t *entry = NULL;
    struct spec_mount m = {0};
    int r = parse_options(v, &entry, &m, e);
    if (r < 0)
        return r;
    int fd = m.bind ? mount_clone(AT_FDCWD, m.source, m.recursive, e)
                    : mount_new(m.type, m.source, m.data, m.n_data, m.set, e);
    if (fd >= 0 && m.bind && (m.set | m.clear))
        r = mount_change(fd, m.set, m.clear, false, e);
    if (fd >= 0 && r < 0)
        fd_close(&fd);
    spec_mount_release(&m);
    return r < 0 ? r : fd;
}

/* The place of volume @name in a container; NULL: nowhere. Not one that shows only a part of it. */
static const char *place_of(const json_t *document, const char *name)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(document, "Mounts"), i, m) {
        const char *subpath = json_str(m, "Spec.VolumeOptions.Subpath");
        if (volume_is_mount(m) && str_eq(json_str(m, "Name"), name) && (!subpath || !*subpath))
            return json_str(m, "Destination");
    }
    return NULL;
}

/* A copy of the mount in another container that runs with it; -ENOENT: there is none. */
static int mount_shared(const struct engine *en, const struct volume *v, const char *id,
                        struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(en, &ids, e);
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        _cleanup_json_ json_t *state = NULL;
        if (str_eq(ids.v[i], id) || record_open(en, ids.v[i], &c, NULL) < 0)
            continue;
        const char *place = place_of(c.document, v->name);
        if (!place || state_read(en, &c, &state, NULL, NULL) < 0)
            continue;
        pid_t pid = state_pid(state);
        int fd = pid > 0 ? tmpfs_clone(pid, place, NULL) : -ESRCH;
        if (fd >= 0)
            return fd;
    }
    return r < 0 ? r : -ENOENT;
}

/* By another descriptor of the same folder one would wait for oneself. */
static bool is_held(const struct volume_mounts *out, int fd)
{
    struct stat a, b;
    for (size_t i = 0; i < out->n_holds; i++)
        if (fstat(out->holds[i], &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev)
            return true;
    return false;
}

static int hold_tmpfs(const struct volume *v, struct volume_mounts *out, struct err *e)
{
    int *more = reallocarray(out->holds, out->n_holds + 1, sizeof(*more));
    if (!more)
        return err_nomem(e);
    out->holds = more;
    _cleanup_close_ int fd = dir_open(v->dir_fd, VOLUME_DATA, false, e);
    if (fd < 0)
        return fd;
    if (is_held(out, fd))
        return err_set(e, EINVAL, "a tmpfs can be mounted only once in a container");
    if (flock(fd, LOCK_EX) < 0)
        return err_sys(e, errno, "cannot lock it");
    out->holds[out->n_holds++] = TAKE_FD(fd);
    return 0;
}

static int mount_type(const struct engine *en, const struct volume *v, const char *id,
                      struct volume_mounts *out, struct err *e)
{
    if (!str_eq(json_str(v->document, "Options.type"), "tmpfs"))
        return mount_fresh(v, e);
    int r = hold_tmpfs(v, out, e);
    if (r < 0)
        return r;
    r = mount_shared(en, v, id, e);
    return r == -ENOENT ? mount_fresh(v, e) : r;
}

/* A part of a volume, whose content is its containers': links are followed inside, and what leads
 * out is refused. What is opened is what is mounted, whoever swaps it meanwhile. */
static int mount_part(const struct volume *v, int whole, const char *subpath, struct err *e)
{
    _cleanup_close_ int data = whole >= 0 ? -EBADF : dir_open(v->dir_fd, VOLUME_DATA, true, e);
    if (whole < 0 && data < 0)
        return data;
    _cleanup_close_ int part = beneath_open(whole >= 0 ? whole : data, subpath, O_PATH, 0);
    if (part == -EXDEV)
        return err_set(e, EXDEV, "subpath \"%s\" leads out of the volume", subpath);
    if (part < 0)
        return err_sys(e, -part, "cannot open subpath \"%s\"", subpath);
    return mount_clone(part, "", false, e);
}

int volume_mounts_add(struct volume_mounts *m, const char *destination, int fd, struct err *e)
{
    struct container_source *more = reallocarray(m->v, m->n + 1, sizeof(*more));
    if (!more) {
        close(fd);
        return err_nomem(e);
    }
    m->v = more;
    m->v[m->n++] = (struct container_source){destination, fd};
    return 0;
}

static int mount_one(const struct engine *en, const char *id, const json_t *m,
                     struct volume_mounts *out, struct err *e)
{
    const char *subpath = json_str(m, "Spec.VolumeOptions.Subpath");
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    bool part = subpath && *subpath;
    int r = volume_open(en, json_str(m, "Name"), &v, e);
    if (r < 0 || (!part && !volume_has_type(&v)))
        return r;
    _cleanup_close_ int whole = -EBADF;
    if (volume_has_type(&v)) {
        whole = mount_type(en, &v, id, out, e);
        r = whole;
    }
    if (r >= 0)
        r = part ? mount_part(&v, whole, subpath, e) : TAKE_FD(whole);
    if (r < 0)
        return err_wrap(e, "cannot mount volume \"%s\"", v.name);
    return volume_mounts_add(out, json_str(m, "Destination"), r, e);
}

static int by_name(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    return strcmp(json_str(*x, "Name"), json_str(*y, "Name"));
}

/* In the order of names: two who hold some of the same cannot wait for each other. */
int volume_mounts_open(const struct engine *en, const char *id, const json_t *document,
                       struct volume_mounts *ret, struct err *e)
{
    const json_t *list = json_object_get(document, "Mounts");
    size_t n = 0, i;
    json_t *m;
    if (json_array_size(list) == 0)
        return 0;
    const json_t **sorted = calloc(json_array_size(list), sizeof(*sorted));
    if (!sorted)
        return err_nomem(e);
    json_array_foreach (list, i, m)
        if (volume_is_mount(m) && json_str(m, "Name"))
            sorted[n++] = m;
    qsort((void *)sorted, n, sizeof(*sorted), by_name);
    int r = 0;
    for (i = 0; r == 0 && i < n; i++)
        r = mount_one(en, id, sorted[i], ret, e);
    free((void *)sorted);
    return r;
}

void volume_mounts_release(struct volume_mounts *m)
{
    for (size_t i = 0; i < m->n; i++)
        fd_close(&m->v[i].fd);
    for (size_t i = 0; i < m->n_holds; i++)
        fd_close(&m->holds[i]);
    free(m->v);
    free(m->holds);
    *m = (struct volume_mounts){0};
}
