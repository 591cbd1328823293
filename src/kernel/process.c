#include "kernel/process.h"

#include "base/file.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
    int pidfd = -EBADF;
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    if (flags & CLONE_PARENT)
        args.exit_signal = 0; /* the parent's own signal is taken; clone3 refuses another */
    if (ret_pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)&pidfd;
    }
    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned int)cgroup_fd;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        return -errno;
    if (pid > 0 && ret_pidfd)
        *ret_pidfd = pidfd;
    return pid;
}

/* State and start time from /proc/PID/stat. The command's name stands in parentheses and may hold
 * anything, so what is wanted is counted from the last one. */
static bool read_stat(pid_t pid, char *state, uint64_t *start_time)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char buf[1024];
    ssize_t n = read(fd, buf, sizeof(buf) - 1);
    if (n <= 0)
        return false;
    buf[n] = '\0';

    const char *p = strrchr(buf, ')');
    if (!p || p[1] != ' ')
        return false;
    *state = p[2];
    p += 2;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return false;
        p++;
    }
    *start_time = strtoull(p, NULL, 10);
    return true;
}

uint64_t process_start_time(pid_t pid)
{
    char state;
    uint64_t start_time;
    return read_stat(pid, &state, &start_time) ? start_time : 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    char state;
    uint64_t now;
    return pid > 0 && read_stat(pid, &state, &now) && now == start_time && state != 'Z' &&
           state != 'X';
}

int process_open(pid_t pid, uint64_t start_time)
{
    /* The pidfd first: once it is held, the number cannot pass to another unseen. */
    _cleanup_close_ int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0)
        return pid > 0 ? -errno : -ESRCH;
    return process_is(pid, start_time) ? TAKE_FD(pidfd) : -ESRCH;
}

int process_kill(pid_t pid, uint64_t start_time, int signal)
{
    _cleanup_close_ int pidfd = process_open(pid, start_time);
    if (pidfd < 0)
        return pidfd;
    return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_wait(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_set_file_owner(uid_t uid, gid_t gid)
{
    if (uid == 0 && gid == 0)
        return 0;
    /* Otherwise leaving root's file system ID would take the rights over files away. */
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return -errno;
    setfsgid(gid);
    setfsuid(uid);
    return 0;
}
