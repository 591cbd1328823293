#include "runtime/cgroup.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/cgroup_private.h"
#include "runtime/cgroup_stat.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CGROUP_DIR     "/sys/fs/cgroup"
#define PROC_MAX_BYTES (1u << 20)

/* --- paths ------------------------------------------------------------------------------- */

/* "/a//b/" to "a/b". The path comes from a config.json, which is anybody's. */
static int normalize(const char *path, char **ret, struct err *e)
{
    _cleanup_str_ struct str b = {0};
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if ((n == 2 && strncmp(p, "..", 2) == 0) || n > NAME_MAX)
            return err_set(e, EINVAL,
                           "control group path \"%s\" must not contain \"..\" or overlong "
                           "names",
                           path);
        for (size_t i = 0; i < n; i++) {
            if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
                return err_set(e, EINVAL, "control group path contains a control character");
        }
        if (n > 0 && !(n == 1 && *p == '.')) {
            if (b.len > 0)
                str_add(&b, "/");
            str_addn(&b, p, n);
        }
        p += n + (p[n] == '/');
    }
    if (b.len == 0 && !b.failed)
        return err_set(e, EINVAL, "control group path \"%s\" names the root, which is nobody's own",
                       path);
    if (b.len >= PATH_MAX / 2)
        return err_set(e, ENAMETOOLONG, "control group path is longer than %d bytes", PATH_MAX / 2);
    *ret = str_steal(&b);
    return *ret ? 0 : err_nomem(e);
}

/* Our own group in @h as /proc/self/cgroup (@text) has it, below what is mounted; NULL if there is
 * none or it lies elsewhere. Points into @text; *ret_len tells its end. */
