/* Groups on this machine's own layout: made, limited, entered, killed, removed; what was written is
 * read back from the kernel's files. Needs root. */
#include "runtime/cgroup.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ROOT "/sys/fs/cgroup"

static char group[48]; /* the one of this run */

static bool is_v2(void)
{
    struct statfs fs;
    return statfs(ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The path of @file in the group @path of @controller. */
static char *file_of(const char *controller, const char *path, const char *file)
{
    return is_v2() ? str_printf(ROOT "%s/%s", path, file)
                   : str_printf(ROOT "/%s%s/%s", controller, path, file);
}

static bool exists(const char *controller, const char *path)
{
    _cleanup_free_ char *name = file_of(controller, path, "");
    return access(name, F_OK) == 0;
}

static void assert_reads(const char *controller, const char *file, const char *expected)
{
    _cleanup_free_ char *name = file_of(controller, group, file), *text = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (file_read(AT_FDCWD, name, 1 << 20, &text, NULL, &e) < 0)
        fail_msg("%s", err_text(&e));
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, expected);
}

static struct cgroup *create(void)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct cgroup *cg = NULL;
    if (cgroup_create(group, &cg, &e) < 0)
        fail_msg("%s", err_text(&e));
    return cg;
}

static int apply(struct cgroup *cg, const char *text, struct err *e)
{
    _cleanup_json_ json_t *resources = NULL;
    assert_int_equal(json_parse(text, strlen(text), "resources", &resources, e), 0);
    return cgroup_apply(cg, resources, e);
}

static void assert_applies(struct cgroup *cg, const char *text)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (apply(cg, text, &e) < 0)
        fail_msg("%s", err_text(&e));
}

static void assert_refuses(struct cgroup *cg, const char *text, int code, const char *words)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int r = apply(cg, text, &e);
    if (r != -code || !strstr(err_text(&e), words))
        fail_msg("%s: %d \"%s\", expected %d \"%s\"", text, r, err_text(&e), -code, words);
}

static void removed(struct cgroup *cg)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (cgroup_remove(cg, CGROUP_REMOVE_KILL, &e) < 0)
        fail_msg("%s", err_text(&e));
    cgroup_free(cg);
}

/* A child that goes into the group (unless NULL) and waits for its end. Both know when it is in. */
static pid_t spawn(struct cgroup *cg)
{
    int pipe_fd[2];
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char ok = cg && cgroup_enter(cg, NULL) < 0 ? 'n' : 'y';
        if (write(pipe_fd[1], &ok, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char ok = 0;
    assert_int_equal(read(pipe_fd[0], &ok, 1), 1);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    assert_int_equal(ok, 'y');
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

/* --- making ------------------------------------------------------------------------------ */

static void test_create_and_remove(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    assert_true(exists("memory", group) && exists("cpuset", group) && exists("pids", group));
    assert_int_equal(cgroup_is_v2(cg), is_v2());
    assert_int_equal(cgroup_clone_fd(cg) >= 0, is_v2());
    assert_int_equal(cgroup_remove(cg, 0, NULL), 0);
    assert_false(exists("memory", group) || exists("cpuset", group) || exists("pids", group));
    assert_int_equal(cgroup_remove(cg, 0, NULL), 0); /* gone already */
    cgroup_free(cg);
    cgroup_free(NULL);
}

static void test_v2_tree_beside_is_left_alone(void **state)
{
    (void)state;
    if (is_v2() || access(ROOT "/unified/cgroup.procs", F_OK) < 0)
        skip();
    struct cgroup *cg = create();
    _cleanup_free_ char *there = str_printf(ROOT "/unified%s", group);
    assert_int_equal(access(there, F_OK), -1);
    assert_refuses(cg, "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]}", ENOTSUP,
                   "no \"hugetlb\" controller (cgroup v1)");
    removed(cg);
}

static void test_hostile_paths(void **state)
{
    (void)state;
    char longest[5000] = "/";
    memset(longest + 1, 'a', 300);
    static const char *const bad[] = {"",          "/",     "//",     ".",     "..",
                                      "/skiff/..", "/../x", "a/../b", "/a\nb", "/a/./.."};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cgroup *cg = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(cgroup_create(bad[i], &cg, &e), -EINVAL);
        assert_int_equal(cgroup_open(bad[i], &cg, NULL), -EINVAL);
        assert_null(cg);
        assert_non_null(strstr(err_text(&e), "control group path"));
    }
    struct cgroup *cg = NULL;
    assert_int_equal(cgroup_create(longest, &cg, NULL), -EINVAL);
    for (size_t i = 0; i + 1 < sizeof(longest); i++)
        longest[i] = i % 2 ? 'a' : '/';
    assert_int_equal(cgroup_create(longest, &cg, NULL), -ENAMETOOLONG);
    /* A file of the kernel's in the way. */
    assert_true(cgroup_create("/cgroup.procs", &cg, NULL) < 0);
    assert_null(cg);
}

static void test_failure_leaves_nothing(void **state)
{
    (void)state;
    if (is_v2())
        skip();
    /* The name is free in all hierarchies but one, where it is a file. */
    struct cgroup *cg = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_create("/pids.max", &cg, NULL), 0); /* none at the root */
    removed(cg);
    assert_true(cgroup_create("/memory.stat", &cg, &e) < 0);
    assert_non_null(strstr(err_text(&e), "/memory"));
    assert_false(exists("cpu", "/memory.stat") || exists("cpuset", "/memory.stat"));
}

static void test_relative_is_below_own(void **state)
{
    (void)state;
    struct cgroup *cg = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    const char *name = group + 1; /* without the slash */
    if (cgroup_create(name, &cg, &e) < 0)
        fail_msg("%s", err_text(&e));
    pid_t pid = spawn(cg);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
    _cleanup_free_ char *theirs = NULL, *own = NULL;
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 16, &theirs, NULL, NULL), 0);
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/cgroup", 1 << 16, &own, NULL, NULL), 0);
    /* Line by line, theirs is ours and the name, where we have a group at all. */
    char *a = theirs, *b = own;
    for (char *t = strsep(&a, "\n"), *o = strsep(&b, "\n"); t && o && *o;
         t = strsep(&a, "\n"), o = strsep(&b, "\n")) {
        /* Only the layout in use: there may be a tree of the other kind beside. */
        if (is_v2() != (str_after(o, "0:") != NULL))
            continue;
        bool at_root = o[strlen(o) - 1] == '/';
        _cleanup_free_ char *expected = str_printf("%s%s%s", o, at_root ? "" : "/", name);
        assert_string_equal(t, expected);
    }
    assert_int_equal(cgroup_kill(cg, SIGKILL, NULL), 0);
    assert_int_equal(end_of(pid), SIGKILL);
    removed(cg);
}

