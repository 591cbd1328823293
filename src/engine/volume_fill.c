#include "engine/volume_fill.h"

#include "base/file.h"
#include "engine/root_mount.h"
#include "engine/volume_mount.h"
#include "kernel/copy_tree.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#define FILLING ".skiff-filling"
#define FILLED  ".skiff-filled"

struct filler {
    const struct engine *en;
    const struct container_record *c;
    const struct create_image *image;
    int root; /* the image's files alone, mounted when they are first needed */
};

/* One volume, and where its copy is prepared: beside its data, or in it where that is somebody
 * else's folder. */
struct place {
    int data, stage;
    bool limited; /* by a quota */
};
#define PLACE_INIT ((struct place){-EBADF, -EBADF, false})

static void place_release(struct place *p)
{
    fd_close(&p->data);
    fd_close(&p->stage);
}

/* Without the container's own layer: as Docker does, and so that files have the image's own owners
 * even where the container has a user namespace. */
static int open_root(struct filler *f, struct err *e)
{
    if (f->root >= 0)
        return 0;
    f->root = f->image->built_in ? mount_clone(AT_FDCWD, "/", false, e)
                                 : root_mount_image(f->en, f->c, f->image, -EBADF, e);
    return f->root < 0 ? f->root : mount_change(f->root, MOUNT_ATTR_NODEV, 0, false, e);
}

static bool is_ours(const char *name)
{
    return str_eq(name, FILLING) || str_eq(name, FILLED);
}

/* 1 when there is nothing in it, but for what a fill left. */
static int is_empty(int fd)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    if (!dir)
        return -errno;
    while (errno = 0, (entry = readdir(dir)))
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") && !is_ours(entry->d_name))
            return 0;
    return errno ? -errno : 1;
}

