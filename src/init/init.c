/*
 * skiff-init: the first process of a container run with --init. It starts one command, hands on the
 * signals that it gets, reaps whatever dies, and ends as the command ends.
 *
 *     skiff-init -- COMMAND [ARGUMENT...]
 *
 * It lives as long as the container, so it is made small: no C library, no heap, no data with
 * addresses in it (nobody would relocate them), one page of stack.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/limits.h>
#include <linux/prctl.h>
#include <linux/wait.h>
#include <signal.h>

#include "init/kernel.h"

/* The kernel's signal set, one bit a signal; libc's is larger. */
typedef unsigned long long signals;

#define ALL_SIGNALS      (~0ULL)
#define SIGNAL_BIT(n)    (1ULL << ((n)-1))
#define CANNOT_EXECUTE   126
#define NOT_FOUND        127
#define USAGE            125
#define DEFAULT_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PASS_ON_DIRECTLY (~(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU)))

static unsigned long length(const char *text)
{
    unsigned long n = 0;

    /* The barrier keeps the compiler from seeing strlen in this and calling it. */
    while (text[n]) {
        n++;
        __asm__ volatile("" ::: "memory");
    }
    return n;
}

static void say(const char *text)
{
    kernel4(SYS_write, 2, (long)text, (long)length(text), 0);
}

static void say_number(long n)
{
    char digits[24];
    unsigned long at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    say(digits + at);
}

static void leave(int status)
{
    for (;;)
        kernel4(SYS_exit_group, status, 0, 0, 0);
}

static long execute(const char *path, char **argv, char **envp)
{
    return kernel4(SYS_execve, (long)path, (long)argv, (long)envp, 0);
}

static const char *search_path(char **envp)
{
    for (; *envp; envp++) {
        const char *e = *envp;

        if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=')
            return e + 5;
    }
    return DEFAULT_PATH;
}

/* Writes "@folder/@name" (an empty folder is the current one, POSIX 8.3). Returns whether it fits:
 * the kernel knows no longer path than PATH_MAX. */
static int join(char out[PATH_MAX], const char *folder, unsigned long folder_len, const char *name)
{
    unsigned long at = 0;

    if (folder_len + length(name) + 2 > PATH_MAX)
        return 0;
    for (; at < folder_len; at++)
        out[at] = folder[at];
    if (folder_len > 0)
        out[at++] = '/';
    do {
        out[at++] = *name;
        __asm__ volatile("" ::: "memory");
    } while (*name++);
    return 1;
}

/* As execvp(3): returns only when it failed, the first telling errno: what was found but could not
 * be executed says more than "not found" in the folders after it. */
static long execute_in_path(char **argv, char **envp)
{
    const char *folder = search_path(envp);
    char path[PATH_MAX];
    long told = -ENOENT;

    for (const char *c = argv[0]; *c; c++)
        if (*c == '/')
            return execute(argv[0], argv, envp);
    if (!argv[0][0])
        return -ENOENT;
    for (;;) {
        unsigned long n = 0;

        while (folder[n] && folder[n] != ':')
            n++;
        if (join(path, folder, n, argv[0])) {
            long failure = execute(path, argv, envp);

            if (failure != -ENOENT && failure != -ENOTDIR && told == -ENOENT)
                told = failure;
        }
        if (!folder[n])
            return told;
        folder += n + 1;
    }
}

/* In the child: a group of its own, which gets the terminal if there is one, so that Ctrl-C reaches
 * the command and not us too; then the command. Every signal is still blocked, so taking the
 * terminal from the background does not stop us (SIGTTOU). */
static void become_command(char **argv, char **envp, const signals *mask)
{
    int group = (int)kernel4(SYS_getpid, 0, 0, 0, 0);
    int foreground;
    long failure;

    kernel4(SYS_setpgid, 0, 0, 0, 0);
    if (kernel4(SYS_ioctl, 0, TIOCGPGRP, (long)&foreground, 0) == 0)
        kernel4(SYS_ioctl, 0, TIOCSPGRP, (long)&group, 0);
    kernel4(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, 0, sizeof(*mask));
    failure = execute_in_path(argv, envp);
    say("skiff-init: cannot start \"");
    say(argv[0]);
    if (failure == -ENOENT || failure == -ENOTDIR) {
        say("\": not found\n");
        leave(NOT_FOUND);
    }
    say("\": ");
    if (failure == -EACCES) {
        say("permission denied");
    } else {
        say("errno ");
        say_number(-failure);
    }
    say("\n");
    leave(CANNOT_EXECUTE);
}

/* Reaps everything that is dead. Returns the command's status as a shell would tell it, or -1 while
 * the command lives. */
static int reap(long command)
{
    int result = -1;

    for (;;) {
        int status = 0;
        long pid = kernel4(SYS_wait4, -1, (long)&status, WNOHANG, 0);

        if (pid <= 0)
            return result;
        if (pid == command)
            result = (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
    }
}

static int supervise(char **argv, char **envp)
{
    signals all = ALL_SIGNALS;
    signals before;
    long command;

    kernel4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof(all));
    /* Orphans come to PID 1 by themselves; in the host's PID namespace they must be asked for. */
    kernel4(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0);
    command = kernel_fork(SIGCHLD);
    if (command < 0) {
        say("skiff-init: cannot fork: errno ");
        say_number(-command);
        say("\n");
        return CANNOT_EXECUTE;
    }
    if (command == 0)
        become_command(argv, envp, &before);
    for (;;) {
        long signal = kernel4(SYS_rt_sigtimedwait, (long)&all, 0, 0, sizeof(all));

        if (signal == SIGCHLD) {
            int status = reap(command);

            if (status >= 0)
                return status;
        } else if (signal > 0 && (SIGNAL_BIT(signal) & PASS_ON_DIRECTLY)) {
            kernel4(SYS_kill, command, signal, 0, 0);
        }
    }
}

static int run(long argc, char **argv, char **envp)
{
    if (argc < 3 || argv[1][0] != '-' || argv[1][1] != '-' || argv[1][2] != '\0') {
        say("usage: skiff-init -- COMMAND [ARGUMENT...]\n");
        return USAGE;
    }
    return supervise(argv + 2, envp);
}

#ifdef INIT_LIBC
int main(int argc, char **argv, char **envp)
{
    return run(argc, argv, envp);
}
#else
/* @stack is as the kernel leaves it: argc, argv, NULL, envp, NULL. */
__attribute__((noreturn, used)) void init_start(long *stack);

__attribute__((noreturn, used)) void init_start(long *stack)
{
    long argc = stack[0];
    char **argv = (char **)(stack + 1);

    leave(run(argc, argv, argv + argc + 1));
    __builtin_unreachable();
}
#endif