static void test_existing(void **state)
{
    (void)state;
    struct cgroup *first = create(), *second = NULL;
    /* Empty: taken over, as after a crash. */
    assert_int_equal(cgroup_create(group, &second, NULL), 0);
    cgroup_free(second);
    second = NULL;
    pid_t pid = spawn(first);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_create(group, &second, &e), -EBUSY);
    assert_non_null(strstr(err_text(&e), "in use by 1 process"));
    assert_true(exists("memory", group));
    assert_int_equal(kill(pid, 0), 0);
    removed(first);
    assert_int_equal(end_of(pid), SIGKILL);
}

static void test_open(void **state)
{
    (void)state;
    struct cgroup *cg = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_open(group, &cg, &e), -ENOENT);
    assert_null(cg);
    struct cgroup *made = create();
    assert_int_equal(cgroup_open(group, &cg, NULL), 0);
    pid_t pid = spawn(cg); /* as exec does */
    pid_t *pids = NULL;
    assert_int_equal(cgroup_pids(made, &pids, NULL), 1);
    assert_int_equal(pids[0], pid);
    free(pids);
    cgroup_free(made);
    removed(cg);
    assert_int_equal(end_of(pid), SIGKILL);
}

static void test_many_at_once(void **state)
{
    (void)state;
    /* Creators race for the parent they share, whose cpuset somebody has to fill. */
    char parent[64];
    snprintf(parent, sizeof(parent), "%s-parent", group);
    pid_t pids[16];
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char path[96];
            struct cgroup *cg = NULL;
            snprintf(path, sizeof(path), "%s/deep/%zu", parent, i);
            if (cgroup_create(path, &cg, NULL) < 0)
                _exit(1);
            pid_t child = fork();
            if (child == 0)
                _exit(cgroup_enter(cg, NULL) < 0);
            int status;
            if (waitpid(child, &status, 0) != child || status != 0)
                _exit(2);
            _exit(cgroup_remove(cg, 0, NULL) < 0 ? 3 : 0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    /* The parents stay; they are this test's to remove, with what is below them. */
    struct cgroup *cg = NULL;
    assert_int_equal(cgroup_open(parent, &cg, NULL), 0);
    removed(cg);
    assert_false(exists("cpuset", parent));
}

/* --- limits ------------------------------------------------------------------------------ */

static void test_limits(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    assert_applies(cg,
                   "{\"memory\":{\"limit\":67108864,\"reservation\":33554432,\"swap\":100663296},"
                   "\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":200000,\"burst\":10000,"
                   "\"cpus\":\"0\",\"mems\":\"0\"},\"pids\":{\"limit\":42}}");
    if (is_v2()) {
        assert_reads("", "memory.max", "67108864");
        assert_reads("", "memory.low", "33554432");
        assert_reads("", "memory.swap.max", "33554432");
        assert_reads("", "cpu.weight", "20");
        assert_reads("", "cpu.max", "50000 200000");
        assert_reads("", "cpu.max.burst", "10000");
    } else {
        assert_reads("memory", "memory.limit_in_bytes", "67108864");
        assert_reads("memory", "memory.soft_limit_in_bytes", "33554432");
        assert_reads("memory", "memory.memsw.limit_in_bytes", "100663296");
        assert_reads("cpu", "cpu.shares", "512");
        assert_reads("cpu", "cpu.cfs_quota_us", "50000");
        assert_reads("cpu", "cpu.cfs_period_us", "200000");
        assert_reads("cpu", "cpu.cfs_burst_us", "10000");
    }
    assert_reads("cpuset", "cpuset.cpus", "0");
    assert_reads("cpuset", "cpuset.mems", "0");
    assert_reads("pids", "pids.max", "42");
    /* Up, down, and away, in either order of the two memory limits. */
    assert_applies(cg, "{\"memory\":{\"limit\":134217728,\"swap\":134217728}}");
    assert_applies(cg, "{\"memory\":{\"limit\":33554432,\"swap\":33554432}}");
    if (is_v2()) {
        assert_reads("", "memory.max", "33554432");
        assert_reads("", "memory.swap.max", "0");
    } else {
        assert_reads("memory", "memory.memsw.limit_in_bytes", "33554432");
    }
    assert_applies(cg, "{\"memory\":{\"limit\":-1},\"pids\":{\"limit\":-1},"
                       "\"cpu\":{\"quota\":-1,\"burst\":0}}");
    assert_reads("pids", "pids.max", "max");
    if (is_v2())
        assert_reads("", "memory.max", "max");
    else
        assert_reads("memory", "memory.memsw.limit_in_bytes", "9223372036854771712");
    removed(cg);
}

static void test_nothing_asked(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_apply(cg, NULL, &e), 0);
    assert_applies(cg, "{\"memory\":{\"limit\":0,\"swap\":0,\"kernel\":5},\"cpu\":{\"shares\":0,"
                       "\"quota\":0,\"period\":0,\"cpus\":\"\"},\"pids\":{\"limit\":0},"
                       "\"blockIO\":{\"weight\":0,\"leafWeight\":0},\"unified\":{}}");
    assert_reads("pids", "pids.max", "max");
    removed(cg);
}

