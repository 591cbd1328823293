/* The default profile and Docker's file format, compiled, installed in a child and probed. */
#include "engine/seccomp_profile.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/seccomp_table.h"
#include "runtime/seccomp.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#define CAP(c) (UINT64_C(1) << CAP_##c)
#define DOCKER UINT64_C(0xa80425fb) /* the fourteen of a default container */

static struct seccomp_filter filter_of(const json_t *profile)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct seccomp_filter f = {0};
    if (seccomp_compile(profile, -1, &f, &e) < 0)
        fail_msg("%s", err_text(&e));
    return f;
}

static struct seccomp_filter default_filter(uint64_t caps)
{
    _cleanup_json_ json_t *profile = NULL;
    assert_int_equal(seccomp_profile_default(caps, &profile, NULL), 0);
    return filter_of(profile);
}

/* As in test_seccomp.c, but with six arguments of nothing: only the filter's answer matters, and
 * what passes it fails in the kernel for want of sense. */
static int call_under(const struct seccomp_filter *f, long nr, long a, long b)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGSYS, SIG_DFL);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (seccomp_install(f, NULL) < 0)
            syscall(SYS_exit_group, 255);
        long r = syscall(nr, a, b, -1L, -1L, -1L, -1L);
        syscall(SYS_exit_group, r < 0 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Gives EPERM in a default container, to root with all capabilities outside. */
static const struct {
    const char *name;
    long nr;
    uint64_t caps; /* with any of these it passes the filter; 0: never */
} blocked[] = {
    {"mount", SYS_mount, CAP(SYS_ADMIN)},
    {"umount2", SYS_umount2, CAP(SYS_ADMIN)},
    {"move_mount", SYS_move_mount, CAP(SYS_ADMIN)},
    {"open_tree", SYS_open_tree, CAP(SYS_ADMIN)},
    {"fsopen", SYS_fsopen, CAP(SYS_ADMIN)},
    {"fsconfig", SYS_fsconfig, CAP(SYS_ADMIN)},
    {"fsmount", SYS_fsmount, CAP(SYS_ADMIN)},
    {"fspick", SYS_fspick, CAP(SYS_ADMIN)},
    {"mount_setattr", SYS_mount_setattr, CAP(SYS_ADMIN)},
    {"setns", SYS_setns, CAP(SYS_ADMIN)},
    {"unshare", SYS_unshare, CAP(SYS_ADMIN)},
    {"quotactl", SYS_quotactl, CAP(SYS_ADMIN)},
    {"fanotify_init", SYS_fanotify_init, CAP(SYS_ADMIN)},
    {"bpf", SYS_bpf, CAP(SYS_ADMIN) | CAP(BPF)},
    {"perf_event_open", SYS_perf_event_open, CAP(SYS_ADMIN) | CAP(PERFMON)},
    {"syslog", SYS_syslog, CAP(SYS_ADMIN) | CAP(SYSLOG)},
    {"open_by_handle_at", SYS_open_by_handle_at, CAP(DAC_READ_SEARCH)},
    {"init_module", SYS_init_module, CAP(SYS_MODULE)},
    {"finit_module", SYS_finit_module, CAP(SYS_MODULE)},
    {"delete_module", SYS_delete_module, CAP(SYS_MODULE)},
    {"kcmp", SYS_kcmp, CAP(SYS_PTRACE)},
    {"pidfd_getfd", SYS_pidfd_getfd, CAP(SYS_PTRACE)},
    {"process_madvise", SYS_process_madvise, CAP(SYS_PTRACE)},
    {"clock_settime", SYS_clock_settime, CAP(SYS_TIME)},
    {"settimeofday", SYS_settimeofday, CAP(SYS_TIME)},
    {"mbind", SYS_mbind, CAP(SYS_NICE)},
    {"set_mempolicy", SYS_set_mempolicy, CAP(SYS_NICE)},
    {"get_mempolicy", SYS_get_mempolicy, CAP(SYS_NICE)},
    {"acct", SYS_acct, CAP(SYS_PACCT)},
    {"add_key", SYS_add_key, 0},
    {"keyctl", SYS_keyctl, 0},
    {"request_key", SYS_request_key, 0},
    {"userfaultfd", SYS_userfaultfd, 0},
    {"kexec_load", SYS_kexec_load, 0},
    {"kexec_file_load", SYS_kexec_file_load, 0},
    {"swapon", SYS_swapon, 0},
    {"swapoff", SYS_swapoff, 0},
    {"pivot_root", SYS_pivot_root, 0},
    {"nfsservctl", SYS_nfsservctl, 0},
    {"move_pages", SYS_move_pages, 0},
    {"migrate_pages", SYS_migrate_pages, 0},
    {"io_uring_setup", SYS_io_uring_setup, 0},
    {"io_uring_enter", SYS_io_uring_enter, 0},
    {"io_uring_register", SYS_io_uring_register, 0},
#ifdef __x86_64__
    {"iopl", SYS_iopl, CAP(SYS_RAWIO)},
    {"ioperm", SYS_ioperm, CAP(SYS_RAWIO)},
    {"uselib", SYS_uselib, 0},
    {"ustat", SYS_ustat, 0},
    {"sysfs", SYS_sysfs, 0},
    {"create_module", SYS_create_module, 0},
    {"lookup_dcookie", SYS_lookup_dcookie, CAP(SYS_ADMIN)},
#endif
};

static void test_blocked(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    for (size_t i = 0; i < ARRAY_LEN(blocked); i++) {
        /* 0x40000000: arguments that no call can do anything with. */
        if (call_under(&f, blocked[i].nr, 0x40000000, 0x40000000) != EPERM)
            fail_msg("%s is not blocked", blocked[i].name);
    }
    /* Not with wild arguments: where the filter fails, these would take effect. */
    assert_int_equal(call_under(&f, SYS_reboot, 0, 0), EPERM);
    assert_int_equal(call_under(&f, SYS_vhangup, 0, 0), 0 + EPERM);
}

/* Which calls the profile's rules allow whatever the arguments, read off the JSON: some must not
 * really be made. */
static bool allows(const json_t *profile, const char *name)
{
    size_t i, k;
    json_t *rule, *item;
    json_array_foreach (json_object_get(profile, "syscalls"), i, rule) {
        if (json_object_get(rule, "args") || !str_eq(json_str(rule, "action"), "SCMP_ACT_ALLOW"))
            continue;
        json_array_foreach (json_object_get(rule, "names"), k, item) {
            if (str_eq(json_string_value(item), name))
                return true;
        }
    }
    return false;
}

static void test_capabilities_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocked); i++) {
        for (int cap = 0; cap <= CAP_CHECKPOINT_RESTORE; cap++) {
            _cleanup_json_ json_t *profile = NULL;
            uint64_t bit = UINT64_C(1) << cap;
            assert_int_equal(seccomp_profile_default(bit, &profile, NULL), 0);
            if (allows(profile, blocked[i].name) != ((blocked[i].caps & bit) != 0))
                fail_msg("%s with capability %d", blocked[i].name, cap);
        }
    }
    _cleanup_json_ json_t *boot = NULL, *root = NULL, *tty = NULL;
    assert_int_equal(seccomp_profile_default(CAP(SYS_BOOT), &boot, NULL), 0);
    assert_int_equal(seccomp_profile_default(CAP(SYS_CHROOT), &root, NULL), 0);
    assert_int_equal(seccomp_profile_default(CAP(SYS_TTY_CONFIG), &tty, NULL), 0);
    assert_true(allows(boot, "reboot") && !allows(root, "reboot"));
    assert_true(allows(root, "chroot") && !allows(boot, "chroot"));
    assert_true(allows(tty, "vhangup") && !allows(boot, "vhangup"));
}

