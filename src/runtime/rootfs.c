#include "runtime/rootfs.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/container.h"
#include "runtime/tmpfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

enum { PROPAGATE_PRIVATE = 1 << 18, PROPAGATE_SLAVE = 1 << 19, DETACH = 2 };

int umount2(const char *target, int flags);

static bool is_cgroup(const struct spec_mount *m)
{
    return str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2");
}

/* Whether @path is @folder or below it. */
static bool is_below(const char *path, const char *folder)
{
    const char *rest = str_after(path, folder);
    return rest && (*rest == '\0' || *rest == '/');
}

/* A bind's source, copied: the caller's, or what the spec names. */
static int clone_source(const struct spec_mount *m, const struct container_options *o,
                        struct err *e)
{
    for (size_t i = 0; i < o->n_sources; i++)
        if (str_eq(m->destination, o->sources[i].destination)) {
            int fd = fcntl(o->sources[i].fd, F_DUPFD_CLOEXEC, 3);
            return fd < 0 ? err_sys(e, errno, "cannot take over its source") : fd;
        }
    return mount_clone(o->bundle_fd, m->source, m->recursive, e);
}

static int open_source(const struct spec_mount *m, const struct container_options *o, int userns_fd,
                       struct err *e)
{
    _cleanup_close_ int fd = clone_source(m, o, e);
    if (fd < 0)
        return fd;

    uint64_t propagation = m->propagation ? m->propagation : PROPAGATE_PRIVATE;
    bool below = m->propagation ? m->propagation_below : true;
    int r = mount_propagation(fd, propagation, below, e);
    if (r == 0 && (m->set | m->clear))
        r = mount_change(fd, m->set, m->clear, false, e);
    if (r == 0 && (m->set_below | m->clear_below))
        r = mount_change(fd, m->set_below, m->clear_below, true, e);
    if (r == 0 && m->idmap) {
        if (userns_fd < 0)
            return err_set(e, EINVAL, "idmap needs a user namespace");
        r = mount_idmap(fd, userns_fd, m->ridmap, e);
    }
    return r < 0 ? r : TAKE_FD(fd);
}

static int open_sources(const struct spec *s, const struct container_options *o, int userns_fd,
                        const struct cgroup *cg, struct rootfs *ret, struct err *e)
{
    ret->sources = calloc(s->n_mounts + 1, sizeof(*ret->sources));
    if (!ret->sources)
        return err_nomem(e);
    for (size_t i = 0; i < s->n_mounts; i++) {
        const struct spec_mount *m = &s->mounts[i];
        ret->sources[ret->n_sources++] = -EBADF;
        if (is_cgroup(m) && cg && ret->cgroup.n == 0) {
            bool read_only = m->set & MOUNT_ATTR_RDONLY;
            int r = cgroup_mounts(cg, read_only, &ret->cgroup, e);
            if (r < 0)
                return r;
        }
        if (!m->bind)
            continue;
        int fd = open_source(m, o, userns_fd, e);
        if (fd < 0)
            return err_wrap(e, "cannot mount \"%s\" on \"%s\"", m->source, m->destination);
        ret->sources[i] = fd;
    }
    return 0;
}

int rootfs_open(const struct spec *s, const struct container_options *o, int userns_fd,
                const struct cgroup *cg, struct rootfs *ret, struct err *e)
{
    _cleanup_rootfs_ struct rootfs r = ROOTFS_INIT;
    const int mount_fd = o->root_mount_fd;
    r.nodes = userns_fd < 0;
    r.target_fd = dir_open(o->bundle_fd, s->root, true, e);
    if (r.target_fd < 0)
        return err_wrap(e, "root file system");

    r.mount_fd =
        mount_fd >= 0 ? fcntl(mount_fd, F_DUPFD_CLOEXEC, 3) : mount_clone(r.target_fd, "", true, e);
    if (r.mount_fd < 0)
        return mount_fd >= 0 ? err_sys(e, errno, "root file system")
                             : err_wrap(e, "root file system \"%s\"", s->root);

    int rc = open_sources(s, o, userns_fd, cg, &r, e);
    if (rc == 0 && !r.nodes)
        rc = rootfs_open_devices(s, &r, e);
    if (rc < 0)
        return rc;
    *ret = r;
    r = ROOTFS_INIT;
    return 0;
}