static void test_v1_only(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    if (is_v2()) {
        assert_refuses(cg, "{\"memory\":{\"swappiness\":10}}", ENOTSUP, "memory.swappiness");
        assert_refuses(cg, "{\"memory\":{\"disableOOMKiller\":true}}", ENOTSUP, "disableOOMKiller");
        assert_applies(cg, "{\"memory\":{\"disableOOMKiller\":false}}");
        assert_applies(cg, "{\"unified\":{\"memory.high\":\"33554432\"}}");
        assert_reads("", "memory.high", "33554432");
        assert_refuses(cg, "{\"unified\":{\"cgroup.procs\":\"1\"}}", EINVAL, "cgroup.procs");
        assert_refuses(cg, "{\"unified\":{\"../memory.max\":\"1\"}}", EINVAL, "not a controller");
    } else {
        assert_applies(cg, "{\"memory\":{\"swappiness\":10,\"disableOOMKiller\":true}}");
        assert_reads("memory", "memory.swappiness", "10");
        assert_reads("memory", "memory.oom_control", "oom_kill_disable 1");
        assert_refuses(cg, "{\"unified\":{\"memory.high\":\"1\"}}", ENOTSUP, "needs cgroup v2");
        assert_applies(cg, "{\"cpu\":{\"idle\":1}}");
        assert_reads("cpu", "cpu.idle", "1");
    }
    removed(cg);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *words;
    } cases[] = {
        {"[]", EINVAL, "must be an object"},
        {"{\"memory\":{\"limit\":\"1G\"}}", EINVAL, "memory.limit"},
        {"{\"memory\":{\"limit\":-2}}", EINVAL, "memory.limit"},
        {"{\"memory\":{\"swap\":1048576}}", EINVAL, "needs \"linux.resources.memory.limit\""},
        {"{\"memory\":{\"limit\":2097152,\"swap\":1048576}}", EINVAL, "must not be less"},
        {"{\"memory\":{\"useHierarchy\":false}}", ENOTSUP, "memory.useHierarchy"},
        {"{\"cpu\":{\"cpus\":\"0\\n\"}}", EINVAL, "cpu.cpus"},
        {"{\"cpu\":{\"cpus\":7}}", EINVAL, "cpu.cpus"},
        {"{\"cpu\":{\"cpus\":\"4000\"}}", ERANGE, "cpu.cpus"},
        {"{\"cpu\":{\"quota\":5}}", EINVAL, "cpu.quota"},
        {"{\"cpu\":{\"shares\":-5}}", EINVAL, "cpu.shares"},
        {"{\"pids\":{\"limit\":1.5}}", EINVAL, "pids.limit"},
        {"{\"blockIO\":{\"leafWeight\":10}}", ENOTSUP, "blockIO.leafWeight"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8}]}}", EINVAL, "ReadBpsDevice"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":1}]}", EINVAL, "pageSize"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MBx\",\"limit\":1}]}", EINVAL, "pageSize"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"3KB\",\"limit\":1}]}", ENOTSUP, "hugepageLimits"},
        {"{\"network\":{\"classID\":5}}", ENOTSUP, "network.classID"},
        {"{\"network\":{\"priorities\":[{\"name\":\"a b\",\"priority\":1}]}}", EINVAL,
         "priorities"},
        {"{\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":1}]}}", ENOTSUP,
         "priorities"},
        {"{\"rdma\":{\"mlx\":{\"hcaHandles\":1}}}", ENOTSUP, "rdma"},
        {"{\"devices\":[{\"allow\":true,\"type\":\"z\"}]}", EINVAL, "devices"},
    };
    struct cgroup *cg = create();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refuses(cg, cases[i].text, cases[i].code, cases[i].words);
    removed(cg);
}

