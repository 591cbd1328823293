#include "engine/rootfs_view.h"

#include "base/file.h"
#include "engine/change_lock.h"
#include "engine/inspect.h"
#include "engine/mount_maker.h"
#include "engine/root_mount.h"
#include "engine/state.h"
#include "engine/volume_mount.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "runtime/userns.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>

enum { PROPAGATE_PRIVATE = 1 << 18, DEPTH_MAX = 256 };

void rootfs_view_release(struct rootfs_view *v)
{
    fd_close(&v->fd);
    fd_close(&v->mount);
    fd_close(&v->lock);
    owner_map_release(&v->uids);
    owner_map_release(&v->gids);
    *v = ROOTFS_VIEW_INIT;
}

/* So that an open of a node in it starts nothing, and a program in it is no danger to us. */
static int seal(int fd, struct err *e)
{
    int r = mount_propagation(fd, PROPAGATE_PRIVATE, true, e);
    return r < 0 ? r
                 : mount_change(fd, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0,
                                true, e);
}

/* The mount was handed over by its root folder, as a path alone. */
static int take_mount(int mount_fd, struct rootfs_view *v, struct err *e)
{
    if (mount_fd < 0)
        return mount_fd;
    v->mount = mount_fd;
    v->fd = dir_open(mount_fd, ".", false, e);
    return v->fd < 0 ? v->fd : 0;
}

/* ---- of one that runs ---- */

static int copy_mounts(void *data, struct err *e)
{
    const bool alone = *(const bool *)data;
    _cleanup_close_ int slash = dir_open(AT_FDCWD, "/", true, e);
    _cleanup_close_ int fd = slash < 0 ? slash : mount_clone(slash, "", !alone, e);
    int r = fd < 0 ? fd : seal(fd, e);
    return r < 0 ? r : TAKE_FD(fd);
}

static int read_maps(pid_t pid, struct rootfs_view *v, struct err *e)
{
    int r = owner_map_read(pid, "uid_map", &v->uids, e);
    return r < 0 ? r : owner_map_read(pid, "gid_map", &v->gids, e);
}

static int view_running(pid_t pid, uint64_t start_time, bool alone, struct rootfs_view *v,
                        struct err *e)
{
    _cleanup_close_ int mounts = namespace_open(pid, NS_MOUNT);
    int r = mounts < 0 ? err_sys(e, -mounts, "cannot open its mount namespace") : 0;
    if (r == 0)
        r = read_maps(pid, v, e);
    /* What was opened was his, if he is still there. */
    if (r == 0 && !process_is(pid, start_time))
        r = err_set(e, ESRCH, "it has just ended");
    v->running = true;
    return r < 0 ? r : take_mount(mount_make_in(mounts, copy_mounts, &alone, e), v, e);
}

/* ---- of one that does not ---- */

/* What is put together in a mount namespace of its own. */
struct assembly {
    const char *place; /* folder to attach the root to */
    int root;          /* detached */
    int userns;        /* -EBADF: none */
    const json_t *mounts;
    const struct volume_mounts *sources; /* of those that are more than a folder */
    bool read_only;
};

static bool is_shifted(const json_t *m)
{
    const char *mode = json_str(m, "Mode");
    return str_eq(json_str(m, "Type"), "volume") || (mode && strstr(mode, "idmap"));
}

static int open_source(const struct assembly *a, const char *source, const char *to, struct err *e)
{
    for (size_t i = 0; i < a->sources->n; i++)
        if (str_eq(a->sources->v[i].destination, to)) {
            int fd = fcntl(a->sources->v[i].fd, F_DUPFD_CLOEXEC, 3);
            return fd < 0 ? err_sys(e, errno, "cannot take over its source") : fd;
        }
    return mount_clone(AT_FDCWD, source, true, e);
}

static int attach_volume(const struct assembly *a, const json_t *m, struct err *e)
{
    const char *source = json_str(m, "Source"), *to = json_str(m, "Destination");
    struct stat st;
    if (!source || !*source || !to)
        return 0; /* a tmpfs, which is gone when nothing runs */
    _cleanup_close_ int fd = open_source(a, source, to, e);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return err_sys(e, errno, "cannot stat \"%s\"", source);
    int r = a->userns >= 0 && is_shifted(m) ? mount_idmap(fd, a->userns, false, e) : 0;
    if (r == 0 && !json_bool(m, "RW", true))
        r = mount_change(fd, MOUNT_ATTR_RDONLY, 0, true, e);
    if (r < 0)
        return r;
    _cleanup_close_ int target = S_ISDIR(st.st_mode) ? root_make_dir(a->root, to, 0755, e)
                                                     : root_make_file(a->root, to, 0644, e);
    return target < 0 ? target : mount_attach(fd, target, e);
}

static unsigned depth(const json_t *mount)
{
    const char *to = json_str(mount, "Destination");
    unsigned n = 0;
    for (; to && *to; to++)
        n += to[0] == '/' && to[1] != '\0' && to[1] != '/';
    return n;
}

/* A mount below another one's place comes after it. */
static int attach_volumes(const struct assembly *a, struct err *e)
{
    size_t left = json_array_size(a->mounts), i;
    json_t *m;
    for (unsigned level = 0; left > 0 && level < DEPTH_MAX; level++) {
        json_array_foreach (a->mounts, i, m) {
            if (depth(m) != level)
                continue;
            left--;
            int r = attach_volume(a, m, e);
            if (r < 0)
                return err_wrap(e, "volume at \"%s\"", json_str(m, "Destination"));
        }
    }
    return 0;
}