static bool was_filled(const struct place *p)
{
    return faccessat(p->stage, FILLED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_stage(int stage, const char *name, struct err *e)
{
    int fd = openat(stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_sys(e, errno, "cannot open \"%s\"", name) : fd;
}

/* A name that a container has taken meanwhile is its own. */
static int move_in(const struct place *p, int filled, struct err *e)
{
    int again = openat(filled, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;
    if (!dir)
        return err_sys(e, errno, "cannot read \"" FILLED "\"");
    while (errno = 0, (entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (str_eq(name, ".") || str_eq(name, ".."))
            continue;
        if (renameat2(filled, name, p->data, name, RENAME_NOREPLACE) < 0 && errno != EEXIST &&
            errno != ENOENT)
            return err_sys(e, errno, "cannot move \"%s\"", name);
    }
    return errno ? err_sys(e, errno, "cannot read \"" FILLED "\"") : 0;
}

static int finish(const struct place *p, struct err *e)
{
    static const struct copy_options as_is = {0};
    _cleanup_close_ int filled = open_stage(p->stage, FILLED, e);
    int r = filled < 0 ? filled : move_in(p, filled, e);
    if (r == 0)
        r = copy_facts(filled, p->data, &as_is, e);
    return r == 0 ? dir_remove(p->stage, FILLED, e) : r;
}

/* Who has this right is not stopped by a quota on ext4. 0 or a negative errno. */
static int give_up_resource(bool give_up)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) < 0)
        return -errno;
    const uint32_t bit = CAP_TO_MASK(CAP_SYS_RESOURCE);
    struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(CAP_SYS_RESOURCE)];
    set->effective = give_up ? set->effective & ~bit : set->effective | (set->permitted & bit);
    return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int copy_in(const struct place *p, int source, bool sync, struct err *e)
{
    static const struct copy_options as_is = {0};
    int r = dir_remove(p->stage, FILLING, e);
    if (r == 0 && mkdirat(p->stage, FILLING, 0700) < 0)
        r = err_sys(e, errno, "cannot create \"" FILLING "\"");
    _cleanup_close_ int to = r < 0 ? -EBADF : open_stage(p->stage, FILLING, e);
    if (to < 0)
        return r < 0 ? r : to;
    mode_t mask = umask(0); /* copy_tree.h */
    r = p->limited ? give_up_resource(true) : 0;
    r = r < 0 ? err_sys(e, -r, "cannot change capabilities") : copy_folder(source, to, &as_is, e);
    if (p->limited)
        give_up_resource(false);
    umask(mask);
    if (r == 0)
        r = copy_facts(source, to, &as_is, e);
    if (r == 0 && sync && syncfs(to) < 0)
        r = err_sys(e, errno, "cannot write it to the disk");
    if (r == 0 && renameat(p->stage, FILLING, p->stage, FILLED) < 0)
        r = err_sys(e, errno, "cannot rename \"" FILLING "\"");
    if (r < 0)
        dir_remove(p->stage, FILLING, NULL);
    return r;
}

/* The folder that the mount will hide. Links are followed inside the image, as the mount itself
 * will; where there is none, or no folder, there is nothing to copy. */
static int open_hidden(struct filler *f, const char *destination, struct err *e)
{
    int r = open_root(f, e);
    if (r < 0)
        return r;
    int fd = root_open(f->root, destination, O_RDONLY | O_DIRECTORY, 0, 0);
    if (fd >= 0 || fd == -ENOENT || fd == -ENOTDIR)
        return fd;
    return err_sys(e, -fd, "cannot open \"%s\" of the image", destination);
}

/* With the volume's lock, alone. */
static int fill(struct filler *f, const struct place *p, const char *destination, struct err *e)
{
    if (was_filled(p))
        return finish(p, e);
    int empty = is_empty(p->data);
    if (empty <= 0)
        return empty < 0 ? err_sys(e, -empty, "cannot read the volume") : 0;
    _cleanup_close_ int source = open_hidden(f, destination, e);
    if (source < 0)
        return source == -ENOENT || source == -ENOTDIR ? 0 : source;
    bool sync = !json_bool(f->c->document, "HostConfig.AutoRemove", false);
    int r = copy_in(p, source, sync, e);
    return r == 0 ? finish(p, e) : r;
}

/* 1 when it is to be filled, with *ret. A file system of its own begins empty, or not, as it will.
 */
static int open_place(const struct volume *v, struct place *ret, struct err *e)
{
    const char *device = volume_bind_device(v);
    if (volume_has_type(v) && !device)
        return 0;
    ret->limited = json_object_get(v->document, "Project");
    ret->data =
        device ? open(device, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
               : openat(v->dir_fd, VOLUME_DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (ret->data < 0 && device && errno == ENOTDIR)
        return 0;
    if (ret->data < 0)
        return err_sys(e, errno, "cannot open \"%s\"", device ? device : VOLUME_DATA);
    ret->stage = fcntl(device ? ret->data : v->dir_fd, F_DUPFD_CLOEXEC, 3);
    if (ret->stage < 0)
        return err_sys(e, errno, "cannot open the volume");
    int empty = is_empty(ret->data);
    if (empty < 0)
        return err_sys(e, -empty, "cannot read the volume");
    return empty || was_filled(ret);
}

static int fill_one(struct filler *f, const json_t *m, struct err *e)
{
    const char *name = json_str(m, "Name");
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    _cleanup_(place_release) struct place p = PLACE_INIT;
    int r = volume_open(f->en, name, &v, e);
    if (r == 0)
        r = open_place(&v, &p, e);
    if (r == 1) {
        r = volume_lock(f->en, &v, LOCK_EX);
        r = r < 0 ? err_sys(e, -r, "cannot lock it") : fill(f, &p, json_str(m, "Destination"), e);
    }
    return r < 0 ? err_wrap(e, "cannot fill volume \"%s\"", name) : 0;
}

static bool wants_content(const json_t *m)
{
    const char *subpath = json_str(m, "Spec.VolumeOptions.Subpath");
    return str_eq(json_str(m, "Type"), "volume") && (!subpath || !*subpath) &&
           !json_bool(m, "Spec.VolumeOptions.NoCopy", false);
}

int volumes_fill(const struct engine *en, const struct container_record *c,
                 const struct create_image *image, struct err *e)
{
    struct filler f = {.en = en, .c = c, .image = image, .root = -EBADF};
    size_t i;
    json_t *m;
    int r = 0;
    json_array_foreach (json_object_get(c->document, "Mounts"), i, m) {
        if (r == 0 && wants_content(m))
            r = fill_one(&f, m, e);
    }
    fd_close(&f.root);
    return r;
}
