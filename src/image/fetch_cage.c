#include "image/fetch_cage.h"

#include "kernel/mount.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <netdb.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

enum { NOBODY = 65534 };

static const int calls[] = {
    /* what computing needs */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(membarrier),
    /* libcurl resolves names in a thread */
    SCMP_SYS(clone),
    /* files to read, descriptors to pass on */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(openat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(lseek),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(ioctl),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    /* sockets */
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
};

/* Read-only, all of them, and nobody hears of it. */
static int freeze_files(struct err *e)
{
    _cleanup_close_ int root = -EBADF;
    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, errno, "cannot make a mount namespace for the fetcher");
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(e, errno, "cannot open \"/\"");
    int r = mount_propagation(root, MS_PRIVATE, true, e);
    return r < 0 ? r : mount_change(root, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, true, e);
}

static int become_nobody(struct err *e)
{
    const gid_t none = NOBODY;
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return err_sys(e, errno, "cannot drop capability %d", cap);
    if (setgroups(0, NULL) < 0 || setresgid(none, none, none) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return err_sys(e, errno, "cannot become nobody");
    return 0;
}

static int add_rules(scmp_filter_ctx ctx)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(calls); i++) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
        r = r == -EDOM ? 0 : r;
    }
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(maps); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, maps[i], 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* So that libc takes clone instead, whose flags could be looked at. */
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r == 0 ? seccomp_load(ctx) : r;
}

static int filter_calls(struct err *e)
{
    if (SANITIZED)
        return 0;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!ctx)
        return err_nomem(e);
    int r = add_rules(ctx);
    seccomp_release(ctx);
    return r < 0 ? err_sys(e, -r, "cannot filter the fetcher's system calls") : 0;
}

/* What resolving names loads is loaded now: later nothing executable can be. */
static void load_resolver(void)
{
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo("localhost", "http", &hints, &found) == 0)
        freeaddrinfo(found);
}

int fetch_cage_enter(struct err *e)
{
    const struct rlimit none = {0, 0};
    load_resolver();
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_sys(e, errno, "cannot limit the fetcher's resources");
    int r = geteuid() == 0 ? freeze_files(e) : 0;
    if (r == 0 && geteuid() == 0)
        r = become_nobody(e);
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot set no_new_privs");
    return filter_calls(e);
}
