#include "runtime/userns.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

static int write_map(pid_t pid, const char *file, const struct spec_id_map *map, size_t n,
                     struct err *e)
{
    _cleanup_str_ struct str text = {0};
    for (size_t i = 0; i < n; i++)
        str_addf(&text, "%u %u %u\n", map[i].inside, map[i].outside, map[i].size);
    _cleanup_free_ char *lines = str_steal(&text);
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", pid, file);
    if (!lines || !path)
        return err_nomem(e);

    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", path);
    int r = fd_write_all(fd, lines, __builtin_strlen(lines)); /* one write: the kernel's rule */
    if (r < 0)
        return err_sys(e, -r, "cannot set %s (are the ranges right?)", file);
    return 0;
}

int userns_new(const struct spec_id_map *uids, size_t n_uids, const struct spec_id_map *gids,
               size_t n_gids, struct err *e)
{
    /* A namespace is made by a process that enters it; that one only waits to be killed. */
    pid_t pid = process_clone(CLONE_NEWUSER, -1, NULL);
    if (pid == 0)
        for (;;)
            pause();
    if (pid < 0)
        return err_sys(e, -pid, "cannot make a user namespace");

    int fd = -EBADF;
    int r = write_map(pid, "gid_map", gids, n_gids, e);
    if (r == 0)
        r = write_map(pid, "uid_map", uids, n_uids, e);
    if (r == 0) {
        fd = namespace_open(pid, NS_USER);
        if (fd < 0)
            r = err_sys(e, -fd, "cannot open the user namespace");
    }
    kill(pid, SIGKILL);
    process_wait(pid);
    return r < 0 ? r : fd;
}

int userns_enter(int fd, struct err *e)
{
    if (setns(fd, CLONE_NEWUSER) < 0)
        return err_sys(e, errno, "cannot enter the user namespace");
    if (setgroups(0, NULL) < 0 && errno != EPERM) /* a map that denies it has none to drop */
        return err_sys(e, errno, "cannot drop the groups");
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return err_sys(e, errno, "cannot become root of the user namespace (is ID 0 mapped?)");
    return 0;
}
