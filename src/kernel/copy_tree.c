#include "kernel/copy_tree.h"

#include "base/str.h"
#include "kernel/attributes.h"
#include "kernel/copy_content.h"
#include "kernel/link_table.h"
#include "kernel/node.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/* A folder of the destination that is being filled. */
struct place {
    int fd;
    bool made; /* by us, so it gets its facts when it is full */
};

struct copy {
    const struct copy_options *o;
    const char
        *as; /* what the one entry that is copied is called there; NULL: a folder's content */
    struct place *places;
    size_t n, cap;
    size_t top;              /* the place where the walk's paths begin */
    struct link_table links; /* where the first copy of a file with several names is */
    struct stat to;          /* of that place, which must not be copied into itself */
};

static void copy_release(struct copy *c)
{
    for (size_t i = 0; i < c->n; i++)
        fd_close(&c->places[i].fd);
    free(c->places);
    link_table_release(&c->links);
}

/* ---- names of the same file ---- */

/* The folder of @path below the destination; *ret_name is what follows. */
static int open_parent(const struct copy *c, const char *path, const char **ret_name)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!folder)
        return -ENOMEM;
    *ret_name = slash ? slash + 1 : path;
    int fd = (int)syscall(SYS_openat2, c->places[c->top].fd, folder, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

/* 1 when the entry is another name of one that was copied, and is one here too. */
static int link_again(struct copy *c, const struct walk_entry *entry, struct node *n)
{
    const char *path = link_table_wants(&entry->st) ? link_table_get(&c->links, &entry->st) : NULL;
    if (!path)
        return 0;
    const char *name;
    _cleanup_close_ int dir = open_parent(c, path, &name);
    /* Moved away by its owner meanwhile, or too many names: it is copied once more. */
    return dir >= 0 && node_make_link(n, dir, name) == 0;
}

/* ---- facts ---- */

static int set_attribute(void *data, const char *name, const void *value, size_t n)
{
    if (fsetxattr(*(const int *)data, name, value, n, 0) == 0)
        return 0;
    /* What users noted down about a file may be lost; what it may do must not be. */
    return errno == EOPNOTSUPP && !str_eq(name, "security.capability") ? 0 : -errno;
}

/* Whether the owners stay. */
static bool take_facts(const struct copy_options *o, const struct stat *st, struct node *n)
{
    n->uid = st->st_uid;
    n->gid = st->st_gid;
    if (o->owner)
        o->owner(o->data, &n->uid, &n->gid);
    bool same = n->uid == st->st_uid && n->gid == st->st_gid;
    n->mode = st->st_mode & 07777;
    if (n->uid != st->st_uid)
        n->mode &= ~(mode_t)S_ISUID;
    if (n->gid != st->st_gid && !S_ISDIR(st->st_mode))
        n->mode &= ~(mode_t)S_ISGID;
    n->mtime = st->st_mtim;
    return same;
}

/* Attributes before times, and capabilities after the owner, whose change takes them away. */
static int finish(const struct copy_options *o, const struct stat *st, int from, int to)
{
    struct node n = {.dirfd = -EBADF};
    bool same = take_facts(o, st, &n);
    int r = node_finish(&n, to);
    return r < 0 ? r : attributes_read(from, same, set_attribute, &to);
}

int copy_facts(int from, int to, const struct copy_options *o, struct err *e)
{
    struct stat st;
    int r = fstat(from, &st) < 0 ? -errno : finish(o, &st, from, to);
    return r < 0 ? err_sys(e, -r, "cannot copy owner and mode of the folder") : 0;
}

/* ---- entries ---- */

static int push(struct copy *c, int fd, bool made)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        struct place *more = reallocarray(c->places, cap, sizeof(*more));
        if (!more) {
            close(fd);
            return -ENOMEM;
        }
        c->places = more;
        c->cap = cap;
    }
    c->places[c->n++] = (struct place){fd, made};
    return 0;
}

static int enter_folder(struct copy *c, const struct walk_entry *entry, struct node *n)
{
    if (entry->st.st_dev == c->to.st_dev && entry->st.st_ino == c->to.st_ino)
        return -ELOOP;
    int fd = -EBADF;
    bool made;
    int r = node_open_dir(n, &made, &fd);
    if (r < 0)
        return r;
    if (!c->o->enter || c->o->enter(c->o->data, entry))
        return push(c, fd, made);
    r = made ? finish(c->o, &entry->st, entry->fd, fd) : 0;
    close(fd);
    return r < 0 ? r : WALK_SKIP;
}

static int copy_file(struct copy *c, const struct walk_entry *entry, struct node *n)
{
    struct stat st;
    _cleanup_close_ int from = walk_open_file(entry);
    if (from < 0)
        return from == -ENOENT ? 0 : from;
    if (fstat(from, &st) < 0)
        return -errno;
    _cleanup_close_ int to = -EBADF;
    int r = node_make_file(n, &to);
    if (r == 0)
        r = copy_content(from, to, st.st_size);
    return r < 0 ? r : finish(c->o, &st, from, to);
}