static void test_allowed(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    assert_int_equal(call_under(&f, SYS_getppid, 0, 0), 0);
    assert_int_equal(call_under(&f, SYS_ptrace, 0x40000000, 0x40000000), ESRCH);
    assert_int_equal(call_under(&f, SYS_chroot, 0, 0), EFAULT);
    assert_int_equal(call_under(&f, SYS_openat, -1, 0), EFAULT);
    assert_int_equal(call_under(&f, SYS_memfd_create, 0, 0), EFAULT);
}

static void test_new_namespaces(void **state)
{
    (void)state;
    static const unsigned flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        assert_int_equal(call_under(&f, SYS_clone, flags[i] | SIGCHLD, 0), EPERM);
        assert_int_equal(call_under(&f, SYS_unshare, flags[i], 0), EPERM);
    }
    assert_int_equal(call_under(&f, SYS_clone, SIGCHLD, 0), 0);
    /* What it creates would be in memory: glibc is told to use clone. */
    assert_int_equal(call_under(&f, SYS_clone3, 0, 0), ENOSYS);

    _cleanup_seccomp_filter_ struct seccomp_filter admin = default_filter(DOCKER | CAP(SYS_ADMIN));
    assert_int_equal(call_under(&admin, SYS_clone3, 0, 0), EINVAL);
    assert_int_equal(call_under(&admin, SYS_clone, CLONE_NEWUTS | SIGCHLD, 0), 0);
    assert_int_equal(call_under(&admin, SYS_unshare, CLONE_NEWUTS, 0), 0);
}