static int assemble(void *data, struct err *e)
{
    const struct assembly *a = data;
    _cleanup_close_ int place = dir_open(AT_FDCWD, a->place, true, e);
    int r = place < 0 ? place : mount_attach(a->root, place, e);
    if (r == 0)
        r = attach_volumes(a, e);
    if (r == 0 && a->read_only)
        r = mount_change(a->root, MOUNT_ATTR_RDONLY, 0, false, e);
    _cleanup_close_ int fd = r < 0 ? r : mount_clone(a->root, "", true, e);
    r = fd < 0 ? fd : seal(fd, e);
    return r < 0 ? r : TAKE_FD(fd);
}

static int set_maps(const struct container_record *c, int userns, struct rootfs_view *v,
                    struct err *e)
{
    const json_t *own = json_at(c->document, "HostConfig.IDMapping");
    uid_t uid = (uid_t)json_int(own, "UID", 0);
    gid_t gid = (gid_t)json_int(own, "GID", 0);
    uint32_t size = (uint32_t)json_int(own, "Size", 65536);
    int r = userns < 0 ? 0 : userns_root(userns, &uid, &gid, e);
    if (userns < 0 || r < 0)
        return r;
    r = owner_map_set(&v->uids, 0, uid, size);
    if (r == 0)
        r = owner_map_set(&v->gids, 0, gid, size);
    return r < 0 ? err_nomem(e) : 0;
}

static int put_together(const struct engine *en, const struct container_record *c, int root,
                        int userns, bool alone, struct rootfs_view *v, struct err *e)
{
    _cleanup_free_ char *place = str_printf("%s/containers/%s/rootfs", en->root, c->id);
    _cleanup_json_ json_t *mounts = alone ? json_array() : inspect_mounts(c->document);
    _cleanup_volume_mounts_ struct volume_mounts sources = {0};
    struct assembly a = {
        .place = place,
        .root = root,
        .userns = userns,
        .mounts = mounts,
        .sources = &sources,
        .read_only = json_bool(c->document, "HostConfig.ReadonlyRootfs", false),
    };
    if (!place || !mounts)
        return err_nomem(e);
    if (mkdirat(c->dir_fd, "rootfs", 0755) < 0 && errno != EEXIST)
        return err_sys(e, errno, "cannot create folder \"rootfs\"");
    int r = alone ? 0 : volume_mounts_open(en, c->id, c->document, &sources, e);
    return r < 0 ? r : take_mount(mount_make_in(-1, assemble, &a, e), v, e);
}

static int view_stopped(const struct engine *en, struct container_record *c, bool alone,
                        struct rootfs_view *v, struct err *e)
{
    _cleanup_create_image_ struct create_image image = {0};
    _cleanup_close_ int userns = -EBADF;
    struct mode user;
    int r = create_find_image(en, json_str(c->document, "Image"), &image, e);
    if (r == 0)
        r = mode_of(c->document, NS_USER, &user, e);
    if (r == 0)
        r = root_userns(en, c, &user, true, &userns, e);
    if (r == 0)
        r = set_maps(c, userns, v, e);
    if (r < 0)
        return r;
    v->lost = image.built_in;
    _cleanup_close_ int root = root_mount(en, c, &image, userns, false, e);
    return root < 0 ? root : put_together(en, c, root, userns, alone, v, e);
}

/* ---- */

static int look(const struct engine *en, struct container_record *c, bool alone,
                struct rootfs_view *v, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    v->lock = change_lock(c, e);
    int r = v->lock < 0 ? v->lock : state_read(en, c, &state, NULL, e);
    if (r < 0)
        return r;
    if (!json_bool(state, "State.Running", false))
        return view_stopped(en, c, alone, v, e);
    fd_close(&v->lock);
    if (json_int(state, "State.Pid", 0) <= 0)
        return err_set(e, EAGAIN, "it is between two starts: stop it, or try again");
    return view_running((pid_t)json_int(state, "State.Pid", 0),
                        (uint64_t)json_int(state, "StartTime", 0), alone, v, e);
}

int rootfs_view_open(const struct engine *en, struct container_record *c, unsigned flags,
                     struct rootfs_view *ret, struct err *e)
{
    _cleanup_view_ struct rootfs_view v = ROOTFS_VIEW_INIT;
    int r = look(en, c, (flags & VIEW_ROOT_ALONE) != 0, &v, e);
    if (r < 0)
        return err_wrap(e, "cannot look into container \"%s\"", record_name(c));
    *ret = v;
    v = ROOTFS_VIEW_INIT;
    return 0;
}

void rootfs_view_root(const struct rootfs_view *v, uid_t *ret_uid, gid_t *ret_gid)
{
    uint32_t uid = 0, gid = 0;
    (void)owner_map_outside(&v->uids, 0, &uid);
    (void)owner_map_outside(&v->gids, 0, &gid);
    *ret_uid = uid;
    *ret_gid = gid;
}

void rootfs_view_owner(const struct rootfs_view *v, uid_t *uid, gid_t *gid)
{
    uint32_t u = OWNER_NOBODY, g = OWNER_NOBODY;
    (void)owner_map_inside(&v->uids, *uid, &u);
    (void)owner_map_inside(&v->gids, *gid, &g);
    *uid = u;
    *gid = g;
}
