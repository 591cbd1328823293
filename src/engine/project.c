#include "engine/project.h"

#include "base/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define PROJECTS "projects"

enum { ATTEMPTS = 64, XFS_MAGIC = 0x58465342, ZFS_MAGIC = 0x2fc12fc1 };

/* Below are those that people choose by hand. */
static const uint32_t first_id = 1U << 20, end_id = 1U << 31;

int project_parse_size(const char *text, long long *ret, struct err *e)
{
    long long bytes = 0;
    const char *bad;
    if (str_to_bytes(text, &bytes, &bad) < 0 || bytes < 1)
        return err_set(e, EINVAL, "invalid size: \"%s\": a number of bytes, or as 512m, 10g", text);
    *ret = bytes;
    return 0;
}

static const char *file_system(int fd)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {
        {EXT4_SUPER_MAGIC, "ext4"},         {XFS_MAGIC, "xfs"},     {BTRFS_SUPER_MAGIC, "btrfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlay"}, {TMPFS_MAGIC, "tmpfs"}, {F2FS_SUPER_MAGIC, "f2fs"},
        {NFS_SUPER_MAGIC, "nfs"},           {ZFS_MAGIC, "zfs"},
    };
    struct statfs fs;
    for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < ARRAY_LEN(known); i++)
        if ((unsigned long)fs.f_type == known[i].magic)
            return known[i].name;
    return "of a kind unknown here";
}

static int unsupported(const struct engine *en, int fd, struct err *e)
{
    const char *name = file_system(fd);
    const char *advice = str_eq(name, "ext4")
                             ? "unmount it, run tune2fs -O project,quota on its device, and mount "
                               "it with -o prjquota"
                         : str_eq(name, "xfs") ? "mount it with -o prjquota"
                                               : "ext4 and xfs have them: choose a folder there "
                                                 "with --root";
    return err_set(e, ENOTSUP,
                   "cannot limit its size: the file system of \"%s\" (%s) has no project quotas "
                   "here: %s",
                   en->root, name, advice);
}

/* What the kernel says where there are none, by file system and version. */
static bool is_unsupported(int code)
{
    return code == ENOSYS || code == ESRCH || code == EINVAL || code == ENOTTY ||
           code == EOPNOTSUPP || code == ENODEV;
}

static int ask_quota(int fd, unsigned command, uint32_t id, struct if_dqblk *q)
{
    long r = syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), id, q);
    return r < 0 ? -errno : 0;
}

static int set_limit(int fd, uint32_t id, long long bytes)
{
    struct if_dqblk q = {
        .dqb_bhardlimit = ((uint64_t)bytes + QIF_DQBLKSIZE - 1) >> QIF_DQBLKSIZE_BITS,
        .dqb_valid = QIF_BLIMITS,
    };
    return ask_quota(fd, Q_SETQUOTA, id, &q);
}

int project_join(int dir_fd, uint32_t id, struct err *e)
{
    struct fsxattr x;
    if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &x) < 0)
        return err_sys(e, errno, "cannot read a folder's project");
    x.fsx_projid = id;
    x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (ioctl(dir_fd, FS_IOC_FSSETXATTR, &x) < 0)
        return err_sys(e, errno, "cannot set a folder's project");
    return 0;
}

static int open_projects(const struct engine *en, struct err *e)
{
    int r = dir_make(en->root_fd, PROJECTS, 0700, e);
    return r < 0 ? r : dir_open(en->root_fd, PROJECTS, false, e);
}

static void drop(int projects, int fd, uint32_t id)
{
    char name[16];
    snprintf(name, sizeof(name), "%u", id);
    set_limit(fd, id, 0);
    unlinkat(projects, name, 0);
}

void project_release(const struct engine *en, int fd, uint32_t id)
{
    _cleanup_close_ int projects =
        openat(en->root_fd, PROJECTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (projects >= 0)
        drop(projects, fd, id);
}

static bool has_owner(const struct engine *en, int projects, const char *name)
{
    char owner[PATH_MAX];
    ssize_t n = readlinkat(projects, name, owner, sizeof(owner) - 1);
    if (n <= 0)
        return true; /* not ours to judge */
    owner[n] = '\0';
    return faccessat(en->root_fd, owner, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Those whose owner was removed by somebody who was killed. While others are making one, whose
 * owner is not there yet, it is left for another time. */
static void collect(const struct engine *en, int fd)
{
    int projects = openat(en->root_fd, PROJECTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = projects < 0 ? NULL : fdopendir(projects);
    struct dirent *entry;
    long long id;
    if (!dir || flock(projects, LOCK_EX | LOCK_NB) < 0)
        return;
    while ((entry = readdir(dir)))
        if (str_to_int64(entry->d_name, first_id, end_id - 1, &id) == 0 &&
            !has_owner(en, projects, entry->d_name))
            drop(projects, fd, (uint32_t)id);
}

/* A number that nobody has: the link is the claim. 0 or -EEXIST. */
static int claim_one(int projects, int fd, const char *owner, uint32_t *ret, struct err *e)
{
    uint32_t id = 0;
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
        return err_sys(e, errno, "cannot get random bytes");
    id = first_id + id % (end_id - first_id);
    char name[16];
    snprintf(name, sizeof(name), "%u", id);
    struct if_dqblk q = {0};
    int r = ask_quota(fd, Q_GETQUOTA, id, &q);
    if (r < 0 && r != -ENOENT) /* ENOENT, xfs's: nothing is known of it */
        return r;
    if (r == 0 && (q.dqb_curspace || q.dqb_curinodes || q.dqb_bhardlimit))
        return -EEXIST;
    if (symlinkat(owner, projects, name) < 0)
        return errno == EEXIST ? -EEXIST
                               : err_sys(e, errno, "cannot create \"" PROJECTS "/%s\"", name);
    *ret = id;
    return 0;
}

int project_claim(const struct engine *en, int dir_fd, const char *owner, long long bytes,
                  uint32_t *ret_id, int *ret_hold, struct err *e)
{
    uint32_t id = 0;
    collect(en, dir_fd);
    _cleanup_close_ int projects = open_projects(en, e);
    if (projects < 0)
        return projects;
    if (flock(projects, LOCK_SH) < 0)
        return err_sys(e, errno, "cannot lock \"%s/" PROJECTS "\"", en->root);
    int r = -EEXIST;
    for (int i = 0; i < ATTEMPTS && r == -EEXIST; i++)
        r = claim_one(projects, dir_fd, owner, &id, e);
    bool claimed = r == 0;
    if (r == 0)
        r = set_limit(dir_fd, id, bytes);
    if (r == 0)
        r = project_join(dir_fd, id, e);
    if (r < 0) {
        if (claimed)
            drop(projects, dir_fd, id);
        return is_unsupported(-r) ? unsupported(en, dir_fd, e)
                                  : err_sys(e, -r, "cannot set a quota");
    }
    *ret_id = id;
    *ret_hold = TAKE_FD(projects);
    return 0;
}
