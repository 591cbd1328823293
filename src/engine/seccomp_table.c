#include "engine/seccomp_table.h"

#include "base/cleanup.h"

#include <linux/capability.h>

#define CAP(c) (UINT64_C(1) << CAP_##c)

/* The CLONE_NEW* that clone(2) takes, all but CLONE_NEWTIME, which shares a bit with the exit
 * signal and is for clone3 and unshare alone. */
static const uint32_t new_namespaces[] = {0x7e020000};

/* Linux, its 32-bit face, each with UNAME26, and the question "which one is it?". */
static const uint32_t personalities[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};

/* Address families below 12, and these: not DECnet, Econet, ATM, IrDA, ISDN, CAIF, the kernel's
 * crypto (AF_ALG), and not vsock, which reaches the hypervisor past every network namespace. They
 * are listed rather than the others forbidden, because filters see 64 bits of an argument of which
 * the kernel takes 32: "not 40" would let 2^32 + 40 pass. */
static const uint32_t families_below[] = {12};
static const uint32_t families[] = {13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29,
                                    30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45};

#define EACH(list) .values = (list), .n_values = ARRAY_LEN(list)

const struct seccomp_row seccomp_rows[] = {
    /* Files and folders */
    {.names = "open openat openat2 creat close close_range read write readv writev pread64 "
              "pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek readahead fadvise64 "
              "fadvise64_64 fallocate truncate truncate64 ftruncate ftruncate64 sync syncfs fsync "
              "fdatasync sync_file_range copy_file_range sendfile sendfile64 splice tee vmsplice"},
    {.names = "stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 "
              "fstatfs fstatfs64 access faccessat faccessat2 utime utimes utimensat "
              "utimensat_time64 futimesat cachestat statmount listmount"},
    {.names = "chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown "
              "lchown32 umask"},
    {.names = "link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat "
              "renameat2 mkdir mkdirat mknod mknodat rmdir getdents getdents64 chdir fchdir getcwd "
              "name_to_handle_at"},
    {.names = "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat "
              "listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr "
              "removexattrat"},
    {.names = "dup dup2 dup3 fcntl fcntl64 ioctl flock pipe pipe2 inotify_init inotify_init1 "
              "inotify_add_watch inotify_rm_watch fanotify_mark"},
    /* Waiting for many things at once */
    {.names = "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create "
              "epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait "
              "epoll_pwait2 eventfd eventfd2 signalfd signalfd4"},
    /* Asynchronous input and output of the old kind; io_uring, whose requests no filter sees, is
     * not here. */
    {.names = "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents "
              "io_pgetevents_time64 ioprio_get ioprio_set"},
    /* Memory */
    {.names = "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall "
              "munlock munlockall membarrier remap_file_pages memfd_create memfd_secret mseal "
              "map_shadow_stack pkey_alloc pkey_free pkey_mprotect"},
    /* Processes, threads, signals */
    {.names = "fork vfork execve execveat exit exit_group wait4 waitid waitpid pause "
              "restart_syscall pidfd_open pidfd_send_signal process_mrelease prctl seccomp "
              "landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
    {.names = "kill tkill tgkill alarm sigaltstack sigprocmask sigreturn rt_sigaction "
              "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
              "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo uretprobe"},
    {.names = "futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue set_robust_list "
              "get_robust_list set_tid_address set_thread_area get_thread_area rseq gettid getcpu"},
    {.names = "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr "
              "sched_getparam sched_setparam sched_getscheduler sched_setscheduler "
              "sched_get_priority_max sched_get_priority_min sched_rr_get_interval "
              "sched_rr_get_interval_time64 getpriority setpriority"},
    {.names = "getpid getppid getpgid getpgrp getsid setpgid setsid getrusage times getrlimit "
              "ugetrlimit setrlimit prlimit64 capget capset uname sysinfo getrandom"},
    {.names = "getuid getuid32 geteuid geteuid32 getresuid getresuid32 setuid setuid32 setreuid "
              "setreuid32 setresuid setresuid32 setfsuid setfsuid32 getgid getgid32 getegid "
              "getegid32 getresgid getresgid32 setgid setgid32 setregid setregid32 setresgid "
              "setresgid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32"},
    /* Time */
    {.names = "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 "
              "clock_nanosleep clock_nanosleep_time64 clock_adjtime clock_adjtime64 adjtimex "
              "nanosleep getitimer setitimer timer_create timer_delete timer_getoverrun "
              "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create "
              "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64"},
    /* Talking to others */
    {.names = "accept accept4 bind connect listen getpeername getsockname getsockopt setsockopt "
              "shutdown socketcall socketpair recv recvfrom recvmsg recvmmsg recvmmsg_time64 send "
              "sendto sendmsg sendmmsg"},
    {.names = "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 "
              "shmat shmctl shmdt shmget mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend "
              "mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64"},

    /* Allowed with some arguments */
    {.names = "socket", .op = "SCMP_CMP_LT", .arg = 0, EACH(families_below)},
    {.names = "socket", .op = "SCMP_CMP_EQ", .arg = 0, EACH(families)},
    {.names = "personality", .op = "SCMP_CMP_EQ", .arg = 0, EACH(personalities)},
    {.names = "clone",
     .unless_caps = CAP(SYS_ADMIN),
     .arch = SECCOMP_ROW_NOT_S390,
     .op = "SCMP_CMP_MASKED_EQ",
     .arg = 0,
     EACH(new_namespaces)},
    {.names = "clone",
     .unless_caps = CAP(SYS_ADMIN),
     .arch = SECCOMP_ROW_S390,
     .op = "SCMP_CMP_MASKED_EQ",
     .arg = 1,
     EACH(new_namespaces)},
    /* Its flags are in memory, where no filter can look. "There is no such call" makes the C
     * libraries fall back to clone. */
    {.names = "clone3", .unless_caps = CAP(SYS_ADMIN), .errno_ret = ENOSYS},

    /* A tracer could slip past the filter before Linux 4.8; we need 5.12. */
    {.names = "ptrace process_vm_readv process_vm_writev"},

    /* Of one machine alone */
    {.names = "arch_prctl modify_ldt", .arch = SECCOMP_ROW_X86},
    {.names = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
     .arch = SECCOMP_ROW_ARM},
    {.names = "sync_file_range2 swapcontext", .arch = SECCOMP_ROW_PPC},
    {.names = "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
     .arch = SECCOMP_ROW_S390},
    {.names = "riscv_flush_icache riscv_hwprobe", .arch = SECCOMP_ROW_RISCV},

    /* With a capability */
    {.names = "clone clone3 unshare setns mount umount umount2 mount_setattr move_mount open_tree "
              "fsopen fsconfig fsmount fspick sethostname setdomainname quotactl quotactl_fd "
              "fanotify_init lookup_dcookie lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
     .caps = CAP(SYS_ADMIN)},
    {.names = "bpf", .caps = CAP(SYS_ADMIN) | CAP(BPF)},
    {.names = "perf_event_open", .caps = CAP(SYS_ADMIN) | CAP(PERFMON)},
    {.names = "syslog", .caps = CAP(SYS_ADMIN) | CAP(SYSLOG)},
    {.names = "open_by_handle_at", .caps = CAP(DAC_READ_SEARCH)},
    {.names = "reboot", .caps = CAP(SYS_BOOT)},
    {.names = "chroot", .caps = CAP(SYS_CHROOT)},
    {.names = "init_module finit_module delete_module", .caps = CAP(SYS_MODULE)},
    {.names = "acct", .caps = CAP(SYS_PACCT)},
    {.names = "kcmp pidfd_getfd process_madvise", .caps = CAP(SYS_PTRACE)},
    {.names = "iopl ioperm", .caps = CAP(SYS_RAWIO)},
    {.names = "settimeofday stime clock_settime clock_settime64", .caps = CAP(SYS_TIME)},
    {.names = "vhangup", .caps = CAP(SYS_TTY_CONFIG)},
    {.names = "get_mempolicy set_mempolicy set_mempolicy_home_node mbind", .caps = CAP(SYS_NICE)},
};
const size_t seccomp_rows_n = ARRAY_LEN(seccomp_rows);

#if defined(__x86_64__)
const char *const seccomp_native_arches[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
                                             NULL};
const char *const seccomp_native_name = "amd64";
#define NATIVE_ROW SECCOMP_ROW_X86
#elif defined(__aarch64__)
const char *const seccomp_native_arches[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
const char *const seccomp_native_name = "arm64";
#define NATIVE_ROW SECCOMP_ROW_ARM
#elif defined(__powerpc64__)
const char *const seccomp_native_arches[] = {NULL};
const char *const seccomp_native_name = "ppc64le";
#define NATIVE_ROW SECCOMP_ROW_PPC
#elif defined(__s390x__)
const char *const seccomp_native_arches[] = {"SCMP_ARCH_S390X", "SCMP_ARCH_S390", NULL};
const char *const seccomp_native_name = "s390x";
#define NATIVE_ROW SECCOMP_ROW_S390
#elif defined(__riscv)
const char *const seccomp_native_arches[] = {"SCMP_ARCH_RISCV64", NULL};
const char *const seccomp_native_name = "riscv64";
#define NATIVE_ROW SECCOMP_ROW_RISCV
#else
const char *const seccomp_native_arches[] = {NULL};
const char *const seccomp_native_name = "unknown";
#define NATIVE_ROW SECCOMP_ROW_ANY
#endif

enum seccomp_row_arch seccomp_native_row(void)
{
    return NATIVE_ROW;
}
