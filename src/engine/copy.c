#include "engine/copy.h"

#include "engine/archive.h"
#include "engine/copy_path.h"
#include "engine/events.h"
#include "engine/rootfs_view.h"
#include "kernel/copy_tree.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

enum { BLOCK = 512 };

/* One copy on its way. */
struct job {
    const struct copy_request *q;
    struct container_record record;
    struct rootfs_view view;
    struct copy_side inside, host;
    struct copy_source source;
    struct copy_target target;
    uid_t uid; /* who gets what is copied without its owners */
    gid_t gid;
    bool to_container;
    bool whole_root; /* the source is the container's "/" */
    unsigned long long size;
};

static void job_release(struct job *j)
{
    copy_source_release(&j->source);
    copy_target_release(&j->target);
    rootfs_view_release(&j->view);
    record_release(&j->record);
}

static const struct job empty = {
    .record = {.dir_fd = -EBADF, .lock_fd = -EBADF, .hold_fd = -EBADF, .restart_fd = -EBADF},
    .view = {.mount = -EBADF, .fd = -EBADF, .lock = -EBADF},
    .source = {.folder = -EBADF, .dir = -EBADF},
    .target = {.dir = -EBADF},
};

static int open_job(const struct engine *en, const struct copy_request *q, struct job *j,
                    struct err *e)
{
    j->q = q;
    int r = record_find(en, q->container, &j->record, e);
    if (r == 0)
        r = rootfs_view_open(en, &j->record, 0, &j->view, e);
    j->inside = (struct copy_side){j->view.fd, q->container};
    j->host = (struct copy_side){AT_FDCWD, NULL};
    return r;
}

/* ---- what the copying asks ---- */

static void choose_owner(void *data, uid_t *uid, gid_t *gid)
{
    const struct job *j = data;
    uint32_t u = *uid, g = *gid;
    if (!j->q->archive) {
        *uid = j->uid;
        *gid = j->gid;
    } else if (j->to_container) {
        *uid = owner_map_outside(&j->view.uids, u, &u) ? u : j->uid;
        *gid = owner_map_outside(&j->view.gids, g, &g) ? g : j->gid;
    } else {
        rootfs_view_owner(&j->view, uid, gid);
    }
}

/* In an archive owners are the container's own. */
static void tell_owner(void *data, uid_t *uid, gid_t *gid)
{
    const struct job *j = data;
    rootfs_view_owner(&j->view, uid, gid);
}

