#include "engine/copy_path.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <string.h>

enum { LINKS_MAX = 40 };

int copy_argument(const char *arg, char **ret_container, const char **ret_path)
{
    const char *colon = strchr(arg, ':');
    *ret_container = NULL;
    *ret_path = arg;
    if (!colon || colon == arg || arg[0] == '/' || arg[0] == '.')
        return 0;
    *ret_container = strndup(arg, (size_t)(colon - arg));
    *ret_path = colon + 1;
    return *ret_container ? 0 : -ENOMEM;
}

/* ---- paths by their letters ---- */

static bool ends_with_dot(const char *path)
{
    size_t n = strlen(path);
    return n > 0 && path[n - 1] == '.' && (n == 1 || path[n - 2] == '/');
}

static bool ends_with_slash(const char *path)
{
    size_t n = strlen(path);
    return n > 0 && path[n - 1] == '/';
}

static void clean_part(struct str *out, const char *part, size_t n)
{
    if (n == 0 || (n == 1 && part[0] == '.'))
        return;
    if (n != 2 || part[0] != '.' || part[1] != '.') {
        str_add(out, out->len > 1 ? "/" : "");
        str_addn(out, part, n);
        return;
    }
    while (out->len > 1 && out->s[out->len - 1] != '/')
        out->len--;
    if (out->len > 1)
        out->len--;
    out->s[out->len] = '\0';
}

char *copy_path_clean(const char *path)
{
    _cleanup_str_ struct str out = {0};
    str_add(&out, "/");
    for (const char *at = path; *at && !out.failed;) {
        size_t n = strcspn(at, "/");
        clean_part(&out, at, n);
        at += n + (at[n] == '/');
    }
    if (out.failed)
        return NULL;
    if (ends_with_dot(path))
        str_add(&out, out.len > 1 ? "/." : ".");
    else if (ends_with_slash(path) && out.len > 1)
        str_add(&out, "/");
    return str_steal(&out);
}

char *copy_path_absolute(const struct copy_side *side, const char *path)
{
    if (side->name || path[0] == '/')
        return copy_path_clean(path);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *whole = str_printf("%s/%s", here ? here : "", path);
    return whole ? copy_path_clean(whole) : NULL;
}

/* Splits "a/b//" into "a" and "b"; the root has no name. Either may be NULL: out of memory. */
static void split(const char *path, char **ret_dir, char **ret_name)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t slash = n;
    while (slash > 0 && path[slash - 1] != '/')
        slash--;
    *ret_name = strndup(path + slash, path[slash] == '/' ? 0 : n - slash);
    *ret_dir = slash == 0 ? strdup(".") : strndup(path, slash);
}

/* ---- looking up ---- */

