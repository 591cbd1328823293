#include "engine/volume.h"

#include "base/file.h"
#include "base/options.h"
#include "base/timestamp.h"
#include "engine/events.h"
#include "engine/project.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define VOLUMES    "volumes"
#define UNFINISHED ".new-"

enum { DOCUMENT_LIMIT = 1 << 20, ATTEMPTS = 100 };

void volume_release(struct volume *v)
{
    free(v->name);
    fd_close(&v->dir_fd);
    json_decref(v->document);
    *v = VOLUME_INIT;
}

static int random_hex(size_t bytes, char *ret, struct err *e)
{
    unsigned char raw[ID_LEN / 2];
    if (getrandom(raw, bytes, 0) != (ssize_t)bytes)
        return err_sys(e, errno, "cannot get random bytes");
    for (size_t i = 0; i < bytes; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

int volume_check_name(const char *name, struct err *e)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (!name[0] || !name[1])
        return err_set(e, EINVAL,
                       "volume name \"%s\" is too short: names should be at least two "
                       "alphanumeric characters",
                       name);
    size_t n = strchr(first, name[0]) ? 1 : 0;
    while (n && name[n] && (strchr(first, name[n]) || strchr("_.-", name[n])))
        n++;
    if (n == 0 || name[n])
        return err_set(e, EINVAL,
                       "\"%s\" includes invalid characters for a local volume name, only "
                       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed: for a folder of the host use an "
                       "absolute path",
                       name);
    if (n > NAME_MAX)
        return err_set(e, ENAMETOOLONG, "a volume name of %zu bytes is too long: at most %d", n,
                       NAME_MAX);
    return 0;
}

static bool is_given(const json_t *options, const char *key)
{
    const char *text = json_str(options, key);
    return text && *text;
}

int volume_check_options(const json_t *options, struct err *e)
{
    static const char *const known[] = {"type", "device", "o", "size"};
    static const char *const needs[][2] = {
        {"device", "type"}, {"type", "device"}, {"o", "device"}, {"o", "type"}};
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)options, key, value) {
        bool good = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            good |= str_eq(key, known[i]);
        if (!good)
            return err_set(e, EINVAL,
                           "invalid option: \"%s\": the local driver has type, device, o and size",
                           key);
    }
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (is_given(options, needs[i][0]) && !is_given(options, needs[i][1]))
            return err_set(e, EINVAL, "missing required option: \"%s\"", needs[i][1]);
    if (is_given(options, "size") && is_given(options, "type"))
        return err_set(e, EINVAL,
                       "option \"size\" is for volumes that lie on disk: with a type, give it in "
                       "\"o\" (o=size=…) if that file system has it");
    long long bytes;
    return is_given(options, "size") ? project_parse_size(json_str(options, "size"), &bytes, e) : 0;
}

static int open_volumes(const struct engine *en, bool make, struct err *e)
{
    int fd = openat(en->root_fd, VOLUMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT || !make)
        return errno == ENOENT ? -ENOENT
                               : err_sys(e, errno, "cannot open \"%s/" VOLUMES "\"", en->root);
    int r = dir_make(en->root_fd, VOLUMES, 0701, e);
    return r < 0 ? r : dir_open(en->root_fd, VOLUMES, false, e);
}

static int no_such(const char *name, struct err *e)
{
    return err_set(e, ENOENT, "get %s: no such volume", name);
}

static int not_found(const struct engine *en, const char *name, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    if (!e || volume_list(en, &names, NULL) < 0)
        return no_such(name, e);
    const char *near = nearest_word(name, (const char *const *)names.v, names.n);
    return near ? err_set(e, ENOENT, "get %s: no such volume: did you mean \"%s\"?", name, near)
                : no_such(name, e);
}

