#include "engine/changes.h"

#include "base/file.h"
#include "engine/root_mount.h"
#include "kernel/walk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* A folder that the walk through the container's layer is in, and what the image has there. */
struct level {
    int below; /* the image's folder; -EBADF: none */
    bool told; /* it is among the changes */
};

struct comparison {
    struct changes found;
    struct level *levels;
    size_t n, cap;
};

void changes_release(struct changes *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].path);
    free(c->v);
    *c = (struct changes){0};
}

static void comparison_release(struct comparison *c)
{
    changes_release(&c->found);
    for (size_t i = 0; i < c->n; i++)
        fd_close(&c->levels[i].below);
    free(c->levels);
}

/* ---- the list ---- */

static int add(struct changes *c, char kind, const char *path, size_t n)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct change *more = reallocarray(c->v, cap, sizeof(*more));
        if (!more)
            return -ENOMEM;
        c->v = more;
        c->cap = cap;
    }
    char *copy = str_printf("/%.*s", (int)n, path);
    if (!copy)
        return -ENOMEM;
    c->v[c->n++] = (struct change){kind, copy};
    return 0;
}

/* With it, the folders that it lies in. */
static int tell(struct comparison *c, char kind, const char *path)
{
    const char *slash = path;
    int r = 0;
    for (size_t i = 1; r == 0 && i < c->n && (slash = strchr(slash, '/')); i++, slash++) {
        if (!c->levels[i].told)
            r = add(&c->found, 'C', path, (size_t)(slash - path));
        c->levels[i].told = true;
    }
    return r < 0 ? r : add(&c->found, kind, path, strlen(path));
}

/* A slash comes before everything else, so that what is in a folder follows it. */
static int by_path(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct change *)a)->path;
    const unsigned char *y = (const unsigned char *)((const struct change *)b)->path;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    int left = *x == '/' ? 1 : *x ? *x + 1 : 0, right = *y == '/' ? 1 : *y ? *y + 1 : 0;
    return left - right;
}

/* ---- comparing ---- */

/* Seconds alone where one of the two has no more: an archive's. */
static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && (a.tv_nsec == b.tv_nsec || a.tv_nsec == 0 || b.tv_nsec == 0);
}

/* Docker's rule: size and time say nothing of a folder. */
static bool is_different(const struct stat *a, const struct stat *b)
{
    if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
        a->st_rdev != b->st_rdev)
        return true;
    return !S_ISDIR(a->st_mode) && (a->st_size != b->st_size || !same_time(a->st_mtim, b->st_mtim));
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool is_opaque(int fd)
{
    char value[2];
    return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

struct hidden {
    struct comparison *c;
    int above;        /* the container's folder */
    const char *path; /* its path */
};

static int visit_hidden(void *data, const struct walk_entry *entry, struct err *e)
{
    const struct hidden *h = data;
    struct stat st;
    if (fstatat(h->above, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return WALK_SKIP; /* it has one of its own, which the other walk meets */
    _cleanup_free_ char *path = str_printf("%s/%s", h->path, entry->name);
    int r = path ? tell(h->c, 'D', path) : -ENOMEM;
    return r < 0 ? err_nomem(e) : WALK_SKIP;
}

/* A folder that hides all that the image has under it. */
static int tell_hidden(struct comparison *c, const struct walk_entry *entry, int below,
                       struct err *e)
{
    struct hidden h = {c, entry->fd, entry->path};
    const struct walk w = {.visit = visit_hidden, .data = &h};
    return walk_folder(below, &w, e);
}

static int push(struct comparison *c, int below, bool told)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        struct level *more = reallocarray(c->levels, cap, sizeof(*more));
        if (!more)
            return -ENOMEM;
        c->levels = more;
        c->cap = cap;
    }
    c->levels[c->n++] = (struct level){below, told};
    return 0;
}

/* @was: what the image has there, or NULL. */
static int visit_folder(struct comparison *c, const struct walk_entry *entry,
                        const struct stat *was, struct err *e)
{
    bool told = !was || is_different(&entry->st, was);
    int r = told ? tell(c, was ? 'C' : 'A', entry->path) : 0;
    _cleanup_close_ int below = -EBADF;
    if (was && S_ISDIR(was->st_mode))
        below = openat(c->levels[c->n - 1].below, entry->name,
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r == 0)
        r = push(c, below, told);
    if (r < 0)
        return err_nomem(e);
    int fd = TAKE_FD(below);
    return fd >= 0 && is_opaque(entry->fd) ? tell_hidden(c, entry, fd, e) : 0;
}

static int visit(void *data, const struct walk_entry *entry, struct err *e)
{
    struct comparison *c = data;
    struct stat st;
    int below = c->levels[c->n - 1].below;
    bool was = below >= 0 && fstatat(below, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISDIR(entry->st.st_mode))
        return visit_folder(c, entry, was ? &st : NULL, e);
    int r = 0;
    if (is_whiteout(&entry->st))
        r = was ? tell(c, 'D', entry->path) : 0;
    else if (!was || is_different(&entry->st, &st))
        r = tell(c, was ? 'C' : 'A', entry->path);
    return r < 0 ? err_nomem(e) : 0;
}

static int leave(void *data, const struct walk_entry *entry, struct err *e)
{
    struct comparison *c = data;
    (void)entry;
    (void)e;
    fd_close(&c->levels[--c->n].below);
    return 0;
}

static int open_image(const struct engine *en, struct container_record *c, struct err *e)
{
    _cleanup_create_image_ struct create_image image = {0};
    _cleanup_close_ int userns = -EBADF;
    struct mode user;
    int r = create_find_image(en, json_str(c->document, "Image"), &image, e);
    if (r == 0)
        r = mode_of(c->document, NS_USER, &user, e);
    if (r == 0)
        r = root_userns(en, c, &user, true, &userns, e);
    _cleanup_close_ int mount = r < 0 ? r : root_mount_image(en, c, &image, userns, e);
    return mount < 0 ? mount : dir_open(mount, ".", false, e);
}

int changes_read(const struct engine *en, struct container_record *record, struct changes *ret,
                 struct err *e)
{
    _cleanup_(comparison_release) struct comparison c = {0};
    const struct walk w = {.visit = visit, .leave = leave, .data = &c};
    int below = open_image(en, record, e);
    if (below < 0)
        return below;
    if (push(&c, below, true) < 0) {
        close(below);
        return err_nomem(e);
    }
    _cleanup_close_ int upper = openat(record->dir_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot open \"upper\" of the container");
    int r = upper < 0 ? 0 : walk_folder(upper, &w, e); /* one that was never started has none */
    if (r < 0)
        return r;
    if (c.found.n > 0)
        qsort(c.found.v, c.found.n, sizeof(*c.found.v), by_path);
    *ret = TAKE(c.found, (struct changes){0});
    return 0;
}