static int open_at(const struct copy_side *side, const char *path, int flags)
{
    if (side->root != AT_FDCWD)
        return root_open(side->root, path, flags, 0, 0);
    int fd = openat(AT_FDCWD, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int not_found(const struct copy_side *side, const char *path, int code, struct err *e)
{
    if (code == -ENOENT && side->name)
        return err_set(e, ENOENT, "Could not find the file %s in container %s", path, side->name);
    if (side->name)
        return err_sys(e, -code, "cannot open \"%s\" in container %s", path, side->name);
    return err_sys(e, -code, "cannot open \"%s\"", path);
}

/* Where a path's last part lies, after links there were followed. */
struct spot {
    int dir;
    char *name; /* "" for a root */
    struct stat st;
    bool exists;
};

static void spot_release(struct spot *s)
{
    fd_close(&s->dir);
    free(s->name);
}

/* Opens the folder of the last part and stats that. 0 also when it does not exist. */
static int look(const struct copy_side *side, const char *path, struct spot *s)
{
    _cleanup_free_ char *dir = NULL;
    _cleanup_free_ char *name = NULL;
    split(path, &dir, &name);
    if (!dir || !name)
        return -ENOMEM;
    spot_release(s);
    *s = (struct spot){.dir = open_at(side, dir, O_RDONLY | O_DIRECTORY), .name = TAKE_PTR(name)};
    if (s->dir < 0)
        return s->dir;
    s->exists = fstatat(s->dir, *s->name ? s->name : ".", &s->st, AT_SYMLINK_NOFOLLOW) == 0;
    return s->exists || errno == ENOENT ? 0 : -errno;
}

static int read_target(const struct spot *s, char **ret)
{
    char *target = malloc(4097);
    ssize_t n = target ? readlinkat(s->dir, s->name, target, 4096) : -1;
    int r = !target ? -ENOMEM : n < 0 ? -errno : n == 0 ? -ENOENT : 0;
    if (r < 0) {
        free(target);
        return r;
    }
    target[n] = '\0';
    *ret = target;
    return 0;
}

/* The same, and follows links at the end, to what they name even if that does not exist. */
static int look_through(const struct copy_side *side, const char *path, struct spot *s)
{
    _cleanup_free_ char *at = strdup(path);
    for (int i = 0; at && i < LINKS_MAX; i++) {
        int r = look(side, at, s);
        if (r < 0 || !s->exists || !S_ISLNK(s->st.st_mode))
            return r;
        _cleanup_free_ char *target = NULL;
        _cleanup_free_ char *dir = NULL;
        _cleanup_free_ char *name = NULL;
        r = read_target(s, &target);
        if (r < 0)
            return r;
        split(at, &dir, &name);
        char *next = !dir             ? NULL
                     : *target == '/' ? strdup(target)
                                      : str_printf("%s/%s", dir, target);
        free(at);
        at = next;
    }
    return at ? -ELOOP : -ENOMEM;
}

/* ---- the source ---- */

void copy_source_release(struct copy_source *s)
{
    fd_close(&s->folder);
    fd_close(&s->dir);
    free(s->name);
    free(s->base);
    *s = COPY_SOURCE_INIT;
}

static int take_folder(struct copy_source *s, int fd)
{
    if (fd < 0)
        return fd;
    s->folder = fd;
    return fstat(fd, &s->st) < 0 ? -errno : 0;
}

/* A folder by a path that says that it is one: followed. */
static int find_folder(const struct copy_side *side, const char *path, struct copy_source *s)
{
    _cleanup_free_ char *dir = NULL;
    split(path, &dir, &s->base);
    s->contents = ends_with_dot(path) || (s->base && !*s->base);
    if (!dir || !s->base)
        return -ENOMEM;
    return take_folder(s, open_at(side, path, O_RDONLY | O_DIRECTORY));
}

static int find_any(const struct copy_side *side, const char *path, bool follow,
                    struct copy_source *s)
{
    _cleanup_(spot_release) struct spot spot = {.dir = -EBADF};
    _cleanup_free_ char *dir = NULL;
    split(path, &dir, &s->base);
    if (!dir || !s->base)
        return -ENOMEM;
    int r = follow ? look_through(side, path, &spot) : look(side, path, &spot);
    if (r < 0 || !spot.exists)
        return r < 0 ? r : -ENOENT;
    if (S_ISDIR(spot.st.st_mode)) {
        int fd = openat(spot.dir, spot.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return take_folder(s, fd < 0 ? -errno : fd);
    }
    s->dir = TAKE_FD(spot.dir);
    s->name = TAKE_PTR(spot.name);
    s->st = spot.st;
    return 0;
}

int copy_source_find(const struct copy_side *side, const char *path, bool follow,
                     struct copy_source *ret, struct err *e)
{
    _cleanup_(copy_source_release) struct copy_source s = COPY_SOURCE_INIT;
    _cleanup_free_ char *clean = copy_path_absolute(side, path);
    if (!clean)
        return err_nomem(e);
    bool says_folder = ends_with_slash(clean) || ends_with_dot(clean);
    int r = says_folder ? find_folder(side, clean, &s) : find_any(side, clean, follow, &s);
    if (r < 0)
        return r == -ENOMEM ? err_nomem(e) : not_found(side, path, r, e);
    *ret = s;
    s = COPY_SOURCE_INIT;
    return 0;
}

/* ---- the target ---- */

void copy_target_release(struct copy_target *t)
{
    fd_close(&t->dir);
    free(t->name);
    *t = COPY_TARGET_INIT;
}

int copy_target_folder(const struct copy_side *side, const char *path, struct copy_target *ret,
                       struct err *e)
{
    _cleanup_free_ char *clean = copy_path_absolute(side, path);
    if (!clean)
        return err_nomem(e);
    int fd = open_at(side, clean, O_RDONLY | O_DIRECTORY);
    if (fd == -ENOTDIR || fd == -ENOENT)
        return err_set(e, -fd, "destination \"%s%s%s\" must be a directory",
                       side->name ? side->name : "", side->name ? ":" : "", path);
    if (fd < 0)
        return not_found(side, path, fd, e);
    *ret = (struct copy_target){.dir = fd};
    return 0;
}

static int no_parent(const struct copy_side *side, const char *path, int code, struct err *e)
{
    _cleanup_free_ char *dir = NULL;
    _cleanup_free_ char *name = NULL;
    split(path, &dir, &name);
    if (!dir)
        return err_nomem(e);
    size_t n = strlen(dir);
    if (n > 1 && dir[n - 1] == '/')
        dir[n - 1] = '\0';
    if (code == -ENOENT && !side->name)
        return err_set(e, ENOENT, "invalid output path: directory \"%s\" does not exist", dir);
    return not_found(side, dir, code, e);
}

static int bad_kind(const struct copy_side *side, const char *path, mode_t mode, struct err *e)
{
    const char *what = S_ISCHR(mode) || S_ISBLK(mode) ? "got a device" : "got an irregular file";
    if (side->name)
        return err_set(e, EINVAL, "destination \"%s:%s\" must be a directory or a regular file: %s",
                       side->name, path, what);
    return err_set(e, EINVAL,
                   "invalid output path: \"%s\" must be a directory or a regular file: %s", path,
                   what);
}

/* Not a folder: a file that is there, or a name that is free. */
static int find_place(const struct copy_side *side, const char *path,
                      const struct copy_source *source, struct copy_target *t, struct err *e)
{
    _cleanup_(spot_release) struct spot spot = {.dir = -EBADF};
    bool is_folder = source->folder >= 0;
    bool says_folder = ends_with_slash(path) || ends_with_dot(path);
    int r = look_through(side, path, &spot);
    if (r < 0)
        return no_parent(side, path, r, e);
    if (spot.exists && is_folder)
        return err_set(e, ENOTDIR, "cannot copy directory");
    if (says_folder && (!is_folder || ends_with_dot(path)))
        return spot.exists ? not_found(side, path, -ENOTDIR, e)
                           : err_set(e, ENOENT, "no such directory");
    if (spot.exists && !S_ISREG(spot.st.st_mode))
        return bad_kind(side, path, spot.st.st_mode, e);
    t->dir = TAKE_FD(spot.dir);
    t->name = TAKE_PTR(spot.name);
    return 0;
}

int copy_target_find(const struct copy_side *side, const char *path,
                     const struct copy_source *source, struct copy_target *ret, struct err *e)
{
    _cleanup_(copy_target_release) struct copy_target t = COPY_TARGET_INIT;
    _cleanup_free_ char *clean = copy_path_absolute(side, path);
    if (!clean)
        return err_nomem(e);
    int fd = open_at(side, clean, O_RDONLY | O_DIRECTORY), r = 0;
    if (fd >= 0) {
        t.dir = fd;
        t.name = source->contents ? NULL : strdup(source->base);
        r = source->contents || t.name ? 0 : err_nomem(e);
    } else if (fd == -ENOENT || fd == -ENOTDIR) {
        r = find_place(side, clean, source, &t, e);
    } else {
        r = not_found(side, path, fd, e);
    }
    if (r < 0)
        return r;
    *ret = t;
    t = COPY_TARGET_INIT;
    return 0;
}
