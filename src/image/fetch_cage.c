#include "image/fetch_cage.h"

#include "base/file.h"
#include "base/sanitized.h"
#include "image/sandbox.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NOBODY = 65534, MEMORY_MAX = 1 << 30 };

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

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
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    /* sockets */
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

/* All that is left of the file systems: what TLS and the resolution of names read. */
static const char *const folders[] = {"etc", "usr", "lib", "lib64", "nix", "resolver"};
enum { N_FOLDERS = ARRAY_LEN(folders), RESOLVER = N_FOLDERS - 1 };

/* Copies of them without a place yet; -EBADF where there is none. */
static int copy_folders(const char *resolver, int *copies, struct err *e)
{
    const uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(e, errno, "cannot open \"/\"");
    /* Nobody hears of it. */
    int r = mount_propagation(root, MS_PRIVATE, true, e);
    for (size_t i = 0; r == 0 && i < N_FOLDERS; i++) {
        const char *path = i == RESOLVER ? resolver : folders[i];
        _cleanup_close_ int folder =
            path ? openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        if (folder < 0)
            continue;
        copies[i] = mount_clone(folder, "", true, e);
        r = copies[i] < 0 ? copies[i] : mount_change(copies[i], attributes, 0, true, e);
    }
    return r;
}

static int attach_folder(int root, const char *path, int copy, struct err *e)
{
    _cleanup_close_ int place = root_make_dir(root, path, 0755, e);
    return place < 0 ? place : mount_attach(copy, place, e);
}

/* A root of its own, of which only those are seen: no /proc, with which whatever another process
 * of nobody sees and has could be seen too, no devices, no sockets of the machine's services. */
static int hide_files(struct err *e)
{
    static const struct mount_option mode = {"mode", "0755"};
    /* "/run/systemd/resolve" where /etc/resolv.conf is a link to there; else it is in /etc. */
    _cleanup_free_ char *resolver = realpath("/etc/resolv.conf", NULL);
    int copies[N_FOLDERS], r = 0;
    char *slash = resolver ? strrchr(resolver, '/') : NULL;
    bool apart = slash && slash != resolver && strncmp(resolver, "/etc/", 5) != 0;
    if (apart)
        *slash = '\0';
    for (size_t i = 0; i < N_FOLDERS; i++)
        copies[i] = -EBADF;
    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, errno, "cannot make a mount namespace for the fetcher");
    r = copy_folders(apart ? resolver : NULL, copies, e);
    _cleanup_close_ int root =
        r == 0 ? mount_new("tmpfs", "skiff", &mode, 1, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e)
               : -EBADF;
    if (r == 0)
        r = root < 0 ? root : sandbox_move_root(root, e);
    for (size_t i = 0; i < N_FOLDERS; i++) {
        if (r == 0 && copies[i] >= 0)
            r = attach_folder(root, i == RESOLVER ? resolver + 1 : folders[i], copies[i], e);
        fd_close(&copies[i]);
    }
    return r < 0 ? r : mount_change(root, MOUNT_ATTR_RDONLY, 0, false, e);
}

/* The terminal is not for whoever takes it over: he could read from it, and type. */
static int leave_terminal(struct err *e)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        return err_sys(e, errno, "cannot open \"/dev/null\" for the fetcher");
    /* It leads no group, so this cannot fail; elsewhere it has no terminal. */
    (void)setsid();
    return 0;
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
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(families); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, families[i], 0));
    /* Of netlink what addresses there are, by which the C library sorts what it finds. */
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
                             SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
    static const unsigned requests[] = {FIONBIO, FIONREAD, SIOCGIFINDEX, SIOCGIFNAME};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(requests); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
    /* libcurl resolves names in a thread. No processes, no namespaces in which it has rights. */
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NAMESPACES, CLONE_THREAD));
    /* So that libc takes clone instead, whose flags can be looked at. */
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
    const struct rlimit none = {0, 0}, memory = {MEMORY_MAX, MEMORY_MAX};
    load_resolver();
    if (setrlimit(RLIMIT_CORE, &none) < 0 || (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0))
        return err_sys(e, errno, "cannot limit the fetcher's resources");
    int r = SANITIZED ? 0 : leave_terminal(e);
    if (r == 0 && geteuid() == 0 && !SANITIZED)
        r = hide_files(e);
    if (r == 0 && geteuid() == 0)
        r = become_nobody(e);
    if (r < 0)
        return r;
    /* Whoever changes his user forgets that he is to die with his parent. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot make the fetcher end with its parent");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot set no_new_privs");
    return filter_calls(e);
}