void rootfs_release(struct rootfs *r)
{
    fd_close(&r->mount_fd);
    fd_close(&r->target_fd);
    for (size_t i = 0; i < r->n_sources; i++)
        fd_close(&r->sources[i]);
    for (size_t i = 0; i < r->n_devices; i++)
        fd_close(&r->devices[i]);
    free(r->sources);
    free(r->devices);
    cgroup_mounts_release(&r->cgroup);
    *r = ROOTFS_INIT;
}

/* Where a mount goes. Below /proc, /sys and /dev nothing may be a link: an image that makes one of
 * these a link would have the kernel's own file systems somewhere else than where the masks and
 * the nodes are put afterwards (CVE-2019-19921, CVE-2026-41579). */
static int open_target(int root_fd, const struct spec_mount *m, bool folder, struct err *e)
{
    const char *path = m->destination;
    bool strict = is_below(path, "/proc") || is_below(path, "/sys") || is_below(path, "/dev");
    const int flags = O_PATH | (folder ? O_DIRECTORY : 0);
    _cleanup_close_ int fd =
        strict ? root_open(root_fd, path, flags, 0, RESOLVE_NO_SYMLINKS) : -ENOENT;
    if (fd < 0) {
        fd =
            folder ? root_make_dir(root_fd, path, 0755, e) : root_make_file(root_fd, path, 0644, e);
        if (fd < 0)
            return fd;
        if (strict) {
            close(fd);
            fd = root_open(root_fd, path, flags, 0, RESOLVE_NO_SYMLINKS);
        }
        if (fd < 0)
            return err_sys(e, -fd, "\"%s\" of the image cannot be mounted on", path);
    }
    struct stat target, root;
    if (fstat(fd, &target) == 0 && fstat(root_fd, &root) == 0 && target.st_ino == root.st_ino &&
        target.st_dev == root.st_dev)
        return err_set(e, EINVAL, "\"%s\" is the root itself", path);
    return TAKE_FD(fd);
}

