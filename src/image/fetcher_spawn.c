#include "image/fetcher_spawn.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of our environment, in which there may be secrets, what it needs. */
static char **environment_of(void)
{
    static const char *const names[] = {
        "http_proxy", "https_proxy", "no_proxy",    "all_proxy",   "HTTP_PROXY",   "HTTPS_PROXY",
        "NO_PROXY",   "ALL_PROXY",   "RES_OPTIONS", "LOCALDOMAIN", "ASAN_OPTIONS", "UBSAN_OPTIONS",
    };
    struct strv kept = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (getenv(names[i]))
            strv_addf(&kept, "%s=%s", names[i], getenv(names[i]));
    return kept.failed ? NULL : kept.v;
}

static _Noreturn void become(const char *program, int fd)
{
    char *const args[] = {(char *)(uintptr_t) "skiff-fetch", NULL};
    char *none[] = {NULL}, **environment = environment_of();
    if (dup2(fd, STDIN_FILENO) >= 0 && syscall(SYS_close_range, 3u, ~0u, 0) == 0)
        execve(program, args, environment ? environment : none);
    fprintf(stderr, "skiff: cannot execute \"%s\": %s\n", program, strerrordesc_np(errno));
    _exit(1);
}

int fetcher_spawn(const char *program, pid_t *ret_pid, int *ret_fd, struct err *e)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_sys(e, errno, "cannot make a socket");
    _cleanup_close_ int ours = fds[0];
    _cleanup_close_ int theirs = fds[1];
    pid_t pid = process_clone(0, -1, NULL);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start the fetcher");
    if (pid == 0)
        become(program, theirs);
    *ret_pid = pid;
    *ret_fd = TAKE_FD(ours);
    return 0;
}
