#include "kernel/walk.h"

#include "base/str.h"

#include <fcntl.h>
#include <string.h>

/* A folder that the walk is in. */
struct level {
    int fd;
    struct stat st;
    struct str names; /* each with its NUL */
    const char **sorted;
    size_t n, next;
    size_t path_len; /* of its path */
};

struct state {
    const struct walk *w;
    struct level *levels;
    size_t n, cap;
    struct str path;
};

static void level_release(struct level *l)
{
    fd_close(&l->fd);
    str_release(&l->names);
    free((void *)l->sorted);
    l->sorted = NULL;
}

static void state_release(struct state *s)
{
    while (s->n > 0)
        level_release(&s->levels[--s->n]);
    free(s->levels);
    str_release(&s->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort_names(struct level *l)
{
    l->sorted = (const char **)calloc(l->n + 1, sizeof(*l->sorted));
    if (!l->sorted || l->names.failed)
        return -ENOMEM;
    const char *at = l->names.s;
    for (size_t i = 0; i < l->n; i++, at += strlen(at) + 1)
        l->sorted[i] = at;
    if (l->n > 0)
        qsort((void *)l->sorted, l->n, sizeof(*l->sorted), by_name);
    return 0;
}

static int read_names(struct level *l)
{
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 3);
    _cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return -saved;
    }
    rewinddir(d); /* the descriptor may have been read before */
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        str_addn(&l->names, entry->d_name, strlen(entry->d_name) + 1);
        l->n++;
    }
    return errno ? -errno : sort_names(l);
}

/* Goes into the folder @fd, which is the walk's from now on. */
static int push(struct state *s, int fd, const struct stat *st)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        struct level *more = reallocarray(s->levels, cap, sizeof(*more));
        if (!more) {
            close(fd);
            return -ENOMEM;
        }
        s->levels = more;
        s->cap = cap;
    }
    struct level *l = &s->levels[s->n++];
    *l = (struct level){.fd = fd, .st = *st, .path_len = s->path.len};
    return read_names(l);
}

static void cut_path(struct state *s, size_t n)
{
    s->path.len = n;
    if (s->path.s)
        s->path.s[n] = '\0';
}

int walk_open(int dir, const char *name, struct walk_entry *ret)
{
    struct walk_entry entry = {.dir = dir, .name = name, .path = name, .fd = -EBADF};
    if (fstatat(dir, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISDIR(entry.st.st_mode)) {
        entry.fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (entry.fd < 0)
            return errno == ELOOP || errno == ENOTDIR ? -ENOENT : -errno;
        if (fstat(entry.fd, &entry.st) < 0) {
            int r = -errno;
            close(entry.fd);
            return r;
        }
    }
    *ret = entry;
    return 0;
}

static int visit(struct state *s, const char *name, struct err *e)
{
    struct walk_entry entry;
    size_t before = s->path.len;
    if (before > 0)
        str_addn(&s->path, "/", 1);
    str_add(&s->path, name);
    if (s->path.failed)
        return err_nomem(e);
    int r = walk_open(s->levels[s->n - 1].fd, name, &entry);
    if (r == -ENOENT) {
        cut_path(s, before);
        return 0;
    }
    if (r < 0)
        return err_sys(e, -r, "cannot open \"%s\"", s->path.s);
    entry.path = s->path.s;
    r = s->w->visit(s->w->data, &entry, e);
    if (r == 0 && entry.fd >= 0) {
        r = push(s, TAKE_FD(entry.fd), &entry.st);
        return r < 0 ? err_sys(e, -r, "cannot read folder \"%s\"", s->path.s) : 0;
    }
    fd_close(&entry.fd);
    cut_path(s, before);
    return r < 0 ? r : 0;
}

/* Out of the uppermost folder of the stack. */
static int pop(struct state *s, struct err *e)
{
    struct level *l = &s->levels[s->n - 1];
    int r = 0;
    if (s->n > 1 && s->w->leave) {
        const struct level *parent = &s->levels[s->n - 2];
        const struct walk_entry entry = {
            .dir = parent->fd,
            .name = parent->sorted[parent->next - 1],
            .path = s->path.s,
            .fd = l->fd,
            .st = l->st,
        };
        r = s->w->leave(s->w->data, &entry, e);
    }
    level_release(l);
    s->n--;
    if (s->n > 0)
        cut_path(s, s->levels[s->n - 1].path_len);
    return r;
}

int walk_folder(int dir_fd, const struct walk *w, struct err *e)
{
    _cleanup_(state_release) struct state s = {.w = w};
    struct stat st;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return err_sys(e, saved, "cannot open the folder");
    }
    int r = push(&s, fd, &st);
    if (r < 0)
        return err_sys(e, -r, "cannot read the folder");
    while (r == 0 && s.n > 0) {
        struct level *l = &s.levels[s.n - 1];
        r = l->next < l->n ? visit(&s, l->sorted[l->next++], e) : pop(&s, e);
    }
    return r;
}

int walk_open_file(const struct walk_entry *entry)
{
    struct stat st;
    _cleanup_close_ int fd =
        openat(entry->dir, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? -ENOENT : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    bool same =
        S_ISREG(st.st_mode) && st.st_ino == entry->st.st_ino && st.st_dev == entry->st.st_dev;
    return same ? TAKE_FD(fd) : -ENOENT;
}

int walk_read_link(const struct walk_entry *entry, char **ret)
{
    for (size_t size = 256;; size *= 2) {
        _cleanup_free_ char *target = malloc(size);
        if (!target)
            return -ENOMEM;
        ssize_t n = readlinkat(entry->dir, entry->name, target, size);
        if (n < 0)
            return errno == EINVAL ? -ENOENT : -errno; /* it was one */
        if ((size_t)n < size) {
            target[n] = '\0';
            *ret = TAKE_PTR(target);
            return 0;
        }
    }
}