static bool is_proc(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Whoever can lay something over /proc, and be it by a link of the image's, gives us false files to
 * read and write there, and hides what is masked (CVE-2019-16884). So only a procfs goes on /proc,
 * and on a procfs only files which tell the payload how much of the machine is its own. */
static int check_proc(const struct spec_mount *m, int mount_fd, int target_fd, struct err *e)
{
    static const char *const allowed[] = {
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat",
        "/proc/swaps",   "/proc/uptime",    "/proc/loadavg", "/proc/slabinfo",
    };
    bool whole = str_eq(m->destination, "/proc");
    if ((!whole && !is_proc(target_fd)) || (whole && is_proc(mount_fd)))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (str_eq(m->destination, allowed[i]))
            return 0;
    return err_set(e, EINVAL, "only a procfs can be mounted on /proc, and nothing inside it");
}

static int attach(int root_fd, const struct spec_mount *m, int mount_fd, struct err *e)
{
    struct stat st;
    if (fstat(mount_fd, &st) < 0)
        return err_sys(e, errno, "cannot stat its source");
    _cleanup_close_ int target = open_target(root_fd, m, S_ISDIR(st.st_mode), e);
    if (target < 0)
        return target;
    int r = check_proc(m, mount_fd, target, e);
    return r < 0 ? r : mount_attach(mount_fd, target, e);
}

/* On v1: a tmpfs with one folder a hierarchy, and links for controllers that share one. */
static int build_cgroup_v1(int root_fd, const struct spec_mount *m, struct rootfs *r, struct err *e)
{
    const struct mount_option options[] = {{"mode", "755"}, {"size", "64k"}};
    uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    _cleanup_close_ int tmpfs = mount_new("tmpfs", "cgroup", options, 2, attrs, e);
    if (tmpfs < 0)
        return tmpfs;
    int rc = attach(root_fd, m, tmpfs, e);
    for (size_t i = 0; rc == 0 && i < r->cgroup.n; i++) {
        const struct cgroup_mount *c = &r->cgroup.v[i];
        if (c->target) {
            rc = symlinkat(c->target, tmpfs, c->name) < 0 ? err_sys(e, errno, "%s", c->name) : 0;
            continue;
        }
        if (mkdirat(tmpfs, c->name, 0755) < 0)
            return err_sys(e, errno, "cannot create folder \"%s\"", c->name);
        _cleanup_close_ int folder = openat(tmpfs, c->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            return err_sys(e, errno, "cannot open folder \"%s\"", c->name);
        rc = mount_attach(c->fd, folder, e);
    }
    if (rc == 0 && (m->set & MOUNT_ATTR_RDONLY))
        rc = mount_change(tmpfs, MOUNT_ATTR_RDONLY, 0, false, e);
    return rc;
}

static int build_cgroup(const struct spec *s, const struct spec_mount *m, struct rootfs *r,
                        struct err *e)
{
    if (r->cgroup.n == 0)
        return err_set(e, ENOTSUP, "there is no cgroup file system on this machine");
    bool v2 = r->cgroup.n == 1 && r->cgroup.v[0].name[0] == '\0';
    if (!v2)
        return build_cgroup_v1(r->mount_fd, m, r, e);

    const struct spec_namespace *ns = &s->namespaces[NS_CGROUP];
    if (!ns->asked)
        return attach(r->mount_fd, m, r->cgroup.v[0].fd, e);
    _cleanup_close_ int fd = mount_new("cgroup2", "cgroup", NULL, 0, m->set, e);
    if (fd < 0)
        return fd;
    return attach(r->mount_fd, m, fd, e);
}

static int build_mount(const struct spec *s, struct rootfs *r, size_t i, struct err *e)
{
    const struct spec_mount *m = &s->mounts[i];
    if (m->bind)
        return attach(r->mount_fd, m, r->sources[i], e);
    if (is_cgroup(m))
        return build_cgroup(s, m, r, e);
    /* A tmpfs is filled before it is made read-only. */
    bool tmpfs = str_eq(m->type, "tmpfs");
    if (m->copy_up && !tmpfs)
        return err_set(e, EINVAL, "option \"tmpcopyup\" is for a tmpfs");
    uint64_t later = tmpfs ? m->set & MOUNT_ATTR_RDONLY : 0;
    _cleanup_close_ int fd = mount_new(m->type, m->source, m->data, m->n_data, m->set & ~later, e);
    if (fd < 0)
        return fd;
    int rc = tmpfs ? tmpfs_take_after(fd, r->mount_fd, m, e) : 0;
    if (rc == 0 && later)
        rc = mount_change(fd, later, 0, false, e);
    if (rc == 0 && m->propagation)
        rc = mount_propagation(fd, m->propagation, false, e);
    if (rc == 0)
        rc = attach(r->mount_fd, m, fd, e);
    if (rc == 0)
        r->sources[i] = TAKE_FD(fd);
    return rc;
}

/* Which file of /proc/sys belongs to a namespace, and may be set for a container. The others are
 * the host's. Source: namespaces(7), ipc_namespaces(7), uts_namespaces(7). */
static int check_sysctl(const struct spec *s, const char *key, struct err *e)
{
    static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                      "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                      "kernel.shmmni", "kernel.shm_rmid_forced"};
    enum namespace_kind kind = NS_KINDS;
    if (str_after(key, "net."))
        kind = NS_NETWORK;
    else if (str_after(key, "fs.mqueue."))
        kind = NS_IPC;
    else if (str_eq(key, "kernel.domainname") || str_eq(key, "kernel.hostname"))
        kind = NS_UTS;
    for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
        if (str_eq(key, ipc[i]))
            kind = NS_IPC;

    if (kind == NS_KINDS)
        return err_set(e, EINVAL, "sysctl \"%s\" is not in a separate kernel namespace", key);
    if (!s->namespaces[kind].asked)
        return err_set(e, EINVAL, "sysctl \"%s\" is the host's: it needs a %s namespace", key,
                       namespace_types[kind].name);
    return 0;
}

static int set_sysctl(const struct spec *s, int proc_fd, const char *key, const json_t *value,
                      struct err *e)
{
    const char *text = json_string_value(value);
    if (!text)
        return err_set(e, EINVAL, "sysctl \"%s\": not a string", key);
    int r = check_sysctl(s, key, e);
    if (r < 0)
        return r;

    /* "net.ipv4.conf.eth0/100.forwarding": a dot is a slash, a slash a dot. */
    _cleanup_free_ char *path = str_printf("sys/%s", key);
    if (!path)
        return err_nomem(e);
    for (char *c = path + 4; *c; c++)
        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
    if (strstr(path, "/../")) /* out of what was checked */
        return err_set(e, EINVAL, "sysctl \"%s\" is not a name", key);

    /* A procfs of our own, that nobody could have mounted over (CVE-2025-52881). */
    _cleanup_close_ int fd =
        root_open(proc_fd, path, O_WRONLY, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (fd < 0)
        return err_sys(e, -fd, "cannot set sysctl \"%s\"", key);
    if (write(fd, text, strlen(text)) < 0)
        return err_sys(e, errno, "cannot set sysctl \"%s\" to \"%s\"", key, text);
    return 0;
}

static int set_sysctls(const struct spec *s, int proc_fd, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)s->sysctl, key, value) {
        int r = set_sysctl(s, proc_fd, key, value, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int rootfs_build(const struct spec *s, struct rootfs *r, int proc_fd, struct err *e)
{
    /* First of all nothing that happens here may reach the host's mounts. */
    _cleanup_close_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0)
        return err_sys(e, errno, "cannot open \"/\"");
    int rc = mount_propagation(host, PROPAGATE_PRIVATE, true, e);
    _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rc == 0 && here < 0)
        return err_sys(e, errno, "cannot open the root file system's place");
    if (rc == 0)
        rc = mount_attach(r->mount_fd, here, e);
    /* A slave goes on hearing of the mounts that are made in the folder that it is a copy of. */
    bool slave = s->root_propagation == PROPAGATE_SLAVE;
    if (rc == 0)
        rc = mount_propagation(r->mount_fd, slave ? PROPAGATE_SLAVE : PROPAGATE_PRIVATE, true, e);
    if (rc < 0)
        return err_wrap(e, "root file system");

    for (size_t i = 0; i < s->n_mounts; i++) {
        rc = build_mount(s, r, i, e);
        if (rc < 0)
            return err_wrap(e, "cannot mount \"%s\" on \"%s\"",
                            s->mounts[i].source ? s->mounts[i].source : s->mounts[i].type,
                            s->mounts[i].destination);
    }
    rc = set_sysctls(s, proc_fd, e);
    if (rc == 0)
        rc = rootfs_build_devices(s, r, e);
    return rc;
}

int rootfs_set_console(struct rootfs *r, int tty_fd, struct err *e)
{
    /* The bind's source is the open terminal itself, never a name in /dev/pts (CVE-2025-52565). */
    _cleanup_close_ int console = mount_clone(tty_fd, "", false, e);
    if (console < 0)
        return console;
    _cleanup_close_ int target = root_make_file(r->mount_fd, "/dev/console", 0600, e);
    if (target < 0)
        return target;
    close(target);
    target = root_open(r->mount_fd, "/dev/console", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
    if (target < 0)
        return err_sys(e, -target, "\"/dev/console\" of the image cannot be mounted on");
    return mount_attach(console, target, e);
}

int rootfs_seal(const struct spec *s, struct rootfs *r, struct err *e)
{
    int rc = rootfs_mask_paths(s, r, e);
    if (rc < 0)
        return rc;
    if (s->root_readonly)
        return mount_change(r->mount_fd, MOUNT_ATTR_RDONLY, 0, false, e);
    return 0;
}

static int change_root(struct rootfs *r, bool no_pivot, struct err *e)
{
    if (fchdir(r->mount_fd) < 0)
        return err_sys(e, errno, "cannot enter the root file system");
    if (no_pivot) {
        _cleanup_close_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host < 0 || syscall(SYS_move_mount, r->mount_fd, "", host, "",
                                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            return err_sys(e, errno, "cannot move the root file system to \"/\"");
        if (chroot(".") < 0)
            return err_sys(e, errno, "cannot change the root");
        return chdir("/") < 0 ? err_sys(e, errno, "cannot enter \"/\"") : 0;
    }
    /* pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and from
     * there is detached with all that is on it. */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return err_sys(e, errno, "cannot change the root (pivot_root)");
    if (umount2(".", DETACH) < 0)
        return err_sys(e, errno, "cannot detach the old root");
    return chdir("/") < 0 ? err_sys(e, errno, "cannot enter \"/\"") : 0;
}

int rootfs_enter(const struct spec *s, struct rootfs *r, bool no_pivot, struct err *e)
{
    int rc = change_root(r, no_pivot, e);
    if (rc < 0 || !s->root_propagation || s->root_propagation == PROPAGATE_SLAVE)
        return rc;
    /* Only now: pivot_root refuses a shared root, and nothing can be copied of an unbindable one.
     */
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(e, errno, "cannot open the root file system");
    return mount_propagation(root, s->root_propagation, false, e);
}
