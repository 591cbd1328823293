#include "engine/overlay.h"

#include "base/file.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <limits.h>
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

#define PARTS_INIT ((struct parts){.upper_mount = -EBADF, .upper = -EBADF, .work = -EBADF})

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

/* A layer that stands twice, as one of an image may: overlay takes it once, and the upper one has
 * all that the lower one would show. */
static bool comes_again(const struct strv *layers, size_t i)
{
    for (size_t k = i + 1; k < layers->n; k++)
        if (str_eq(layers->v[k], layers->v[i]))
            return true;
    return false;
}

static int open_lower(const struct overlay *o, struct parts *p, struct err *e)
{
    size_t n = o->layers ? o->layers->n : 1;
    p->lower = calloc(n + 2, sizeof(*p->lower));
    if (!p->lower)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        if (o->layers && comes_again(o->layers, n - 1 - i))
            continue;
        int fd = open_layer(o, o->layers ? o->layers->v[n - 1 - i] : "/", e);
        if (fd < 0)
            return err_wrap(e, "layer");
        p->lower[p->n++] = fd;
    }
    if (o->base) {
        int fd = open_layer(o, o->base, e);
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
    if (o->image_alone)
        return 0;
    if (!o->layers) {
        const struct mount_option options[] = {{"mode", "0755"}};
        p->upper_mount = mount_new("tmpfs", "skiff", options, 1, 0, e);
        if (p->upper_mount < 0)
            return p->upper_mount;
        base = p->upper_mount;
    }
    /* The root folder's own mode is the upper layer's: Docker's is 0755. This layer's owners are
     * not shifted: what is written into it is written by the container's own IDs, and overlay
     * itself works in it as who mounted it. */
    _cleanup_close_ int upper = make_folder(base, "upper", 0755, e);
    _cleanup_close_ int work = upper < 0 ? -EBADF : make_folder(base, "work", 0700, e);
    if (upper < 0 || work < 0)
        return upper < 0 ? upper : work;
    if ((o->owner_uid || o->owner_gid) &&
        fchownat(base, "upper", o->owner_uid, o->owner_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, errno, "cannot give \"upper\" to user %u", o->owner_uid);
    /* Left by its last life, if that was kept for another: the kernel takes no layer twice that
     * need not survive. */
    int r = o->discard ? dir_remove(work, "work/incompat", e) : 0;
    p->upper = TAKE_FD(upper);
    p->work = TAKE_FD(work);
    return r;
}

static int mount_by_descriptors(const struct overlay *o, const struct parts *p, struct err *e)
{
    size_t n = p->n + (p->upper < 0 ? 0 : 2);
    char(*paths)[32] = calloc(n + 1, sizeof(*paths));
    _cleanup_free_ void *paths_owner = paths;
    _cleanup_free_ struct mount_option *options = calloc(n + 2, sizeof(*options));
    if (!paths || !options)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        int fd = i < p->n ? p->lower[i] : i == p->n ? p->upper : p->work;
        const char *key = i < p->n ? "lowerdir+" : i == p->n ? "upperdir" : "workdir";
        snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fd);
        options[i] = (struct mount_option){key, paths[i]};
    }
    /* So that the container's own layer can be read without the others: for diff and commit. */
    options[n++] = (struct mount_option){"redirect_dir", "off"};
    if (o->discard)
        options[n++] = (struct mount_option){"volatile", NULL};
    return mount_new("overlay", "overlay", options, n, 0, e);
}

/* The folder of @fd once more, by name: on the mounts of the namespace we are in now. These are the
 * engine's own folders, which no container can touch. */
static int open_here(int fd, struct err *e)
{
    if (fd == AT_FDCWD)
        return fd; /* of absolute paths alone */
    _cleanup_free_ char *link = str_printf("/proc/self/fd/%d", fd);
    _cleanup_free_ char *path = link ? malloc(PATH_MAX) : NULL;
    if (!path)
        return err_nomem(e);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return err_sys(e, errno, "cannot read \"%s\"", link);
    path[n] = '\0';
    return dir_open(AT_FDCWD, path, true, e);
}

/* Where this process was before it went into a mount namespace of its own. */
struct way_back {
    int mounts, root, cwd;
};

static void way_back_release(struct way_back *w)
{
    fd_close(&w->mounts);
    fd_close(&w->root);
    fd_close(&w->cwd);
}