static bool is_kernels(int fd)
{
    static const unsigned long magics[] = {
        PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      SECURITYFS_MAGIC,
        BPF_FS_MAGIC,       BINFMTFS_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if ((unsigned long)fs.f_type == magics[i])
            return true;
    return false;
}

/* What only shows the kernel's state, and the devices that every container has, are no files of the
 * container's: they are left out of what lies around them. Who names them gets them. */
static bool enter(void *data, const struct walk_entry *entry)
{
    const struct job *j = data;
    struct stat around;
    if (entry->dir < 0 || fstat(entry->dir, &around) < 0 || around.st_dev == entry->st.st_dev)
        return true;
    return !is_kernels(entry->fd) && !(j->whole_root && str_eq(entry->path, "dev"));
}

static void count(void *data, const struct walk_entry *entry)
{
    struct job *j = data;
    j->size += BLOCK;
    if (S_ISREG(entry->st.st_mode))
        j->size += ((unsigned long long)entry->st.st_size + BLOCK - 1) / BLOCK * BLOCK;
    if (j->q->progress)
        j->q->progress(j->q->data, j->size);
}

static int copy(struct job *j, struct err *e)
{
    const struct copy_options o = {
        .owner = choose_owner,
        .enter = j->to_container ? NULL : enter,
        .progress = count,
        .data = j,
    };
    const struct copy_source *s = &j->source;
    const struct copy_target *t = &j->target;
    umask(0);
    int r = s->folder < 0 ? copy_node(s->dir, s->name, t->dir, t->name, &o, e)
            : t->name     ? copy_folder_as(s->folder, t->dir, t->name, &o, e)
                          : copy_folder(s->folder, t->dir, &o, e);
    j->size += (unsigned long long)2 * BLOCK + (t->name ? 0 : BLOCK);
    return r;
}

/* ---- from ---- */

static int find_inside(struct job *j, struct err *e)
{
    struct stat root;
    int r = copy_source_find(&j->inside, j->q->inside, j->q->follow, &j->source, e);
    if (r < 0)
        return r;
    if (fstat(j->view.fd, &root) < 0)
        return err_sys(e, errno, "cannot stat the container's root");
    j->whole_root = j->source.st.st_ino == root.st_ino && j->source.st.st_dev == root.st_dev;
    return 0;
}

int copy_from_container(const struct engine *en, const struct copy_request *q,
                        unsigned long long *ret_size, struct err *e)
{
    _cleanup_(job_release) struct job j = empty;
    j.uid = geteuid();
    j.gid = getegid();
    int r = open_job(en, q, &j, e);
    if (r == 0)
        r = find_inside(&j, e);
    if (r == 0)
        r = copy_target_find(&j.host, q->host, &j.source, &j.target, e);
    if (r == 0)
        r = copy(&j, e);
    if (r == 0)
        event_emit_container(en, &j.record, "archive-path", NULL);
    *ret_size = j.size;
    return r;
}

int copy_to_archive(const struct engine *en, const struct copy_request *q, int out, struct err *e)
{
    _cleanup_(job_release) struct job j = empty;
    int r = open_job(en, q, &j, e);
    if (r == 0)
        r = find_inside(&j, e);
    if (r < 0)
        return r;
    const struct archive_options o = {.owner = tell_owner, .enter = enter, .data = &j};
    const struct copy_source *s = &j.source;
    r = s->folder < 0 ? archive_node(out, s->dir, s->name, s->base, &o, e)
                      : archive_folder(out, s->folder, s->contents ? "." : s->base, &o, e);
    if (r == 0)
        event_emit_container(en, &j.record, "archive-path", NULL);
    return r;
}

int copy_root_to_archive(const struct engine *en, const char *container, int out,
                         const struct archive_progress *progress, struct err *e)
{
    _cleanup_(job_release) struct job j = empty;
    int r = record_find(en, container, &j.record, e);
    if (r == 0)
        r = rootfs_view_open(en, &j.record, VIEW_ROOT_ALONE, &j.view, e);
    if (r < 0)
        return r;
    const struct archive_options o = {.owner = tell_owner, .data = &j, .progress = progress};
    r = archive_folder(out, j.view.fd, NULL, &o, e);
    if (r == 0)
        event_emit_container(en, &j.record, "export", NULL);
    return r;
}

/* ---- to ---- */

static int check_writable(const struct job *j, struct err *e)
{
    struct statvfs fs;
    struct stat root, there;
    if (fstatvfs(j->target.dir, &fs) < 0 || fstat(j->view.fd, &root) < 0 ||
        fstat(j->target.dir, &there) < 0)
        return err_sys(e, errno, "cannot stat the destination");
    bool in_root = root.st_dev == there.st_dev;
    if (in_root && j->view.lost)
        return err_set(e, ENOTSUP,
                       "what a container of the built-in image writes is gone when it ends: start "
                       "container \"%s\" first",
                       record_name(&j->record));
    if (fs.f_flag & ST_RDONLY)
        return err_set(e, EROFS,
                       in_root ? "container rootfs is marked read-only"
                               : "mounted volume is marked read-only");
    return 0;
}

/* What is made on a mount with shifted owners must be made by somebody who is mapped there: the
 * container's root. The rights to read and give away stay ours. */
static int become_owner(const struct job *j, struct err *e)
{
    int r = process_set_file_owner(j->uid, j->gid);
    return r < 0 ? err_sys(e, -r, "cannot keep the rights of root") : 0;
}

/* As root again, whose the journal is. */
static void tell_event(const struct engine *en, const struct job *j)
{
    setfsuid(0);
    setfsgid(0);
    event_emit_container(en, &j->record, "extract-to-dir", NULL);
}

int copy_open_folder(const struct engine *en, const struct copy_request *q,
                     struct rootfs_view *ret_view, char **ret_path, struct err *e)
{
    _cleanup_(job_release) struct job j = empty;
    int r = open_job(en, q, &j, e);
    if (r == 0)
        r = copy_target_folder(&j.inside, q->inside, &j.target, e);
    if (r == 0)
        r = check_writable(&j, e);
    if (r < 0)
        return r;
    char *path = copy_path_absolute(&j.inside, q->inside);
    if (!path)
        return err_nomem(e);
    *ret_path = path;
    *ret_view = j.view;
    j.view = ROOTFS_VIEW_INIT;
    return 0;
}

int copy_to_container(const struct engine *en, const struct copy_request *q,
                      unsigned long long *ret_size, struct err *e)
{
    _cleanup_(job_release) struct job j = empty;
    j.to_container = true;
    int r = open_job(en, q, &j, e);
    if (r == 0)
        r = copy_source_find(&j.host, q->host, q->follow, &j.source, e);
    if (r == 0)
        r = copy_target_find(&j.inside, q->inside, &j.source, &j.target, e);
    if (r == 0)
        r = check_writable(&j, e);
    rootfs_view_root(&j.view, &j.uid, &j.gid);
    if (r == 0)
        r = become_owner(&j, e);
    if (r == 0)
        r = copy(&j, e);
    if (r == 0)
        tell_event(en, &j);
    *ret_size = j.size;
    return r;
}
