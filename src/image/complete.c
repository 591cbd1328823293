#include "image/complete.h"

#include "base/file.h"
#include "image/report.h"
#include "image/sandbox.h"
#include "kernel/copy_tree.h"
#include "kernel/mount.h"
#include "kernel/node.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Descriptors of the child after sandbox_keep. */
enum { FD_NULL, FD_REPORT, FD_LAYER, FD_BELOW, N_FDS };

/* Both sides are named by descriptors; no link is followed on either. */
struct completing {
    int layer;           /* of which it is made */
    int below;           /* the view of what lies below */
    struct strv folders; /* made here */
};

static int open_folder(int root_fd, const char *path, int flags)
{
    return beneath_open(root_fd, *path ? path : ".", flags | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

/* A folder's own time is not that of what is put into it here. */
static int keep_time(int dir_fd, const struct stat *before)
{
    const struct timespec times[2] = {before->st_atim, before->st_mtim};
    return futimens(dir_fd, times) < 0 ? -errno : 0;
}

/* The folder @path of the layer, open for reading, its missing parts made. */
static int make_folder(struct completing *c, const char *path)
{
    _cleanup_free_ char *copy = strdup(path);
    _cleanup_close_ int dir = open_folder(c->layer, "", O_RDONLY);
    if (!copy || dir < 0)
        return copy ? dir : -ENOMEM;
    for (char *part = copy, *end; *part; part = end + (*end == '/')) {
        end = strchrnul(part, '/');
        char saved = *end;
        struct stat before;
        struct node n = {.dirfd = dir, .name = part, .mode = 0755, .alone = true};
        bool made = false;
        int next = -EBADF;
        *end = '\0';
        int r = fstat(dir, &before) < 0 ? -errno : node_open_dir(&n, &made, &next);
        if (r < 0)
            return r;
        if (made) {
            strv_add(&c->folders, copy);
            (void)keep_time(dir, &before);
        }
        *end = saved;
        close(dir);
        dir = next;
    }
    return TAKE_FD(dir);
}

/* "a/b" in place: returns "b", *ret_folder "a"; "" for none. */
static const char *split(char *path, const char **ret_folder)
{
    char *slash = strrchr(path, '/');
    *ret_folder = slash ? path : "";
    if (slash)
        *slash = '\0';
    return slash ? slash + 1 : path;
}

/* Whether @name of @dir is a file of any kind that can have another name. */
static bool is_file(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
           !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
}

/* Copies the file up, unless the layer has it. -ENOENT: it is nowhere. */
static int copy_up(struct completing *c, const char *folder, const char *name, int *ret_dir,
                   struct err *e)
{
    _cleanup_close_ int have = open_folder(c->layer, folder, O_RDONLY);
    struct stat st;
    if (have >= 0 && fstatat(have, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        *ret_dir = TAKE_FD(have);
        return 0;
    }
    _cleanup_close_ int from = open_folder(c->below, folder, O_RDONLY);
    if (from < 0 || !is_file(from, name))
        return -ENOENT;
    _cleanup_close_ int to = make_folder(c, folder);
    const struct copy_options as_it_is = {0};
    if (to < 0 || fstat(to, &st) < 0)
        return to < 0 ? to : -errno;
    int r = copy_node(from, name, to, name, &as_it_is, e);
    if (r == 0)
        r = keep_time(to, &st);
    if (r == 0)
        *ret_dir = TAKE_FD(to);
    return r;
}

static int make_link(struct completing *c, const char *path, const char *target, struct err *e)
{
    _cleanup_free_ char *from = strdup(target);
    _cleanup_free_ char *to = strdup(path);
    _cleanup_close_ int from_dir = -EBADF;
    const char *from_folder, *to_folder;
    struct stat st, other;
    if (!from || !to)
        return err_nomem(e);
    const char *from_name = split(from, &from_folder), *to_name = split(to, &to_folder);
    _cleanup_close_ int dir = open_folder(c->layer, to_folder, O_RDONLY);
    if (dir < 0 || fstat(dir, &st) < 0)
        return err_sys(e, dir < 0 ? -dir : errno, "cannot open the folder of \"%s\"", path);
    if (fstatat(dir, to_name, &other, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* a later entry has the name */
    int r = copy_up(c, from_folder, from_name, &from_dir, e);
    if (r == -ENOENT || (r == 0 && !is_file(from_dir, from_name)))
        return err_set(e, EBADMSG, "link \"%s\": \"%s\" is not in the archive nor below", path,
                       target);
    if (r == 0)
        r = linkat(from_dir, from_name, dir, to_name, 0) < 0 ? -errno : keep_time(dir, &st);
    return r < 0 && !(e && e->text) ? err_sys(e, -r, "cannot link \"%s\" to \"%s\"", path, target)
                                    : r;
}

/* A folder that was made up looks as it does below; if it is not there, it stays as it is. */
static int describe(const struct completing *c, const char *path, struct err *e)
{
    const struct copy_options as_it_is = {0};
    _cleanup_close_ int from = open_folder(c->below, path, O_RDONLY);
    _cleanup_close_ int to = open_folder(c->layer, path, O_RDONLY);
    return from < 0 || to < 0 ? 0 : copy_facts(from, to, &as_it_is, e);
}

static int complete(struct completing *c, const struct unpacked *u, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i + 1 < u->leaning.n; i += 2)
        r = make_link(c, u->leaning.v[i], u->leaning.v[i + 1], e);
    /* The innermost first: what is made in a folder changes its time. */
    for (size_t i = c->folders.n; r == 0 && i-- > 0;)
        r = describe(c, c->folders.v[i], e);
    for (size_t i = u->made_up.n; r == 0 && i-- > 0;)
        r = describe(c, u->made_up.v[i], e);
    return r < 0 || !c->folders.failed ? r : err_nomem(e);
}

/* One view of all the layers below. An overlay wants its layers, and to be itself, among the mounts
 * of the process that asks for it; "/sys" is as good a place as any, for all of it is left soon. */
static int view_below(const int *below, size_t n, struct err *e)
{
    _cleanup_str_ struct str options = {0};
    _cleanup_close_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int place = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0 || place < 0)
        return err_sys(e, errno, "cannot open \"/sys\"");
    int r = mount_propagation(host, MS_PRIVATE, true, e);
    for (size_t i = 0; r == 0 && i < n; i++) {
        str_addf(&options, "%s/proc/self/fd/%d", i == 0 ? "lowerdir=" : ":", below[i]);
        r = mount_attach(below[i], place, e);
    }
    _cleanup_free_ char *text = str_steal(&options);
    if (r < 0 || !text)
        return r < 0 ? r : err_nomem(e);
    if (mount("overlay", "/sys", "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, text) < 0)
        return err_sys(e, errno, "cannot see the layers below as one");
    int fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(e, errno, "cannot open the layers below") : fd;
}

struct cage {
    int layer; /* mounts of their own, as below[] */
    int report;
    const int *below;
    size_t n_below;
};

/* Keeps what is needed, under the numbers above. */
static int gather(const struct cage *k, struct err *e)
{
    int below = k->n_below == 1 ? k->below[0] : view_below(k->below, k->n_below, e);
    const int fds[N_FDS] = {-EBADF, k->report, k->layer, below};
    return below < 0 ? below : sandbox_keep(fds, N_FDS, e);
}

static _Noreturn void child_main(const struct cage *k, const struct unpacked *u)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct completing c = {.below = FD_BELOW};
    int r = gather(k, &e);
    if (r < 0)
        report_and_exit(k->report, r, &e, "", 0);
    umask(0);
    r = sandbox_move_root(FD_LAYER, &e);
    if (r == 0)
        r = sandbox_enter_unpack(&e);
    if (r == 0)
        r = c.layer = dir_open(AT_FDCWD, "/", false, &e);
    if (r >= 0)
        r = complete(&c, u, &e);
    report_and_exit(FD_REPORT, r, &e, "", 0);
}

static int run(const struct cage *given, const struct unpacked *u, struct err *e)
{
    struct cage k = *given;
    _cleanup_free_ char *text = NULL;
    size_t n;
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int read_end = report[0];
    _cleanup_close_ int write_end = report[1];
    k.report = write_end;
    pid_t pid = process_clone(sandbox_namespaces, -1, NULL);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start the process that completes a layer");
    if (pid == 0)
        child_main(&k, u);
    fd_close(&write_end);
    return report_read(read_end, pid, "process that completes a layer", &text, &n, e);
}

/* Detached mounts of them, without devices and programs: a mount cannot be taken along into
 * another mount namespace. */
static int clone_layers(const int *below, size_t n, int *ret, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = sandbox_make_root(below[i], &ret[i], e);
    return r;
}

int complete_layer(int folder_fd, const struct unpacked *u, const int *below, size_t n_below,
                   struct err *e)
{
    _cleanup_close_ int layer = -EBADF;
    if (!unpacked_leans(u))
        return 0;
    if (n_below == 0)
        return u->leaning.n == 0 ? 0
                                 : err_set(e, EBADMSG, "link \"%s\": \"%s\" is not in the archive",
                                           u->leaning.v[0], u->leaning.v[1]);
    _cleanup_free_ int *clones = malloc(n_below * sizeof(*clones));
    if (!clones)
        return err_nomem(e);
    for (size_t i = 0; i < n_below; i++)
        clones[i] = -EBADF;
    int r = sandbox_make_root(folder_fd, &layer, e);
    if (r == 0)
        r = clone_layers(below, n_below, clones, e);
    const struct cage k = {layer, -EBADF, clones, n_below};
    if (r == 0)
        r = run(&k, u, e);
    for (size_t i = 0; i < n_below; i++)
        fd_close(&clones[i]);
    if (r == 0 && syncfs(folder_fd) < 0)
        return err_sys(e, errno, "cannot write the layer to the disk");
    return r;
}
