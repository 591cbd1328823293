#include "engine/overlay.h"

#include "base/file.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);

enum { PROPAGATE_PRIVATE = 1 << 18 };

/* Descriptors of everything the overlay is made of; they need only live until it is. */
struct parts {
    int *lower; /* uppermost first, as overlay counts */
    size_t n;
    int upper_mount; /* what upper and work lie on, when that is a mount of its own */
    int upper, work;
};

static void parts_release(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        fd_close(&p->lower[i]);
    free(p->lower);
    fd_close(&p->upper_mount);
    fd_close(&p->upper);
    fd_close(&p->work);
}

/* A copy of the mount at @path with shifted owners. */
static int open_shifted(int dir_fd, const char *path, int userns_fd, struct err *e)
{
    _cleanup_close_ int fd = mount_clone(dir_fd, path, false, e);
    if (fd < 0)
        return fd;
    int r = mount_idmap(fd, userns_fd, false, e);
    return r < 0 ? r : TAKE_FD(fd);
}

static int open_layer(const struct overlay *o, const char *path, struct err *e)
{
    if (o->userns_fd >= 0)
        return open_shifted(o->root_fd, path, o->userns_fd, e);
    return dir_open(o->root_fd, path, true, e);
}

static int open_lower(const struct overlay *o, struct parts *p, struct err *e)
{
    size_t n = o->layers ? o->layers->n : 1;
    p->lower = calloc(n + 1, sizeof(*p->lower));
    if (!p->lower)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        int fd = open_layer(o, o->layers ? o->layers->v[n - 1 - i] : "/", e);
        if (fd < 0)
            return err_wrap(e, "layer");
        p->lower[p->n++] = fd;
    }
    return 0;
}

static int make_folder(int dir_fd, const char *name, mode_t mode, struct err *e)
{
    if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
        return err_sys(e, errno, "cannot create folder \"%s\"", name);
    return dir_open(dir_fd, name, true, e);
}

static int open_upper(const struct overlay *o, struct parts *p, struct err *e)
{
    int base = o->container_fd;
    if (!o->layers) {
        const struct mount_option options[] = {{"mode", "0755"}};
        p->upper_mount = mount_new("tmpfs", "skiff", options, 1, 0, e);
        if (p->upper_mount < 0)
            return p->upper_mount;
        base = p->upper_mount;
    }
    /* The root folder's own mode is the upper layer's: Docker's is 0755. */
    _cleanup_close_ int upper = make_folder(base, "upper", 0755, e);
    _cleanup_close_ int work = upper < 0 ? -EBADF : make_folder(base, "work", 0700, e);
    if (upper < 0 || work < 0)
        return upper < 0 ? upper : work;
    if (o->userns_fd < 0) {
        p->upper = TAKE_FD(upper);
        p->work = TAKE_FD(work);
        return 0;
    }
    /* Both must lie on one mount, so their parent is what gets shifted. */
    int shifted = open_shifted(base, "", o->userns_fd, e);
    if (shifted < 0)
        return shifted;
    fd_close(&p->upper_mount);
    p->upper_mount = shifted;
    p->upper = dir_open(shifted, "upper", true, e);
    p->work = p->upper < 0 ? -EBADF : dir_open(shifted, "work", true, e);
    return p->upper < 0 ? p->upper : p->work < 0 ? p->work : 0;
}

static int mount_by_descriptors(const struct overlay *o, const struct parts *p, struct err *e)
{
    size_t n = p->n + 2;
    char(*paths)[32] = calloc(n, sizeof(*paths));
    _cleanup_free_ void *paths_owner = paths;
    _cleanup_free_ struct mount_option *options = calloc(n + 1, sizeof(*options));
    if (!paths || !options)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        int fd = i < p->n ? p->lower[i] : i == p->n ? p->upper : p->work;
        const char *key = i < p->n ? "lowerdir+" : i == p->n ? "upperdir" : "workdir";
        snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fd);
        options[i] = (struct mount_option){key, paths[i]};
    }
    if (o->discard)
        options[n++] = (struct mount_option){"volatile", NULL};
    return mount_new("overlay", "overlay", options, n, 0, e);
}

/* For older kernels: in a mount namespace of our own everything can be attached, and mount(2) takes
 * its options as one page of text. What must be attached for that goes over the container's
 * rootfs folder, one upon the other. */
static int mount_attached(const struct overlay *o, const struct parts *p, struct err *e)
{
    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, errno, "cannot make a mount namespace");
    _cleanup_close_ int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int place = make_folder(o->container_fd, "rootfs", 0755, e);
    if (slash < 0 || place < 0)
        return slash < 0 ? err_sys(e, errno, "cannot open \"/\"") : place;
    int r = mount_propagation(slash, PROPAGATE_PRIVATE, true, e);
    if (r == 0 && p->upper_mount >= 0)
        r = mount_attach(p->upper_mount, place, e);
    for (size_t i = 0; r == 0 && o->userns_fd >= 0 && i < p->n; i++)
        r = mount_attach(p->lower[i], place, e);
    if (r < 0)
        return r;

    _cleanup_str_ struct str options = {0};
    for (size_t i = 0; i < p->n; i++)
        str_addf(&options, "%s/proc/self/fd/%d", i ? ":" : "lowerdir=", p->lower[i]);
    str_addf(&options, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s", p->upper, p->work,
             o->discard ? ",volatile" : "");
    _cleanup_free_ char *text = str_steal(&options);
    _cleanup_free_ char *target = str_printf("/proc/self/fd/%d", place);
    if (!text || !target)
        return err_nomem(e);
    if (mount("overlay", target, "overlay", 0, text) < 0)
        return err_sys(e, errno, "cannot mount the overlay");
    _cleanup_close_ int top = dir_open(o->container_fd, "rootfs", true, e);
    return top < 0 ? top : mount_clone(top, "", false, e);
}

int overlay_mount(const struct overlay *o, struct err *e)
{
    _cleanup_(parts_release) struct parts p = {
        .upper_mount = -EBADF, .upper = -EBADF, .work = -EBADF};
    int r = open_lower(o, &p, e);
    if (r == 0)
        r = open_upper(o, &p, e);
    if (r < 0)
        return err_wrap(e, "root file system");

    int fd = mount_by_descriptors(o, &p, e);
    if (fd == -EINVAL) {
        err_release(e);
        fd = mount_attached(o, &p, e);
    }
    return fd < 0 ? err_wrap(e, "root file system") : fd;
}
