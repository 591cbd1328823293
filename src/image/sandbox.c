#include "image/sandbox.h"

#include "base/sanitized.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MEMORY_MAX ((rlim_t)1 << 30)

const uint64_t sandbox_namespaces =
    CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWUTS;

/* What computing needs. mmap and mprotect are added apart: never executable. */
static const int pure_calls[] = {
    SCMP_SYS(read),          SCMP_SYS(write),
    SCMP_SYS(tee),           SCMP_SYS(close),
    SCMP_SYS(brk),           SCMP_SYS(munmap),
    SCMP_SYS(mremap),        SCMP_SYS(madvise),
    SCMP_SYS(exit),          SCMP_SYS(exit_group),
    SCMP_SYS(futex),         SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
};

/* What unpacking below a root needs on top. */
static const int unpack_calls[] = {
    SCMP_SYS(openat),          SCMP_SYS(openat2),         SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),      SCMP_SYS(fstatat64),       SCMP_SYS(fstat64),
    SCMP_SYS(statx),           SCMP_SYS(lseek),           SCMP_SYS(pwrite64),
    SCMP_SYS(ftruncate),       SCMP_SYS(ftruncate64),     SCMP_SYS(mkdirat),
    SCMP_SYS(mknodat),         SCMP_SYS(symlinkat),       SCMP_SYS(linkat),
    SCMP_SYS(unlinkat),        SCMP_SYS(fchown),          SCMP_SYS(fchownat),
    SCMP_SYS(fchmod),          SCMP_SYS(fchmodat),        SCMP_SYS(utimensat),
    SCMP_SYS(fsetxattr),       SCMP_SYS(getdents64),      SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),         SCMP_SYS(renameat2),       SCMP_SYS(fgetxattr),
    SCMP_SYS(flistxattr),      SCMP_SYS(readlinkat),      SCMP_SYS(pread64),
    SCMP_SYS(copy_file_range), SCMP_SYS(sync_file_range), SCMP_SYS(sync_file_range2),
};

static const int mover_calls[] = {SCMP_SYS(splice), SCMP_SYS(pread64)};

static const int unpack_capabilities[] = {
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP,
};

int sandbox_keep(const int *fds, size_t n, struct err *e)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot bind a helper to its parent");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high[SANDBOX_FDS_MAX];
    if (null < 0 || n > SANDBOX_FDS_MAX)
        return err_sys(e, null < 0 ? errno : EINVAL, "cannot open \"/dev/null\"");
    /* Out of the way first: one of them may have the number of another's place. */
    for (size_t i = 0; i < n; i++)
        if ((high[i] = fcntl(fds[i] >= 0 ? fds[i] : null, F_DUPFD_CLOEXEC, 16)) < 0)
            return err_sys(e, errno, "cannot arrange a helper's descriptors");
    for (size_t i = 0; i < n; i++)
        if (dup2(high[i], (int)i) < 0)
            return err_sys(e, errno, "cannot arrange a helper's descriptors");
    if (syscall(SYS_close_range, (unsigned)n, ~0u, 0) < 0)
        return err_sys(e, errno, "cannot close descriptors");
    return 0;
}

int sandbox_make_root(int folder_fd, int *ret, struct err *e)
{
    _cleanup_close_ int mnt = mount_clone(folder_fd, "", false, e);
    if (mnt < 0)
        return mnt;
    int r =
        mount_change(mnt, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID, 0, false, e);
    if (r < 0)
        return r;
    *ret = TAKE_FD(mnt);
    return 0;
}

int sandbox_move_root(int mount_fd, struct err *e)
{
    _cleanup_close_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0)
        return err_sys(e, errno, "cannot open \"/\"");
    int r = mount_propagation(host, MS_PRIVATE, true, e);
    if (r == 0)
        r = mount_attach(mount_fd, host, e);
    if (r < 0)
        return r;
    if (fchdir(mount_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return err_sys(e, errno, "cannot make the layer's folder the root");
    return 0;
}

static int limit_resources(struct err *e)
{
    const struct rlimit none = {0, 0};
    const struct rlimit files = {64, 64};
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
        (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0))
        return err_sys(e, errno, "cannot limit the unpacker's resources");
    return 0;
}

/* Keeps the capabilities of the mask as permitted and effective, bounds to them, inherits none. */
static int keep_capabilities(uint64_t mask, struct err *e)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (!(mask >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return err_sys(e, errno, "cannot drop capability %d", cap);

    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32)},
    };
    if (syscall(SYS_capset, &head, data) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot drop capabilities");
    return 0;
}

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
        if (r < 0 && r != -EDOM)
            return r;
    }
    return 0;
}

static int add_rules(scmp_filter_ctx ctx, const int *more, size_t n)
{
    int r = allow(ctx, pure_calls, ARRAY_LEN(pure_calls));
    if (r == 0)
        r = allow(ctx, more, n);
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return r == 0 ? seccomp_load(ctx) : r;
}

static int filter_calls(const int *more, size_t n, struct err *e)
{
    if (SANITIZED)
        return 0;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx)
        return err_nomem(e);
    int r = add_rules(ctx, more, n);
    seccomp_release(ctx);
    return r < 0 ? err_sys(e, -r, "cannot filter the unpacker's system calls") : 0;
}

static int enter(uint64_t capabilities, const int *more, size_t n, struct err *e)
{
    int r = limit_resources(e);
    if (r == 0)
        r = keep_capabilities(capabilities, e);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot set no_new_privs");
    return filter_calls(more, n, e);
}

int sandbox_enter_pure(struct err *e)
{
    return enter(0, NULL, 0, e);
}

int sandbox_enter_mover(struct err *e)
{
    return enter(0, mover_calls, ARRAY_LEN(mover_calls), e);
}

int sandbox_enter_unpack(struct err *e)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(unpack_capabilities); i++)
        mask |= UINT64_C(1) << unpack_capabilities[i];
    return enter(mask, unpack_calls, ARRAY_LEN(unpack_calls), e);
}