static int copy_link(const struct walk_entry *entry, struct node *n)
{
    _cleanup_free_ char *target = NULL;
    int r = walk_read_link(entry, &target);
    return r < 0 ? (r == -ENOENT ? 0 : r) : node_make_symlink(n, target);
}

static int copy_entry(struct copy *c, const struct walk_entry *entry, struct node *n)
{
    switch (entry->st.st_mode & S_IFMT) {
    case S_IFDIR:
        return enter_folder(c, entry, n);
    case S_IFREG:
        return copy_file(c, entry, n);
    case S_IFLNK:
        return copy_link(entry, n);
    case S_IFSOCK:
        return 0;
    default:
        return node_make_special(n, entry->st.st_mode & S_IFMT, entry->st.st_rdev);
    }
}

/* A folder never gives way to something else, nor does something else to a folder. */
static int check_place(const struct walk_entry *entry, const struct node *n, struct err *e)
{
    struct stat there;
    if (fstatat(n->dirfd, n->name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
        S_ISDIR(there.st_mode) == S_ISDIR(entry->st.st_mode))
        return 0;
    return S_ISDIR(there.st_mode)
               ? err_set(e, EISDIR, "cannot overwrite directory \"%s\" with non-directory \"%s\"",
                         n->name, entry->path)
               : err_set(e, ENOTDIR, "cannot overwrite non-directory \"%s\" with directory \"%s\"",
                         n->name, entry->path);
}

static int visit(void *data, const struct walk_entry *entry, struct err *e)
{
    struct copy *c = data;
    struct node n = {.dirfd = c->places[c->n - 1].fd, .name = entry->name};
    if (c->as && c->n == 1)
        n.name = c->as;
    take_facts(c->o, &entry->st, &n);
    int r = check_place(entry, &n, e);
    if (r < 0)
        return r;
    r = link_again(c, entry, &n);
    if (r == 0) {
        r = copy_entry(c, entry, &n);
        if (r == 0 && link_table_wants(&entry->st))
            r = link_table_put(&c->links, &entry->st, entry->path);
    } else {
        r = 0;
    }
    if (r == -ELOOP)
        return err_set(e, ELOOP, "cannot copy folder \"%s\" into itself", entry->path);
    if (r < 0)
        return err_sys(e, -r, "cannot copy \"%s\"", entry->path);
    if (c->o->progress)
        c->o->progress(c->o->data, entry);
    return r;
}

static int leave(void *data, const struct walk_entry *entry, struct err *e)
{
    struct copy *c = data;
    struct place *p = &c->places[--c->n];
    int r = p->made ? finish(c->o, &entry->st, entry->fd, p->fd) : 0;
    fd_close(&p->fd);
    return r < 0 ? err_sys(e, -r, "cannot set owner and mode of \"%s\"", entry->path) : 0;
}

static int begin(struct copy *c, int to, struct err *e)
{
    int fd = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open the folder to copy to");
    return push(c, fd, false) < 0 ? err_nomem(e) : 0;
}

/* Below the uppermost place, which the walk begins at. */
static int walk_down(struct copy *c, int from, struct err *e)
{
    const struct walk w = {.visit = visit, .leave = leave, .data = c};
    c->top = c->n - 1;
    if (fstat(c->places[c->top].fd, &c->to) < 0)
        return err_sys(e, errno, "cannot stat the folder to copy to");
    return walk_folder(from, &w, e);
}

int copy_folder(int from, int to, const struct copy_options *o, struct err *e)
{
    _cleanup_(copy_release) struct copy c = {.o = o};
    int r = begin(&c, to, e);
    return r < 0 ? r : walk_down(&c, from, e);
}

static int copy_top(const struct walk_entry *entry, int to, const char *as,
                    const struct copy_options *o, struct err *e)
{
    _cleanup_(copy_release) struct copy c = {.o = o, .as = as};
    int r = begin(&c, to, e);
    if (r == 0)
        r = visit(&c, entry, e);
    if (r < 0 || c.n == 1)
        return r < 0 ? r : 0;
    r = walk_down(&c, entry->fd, e);
    return r < 0 ? r : leave(&c, entry, e);
}

int copy_folder_as(int from, int to, const char *as, const struct copy_options *o, struct err *e)
{
    struct walk_entry entry = {.dir = -EBADF, .name = as, .path = as, .fd = from};
    if (fstat(from, &entry.st) < 0)
        return err_sys(e, errno, "cannot stat the folder");
    return copy_top(&entry, to, as, o, e);
}

int copy_node(int from, const char *name, int to, const char *as, const struct copy_options *o,
              struct err *e)
{
    struct walk_entry entry;
    int r = walk_open(from, name, &entry);
    if (r < 0)
        return err_sys(e, -r, "cannot open \"%s\"", name);
    _cleanup_close_ int opened = entry.fd;
    return copy_top(&entry, to, as, o, e);
}
