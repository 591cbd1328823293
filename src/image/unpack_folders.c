#include "image/unpack_folders.h"

#include "kernel/mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a folder gets at the end: a time, which what comes into it would change; and set-group-ID,
 * which would pass its group on to that. */
struct folder_facts {
    char *path;
    mode_t mode;
    struct timespec mtime;
};

void folders_forget(struct folders *f)
{
    free(f->parent_path);
    f->parent_path = NULL;
    fd_close(&f->parent_fd);
}

int folders_keep(struct folders *f, const char *path, int fd, struct err *e)
{
    folders_forget(f);
    f->parent_fd = fd;
    f->parent_path = strdup(path);
    return f->parent_path ? 0 : err_nomem(e);
}

/* Notes those of @path's folders that are not there: no entry said what they are like. */
static int note_made_up(const struct folders *f, const char *path, struct strv *made_up,
                        struct err *e)
{
    for (const char *end = path; *end;) {
        end += strcspn(end + (*end == '/'), "/") + (*end == '/');
        _cleanup_free_ char *part = strndup(path, (size_t)(end - path));
        if (!part)
            return err_nomem(e);
        _cleanup_close_ int fd = root_open(f->root_fd, part, O_PATH, 0, 0);
        if (fd == -ENOENT)
            strv_add(made_up, part);
    }
    return 0;
}

int folders_open(struct folders *f, const char *path, struct strv *made_up, int *ret, struct err *e)
{
    if (!*path) {
        *ret = f->root_fd;
        return 0;
    }
    if (!f->parent_path || strcmp(f->parent_path, path) != 0) {
        int fd = root_open(f->root_fd, path, O_PATH | O_DIRECTORY, 0, 0);
        if (fd == -ENOENT) {
            int r = made_up ? note_made_up(f, path, made_up, e) : 0;
            fd = r < 0 ? r : root_make_dir(f->root_fd, path, 0755, e);
            if (fd < 0)
                return fd;
        }
        if (fd < 0)
            return err_sys(e, -fd, "cannot open folder \"%s\"", path);
        int r = folders_keep(f, path, fd, e);
        if (r < 0)
            return r;
    }
    *ret = f->parent_fd;
    return 0;
}

int folders_remember(struct folders *f, const char *path, const struct node *n, struct err *e)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 256;
        struct folder_facts *more = realloc(f->facts, cap * sizeof(*more));
        if (!more)
            return err_nomem(e);
        f->facts = more;
        f->cap = cap;
    }
    char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    f->facts[f->n++] = (struct folder_facts){copy, n->mode, n->mtime};
    f->has_set_group_id = f->has_set_group_id || n->mode & S_ISGID;
    return 0;
}

static int finish_all(const struct folders *f, struct err *e)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct folder_facts *facts = &f->facts[i];
        const struct timespec times[2] = {facts->mtime, facts->mtime};
        _cleanup_close_ int fd = root_open(f->root_fd, *facts->path ? facts->path : ".",
                                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
        /* A later entry may have put something else in its place. */
        if (fd < 0 && (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP))
            continue;
        if (fd < 0 || (f->has_set_group_id && fchmod(fd, facts->mode) < 0) ||
            futimens(fd, times) < 0)
            return err_sys(e, fd < 0 ? -fd : errno, "cannot set mode and time of \"%s\"",
                           facts->path);
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct folder_facts *)a)->path, ((const struct folder_facts *)b)->path);
}

/* A folder that was made up may have got its entry later. After finish_all, whose order this is
 * not. */
static void drop_described(struct folders *f, struct strv *names)
{
    size_t n = 0;
    if (f->n == 0 || names->n == 0)
        return;
    qsort(f->facts, f->n, sizeof(*f->facts), by_path);
    for (size_t i = 0; i < names->n; i++) {
        const struct folder_facts key = {.path = names->v[i]};
        if (bsearch(&key, f->facts, f->n, sizeof(key), by_path))
            free(names->v[i]);
        else
            names->v[n++] = names->v[i];
    }
    names->n = n;
    names->v[n] = NULL;
}

int folders_finish(struct folders *f, struct strv *made_up, struct err *e)
{
    int r = finish_all(f, e);
    if (r == 0)
        drop_described(f, made_up);
    return r;
}

void folders_release(struct folders *f)
{
    folders_forget(f);
    for (size_t i = 0; i < f->n; i++)
        free(f->facts[i].path);
    free(f->facts);
    *f = (struct folders){.parent_fd = -EBADF};
}