static const char *own_group(const char *text, const struct hierarchy *h, bool v2, size_t *ret_len)
{
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
        size_t n = path ? (size_t)(path - list - 1) : 0;
        bool same =
            path && (v2 ? n == 0
                        : n == strlen(h->controllers) && strncmp(list + 1, h->controllers, n) == 0);
        if (same) {
            path++;
            size_t skip = str_eq(h->root, "/") ? 0 : strlen(h->root);
            *ret_len = (size_t)(end - path);
            if (skip > *ret_len || strncmp(path, h->root, skip) != 0 || str_after(path, "/.."))
                return NULL;
            *ret_len -= skip;
            return path + skip;
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

/* Names the group's folder in each hierarchy. */
static int place(struct cgroup *cg, struct err *e)
{
    _cleanup_free_ char *below = NULL, *own = NULL;
    int r = normalize(cg->path, &below, e);
    if (r < 0)
        return r;
    if (cg->path[0] != '/') {
        r = file_read(AT_FDCWD, "/proc/self/cgroup", PROC_MAX_BYTES, &own, NULL, e);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < cg->n; i++) {
        struct hierarchy *h = &cg->h[i];
        size_t len = 0;
        const char *parent = "";
        if (own)
            parent = own_group(own, h, cgroup_is_v2(cg), &len);
        if (!parent)
            return err_set(e, ENOENT,
                           "control group path \"%s\" is relative, and our own group is not below "
                           "\"%s\"",
                           cg->path, h->mount);
        bool root = len == 0 || (len == 1 && *parent == '/');
        h->folder = str_printf("%s%.*s/%s", h->mount, root ? 0 : (int)len, parent, below);
        if (!h->folder)
            return err_nomem(e);
    }
    return 0;
}

/* --- making and finding ------------------------------------------------------------------ */

static int detect(struct cgroup *cg, struct err *e)
{
    struct statfs fs;
    if (statfs(CGROUP_DIR, &fs) < 0)
        return err_sys(e, errno, "cannot look at \"%s\"", CGROUP_DIR);
    cg->driver = fs.f_type == CGROUP2_SUPER_MAGIC ? &cgroup_v2_driver : &cgroup_v1_driver;
    return cg->driver->find(cg, e);
}

/* Names the folders of the groups that a process is in, by the text of its /proc/PID/cgroup. */
static int place_with(struct cgroup *cg, const char *text, struct err *e)
{
    for (size_t i = 0; i < cg->n; i++) {
        struct hierarchy *h = &cg->h[i];
        size_t len = 0;
        const char *group = own_group(text, h, cgroup_is_v2(cg), &len);
        if (!group)
            return err_set(e, ENOENT, "its control group is not below \"%s\"", h->mount);
        h->folder = str_printf("%s%.*s", h->mount, (int)len, group);
        if (!h->folder)
            return err_nomem(e);
    }
    return 0;
}

static int start(const char *path, struct cgroup **ret, struct err *e)
{
    _cleanup_cgroup_ struct cgroup *cg = calloc(1, sizeof(*cg));
    if (!cg || !(cg->path = strdup(path)))
        return err_nomem(e);
    int r = detect(cg, e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(cg);
    return 0;
}

/* Makes the missing ones of the folder's parents. Others may be making the same. */
static int make_parents(const struct hierarchy *h)
{
    _cleanup_free_ char *copy = strdup(h->folder);
    if (!copy)
        return -ENOMEM;
    for (char *p = strchr(copy + strlen(h->mount) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return 0;
}

static int make_folder(struct hierarchy *h)
{
    int r = mkdir(h->folder, 0755) < 0 ? -errno : 0;
    if (r == -ENOENT) {
        r = make_parents(h);
        if (r == 0)
            r = mkdir(h->folder, 0755) < 0 ? -errno : 0;
    }
    h->made = r == 0;
    return r == -EEXIST ? 0 : r;
}

/* Opens the folder and what is written to enter it, while we can: the child may be another user in
 * another user namespace. */
static int open_folder(const struct cgroup *cg, struct hierarchy *h)
{
    h->dirfd = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->dirfd < 0)
        return -errno;
    h->enter_fd = openat(h->dirfd, cg->driver->enter_file, O_WRONLY | O_CLOEXEC);
    return h->enter_fd < 0 ? -errno : 0;
}

static int create_in(struct cgroup *cg, struct hierarchy *h, struct err *e)
{
    int r = make_folder(h);
    if (r == 0)
        r = open_folder(cg, h);
    if (r < 0)
        return err_sys(e, -r, "cannot create control group \"%s\" in \"%s\"", cg->path, h->mount);
    if (!h->made) {
        struct pid_list pids = {0};
        r = cgroup_collect_pids(h->dirfd, &pids);
        free(pids.v);
        if (r < 0)
            return err_sys(e, -r, "cannot read the processes in control group \"%s\"", h->folder);
        if (pids.n > 0)
            return err_set(e, EBUSY, "control group \"%s\" is in use by %zu process%s", h->folder,
                           pids.n, pids.n == 1 ? "" : "es");
    }
    return cg->driver->prepare(cg, h, e);
}

int cgroup_create(const char *path, struct cgroup **ret, struct err *e)
{
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    int r = start(path, &cg, e);
    if (r == 0)
        r = place(cg, e);
    for (size_t i = 0; r == 0 && i < cg->n; i++)
        r = create_in(cg, &cg->h[i], e);
    if (r < 0) {
        for (size_t i = 0; cg && i < cg->n; i++) {
            if (cg->h[i].made)
                rmdir(cg->h[i].folder);
        }
        return r;
    }
    *ret = TAKE_PTR(cg);
    return 0;
}

/* Opens those of the named folders that there are. */
static int open_folders(struct cgroup *cg, struct err *e)
{
    size_t found = 0;
    for (size_t i = 0; i < cg->n; i++) {
        int r = open_folder(cg, &cg->h[i]);
        if (r < 0 && r != -ENOENT)
            return err_sys(e, -r, "cannot open control group \"%s\"", cg->h[i].folder);
        found += r == 0;
    }
    if (found == 0)
        return err_set(e, ENOENT, "there is no control group \"%s\"", cg->path);
    return 0;
}

int cgroup_open(const char *path, struct cgroup **ret, struct err *e)
{
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    int r = start(path, &cg, e);
    if (r == 0)
        r = place(cg, e);
    if (r == 0)
        r = open_folders(cg, e);
    if (r == 0)
        *ret = TAKE_PTR(cg);
    return r;
}

int cgroup_open_process(pid_t pid, struct cgroup **ret, struct err *e)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ char *text = NULL;
    int r = start(path, &cg, e);
    if (r == 0)
        r = file_read(AT_FDCWD, path, PROC_MAX_BYTES, &text, NULL, e);
    if (r == 0)
        r = place_with(cg, text, e);
    if (r == 0)
        r = open_folders(cg, e);
    if (r < 0)
        return err_wrap(e, "cannot join process %d", pid);
    *ret = TAKE_PTR(cg);
    return 0;
}

void cgroup_rest(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n; i++) {
        fd_close(&cg->h[i].dirfd);
        fd_close(&cg->h[i].enter_fd);
    }
}

void cgroup_wake(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n; i++) {
        struct hierarchy *h = &cg->h[i];
        if (h->dirfd >= 0 || !h->folder)
            continue;
        int fd = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        h->dirfd = fd < 0 ? -EBADF : fd;
    }
}

void cgroup_free(struct cgroup *cg)
{
    if (!cg)
        return;
    for (size_t i = 0; i < cg->n; i++) {
        struct hierarchy *h = &cg->h[i];
        free(h->mount);
        free(h->root);
        free(h->controllers);
        free(h->device);
        free(h->folder);
        fd_close(&h->dirfd);
        fd_close(&h->enter_fd);
    }
    cgroup_undo_free(cg->undo);
    free(cg->h);
    free(cg->path);
    free(cg);
}

struct hierarchy *cgroup_add_hierarchy(struct cgroup *cg)
{
    struct hierarchy *more = realloc(cg->h, (cg->n + 1) * sizeof(*more));
    if (!more)
        return NULL;
    cg->h = more;
    more[cg->n] = (struct hierarchy){.dirfd = -EBADF, .enter_fd = -EBADF};
    return &more[cg->n++];
}

const char *cgroup_layout(const struct cgroup *cg)
{
    return cg->driver->layout;
}

bool cgroup_is_v2(const struct cgroup *cg)
{
    return cg->driver == &cgroup_v2_driver;
}

/* --- files of a group -------------------------------------------------------------------- */

bool cgroup_list_has(const char *list, const char *name, const char *separators)
{
    size_t want = strlen(name);
    while (*list) {
        size_t n = strcspn(list, separators);
        if (n == want && strncmp(list, name, n) == 0)
            return true;
        list += n + (list[n] != '\0');
    }
    return false;
}

struct hierarchy *cgroup_hierarchy(const struct cgroup *cg, const char *controller)
{
    /* v2 has one hierarchy; which controllers it has shows in which files are there. */
    if (cgroup_is_v2(cg))
        return cg->h[0].dirfd >= 0 ? &cg->h[0] : NULL;
    for (size_t i = 0; i < cg->n; i++) {
        if (cg->h[i].dirfd >= 0 && cgroup_list_has(cg->h[i].controllers, controller, ","))
            return &cg->h[i];
    }
    return NULL;
}

int cgroup_write(const struct cgroup *cg, const char *controller, const char *file,
                 const char *value)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, controller);
    if (!h)
        return -ENODEV;
    _cleanup_close_ int fd = openat(h->dirfd, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = cg->undo ? cgroup_note(cg->undo, h, cgroup_is_v2(cg), file, value) : 0;
    if (r < 0)
        return r;
    r = write(fd, value, strlen(value)) < 0 ? -errno : 0;
    if (cg->undo)
        cgroup_noted(cg->undo, r == 0);
    return r;
}