/* A mount namespace of our own, from which nothing reaches the host's. */
static int leave_mounts(struct way_back *ret, struct err *e)
{
    ret->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    ret->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ret->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ret->mounts < 0 || ret->root < 0 || ret->cwd < 0)
        return err_sys(e, errno, "cannot open this process's mount namespace");
    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, errno, "cannot make a mount namespace");
    _cleanup_close_ int slash = dir_open(AT_FDCWD, "/", true, e);
    return slash < 0 ? slash : mount_propagation(slash, PROPAGATE_PRIVATE, true, e);
}

/* setns(2) goes to the namespace's own root, which need not be the one we had. */
static int return_to_mounts(const struct way_back *w, struct err *e)
{
    if (setns(w->mounts, CLONE_NEWNS) < 0 || fchdir(w->root) < 0 || chroot(".") < 0 ||
        fchdir(w->cwd) < 0)
        return err_sys(e, errno, "cannot return to the host's mount namespace");
    return 0;
}

/* Attaches what is not: over the container's rootfs folder, one upon the other. */
static int attach_parts(const struct overlay *o, const struct parts *p, int place, struct err *e)
{
    int r = p->upper_mount >= 0 ? mount_attach(p->upper_mount, place, e) : 0;
    for (size_t i = 0; r == 0 && o->userns_fd >= 0 && i < p->n; i++)
        r = mount_attach(p->lower[i], place, e);
    return r;
}

/* mount(2) takes its options as one page of text. */
static int mount_by_text(const struct overlay *o, const struct parts *p, int place, struct err *e)
{
    _cleanup_str_ struct str options = {0};
    for (size_t i = 0; i < p->n; i++)
        str_addf(&options, "%s/proc/self/fd/%d", i ? ":" : "lowerdir=", p->lower[i]);
    str_add(&options, ",redirect_dir=off");
    if (p->upper >= 0)
        str_addf(&options, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s", p->upper,
                 p->work, o->discard ? ",volatile" : "");
    _cleanup_free_ char *text = str_steal(&options);
    _cleanup_free_ char *target = str_printf("/proc/self/fd/%d", place);
    if (!text || !target)
        return err_nomem(e);
    if (mount("overlay", target, "overlay", 0, text) < 0)
        return err_sys(e, errno, "cannot mount the overlay");
    return 0;
}

static int mount_here(const struct overlay *o, struct err *e)
{
    _cleanup_(parts_release) struct parts p = PARTS_INIT;
    _cleanup_close_ int place = make_folder(o->container_fd, "rootfs", 0755, e);
    int r = place < 0 ? place : open_lower(o, &p, e);
    if (r == 0)
        r = open_upper(o, &p, e);
    if (r == 0)
        r = attach_parts(o, &p, place, e);
    if (r == 0)
        r = mount_by_text(o, &p, place, e);
    if (r < 0)
        return r;
    _cleanup_close_ int top = dir_open(o->container_fd, "rootfs", true, e);
    return top < 0 ? top : mount_clone(top, "", false, e);
}

/* With every folder opened anew: a descriptor from before is still on the host's mount. */
static int mount_elsewhere(const struct overlay *o, struct err *e)
{
    struct overlay here = *o;
    here.root_fd = open_here(o->root_fd, e);
    if (here.root_fd < 0 && here.root_fd != AT_FDCWD)
        return here.root_fd;
    here.container_fd = open_here(o->container_fd, e);
    int fd = here.container_fd < 0 ? here.container_fd : mount_here(&here, e);
    fd_close(&here.container_fd);
    fd_close(&here.root_fd);
    return fd;
}

/* For older kernels, which take layers only from mounts of the caller's own namespace. */
static int mount_attached(const struct overlay *o, struct err *e)
{
    _cleanup_(way_back_release) struct way_back way = {-EBADF, -EBADF, -EBADF};
    int r = leave_mounts(&way, e);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = mount_elsewhere(o, e);
    r = return_to_mounts(&way, fd < 0 ? NULL : e);
    return fd >= 0 && r < 0 ? r : TAKE_FD(fd);
}

static int mount_detached(const struct overlay *o, struct err *e)
{
    _cleanup_(parts_release) struct parts p = PARTS_INIT;
    int r = open_lower(o, &p, e);
    if (r == 0)
        r = open_upper(o, &p, e);
    return r < 0 ? r : mount_by_descriptors(o, &p, e);
}

int overlay_mount(const struct overlay *o, struct err *e)
{
    int fd = mount_detached(o, e);
    if (fd == -EINVAL) {
        err_release(e);
        fd = mount_attached(o, e);
    }
    return fd < 0 ? err_wrap(e, "root file system") : fd;
}
