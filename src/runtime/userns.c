#include "runtime/userns.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

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

/* In a process that is only there to be looked at: until it is killed, or @maker is. */
static _Noreturn void stand_by(pid_t maker)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == maker)
        pause();
    _exit(1);
}

int userns_new(const struct spec_id_map *uids, size_t n_uids, const struct spec_id_map *gids,
               size_t n_gids, struct err *e)
{
    /* A namespace is made by a process that enters it; that one only waits to be killed. */
    pid_t self = getpid();
    pid_t pid = process_clone(CLONE_NEWUSER, -1, NULL);
    if (pid == 0)
        stand_by(self);
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

int userns_become_root(struct err *e)
{
    if (setgroups(0, NULL) < 0 && errno != EPERM) /* a map that denies it has none to drop */
        return err_sys(e, errno, "cannot drop the groups");
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return err_sys(e, errno, "cannot become root of the user namespace (is ID 0 mapped?)");
    return 0;
}

int userns_enter(int fd, struct err *e)
{
    if (setns(fd, CLONE_NEWUSER) < 0)
        return err_sys(e, errno, "cannot enter the user namespace");
    return userns_become_root(e);
}

/* The first number behind @key in /proc/PID/status, which is told in the reader's terms. */
static int read_status_id(const char *status, const char *key, unsigned *ret)
{
    const char *line = strstr(status, key);
    const char *number = line ? line + strlen(key) : "";
    char *end;
    unsigned long n = strtoul(number, &end, 10);
    if (end == number || n > UINT32_MAX)
        return -EINVAL;
    *ret = (unsigned)n;
    return 0;
}

int userns_root(int fd, uid_t *ret_uid, gid_t *ret_gid, struct err *e)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    pid_t self = getpid();
    pid_t pid = process_clone(0, -1, NULL);
    if (pid == 0) {
        close(pair[0]);
        char ok = userns_enter(fd, NULL) == 0 ? 1 : 0;
        if (write(pair[1], &ok, 1) == 1)
            stand_by(self);
        _exit(1);
    }
    _cleanup_close_ int from_child = pair[0];
    close(pair[1]);
    if (pid < 0)
        return err_sys(e, -pid, "cannot fork");

    char entered = 0;
    _cleanup_free_ char *path = str_printf("/proc/%d/status", pid);
    _cleanup_free_ char *status = NULL;
    int r = read(from_child, &entered, 1) == 1 && entered ? 0 : -EINVAL;
    if (r < 0)
        err_set(e, EINVAL, "cannot become root of the user namespace (is ID 0 mapped?)");
    if (r == 0)
        r = path ? file_read(AT_FDCWD, path, 65536, &status, NULL, e) : err_nomem(e);
    kill(pid, SIGKILL);
    process_wait(pid);
    if (r < 0)
        return r;
    if (read_status_id(status, "\nUid:", ret_uid) < 0 ||
        read_status_id(status, "\nGid:", ret_gid) < 0)
        return err_set(e, EIO, "cannot read \"%s\"", path);
    return 0;
}