bool cgroup_has_file(const struct cgroup *cg, const char *controller, const char *file)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, controller);
    return h && faccessat(h->dirfd, file, F_OK, 0) == 0;
}

int cgroup_refuse(const struct cgroup *cg, const char *option, const char *why, struct err *e)
{
    return err_set(e, ENOTSUP, "cannot set \"linux.resources.%s\": %s (%s)", option, why,
                   cgroup_layout(cg));
}

int cgroup_set(struct cgroup *cg, const char *controller, const char *file, const char *option,
               const char *value, struct err *e)
{
    int r = cgroup_write(cg, controller, file, value);
    if (r == -ENODEV && !cgroup_hierarchy(cg, controller))
        return err_set(
            e, ENOTSUP,
            "cannot set \"linux.resources.%s\": this machine has no \"%s\" controller (%s)", option,
            controller, cgroup_layout(cg));
    if (r == -ENOENT)
        return err_set(
            e, ENOTSUP,
            "cannot set \"linux.resources.%s\": there is no \"%s\": the kernel lacks it or "
            "controller \"%s\" is not enabled%s (%s)",
            option, file, controller,
            cg->delegation_busy ? ", as processes live in a parent group" : "", cgroup_layout(cg));
    if (r < 0)
        return err_sys(e, -r,
                       "cannot set \"linux.resources.%s\": cannot write \"%s\" to \"%s\" (%s)",
                       option, value, file, cgroup_layout(cg));
    return 0;
}