static void test_personality(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    static const long allowed[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        assert_int_equal(call_under(&f, SYS_personality, allowed[i], 0), 0);
    assert_int_equal(call_under(&f, SYS_personality, 0x40000, 0),
                     EPERM); /* no address randomness */
    assert_int_equal(call_under(&f, SYS_personality, 1, 0), EPERM);
}

static void test_sockets(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    assert_int_equal(call_under(&f, SYS_socket, AF_UNIX, SOCK_STREAM), EPROTONOSUPPORT);
    assert_int_equal(call_under(&f, SYS_socket, AF_NETLINK, SOCK_RAW), EPROTONOSUPPORT);
    assert_int_not_equal(call_under(&f, SYS_socket, AF_INET6, SOCK_STREAM), EPERM);
    assert_int_not_equal(call_under(&f, SYS_socket, AF_PACKET, SOCK_RAW), EPERM);
    assert_int_equal(call_under(&f, SYS_socket, AF_VSOCK, SOCK_STREAM), EPERM);
    assert_int_equal(call_under(&f, SYS_socket, AF_ALG, SOCK_SEQPACKET), EPERM);
    /* The kernel takes 32 bits of the family; the filter sees 64. */
    assert_int_equal(call_under(&f, SYS_socket, (1L << 32) + AF_VSOCK, SOCK_STREAM), EPERM);
    assert_int_not_equal(call_under(&f, SYS_socketpair, AF_UNIX, SOCK_STREAM), EPERM);
}

static void test_newer_calls(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f = default_filter(DOCKER);
    assert_int_equal(call_under(&f, 4000, 0, 0), ENOSYS);
}

static void test_table_has_no_doubles(void **state)
{
    (void)state;
    /* A name in an unconditional row needs no other; within a row twice is a slip. */
    for (size_t i = 0; i < seccomp_rows_n; i++) {
        _cleanup_free_ char *names = strdup(seccomp_rows[i].names);
        char *rest = names;
        for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
            assert_int_not_equal(name[0], '\0');
            size_t n = strlen(name), seen = 0;
            for (size_t k = 0; k < seccomp_rows_n; k++) {
                const struct seccomp_row *row = &seccomp_rows[k];
                bool plain = !row->caps && !row->unless_caps && !row->arch && !row->n_values;
                for (const char *p = row->names; plain && (p = strstr(p, name)); p += n)
                    seen += (p == row->names || p[-1] == ' ') && (p[n] == ' ' || !p[n]);
            }
            if (seen > 1 || (seen == 1 && seccomp_rows[i].n_values))
                fail_msg("\"%s\" is in the table twice", name);
        }
    }
}

/* --- files ------------------------------------------------------------------------------- */

static int load(const char *text, uint64_t caps, json_t **ret, struct err *e)
{
    char path[] = "/tmp/skiff-test-profile-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    close(fd);
    int r = seccomp_profile_load(path, caps, ret, e);
    unlink(path);
    return r;
}