int volume_open(const struct engine *en, const char *name, struct volume *ret, struct err *e)
{
    if (volume_check_name(name, NULL) < 0) /* there cannot be one */
        return no_such(name, e);
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    _cleanup_close_ int volumes = open_volumes(en, false, e);
    if (volumes < 0)
        return volumes == -ENOENT ? no_such(name, e) : volumes;
    v.dir_fd = openat(volumes, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (v.dir_fd < 0)
        return errno == ENOENT ? not_found(en, name, e)
                               : err_sys(e, errno, "cannot open volume \"%s\"", name);
    v.name = strdup(name);
    if (!v.name)
        return err_nomem(e);
    int r = json_read(v.dir_fd, "volume.json", DOCUMENT_LIMIT, &v.document, e);
    if (r == 0 && !str_eq(json_str(v.document, "Name"), name))
        r = err_set(e, EBADMSG, "\"volume.json\" is not its document");
    if (r < 0)
        return err_wrap(e, "volume \"%s\"", name);
    *ret = v;
    v = VOLUME_INIT;
    return 0;
}

int volume_lock(const struct engine *en, const struct volume *v, int mode)
{
    _cleanup_free_ char *path = str_printf(VOLUMES "/%s", v->name);
    struct stat named, held;
    if (!path)
        return -ENOMEM;
    while (flock(v->dir_fd, mode) < 0)
        if (errno != EINTR)
            return -errno;
    if (fstatat(en->root_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (fstat(v->dir_fd, &held) < 0)
        return -errno;
    return named.st_ino == held.st_ino && named.st_dev == held.st_dev ? 0 : -ENOENT;
}

int volume_list(const struct engine *en, struct strv *ret, struct err *e)
{
    int fd = open_volumes(en, false, e);
    if (fd == -ENOENT)
        return 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return fd < 0 ? fd : err_sys(e, errno, "cannot read \"%s/" VOLUMES "\"", en->root);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (volume_check_name(entry->d_name, NULL) == 0)
            strv_add(ret, entry->d_name);
    return ret->failed ? err_nomem(e) : 0;
}

char *volume_mountpoint(const struct engine *en, const char *name)
{
    return str_printf("%s/" VOLUMES "/%s/" VOLUME_DATA, en->root, name);
}

json_t *volume_describe(const struct engine *en, const struct volume *v)
{
    _cleanup_free_ char *path = volume_mountpoint(en, v->name);
    const char *created = json_str(v->document, "CreatedAt");
    if (!path)
        return NULL;
    return json_pack("{s:s, s:s, s:O?, s:s, s:s, s:O?, s:s}", "CreatedAt", created ? created : "",
                     "Driver", "local", "Labels", json_object_get(v->document, "Labels"),
                     "Mountpoint", path, "Name", v->name, "Options",
                     json_object_get(v->document, "Options"), "Scope", "local");
}

bool volume_is_anonymous(const struct volume *v)
{
    return json_object_get(json_object_get(v->document, "Labels"), VOLUME_ANONYMOUS);
}

/* ---- making one ---- */

static json_t *make_document(const struct volume_request *q, const char *name)
{
    char now[40];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    format_time(t, now);
    memcpy(now + strlen("2006-01-02T15:04:05"), "Z", 2); /* Docker's have no fractions */
    _cleanup_json_ json_t *labels = q->labels ? json_copy_object(q->labels) : NULL;
    if (!q->name && !labels)
        labels = json_object();
    if ((q->labels || !q->name) && !labels)
        return NULL;
    if (!q->name && json_object_set_new(labels, VOLUME_ANONYMOUS, json_string("")) < 0)
        return NULL;
    bool has_labels = json_object_size(labels) > 0, has_options = json_object_size(q->options) > 0;
    return json_pack("{s:s, s:s, s:s, s:O?, s:O?}", "Name", name, "Driver", "local", "CreatedAt",
                     now, "Labels", has_labels ? labels : NULL, "Options",
                     has_options ? q->options : NULL);
}

static int set_quota(const struct engine *en, struct volume *v, int *ret_hold, struct err *e)
{
    const char *size = json_str(v->document, "Options.size");
    long long bytes = 0;
    uint32_t id = 0;
    if (!size || !*size)
        return 0;
    int r = project_parse_size(size, &bytes, e);
    _cleanup_free_ char *owner = str_printf(VOLUMES "/%s", v->name);
    if (r == 0)
        r = owner ? project_claim(en, v->dir_fd, owner, bytes, &id, ret_hold, e) : err_nomem(e);
    if (r == 0 && json_object_set_new(v->document, "Project", json_integer(id)) < 0)
        r = err_nomem(e);
    return r;
}

/* The quota first: what is made afterwards inherits its project. */
static int furnish(const struct engine *en, struct volume *v, bool sync, int *ret_hold,
                   struct err *e)
{
    int r = set_quota(en, v, ret_hold, e);
    if (r == 0)
        r = json_write(v->dir_fd, "volume.json", v->document, 0600, sync ? FILE_SYNC : 0, e);
    return r == 0 ? dir_make(v->dir_fd, VOLUME_DATA, 0755, e) : r;
}

static void give_back_quota(const struct engine *en, const struct volume *v)
{
    long long id = json_int(v->document, "Project", 0);
    if (id > 0)
        project_release(en, v->dir_fd, (uint32_t)id);
}

static void tell_event(const struct engine *en, const char *action, const char *name)
{
    event_emit(en, "volume", action, name, (struct event_attribute[]){{"driver", "local"}, {0}});
}

/* One attempt to make it and to claim the name. -EEXIST: there is one; -ENOENT: somebody took the
 * unfinished one for left behind, in the moment before it was locked. */
static int make_new(const struct engine *en, int volumes, const struct volume_request *q,
                    const char *name, struct volume *ret, struct err *e)
{
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    _cleanup_close_ int hold = -EBADF; /* the quota's, until the volume has its name */
    char temp[sizeof(UNFINISHED) + 16] = UNFINISHED;
    int r = random_hex(8, temp + sizeof(UNFINISHED) - 1, e);
    if (r < 0)
        return r;
    v.name = strdup(name);
    v.document = make_document(q, name);
    if (!v.name || !v.document)
        return err_nomem(e);
    r = dir_make(volumes, temp, 0701, e);
    if (r < 0)
        return r;
    v.dir_fd = openat(volumes, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (v.dir_fd < 0 || flock(v.dir_fd, LOCK_SH) < 0)
        r = err_sys(e, errno, "cannot open \"%s\"", temp);
    if (r == 0)
        r = furnish(en, &v, q->sync, &hold, e);
    if (r == 0 && renameat(volumes, temp, volumes, name) < 0)
        r = err_sys(e, errno == ENOTEMPTY ? EEXIST : errno, "cannot create volume \"%s\"", name);
    if (r == 0 && q->sync && fsync(volumes) < 0)
        r = err_sys(e, errno, "cannot write \"%s/" VOLUMES "\"", en->root);
    if (r < 0) {
        give_back_quota(en, &v);
        dir_remove(volumes, temp, NULL);
        return r;
    }
    tell_event(en, "create", name);
    *ret = v;
    v = VOLUME_INIT;
    return 0;
}

/* That it is there is fine, unless something else was wanted. */
static int check_same(const struct volume *v, const struct volume_request *q, struct err *e)
{
    json_t *own = json_object_get(v->document, "Options");
    if (json_object_size(q->options) == 0 || json_equal(own, q->options))
        return 0;
    return err_set(e, EEXIST,
                   "a volume named \"%s\" exists with other options: choose a different name, or "
                   "remove that one first",
                   v->name);
}

static int use_existing(const struct engine *en, const struct volume_request *q, struct volume *ret,
                        struct err *e)
{
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    int r = volume_open(en, q->name, &v, e);
    if (r == 0)
        r = volume_lock(en, &v, LOCK_SH);
    if (r == 0)
        r = check_same(&v, q, e);
    if (r < 0)
        return r;
    *ret = v;
    v = VOLUME_INIT;
    return 0;
}

static int check_request(const struct volume_request *q, struct err *e)
{
    if (q->driver && *q->driver && !str_eq(q->driver, "local"))
        return err_set(e, ENOENT,
                       "error looking up volume plugin %s: plugin \"%s\" not found: the only "
                       "driver is \"local\"",
                       q->driver, q->driver);
    int r = q->name ? volume_check_name(q->name, e) : 0;
    return r == 0 ? volume_check_options(q->options, e) : r;
}

int volume_use(const struct engine *en, const struct volume_request *q, struct volume *ret,
               struct err *e)
{
    char fresh[ID_LEN + 1];
    int r = check_request(q, e);
    if (r == 0 && !q->name)
        r = random_hex(ID_LEN / 2, fresh, e);
    if (r < 0)
        return r;
    /* Found, removed, made by another: each of them says to look again. */
    r = -ENOENT;
    for (int i = 0; i < ATTEMPTS && (r == -ENOENT || r == -EEXIST); i++) {
        err_release(e);
        if (q->name && ((r = use_existing(en, q, ret, e)) != -ENOENT || q->must_exist))
            return r;
        err_release(e);
        _cleanup_close_ int volumes = open_volumes(en, true, e);
        r = volumes < 0 ? volumes : make_new(en, volumes, q, q->name ? q->name : fresh, ret, e);
    }
    return r;
}

/* ---- removing one ---- */

int volume_remove_held(const struct engine *en, struct volume *v, struct err *e)
{
    char id[ID_LEN + 1];
    int r = random_hex(ID_LEN / 2, id, e);
    _cleanup_free_ char *from = str_printf(VOLUMES "/%s", v->name);
    _cleanup_free_ char *to = str_printf("removed/%s", id);
    if (r < 0)
        return r;
    if (!from || !to)
        return err_nomem(e);
    r = renameat(en->root_fd, from, en->root_fd, to) < 0 ? -errno : 0;
    if (r == -ENOENT) {
        r = dir_make(en->root_fd, "removed", 0700, e);
        if (r == 0)
            r = renameat(en->root_fd, from, en->root_fd, to) < 0 ? -errno : 0;
    }
    if (r < 0)
        return err_sys(e, -r, "cannot remove volume \"%s\"", v->name);
    tell_event(en, "destroy", v->name);
    give_back_quota(en, v);
    record_sweep(en, id, NULL); /* what is left of it, the next reaper removes */
    return 0;
}

void volume_sweep(const struct engine *en)
{
    _cleanup_close_ int volumes = open_volumes(en, false, NULL);
    int again = volumes < 0 ? -EBADF : openat(volumes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!str_after(entry->d_name, UNFINISHED))
            continue;
        _cleanup_close_ int fd =
            openat(volumes, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            dir_remove(volumes, entry->d_name, NULL);
    }
}
