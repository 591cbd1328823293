/*
 * The floor: what the kernel alone takes to give a program a container of its own.
 *
 *     floor DIR [ROUNDS]
 *
 * clone3 with six namespaces, an overlay over DIR/lower (which holds a static program /true and the
 * folders /proc and /dev), /proc, /dev with its nodes, pivot_root, exec, wait; then the namespaces
 * die and the upper folder is removed. No engine that does this work can be faster. With ROUNDS it
 * repeats in one process, and prints the milliseconds of one round: the program's own start is the
 * difference.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *path;
    unsigned minor;
} nodes[] = {{"dev/null", 3},   {"dev/zero", 5},    {"dev/full", 7},
             {"dev/random", 8}, {"dev/urandom", 9}, {"dev/tty", 0}};

/* What an overlay with "volatile" leaves in the folders it was given. */
static const char *const leftovers[] = {"upper",
                                        "work/work/incompat/volatile/dirty",
                                        "work/work/incompat/volatile",
                                        "work/work/incompat",
                                        "work/work",
                                        "work"};

static void must(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

/* Runs in the new namespaces, in DIR. The upper folder is thrown away, so the overlay need not be
 * synced when it goes ("volatile", Linux 5.10), which would be the disk's time and not the
 * kernel's. */
static void contain(void)
{
    char program[] = "/true";
    char *const argv[] = {program, NULL}, *const envp[] = {NULL};

    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
    must(mount("overlay", "root", "overlay", 0,
               "lowerdir=lower,upperdir=upper,workdir=work,volatile"),
         "mount overlay");
    must(chdir("root"), "chdir root");
    must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"), "mount dev");
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(i == 5 ? 5 : 1, nodes[i].minor)),
             "mknod");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount the old root");
    execve(program, argv, envp);
    must(-1, "exec /true");
}

static void run(void)
{
    struct clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                                       CLONE_NEWUTS | CLONE_NEWCGROUP,
                              .exit_signal = SIGCHLD};
    int status = 0;

    must(mkdir("upper", 0755), "mkdir upper");
    must(mkdir("work", 0755), "mkdir work");
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    must(pid, "clone3");
    if (pid == 0)
        contain();
    while (waitpid(pid, &status, 0) < 0)
        must(errno == EINTR ? 0 : -1, "waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        _exit(125);
    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
        must(remove(leftovers[i]), leftovers[i]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: floor DIR [ROUNDS]\n");
        return 125;
    }
    must(chdir(argv[1]), argv[1]);
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < rounds; i++)
        run();
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    if (argc > 2)
        printf("%.3f ms\n", ms / (double)rounds);
    return 0;
}
