#include "network/resolver_cage.h"

#include "base/sanitized.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { NOBODY = 65534, MEMORY_MAX = 256 << 20 };

#define MOUNT_ATTRIBUTES                                                                           \
    (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "which architecture's system calls are these"
#endif

/* ---- the filter ---- */

static const unsigned calls[] = {
    /* the sockets */
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_accept4,
    SYS_shutdown,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    SYS_epoll_create1,
    SYS_read,
    SYS_write,
    /* the folders */
    SYS_getdents64,
    SYS_fstat,
    SYS_newfstatat,
    /* the C library: memory, time, chance */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_clock_gettime,
    SYS_getrandom,
    SYS_sysinfo, /* qsort: how much memory it may take */
    SYS_restart_syscall,
    SYS_exit_group,
};

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##what)

/* The lower half of an argument: the kernel looks at no more of these. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOAD_ARGUMENT(n) LOAD(args[n])
#else
#define LOAD_ARGUMENT(n)                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
#endif

/* Allowed on a condition: `jump` looks at argument @n, and skips one instruction when it must not
 * be. The number stays in nobody's way: whoever gets here leaves with an answer. */
#define IF_CALL(nr, length) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, (length))
#define ONLY_IF(nr, n, jump)                                                                       \
    IF_CALL(nr, 4), LOAD_ARGUMENT(n), jump, ANSWER(ALLOW), ANSWER(KILL_PROCESS)
#define EQUAL(value)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define AT_LEAST(value) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), 0, 1)
#define WITHOUT(bits)   BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0)

static const struct sock_filter head[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    ANSWER(KILL_PROCESS),
    LOAD(nr),
    /* An address can be given in the container's namespace alone: a socket to a server could send
     * to anybody by it. Nor can that descriptor become another's. */
    ONLY_IF(SYS_sendmmsg, 0, EQUAL(CAGE_UDP)),
    ONLY_IF(SYS_sendmsg, 0, EQUAL(CAGE_ASKS)),
    ONLY_IF(SYS_close, 0, AT_LEAST(CAGE_FOLDERS)),
    ONLY_IF(SYS_openat, 2, WITHOUT(O_ACCMODE | O_CREAT | O_TRUNC | O_PATH)),
    ONLY_IF(SYS_fcntl, 1, WITHOUT(~3u)), /* F_DUPFD, F_GETFD, F_SETFD, F_GETFL */
    ONLY_IF(SYS_mmap, 2, WITHOUT(PROT_EXEC)),
    ONLY_IF(SYS_mprotect, 2, WITHOUT(PROT_EXEC)),
};

enum { N_CALLS = ARRAY_LEN(calls), N_HEAD = ARRAY_LEN(head) };

static int filter_calls(struct err *e)
{
    if (SANITIZED)
        return 0;
    struct sock_filter program[N_HEAD + N_CALLS + 2];
    struct sock_filter *next = program;
    for (size_t i = 0; i < N_HEAD; i++)
        *next++ = head[i];
    /* Each jumps to the last instruction, or goes on. */
    for (size_t i = 0; i < N_CALLS; i++)
        *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
                                               (uint8_t)(N_CALLS - i), 0);
    *next++ = (struct sock_filter)ANSWER(KILL_PROCESS);
    *next++ = (struct sock_filter)ANSWER(ALLOW);
    const struct sock_fprog filter = {.len = (unsigned short)(next - program), .filter = program};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
        return err_sys(e, errno, "cannot filter the resolver's system calls");
    return 0;
}

/* ---- files ---- */

/* A mount of its own: ".." of it is itself, wherever the folder lies. */
static int own_mount(int folder_fd, struct err *e)
{
    _cleanup_close_ int mnt = mount_clone(folder_fd, "", false, e);
    if (mnt < 0)
        return mnt;
    int r = mount_change_private(mnt, MOUNT_ATTRIBUTES, e);
    return r < 0 ? r : TAKE_FD(mnt);
}

/* Nothing is open of what was the root, so an empty one cannot be left again without a capability.
 */
static int enter_nothing(struct err *e)
{
    _cleanup_close_ int nothing = mount_new("tmpfs", "skiff", NULL, 0, MOUNT_ATTRIBUTES, e);
    if (nothing < 0)
        return nothing;
    if (fchdir(nothing) < 0 || chroot(".") < 0)
        return err_sys(e, errno, "cannot give the resolver an empty root");
    return 0;
}

/* @fds to their places, all others closed. */
static int keep(const int *fds, size_t n, size_t n_folders, struct err *e)
{
    int high[CAGE_FOLDERS + CAGE_NETWORKS_MAX + CAGE_MORE_MAX];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return err_sys(e, errno, "cannot open \"/dev/null\"");
    /* Out of the way first: one of them may have the number of another's place. */
    for (size_t i = 0; i < CAGE_UDP + n; i++) {
        int fd = i < CAGE_UDP ? null : fds[i - CAGE_UDP];
        _cleanup_close_ int own = -EBADF;
        if (i >= CAGE_FOLDERS && i < CAGE_FOLDERS + n_folders) {
            own = own_mount(fd, e);
            if (own < 0)
                return own;
            fd = own;
        }
        high[i] = fcntl(fd, F_DUPFD_CLOEXEC, (int)ARRAY_LEN(high));
        if (high[i] < 0)
            return err_sys(e, errno, "cannot arrange the resolver's descriptors");
    }
    for (size_t i = 0; i < CAGE_UDP + n; i++)
        if (dup2(high[i], (int)i) < 0)
            return err_sys(e, errno, "cannot arrange the resolver's descriptors");
    if (syscall(SYS_close_range, CAGE_UDP + (unsigned)n, ~0u, 0) < 0)
        return err_sys(e, errno, "cannot close descriptors");
    return 0;
}

/* ---- rights ---- */

static int limit_resources(struct err *e)
{
    const struct rlimit none = {0, 0}, files = {CAGE_FDS_MAX, CAGE_FDS_MAX};
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_FSIZE, &none) < 0 ||
        setrlimit(RLIMIT_NOFILE, &files) < 0 || (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0))
        return err_sys(e, errno, "cannot limit the resolver's resources");
    return 0;
}

static int become_nobody(struct err *e)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return err_sys(e, errno, "cannot drop capability %d", cap);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return err_sys(e, errno, "cannot become nobody");
    return 0;
}

int resolver_cage_enter(const int *fds, size_t n, size_t n_folders, struct err *e)
{
    if (n_folders > CAGE_NETWORKS_MAX ||
        n > CAGE_FOLDERS - CAGE_UDP + CAGE_NETWORKS_MAX + CAGE_MORE_MAX)
        return err_set(e, E2BIG, "a container is on more than %d networks", CAGE_NETWORKS_MAX);
    pid_t monitor = getppid();
    int r = keep(fds, n, n_folders, e);
    if (r == 0)
        r = enter_nothing(e);
    if (r == 0)
        r = limit_resources(e);
    if (r == 0)
        r = become_nobody(e);
    if (r < 0)
        return r;
    /* Whoever changes his user forgets that he is to die with his parent. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot set no_new_privs");
    if (getppid() != monitor)
        return err_set(e, ESRCH, "the resolver's monitor is gone");
    return filter_calls(e);
}