int cgroup_read(const struct cgroup *cg, const char *controller, const char *file, char **ret)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, controller);
    return h ? file_read(h->dirfd, file, PROC_MAX_BYTES, ret, NULL, NULL) : -ENODEV;
}

int cgroup_read_number(const struct cgroup *cg, const char *controller, const char *file,
                       const char *key, unsigned long long *ret)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(cg, controller, file, &text);
    return r < 0 ? r : cgroup_parse_number(text, key, ret);
}

unsigned long long cgroup_oom_kills(const struct cgroup *cg)
{
    unsigned long long n = 0;
    return cgroup_read_number(cg, "memory", cg->driver->oom_file, "oom_kill", &n) < 0 ? 0 : n;
}

/* --- going in ---------------------------------------------------------------------------- */

int cgroup_clone_fd(const struct cgroup *cg)
{
    return cgroup_is_v2(cg) ? cg->h[0].dirfd : -1;
}

int cgroup_enter(struct cgroup *cg, struct err *e)
{
    for (size_t i = 0; i < cg->n; i++) {
        const struct hierarchy *h = &cg->h[i];
        if (h->enter_fd >= 0 && write(h->enter_fd, "0", 1) < 0)
            return err_sys(e, errno, "cannot enter control group \"%s\"", h->folder);
    }
    return 0;
}

static struct cgroup_mount *add_mount(struct cgroup_mounts *m, const char *name, size_t n)
{
    struct cgroup_mount *more = realloc(m->v, (m->n + 1) * sizeof(*more));
    if (!more)
        return NULL;
    m->v = more;
    more[m->n] = (struct cgroup_mount){.name = strndup(name, n), .fd = -EBADF};
    return more[m->n++].name ? &more[m->n - 1] : NULL;
}

/* "cpu,cpuacct" is known by each of its names too. */
static int add_aliases(struct cgroup_mounts *m, const struct hierarchy *h, const char *name)
{
    for (const char *p = h->controllers; *p;) {
        size_t n = strcspn(p, ",");
        if (strncmp(p, "name=", 5) != 0 && !(strlen(name) == n && strncmp(p, name, n) == 0)) {
            struct cgroup_mount *link = add_mount(m, p, n);
            if (!link || !(link->target = strdup(name)))
                return -ENOMEM;
        }
        p += n + (p[n] == ',');
    }
    return 0;
}

static int add_hierarchy_mount(struct cgroup_mounts *m, const struct hierarchy *h, bool v2,
                               bool read_only, struct err *e)
{
    const char *name = v2 ? "" : strrchr(h->mount, '/') + 1;
    struct cgroup_mount *one = add_mount(m, name, strlen(name));
    if (!one)
        return err_nomem(e);
    one->fd = mount_clone(h->dirfd, "", false, e);
    if (one->fd < 0)
        return one->fd;
    uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int r = mount_change_private(one->fd, attrs | (read_only ? MOUNT_ATTR_RDONLY : 0), e);
    if (r == 0 && !v2 && add_aliases(m, h, name) < 0)
        r = err_nomem(e);
    return r;
}

int cgroup_mounts(const struct cgroup *cg, bool read_only, struct cgroup_mounts *ret, struct err *e)
{
    _cleanup_cgroup_mounts_ struct cgroup_mounts m = {0};
    for (size_t i = 0; i < cg->n; i++) {
        if (cg->h[i].dirfd < 0)
            continue;
        int r = add_hierarchy_mount(&m, &cg->h[i], cgroup_is_v2(cg), read_only, e);
        if (r < 0)
            return err_wrap(e, "control group \"%s\"", cg->h[i].folder);
    }
    *ret = m;
    m = (struct cgroup_mounts){0};
    return 0;
}

void cgroup_mounts_release(struct cgroup_mounts *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].name);
        free(m->v[i].target);
        fd_close(&m->v[i].fd);
    }
    free(m->v);
    *m = (struct cgroup_mounts){0};
}