static int change(struct cgroup *cg, const char *text, struct err *e)
{
    _cleanup_json_ json_t *resources = NULL;
    assert_int_equal(json_parse(text, strlen(text), "resources", &resources, e), 0);
    return cgroup_change(cg, resources, e);
}

static void test_memory_in_use(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        size_t size = 16 << 20;
        char *m = cgroup_enter(cg, NULL) < 0 ? NULL : malloc(size);
        if (!m)
            _exit(1);
        memset(m, 1, size);
        if (write(pipe_fd[1], m, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char c;
    assert_int_equal(read(pipe_fd[0], &c, 1), 1);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    assert_refuses(cg, "{\"memory\":{\"limit\":1048576,\"checkBeforeUpdate\":true}}", EBUSY,
                   "bytes are in use");
    assert_int_equal(change(cg, "{\"memory\":{\"limit\":1048576}}", NULL), -EBUSY);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it lives */
    assert_int_equal(change(cg, "{\"memory\":{\"limit\":33554432}}", NULL), 0);
    removed(cg);
    assert_int_equal(end_of(pid), SIGKILL);
}

static void test_change_is_whole_or_none(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    const char *limit = is_v2() ? "memory.max" : "memory.limit_in_bytes";
    const char *idle = is_v2() ? "100" : "1024";
    assert_applies(cg,
                   "{\"memory\":{\"limit\":67108864,\"swap\":134217728},\"pids\":{\"limit\":20}}");
    assert_int_equal(change(cg, "{\"pids\":{\"limit\":30},\"cpu\":{\"shares\":2048}}", NULL), 0);
    assert_reads("pids", "pids.max", "30");
    assert_reads("memory", limit, "67108864");
    cgroup_undo(cg);
    assert_reads("pids", "pids.max", "20");
    assert_reads("cpu", is_v2() ? "cpu.weight" : "cpu.shares", idle);
    cgroup_undo(cg); /* nothing is left to take back */

    /* The last one is refused by each layout; what went before is as it was. */
    assert_int_equal(change(cg,
                            "{\"cpu\":{\"shares\":2048,\"quota\":50000,\"cpus\":\"0\"},"
                            "\"memory\":{\"limit\":268435456,\"swap\":536870912},"
                            "\"pids\":{\"limit\":9},\"blockIO\":{\"leafWeight\":10}}",
                            NULL),
                     -ENOTSUP);
    assert_reads("pids", "pids.max", "20");
    assert_reads("memory", limit, "67108864");
    assert_reads("cpu", is_v2() ? "cpu.weight" : "cpu.shares", idle);
    if (!is_v2()) {
        assert_reads("memory", "memory.memsw.limit_in_bytes", "134217728");
        assert_reads("cpu", "cpu.cfs_quota_us", "-1");
    } else {
        assert_reads("memory", "memory.swap.max", "67108864");
        assert_reads("cpu", "cpu.max", "max 100000");
    }
    removed(cg);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    assert_applies(cg, "{\"memory\":{\"limit\":8388608,\"swap\":8388608}}");
    assert_int_equal(cgroup_oom_kills(cg), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (cgroup_enter(cg, NULL) < 0)
            _exit(1);
        for (;;) {
            char *m = malloc(1 << 20);
            memset(m, 1, 1 << 20);
        }
    }
    assert_int_equal(end_of(pid), SIGKILL);
    assert_int_equal(cgroup_oom_kills(cg), 1);
    removed(cg);
}

static void test_pids_limit_bites(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    assert_applies(cg, "{\"pids\":{\"limit\":1}}");
    pid_t pid = fork();
    if (pid == 0) {
        if (cgroup_enter(cg, NULL) < 0)
            _exit(1);
        pid_t child = fork();
        _exit(child < 0 && errno == EAGAIN ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    removed(cg);
}

/* The errno of opening a device node in the group. */
static int open_in(struct cgroup *cg, mode_t type, unsigned major, unsigned minor)
{
    char name[] = "/tmp/skiff-test-node-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    close(fd);
    unlink(name);
    pid_t pid = fork();
    if (pid == 0) {
        if (cgroup_enter(cg, NULL) < 0)
            _exit(200);
        if (mknod(name, type | 0600, (dev_t)(major << 8 | minor)) < 0)
            _exit(201);
        int node = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        _exit(node < 0 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlink(name);
    return WEXITSTATUS(status);
}

static void test_devices(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_apply(cg, NULL, &e), 0);
    assert_int_equal(open_in(cg, S_IFCHR, 1, 3), 0);      /* null */
    assert_int_equal(open_in(cg, S_IFCHR, 1, 11), EPERM); /* kmsg */
    assert_applies(cg, "{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,"
                       "\"access\":\"rw\"}]}");
    assert_int_equal(open_in(cg, S_IFCHR, 1, 11), 0);
    assert_applies(cg, "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}");
    assert_int_equal(open_in(cg, S_IFCHR, 1, 11), EPERM);
    assert_int_equal(open_in(cg, S_IFCHR, 1, 3), 0);
    assert_applies(cg, "{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}");
    assert_int_equal(open_in(cg, S_IFCHR, 1, 11), 0);
    removed(cg);
}

/* --- processes --------------------------------------------------------------------------- */

static void test_kill_and_freeze(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    pid_t a = spawn(cg), b = spawn(cg), outside = spawn(NULL);
    pid_t *pids = NULL;
    assert_int_equal(cgroup_pids(cg, &pids, NULL), 2);
    free(pids);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_false(cgroup_is_frozen(cg));
    if (cgroup_freeze(cg, true, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_true(cgroup_is_frozen(cg));
    assert_int_equal(cgroup_kill(cg, SIGTERM, NULL), 0);
    /* v1 holds them even then; v2 lets what kills them through. */
    usleep(20000);
    if (!is_v2())
        assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
    assert_int_equal(cgroup_freeze(cg, false, &e), 0);
    assert_false(cgroup_is_frozen(cg));
    assert_int_equal(end_of(a), SIGTERM);
    assert_int_equal(end_of(b), SIGTERM);
    assert_int_equal(kill(outside, 0), 0);
    kill(outside, SIGKILL);
    end_of(outside);
    removed(cg);
}

static void test_kill_what_forks(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    assert_applies(cg, "{\"pids\":{\"limit\":60}}");
    pid_t pid = fork();
    if (pid == 0) {
        if (cgroup_enter(cg, NULL) < 0)
            _exit(1);
        /* Each has a child and ends; so no list of them is ever true. */
        for (;;) {
            pid_t child = fork();
            if (child > 0)
                _exit(0);
        }
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    removed(cg);
    assert_false(exists("memory", group));
}

static void test_remove_waits_for_nobody(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    pid_t pid = spawn(cg);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(cgroup_remove(cg, 0, &e), -EBUSY);
    assert_non_null(strstr(err_text(&e), "there are processes in it"));
    assert_int_equal(kill(pid, 0), 0);
    /* Frozen ones, too, are killed. */
    assert_int_equal(cgroup_freeze(cg, true, &e), 0);
    removed(cg);
    assert_int_equal(end_of(pid), SIGKILL);
}

static void test_groups_below(void **state)
{
    (void)state;
    struct cgroup *cg = create(), *below = NULL;
    char path[96];
    snprintf(path, sizeof(path), "%s/a/b", group);
    assert_int_equal(cgroup_create(path, &below, NULL), 0);
    pid_t pid = spawn(below);
    pid_t *pids = NULL;
    assert_int_equal(cgroup_pids(cg, &pids, NULL), 1);
    free(pids);
    cgroup_free(below);
    removed(cg);
    assert_int_equal(end_of(pid), SIGKILL);
    assert_false(exists("memory", group));
}

/* --- mounts ------------------------------------------------------------------------------ */

static void test_mounts(void **state)
{
    (void)state;
    struct cgroup *cg = create();
    _cleanup_cgroup_mounts_ struct cgroup_mounts m = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (cgroup_mounts(cg, true, &m, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_true(m.n >= 1);
    bool pids_seen = false;
    for (size_t i = 0; i < m.n; i++) {
        if (m.v[i].target)
            continue;
        assert_int_equal(is_v2(), m.v[i].name[0] == '\0');
        assert_null(strchr(m.v[i].name, '/'));
        if (!is_v2() && strcmp(m.v[i].name, "pids") != 0)
            continue;
        /* It is the group's folder, and nobody can write there. */
        pids_seen = true;
        assert_int_equal(faccessat(m.v[i].fd, "pids.max", R_OK, 0), 0);
        assert_int_equal(openat(m.v[i].fd, "pids.max", O_WRONLY | O_CLOEXEC), -1);
        assert_int_equal(errno, EROFS);
        assert_int_equal(mkdirat(m.v[i].fd, "x", 0755), -1);
        assert_int_equal(errno, EROFS);
    }
    assert_true(pids_seen);
    _cleanup_cgroup_mounts_ struct cgroup_mounts rw = {0};
    assert_int_equal(cgroup_mounts(cg, false, &rw, &e), 0);
    assert_int_equal(rw.n, m.n);
    assert_int_equal(mkdirat(rw.v[0].fd, "x", 0755), 0);
    removed(cg);
}

/* A test that failed half-way leaves nothing to the next. */
static int clean(void **state)
{
    (void)state;
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    if (cgroup_open(group, &cg, NULL) == 0)
        cgroup_remove(cg, CGROUP_REMOVE_KILL, NULL);
    return 0;
}

static int name_group(void **state)
{
    (void)state;
    snprintf(group, sizeof(group), "/skiff-test-%d", getpid());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_create_and_remove, clean),
        cmocka_unit_test_teardown(test_v2_tree_beside_is_left_alone, clean),
        cmocka_unit_test_teardown(test_hostile_paths, clean),
        cmocka_unit_test_teardown(test_failure_leaves_nothing, clean),
        cmocka_unit_test_teardown(test_relative_is_below_own, clean),
        cmocka_unit_test_teardown(test_existing, clean),
        cmocka_unit_test_teardown(test_open, clean),
        cmocka_unit_test_teardown(test_many_at_once, clean),
        cmocka_unit_test_teardown(test_limits, clean),
        cmocka_unit_test_teardown(test_nothing_asked, clean),
        cmocka_unit_test_teardown(test_v1_only, clean),
        cmocka_unit_test_teardown(test_refusals, clean),
        cmocka_unit_test_teardown(test_memory_in_use, clean),
        cmocka_unit_test_teardown(test_change_is_whole_or_none, clean),
        cmocka_unit_test_teardown(test_out_of_memory, clean),
        cmocka_unit_test_teardown(test_pids_limit_bites, clean),
        cmocka_unit_test_teardown(test_devices, clean),
        cmocka_unit_test_teardown(test_kill_and_freeze, clean),
        cmocka_unit_test_teardown(test_kill_what_forks, clean),
        cmocka_unit_test_teardown(test_remove_waits_for_nobody, clean),
        cmocka_unit_test_teardown(test_groups_below, clean),
        cmocka_unit_test_teardown(test_mounts, clean),
    };
    if (geteuid() != 0) {
        print_message("1..0 # skip needs root\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, name_group, NULL);
}
