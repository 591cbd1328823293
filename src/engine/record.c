#include "base/file.h"
#include "base/options.h"
#include "engine/change_lock.h"
#include "engine/hold.h"
#include "engine/names.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { DOCUMENT_LIMIT = 32 << 20 };

/* In the folder of a container that has had another name. */
#define RENAMED "renamed"

static const char hex_digits[] = "0123456789abcdef";

int id_new(char ret[ID_LEN + 1], struct err *e)
{
    unsigned char bytes[ID_LEN / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return err_sys(e, errno, "cannot get random bytes");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ret[2 * i] = hex_digits[bytes[i] >> 4];
        ret[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    ret[ID_LEN] = '\0';
    return 0;
}

static bool is_id(const char *s)
{
    return strlen(s) == ID_LEN && strspn(s, hex_digits) == ID_LEN;
}

/* The lock's file appears under its name already locked: made nameless, locked, then linked. So
 * nobody can meet a container that is being made and take it for an orphan. */
static int make_lock(const struct engine *en, const char *id, struct err *e)
{
    int dir = openat(en->run_fd, "locks", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        int r = dir_make(en->run_fd, "locks", 0700, e);
        if (r < 0)
            return r;
        dir = dir_open(en->run_fd, "locks", true, e);
    }
    _cleanup_close_ int locks = dir;
    if (locks < 0)
        return locks;

    _cleanup_close_ int fd = openat(locks, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
        linkat(AT_FDCWD, self, locks, id, AT_SYMLINK_FOLLOW) < 0)
        return err_sys(e, errno, "cannot make a lock in \"%s/locks\"", en->run);
    return TAKE_FD(fd);
}

int record_watch(const struct engine *en, struct container_record *c, struct err *e)
{
    int fd = make_lock(en, c->id, e);
    if (fd == -EEXIST)
        return err_set(e, EBUSY, "container %s is being started, stopped or removed", c->id);
    if (fd < 0)
        return fd;
    c->lock_fd = fd;
    return 0;
}

void record_unwatch(const struct engine *en, struct container_record *c)
{
    _cleanup_free_ char *path = str_printf("locks/%s", c->id);
    if (path)
        unlinkat(en->run_fd, path, 0);
    fd_close(&c->lock_fd);
    fd_close(&c->hold_fd);
}

int record_new(const struct engine *en, struct container_record *ret, struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    int r = id_new(c.id, e);
    if (r < 0)
        return r;
    c.document = json_pack("{s:s}", "Id", c.id);
    if (!c.document)
        return err_nomem(e);
    c.lock_fd = make_lock(en, c.id, e);
    if (c.lock_fd < 0)
        return c.lock_fd;
    if (mkdirat(en->containers_fd, c.id, 0710) < 0)
        r = err_sys(e, errno, "cannot create \"%s/containers/%s\"", en->root, c.id);
    if (r == 0) {
        c.dir_fd = dir_open(en->containers_fd, c.id, false, e);
        r = c.dir_fd < 0 ? c.dir_fd : 0;
    }
    if (r == 0)
        r = c.hold_fd = change_lock(&c, e);
    if (r >= 0)
        r = hold_take(c.hold_fd, HOLD_LIFE, e);
    if (r < 0) {
        record_remove(en, &c, NULL);
        return r;
    }
    *ret = c;
    c = CONTAINER_RECORD_INIT;
    return 0;
}

static int check_name(const char *name, struct err *e)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strspn(name, first) > 0 ? 1 : 0;
    while (n && name[n] && (strchr(first, name[n]) || strchr("_.-", name[n])))
        n++;
    if (n < 2 || name[n] != '\0' || n > NAME_MAX)
        return err_set(e, EINVAL,
                       "invalid container name \"%s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]+ is allowed",
                       name);
    return 0;
}

/* The link is the claim: symlink(2) is atomic and fails when the name is there. */
static int link_name(const struct engine *en, const char *id, const char *name)
{
    _cleanup_free_ char *path = str_printf("names/%s", name);
    if (!path)
        return -ENOMEM;
    if (symlinkat(id, en->root_fd, path) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    int r = dir_make(en->root_fd, "names", 0710, NULL);
    if (r < 0)
        return r;
    return symlinkat(id, en->root_fd, path) < 0 ? -errno : 0;
}

/* Who has a name: the link's target, or an empty string. */
static int name_holder(const struct engine *en, const char *name, char ret[ID_LEN + 1])
{
    ret[0] = '\0';
    _cleanup_free_ char *path = str_printf("names/%s", name);
    if (!path)
        return -ENOMEM;
    ssize_t n = readlinkat(en->root_fd, path, ret, ID_LEN);
    ret[n > 0 ? n : 0] = '\0';
    if (!is_id(ret))
        ret[0] = '\0';
    return 0;
}

/* Who takes a name away holds the lock of their folder: between reading whose it is and unlinking
 * it, nobody else may have taken it away and given it to another. Who claims one needs no lock. */
static int lock_names(const struct engine *en)
{
    _cleanup_close_ int fd = openat(en->root_fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    while (r == 0 && flock(fd, LOCK_EX) < 0)
        r = errno == EINTR ? 0 : -errno;
    return r < 0 ? r : TAKE_FD(fd);
}

/* One that is being renamed has two; if whoever did it was killed, the one that its document does
 * not say is free. */
static bool has_lost(const struct engine *en, const char *id, const char *name)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    return record_open(en, id, &c, NULL) == 0 && !str_eq(record_name(&c), name) &&
           faccessat(c.dir_fd, RENAMED, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           flock(c.dir_fd, LOCK_EX | LOCK_NB) == 0 && record_reload(&c, NULL) == 0 &&
           !str_eq(record_name(&c), name);
}

/* A link that is no claim: whoever made it was killed. True when it is gone. */
static bool drop_stale_name(const struct engine *en, const char *name, char holder[ID_LEN + 1])
{
    _cleanup_close_ int lock = lock_names(en);
    _cleanup_free_ char *path = str_printf("names/%s", name);
    if (lock < 0 || !path || name_holder(en, name, holder) < 0)
        return false;
    if (*holder && faccessat(en->containers_fd, holder, F_OK, 0) == 0 &&
        !has_lost(en, holder, name))
        return false;
    return unlinkat(en->root_fd, path, 0) == 0 || errno == ENOENT;
}

static int claim_given(const struct engine *en, struct container_record *c, const char *name,
                       struct err *e)
{
    int r = check_name(name, e);
    if (r < 0)
        return r;
    for (int attempt = 0;; attempt++) {
        r = link_name(en, c->id, name);
        if (r != -EEXIST)
            return r < 0 ? err_sys(e, -r, "cannot claim the name \"%s\"", name) : 0;
        char holder[ID_LEN + 1];
        if (name_holder(en, name, holder) < 0)
            return err_nomem(e);
        if (str_eq(holder, c->id)) /* from a renaming that was killed */
            return 0;
        if (attempt == 0 && drop_stale_name(en, name, holder))
            continue;
        return err_set(e, EEXIST,
                       "the container name \"/%s\" is already in use by container \"%s\": remove "
                       "or rename that one, or choose another name",
                       name, holder);
    }
}

static int claim_random(const struct engine *en, struct container_record *c, char **ret,
                        struct err *e)
{
    uint64_t n = 0;
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        if (getrandom(&n, sizeof(n), 0) != sizeof(n))
            return err_sys(e, errno, "cannot get random bytes");
        _cleanup_free_ char *name = name_from_number(n, attempt);
        if (!name)
            return err_nomem(e);
        int r = link_name(en, c->id, name);
        if (r == 0) {
            *ret = TAKE_PTR(name);
            return 0;
        }
        if (r != -EEXIST)
            return err_sys(e, -r, "cannot claim a name");
    }
    return err_set(e, EEXIST, "cannot find a free name: give one with --name");
}

int record_claim_name(const struct engine *en, struct container_record *c, const char *name,
                      struct err *e)
{
    _cleanup_free_ char *chosen = NULL;
    int r = name ? claim_given(en, c, name, e) : claim_random(en, c, &chosen, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *slashed = str_printf("/%s", name ? name : chosen);
    if (!slashed || json_object_set_new(c->document, "Name", json_string(slashed)) < 0)
        return err_nomem(e);
    return 0;
}

int record_save(struct container_record *c, bool sync, struct err *e)
{
    return json_write(c->dir_fd, "container.json", c->document, 0600, sync ? FILE_SYNC : 0, e);
}

static int open_folder(const struct engine *en, const char *id, struct container_record *c,
                       struct err *e)
{
    if (!is_id(id))
        return err_set(e, ENOENT, "no such container: %s", id);
    memcpy(c->id, id, ID_LEN + 1);
    c->dir_fd = openat(en->containers_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->dir_fd >= 0)
        return 0;
    return errno == ENOENT ? err_set(e, ENOENT, "no such container: %s", id)
                           : err_sys(e, errno, "cannot open container \"%s\"", id);
}

/* What everybody who reads it counts on. */
static bool is_document(const json_t *d, const char *id)
{
    const char *name = json_str(d, "Name"), *created = json_str(d, "Created");
    return str_eq(json_str(d, "Id"), id) && name && name[0] == '/' && created &&
           strlen(created) >= sizeof("2006-01-02T15:04:05") - 1 && json_str(d, "Path") &&
           json_str(d, "Image") && json_str(d, "Config.Image") &&
           json_is_object(json_at(d, "HostConfig"));
}

/* All of it without @keys. */
static int load(struct container_record *c, const char *const keys[], struct err *e)
{
    static const char file[] = "container.json";
    _cleanup_json_ json_t *document = NULL;
    int r = keys ? json_read_some(c->dir_fd, file, DOCUMENT_LIMIT, keys, &document, e)
                 : json_read(c->dir_fd, file, DOCUMENT_LIMIT, &document, e);
    if (r == 0 && !is_document(document, c->id))
        r = err_set(e, EBADMSG, "\"container.json\" is not its document");
    if (r < 0) {
        err_wrap(e, "container \"%.12s\"", c->id);
        return r;
    }
    json_decref(c->document);
    c->document = TAKE_PTR(document);
    return 0;
}

int record_reload(struct container_record *c, struct err *e)
{
    return load(c, NULL, e);
}

int record_open_some(const struct engine *en, const char *id, const char *const keys[],
                     struct container_record *ret, struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    int r = open_folder(en, id, &c, e);
    if (r == 0)
        r = load(&c, keys, e);
    if (r < 0)
        return r;
    *ret = c;
    c = CONTAINER_RECORD_INIT;
    return 0;
}

int record_open(const struct engine *en, const char *id, struct container_record *ret,
                struct err *e)
{
    return record_open_some(en, id, NULL, ret, e);
}

int record_list(const struct engine *en, struct strv *ret, struct err *e)
{
    int fd = openat(en->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return err_sys(e, errno, "cannot read \"%s/containers\"", en->root);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (is_id(entry->d_name))
            strv_add(ret, entry->d_name);
    return ret->failed ? err_nomem(e) : 0;
}

static int find_by_prefix(const struct engine *en, const char *prefix, char ret[ID_LEN + 1],
                          struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(en, &ids, e);
    if (r < 0)
        return r;
    const char *found = NULL;
    for (size_t i = 0; i < ids.n; i++) {
        if (!str_after(ids.v[i], prefix))
            continue;
        if (found)
            return err_set(e, EINVAL, "multiple IDs found with provided prefix: %s", prefix);
        found = ids.v[i];
    }
    if (!found)
        return err_set(e, ENOENT, "no such container: %s", prefix);
    memcpy(ret, found, ID_LEN + 1);
    return 0;
}

/* The ID that a name, an ID or a prefix of one stands for. */
static int resolve(const struct engine *en, const char *what, char ret[ID_LEN + 1], struct err *e)
{
    const char *name = what[0] == '/' ? what + 1 : what;
    ret[0] = '\0';
    if (is_id(what))
        memcpy(ret, what, ID_LEN + 1);
    else if (*name && !strchr(name, '/') && !str_eq(name, ".") && !str_eq(name, "..") &&
             name_holder(en, name, ret) < 0)
        return err_nomem(e);
    if (ret[0] != '\0')
        return 0;
    if (what[0] == '\0' || what[strspn(what, hex_digits)] != '\0')
        return err_set(e, ENOENT, "no such container: %s", what);
    return find_by_prefix(en, what, ret, e);
}

char *record_nearest(const struct engine *en, const char *what)
{
    int fd = openat(en->root_fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    _cleanup_strv_ struct strv names = {0};
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            strv_add(&names, entry->d_name);
    const char *near =
        names.failed ? NULL : nearest_word(what, (const char *const *)names.v, names.n);
    return near ? strdup(near) : NULL;
}

static int not_found(const struct engine *en, const char *what, struct err *e)
{
    _cleanup_free_ char *near = e ? record_nearest(en, what) : NULL;
    return near ? err_set(e, ENOENT, "no such container: %s: did you mean \"%s\"?", what, near)
                : err_set(e, ENOENT, "no such container: %s", what);
}

int record_find(const struct engine *en, const char *what, struct container_record *ret,
                struct err *e)
{
    char id[ID_LEN + 1];
    int r = resolve(en, what, id, e);
    if (r == 0)
        r = record_open(en, id, ret, e);
    return r == -ENOENT ? not_found(en, what, e) : r;
}

int record_find_broken(const struct engine *en, const char *what, struct container_record *ret,
                       struct err *e)
{
    char id[ID_LEN + 1];
    int r = resolve(en, what, id, e);
    return r < 0 ? r : open_folder(en, id, ret, e);
}

static int remove_below(int dir_fd, const char *format, const char *id, struct err *e)
{
    _cleanup_free_ char *path = str_printf("%s/%s", format, id);
    return path ? dir_remove(dir_fd, path, e) : err_nomem(e);
}

static int drop_if_held(const struct engine *en, const char *name, const char *id, struct err *e)
{
    char holder[ID_LEN + 1];
    if (name_holder(en, name, holder) < 0)
        return err_nomem(e);
    return str_eq(holder, id) ? remove_below(en->root_fd, "names", name, e) : 0;
}

/* All names that lead to it. */
static int drop_all_names(const struct engine *en, const char *id, struct err *e)
{
    int fd = openat(en->root_fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int r = 0;
    while (r == 0 && dir && (entry = readdir(dir)))
        r = drop_if_held(en, entry->d_name, id, e);
    return r;
}

/* Without a document, or when it has had others, its names are found by what they lead to. */
static int drop_names(const struct engine *en, const struct container_record *c, struct err *e)
{
    bool others = !*record_name(c) || faccessat(c->dir_fd, RENAMED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    _cleanup_close_ int lock = lock_names(en);
    if (lock == -ENOENT)
        return 0;
    if (lock < 0)
        return err_sys(e, -lock, "cannot lock \"%s/names\"", en->root);
    return others ? drop_all_names(en, c->id, e) : drop_if_held(en, record_name(c), c->id, e);
}

static int drop_name(const struct engine *en, const char *name, const char *id, struct err *e)
{
    _cleanup_close_ int lock = lock_names(en);
    if (lock < 0)
        return err_sys(e, -lock, "cannot lock \"%s/names\"", en->root);
    return drop_if_held(en, name, id, e);
}

/* Before a second name leads to it: who takes it away must know, whenever we are killed. */
static int note_rename(const struct container_record *c, struct err *e)
{
    int fd = openat(c->dir_fd, RENAMED, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "cannot rename container \"/%s\"", record_name(c));
    close(fd);
    return 0;
}

int record_rename(const struct engine *en, struct container_record *c, const char *name,
                  struct err *e)
{
    _cleanup_free_ char *old = strdup(record_name(c));
    if (!old)
        return err_nomem(e);
    if (str_eq(old, name))
        return err_set(e, EINVAL,
                       "renaming container \"/%s\" with the same name as its current name", old);
    int r = note_rename(c, e);
    if (r == 0)
        r = record_claim_name(en, c, name, e);
    if (r < 0)
        return r;
    r = record_save(c, true, e);
    if (r < 0) { /* the old one is still its name, unless only the disk's word is missing */
        record_reload(c, NULL);
        if (!str_eq(record_name(c), name))
            drop_name(en, name, c->id, NULL);
        return r;
    }
    return drop_name(en, old, c->id, e);
}

/* One rename takes the whole folder out of sight; where that is not to be had (a full disk), it is
 * removed at once. */
static int move_away(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_free_ char *target = str_printf("removed/%s", id);
    if (!target)
        return err_nomem(e);
    if (renameat(en->containers_fd, id, en->root_fd, target) == 0)
        return 0;
    if (faccessat(en->containers_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (dir_make(en->root_fd, "removed", 0700, NULL) == 0 &&
        renameat(en->containers_fd, id, en->root_fd, target) == 0)
        return 0;
    return dir_remove(en->containers_fd, id, e);
}

/* Killed anywhere in between, record_sweep goes on: the folder is in ROOT/removed until all else is
 * gone. */
int record_hide(const struct engine *en, struct container_record *c, struct err *e)
{
    int r = move_away(en, c->id, e);
    if (r == 0)
        r = drop_names(en, c, e);
    if (r == 0)
        r = remove_below(en->run_fd, "containers", c->id, e);
    if (r == 0)
        r = remove_below(en->run_fd, "locks", c->id, e);
    fd_close(&c->hold_fd);
    return r;
}

/* A reader of its log has all of it, however slow he is; then it is he who sweeps. What takes room
 * goes at once. */
static int leave_log(int fd, struct err *e)
{
    int r = dir_remove(fd, "upper", e);
    return r == 0 ? dir_remove(fd, "work", e) : r;
}

/* A lock meanwhile, for it may take its time: who looks sees that somebody is at it. */
int record_sweep(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_free_ char *path = str_printf("removed/%s", id);
    _cleanup_close_ int fd =
        path ? openat(en->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -EBADF;
    if (fd >= 0)
        (void)flock(fd, LOCK_SH | LOCK_NB);
    if (fd >= 0 && hold_is_taken(fd, HOLD_LOG))
        return leave_log(fd, e);
    return remove_below(en->root_fd, "removed", id, e);
}

int record_resume_removal(const struct engine *en, const char *id, struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    _cleanup_free_ char *path = str_printf("removed/%s", id);
    if (!path)
        return err_nomem(e);
    memcpy(c.id, id, ID_LEN + 1);
    c.dir_fd = openat(en->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c.dir_fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, errno, "cannot open \"%s/%s\"", en->root, path);
    record_reload(&c, NULL); /* one whose document is gone has no name any more, or is looked for */
    return record_remove(en, &c, e);
}

int record_remove(const struct engine *en, struct container_record *c, struct err *e)
{
    int r = record_hide(en, c, e);
    return r == 0 ? record_sweep(en, c->id, e) : r;
}

void record_release(struct container_record *c)
{
    fd_close(&c->dir_fd);
    fd_close(&c->lock_fd);
    fd_close(&c->hold_fd);
    fd_close(&c->restart_fd);
    json_decref(c->document);
    *c = CONTAINER_RECORD_INIT;
}

const char *record_name(const struct container_record *c)
{
    const char *name = json_str(c->document, "Name");
    return name && name[0] == '/' ? name + 1 : "";
}