static void assert_loads(const char *text, uint64_t caps, const char *expected)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *profile = NULL, *want = NULL;
    if (load(text, caps, &profile, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_int_equal(json_parse(expected, strlen(expected), "expected", &want, &e), 0);
    _cleanup_free_ char *got = json_text(profile, JSON_COMPACT | JSON_SORT_KEYS);
    _cleanup_free_ char *wanted = json_text(want, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(got, wanted);
}

#define RULE(more)                                                                                 \
    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"                   \
    "\"action\":\"SCMP_ACT_ALLOW\"" more "}]}"
#define KEPT RULE("")
#define LEFT "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}"

static void test_conditions(void **state)
{
    (void)state;
    uint64_t admin = CAP(SYS_ADMIN);
    assert_loads(RULE(""), 0, KEPT);
    assert_loads(RULE(",\"args\":null,\"comment\":\"x\",\"includes\":{},\"excludes\":{}"), 0, KEPT);
    assert_loads(RULE(",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), admin, KEPT);
    assert_loads(RULE(",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), 0, LEFT);
    assert_loads(RULE(",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_BPF\"]}"), admin, LEFT);
    assert_loads(RULE(",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), admin, LEFT);
    assert_loads(RULE(",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_BPF\"]}"), admin, LEFT);
    assert_loads(RULE(",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), 0, KEPT);
    assert_loads(RULE(",\"includes\":{\"arches\":[\"vax\"]}"), 0, LEFT);
    assert_loads(RULE(",\"excludes\":{\"arches\":[\"vax\"]}"), 0, KEPT);
    assert_loads(RULE(",\"includes\":{\"minKernel\":\"4.8\"}"), 0, KEPT);
    assert_loads(RULE(",\"includes\":{\"minKernel\":\"999.0\"}"), 0, LEFT);
    assert_loads(RULE(",\"excludes\":{\"minKernel\":\"4.8\"}"), 0, LEFT);
    char text[512];
    snprintf(text, sizeof(text), RULE(",\"includes\":{\"arches\":[\"vax\",\"%s\"]}"),
             seccomp_native_name);
    assert_loads(text, 0, KEPT);
    snprintf(text, sizeof(text), RULE(",\"excludes\":{\"arches\":[\"%s\"]}"), seccomp_native_name);
    assert_loads(text, 0, LEFT);
}

static void test_old_form(void **state)
{
    (void)state;
    assert_loads("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"name\":\"read\","
                 "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[]}]}",
                 0,
                 "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"
                 "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[]}]}");
    /* And plain OCI. */
    const char oci[] = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
                       "\"architectures\":[\"SCMP_ARCH_X86\"],\"flags\":[],\"syscalls\":[]}";
    assert_loads(oci, 0, oci);
}

#ifdef __x86_64__
static void test_arch_map(void **state)
{
    (void)state;
    const char map[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":["
                       "{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[]},"
                       "{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":"
                       "[\"SCMP_ARCH_X32\"]}]}";
    assert_loads(map, 0,
                 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\","
                 "\"SCMP_ARCH_X32\"],\"syscalls\":[]}");
}
#endif

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not valid JSON"},
        {"[]", "defaultAction"},
        {"{}", "defaultAction"},
        {"{\"defaultAction\":1}", "defaultAction"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}", "must be a list"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[1]}", "must be an object"},
        {RULE(",\"name\":\"write\""), "both"},
        {RULE(",\"includes\":{\"caps\":[\"CAP_MAGIC\"]}"), "CAP_MAGIC"},
        {RULE(",\"includes\":{\"caps\":[7]}"), "capability"},
        {RULE(",\"includes\":{\"minKernel\":\"new\"}"), "minKernel"},
        {RULE(",\"includes\":{\"minKernel\":\"4.8.1\"}"), "minKernel"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],"
         "\"archMap\":[{}]}",
         "both"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        json_t *profile = NULL;
        assert_int_equal(load(cases[i].text, 0, &profile, &e), -EINVAL);
        assert_null(profile);
        if (!strstr(err_text(&e), cases[i].words) ||
            !strstr(err_text(&e), "/tmp/skiff-test-profile"))
            fail_msg("\"%s\" does not say \"%s\"", err_text(&e), cases[i].words);
    }
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *profile = NULL;
    assert_int_equal(seccomp_profile_load("/no/such/file", 0, &profile, &e), -ENOENT);
}

/* The profile that Debian ships for other engines, as a user would give it. */
static void test_foreign_profile(void **state)
{
    (void)state;
    const char path[] = "/usr/share/containers/seccomp.json";
    if (access(path, R_OK) < 0)
        skip();
    _cleanup_json_ json_t *profile = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (seccomp_profile_load(path, DOCKER, &profile, &e) < 0)
        fail_msg("%s", err_text(&e));
    _cleanup_seccomp_filter_ struct seccomp_filter f = filter_of(profile);
    assert_int_equal(call_under(&f, SYS_getppid, 0, 0), 0);
    assert_int_equal(call_under(&f, SYS_swapon, 0, 0), EPERM);
    assert_int_equal(call_under(&f, SYS_add_key, 0, 0), ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked),     cmocka_unit_test(test_capabilities_open),
        cmocka_unit_test(test_allowed),     cmocka_unit_test(test_new_namespaces),
        cmocka_unit_test(test_personality), cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_newer_calls), cmocka_unit_test(test_table_has_no_doubles),
        cmocka_unit_test(test_conditions),  cmocka_unit_test(test_old_form),
#ifdef __x86_64__
        cmocka_unit_test(test_arch_map),
#endif
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_foreign_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
