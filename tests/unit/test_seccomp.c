/* Filters as the kernel sees them: installed in a child, which then makes the calls. */
#include "runtime/seccomp.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct seccomp_filter compile(const char *text, int cache)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *profile = NULL;
    assert_int_equal(json_parse(text, strlen(text), "profile", &profile, &e), 0);
    struct seccomp_filter f = {0};
    int r = seccomp_compile(profile, cache, &f, &e);
    if (r < 0)
        fail_msg("%s", err_text(&e));
    return f;
}

/* Compiles only to have it in the cache. */
static void fill(const char *text, int cache)
{
    struct seccomp_filter f = compile(text, cache);
    seccomp_filter_release(&f);
}

static void assert_refused(const char *text, int code, const char *words)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *profile = NULL;
    assert_int_equal(json_parse(text, strlen(text), "profile", &profile, &e), 0);
    struct seccomp_filter f = {.n = 77};
    assert_int_equal(seccomp_compile(profile, -1, &f, &e), -code);
    if (!strstr(err_text(&e), words))
        fail_msg("\"%s\" does not say \"%s\"", err_text(&e), words);
    assert_int_equal(f.n, 77); /* untouched */
}

/* The errno of a system call under the filter, 0 when it succeeds, 1000 + the signal it dies of. */
static int call_under(const struct seccomp_filter *f, long nr, long a, long b, long c)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* Without what cmocka and sanitizers have set up for their own sake. */
        signal(SIGSYS, SIG_DFL);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (seccomp_install(f, NULL) < 0)
            syscall(SYS_exit_group, 255);
        syscall(SYS_exit_group, syscall(nr, a, b, c) < 0 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define ALLOW_BUT(more) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" more "]}"

static void test_actions(void **state)
{
    (void)state;
    _cleanup_seccomp_filter_ struct seccomp_filter f =
        compile(ALLOW_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"},"
                          "{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
                          "{\"names\":[\"getsid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"},"
                          "{\"names\":[\"getuid\"],\"action\":\"SCMP_ACT_TRAP\"},"
                          "{\"names\":[\"getgid\"],\"action\":\"SCMP_ACT_LOG\"}"),
                -1);
    assert_int_equal(call_under(&f, SYS_getppid, 0, 0, 0), EPERM);
    assert_int_equal(call_under(&f, SYS_getpgid, 0, 0, 0), ENOSYS);
    assert_int_equal(call_under(&f, SYS_getsid, 0, 0, 0), 1000 + SIGSYS);
    assert_int_equal(call_under(&f, SYS_getuid, 0, 0, 0), 1000 + SIGSYS);
    assert_int_equal(call_under(&f, SYS_getgid, 0, 0, 0), 0);
    assert_int_equal(call_under(&f, SYS_getpid, 0, 0, 0), 0);
}

static void test_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        long value, two;
        long hit, miss;
    } cases[] = {
        {"SCMP_CMP_EQ", 5, 0, 5, 6},        {"SCMP_CMP_NE", 5, 0, 6, 5},
        {"SCMP_CMP_LT", 5, 0, 4, 5},        {"SCMP_CMP_LE", 5, 0, 5, 6},
        {"SCMP_CMP_GT", 5, 0, 6, 5},        {"SCMP_CMP_GE", 5, 0, 5, 4},
        {"SCMP_CMP_MASKED_EQ", 6, 2, 3, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(
            text, sizeof(text),
            ALLOW_BUT("{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,"
                      "\"args\":[{\"index\":0,\"value\":%ld,\"valueTwo\":%ld,\"op\":\"%s\"}]}"),
            cases[i].value, cases[i].two, cases[i].op);
        _cleanup_seccomp_filter_ struct seccomp_filter f = compile(text, -1);
        assert_int_equal(call_under(&f, SYS_getpgid, cases[i].hit, 0, 0), 99);
        assert_int_not_equal(call_under(&f, SYS_getpgid, cases[i].miss, 0, 0), 99);
    }
}

static void test_arguments_together(void **state)
{
    (void)state;
    /* On different arguments: all must hold. On the same: any. */
    _cleanup_seccomp_filter_ struct seccomp_filter all = compile(
        ALLOW_BUT("{\"names\":[\"dup3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,\"args\":["
                  "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
                  "{\"index\":1,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]}"),
        -1);
    assert_int_equal(call_under(&all, SYS_dup3, 1, 2, 0), 99);
    assert_int_not_equal(call_under(&all, SYS_dup3, 1, 3, 0), 99);
    _cleanup_seccomp_filter_ struct seccomp_filter any = compile(
        ALLOW_BUT(
            "{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,\"args\":["
            "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
            "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]}"),
        -1);
    assert_int_equal(call_under(&any, SYS_getpgid, 1, 0, 0), 99);
    assert_int_equal(call_under(&any, SYS_getpgid, 2, 0, 0), 99);
    assert_int_not_equal(call_under(&any, SYS_getpgid, 3, 0, 0), 99);
}

#define EXIT_AND "\"exit_group\",\"exit\",\"write\",\"rt_sigreturn\",\"prctl\","

static void test_newer_than_profile(void **state)
{
    (void)state;
    const char *text = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[" EXIT_AND
                       "\"faccessat2\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";
    _cleanup_seccomp_filter_ struct seccomp_filter f = compile(text, -1);
    assert_int_equal(call_under(&f, SYS_getppid, 0, 0, 0), EPERM);
    assert_int_equal(call_under(&f, SYS_faccessat2 + 1, 0, 0, 0), ENOSYS);
    assert_int_equal(call_under(&f, 5000, 0, 0, 0), ENOSYS);
#ifdef __x86_64__
    /* x32 is not in the profile: libseccomp's answer, not ours. */
    assert_int_equal(call_under(&f, 0x40000000 + SYS_getppid, 0, 0, 0), 1000 + SIGSYS);
#endif
}

static void test_newer_is_left_to_the_tracer(void **state)
{
    (void)state;
    const char *text = "{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"names\":[\"getppid\"],"
                       "\"action\":\"SCMP_ACT_ERRNO\"}]}";
    _cleanup_seccomp_filter_ struct seccomp_filter f = compile(text, -1);
    assert_int_equal(call_under(&f, SYS_getppid, 0, 0, 0), EPERM);
    assert_int_equal(call_under(&f, SYS_getpid, 0, 0, 0), 0);
    assert_int_equal(call_under(&f, SYS_gettid, 0, 0, 0), 0); /* its number is higher */
}

#ifdef __x86_64__
static void test_x32(void **state)
{
    (void)state;
    const char *text =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
        "\"SCMP_ARCH_X32\",\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":[" EXIT_AND
        "\"gettid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";
    _cleanup_seccomp_filter_ struct seccomp_filter f = compile(text, -1);
    assert_int_equal(call_under(&f, SYS_gettid, 0, 0, 0), 0);
    assert_int_equal(call_under(&f, SYS_exit_group + 1, 0, 0, 0), ENOSYS);
    assert_int_equal(call_under(&f, 0x40000000 + SYS_getppid, 0, 0, 0), EPERM);
    assert_int_equal(call_under(&f, 0x40000000 + 5000, 0, 0, 0), ENOSYS);
}
#endif

static void test_none(void **state)
{
    (void)state;
    struct seccomp_filter f = {.n = 5};
    assert_int_equal(seccomp_compile(NULL, -1, &f, NULL), 0);
    assert_null(f.insns);
    assert_int_equal(seccomp_install(&f, NULL), 0);
    seccomp_filter_release(&f);
    seccomp_filter_release(&f);
    seccomp_filter_release(NULL);
}

static void test_flags(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        unsigned expected;
    } cases[] = {
        {"", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {",\"flags\":null", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {",\"flags\":[]", 0},
        {",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"]",
         SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), "{\"defaultAction\":\"SCMP_ACT_ALLOW\"%s}", cases[i].flags);
        _cleanup_seccomp_filter_ struct seccomp_filter f = compile(text, -1);
        assert_int_equal(f.flags, cases[i].expected);
        assert_int_equal(call_under(&f, SYS_getppid, 0, 0, 0), 0);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("[]", EINVAL, "must be an object");
    assert_refused("{}", EINVAL, "defaultAction");
    assert_refused("{\"defaultAction\":\"ALLOW\"}", EINVAL, "\"ALLOW\"");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", ENOTSUP, "not supported yet");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}", ENOTSUP,
                   "listenerPath");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", EINVAL,
                   "4096");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-2}", EINVAL, "-2");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":\"1\"}", EINVAL,
                   "errnoRet");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
                   EINVAL, "SCMP_ARCH_VAX");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_S390X\"]}",
                   EINVAL, "does not go with");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":{}}", EINVAL, "list");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"WAIT\"]}", EINVAL,
                   "\"WAIT\"");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[1]}", EINVAL, "flag");
    assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":7}", EINVAL, "list");
    assert_refused(ALLOW_BUT("7"), EINVAL, "action");
    assert_refused(ALLOW_BUT("{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}"), EINVAL, "names");
    assert_refused(ALLOW_BUT("{\"names\":[1],\"action\":\"SCMP_ACT_LOG\"}"), EINVAL, "name");
    assert_refused(ALLOW_BUT("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{}]}"),
                   EINVAL, "index");
    assert_refused(ALLOW_BUT("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":["
                             "{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}"),
                   EINVAL, "index");
    assert_refused(ALLOW_BUT("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":["
                             "{\"index\":0,\"value\":0,\"op\":\"==\"}]}"),
                   EINVAL, "\"==\"");
    assert_refused(ALLOW_BUT("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_LOG\",\"args\":["
                             "{\"index\":0,\"value\":\"0\",\"op\":\"SCMP_CMP_EQ\"}]}"),
                   EINVAL, "value");
}

static void test_too_many_rules(void **state)
{
    (void)state;
    _cleanup_json_ json_t *names = json_array();
    for (int i = 0; i < 30000; i++)
        json_array_append_new(names, json_string("read"));
    _cleanup_json_ json_t *profile =
        json_pack("{s:s,s:[{s:s,s:O}]}", "defaultAction", "SCMP_ACT_ALLOW", "syscalls", "action",
                  "SCMP_ACT_LOG", "names", names);
    struct seccomp_filter f = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(seccomp_compile(profile, -1, &f, &e), -E2BIG);
}

/* --- cache ------------------------------------------------------------------------------- */

struct cache {
    char path[64];
    int fd;
};

static int setup_cache(void **state)
{
    static struct cache c;
    snprintf(c.path, sizeof(c.path), "/tmp/skiff-test-seccomp-XXXXXX");
    if (!mkdtemp(c.path))
        return -1;
    c.fd = open(c.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &c;
    return c.fd < 0;
}

static int teardown_cache(void **state)
{
    struct cache *c = *state;
    close(c->fd);
    return dir_remove(AT_FDCWD, c->path, NULL);
}

static const char cached[] = ALLOW_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}");

/* The name of the only file there; the caller frees it. */
static char *only_file(const struct cache *c)
{
    DIR *d = opendir(c->path);
    assert_non_null(d);
    char *name = NULL;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        if (entry->d_name[0] == '.')
            continue;
        assert_null(name);
        name = strdup(entry->d_name);
    }
    closedir(d);
    assert_non_null(name);
    return name;
}

static void assert_works(const struct seccomp_filter *f)
{
    assert_int_equal(call_under(f, SYS_getppid, 0, 0, 0), EPERM);
    assert_int_equal(call_under(f, SYS_getpid, 0, 0, 0), 0);
}

static void test_cache_hit(void **state)
{
    const struct cache *c = *state;
    _cleanup_seccomp_filter_ struct seccomp_filter a = compile(cached, c->fd);
    _cleanup_free_ char *name = only_file(c);
    struct stat before, after;
    assert_int_equal(fstatat(c->fd, name, &before, 0), 0);
    assert_int_equal(before.st_mode & 07777, 0644);
    _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
    assert_int_equal(fstatat(c->fd, name, &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* read, not written again */
    assert_int_equal(a.n, b.n);
    assert_int_equal(a.flags, b.flags);
    assert_memory_equal(a.insns, b.insns, a.n * sizeof(*a.insns));
    assert_works(&b);
}

/* The file of another profile than the one in @name. The caller frees what it holds. */
static char *other_file(const struct cache *c, const char *name, size_t *ret_n)
{
    DIR *d = opendir(c->path);
    assert_non_null(d);
    char *bytes = NULL;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, name) != 0)
            assert_int_equal(file_read(c->fd, entry->d_name, 1 << 20, &bytes, ret_n, NULL), 0);
    }
    closedir(d);
    assert_non_null(bytes);
    return bytes;
}

/* What a file begins with. */
struct header {
    char format[16];
    uint64_t n_key, n, sum;
};

/* A sound file for the profile of @name, but with the program of another one, @text. */
static void forge(const struct cache *c, const char *name, const char *text)
{
    fill(text, c->fd);
    size_t n = 0, other_n = 0;
    _cleanup_free_ char *other = other_file(c, name, &other_n), *mine = NULL;
    assert_int_equal(file_read(c->fd, name, 1 << 20, &mine, &n, NULL), 0);
    struct header key, program;
    memcpy(&key, mine, sizeof(key));
    memcpy(&program, other, sizeof(program));
    size_t begin = sizeof(program) + program.n_key;
    program.n_key = key.n_key;
    _cleanup_str_ struct str forged = {0};
    str_addn(&forged, &program, sizeof(program));
    str_addn(&forged, mine + sizeof(key), key.n_key);
    str_addn(&forged, other + begin, other_n - begin);
    assert_int_equal(file_replace(c->fd, name, forged.s, forged.len, 0644, 0, NULL), 0);
}

static void test_cache_is_used(void **state)
{
    /* A program that denies something else shows where the filter came from. */
    const struct cache *c = *state;
    fill(cached, c->fd);
    _cleanup_free_ char *name = only_file(c);
    forge(c, name, ALLOW_BUT("{\"names\":[\"getsid\"],\"action\":\"SCMP_ACT_ERRNO\"}"));
    _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
    assert_int_equal(call_under(&b, SYS_getsid, 0, 0, 0), EPERM);
}

static void test_cache_of_another_profile(void **state)
{
    /* The name alone does not make it this profile's. */
    const struct cache *c = *state;
    fill(cached, c->fd);
    _cleanup_free_ char *name = only_file(c);
    fill(ALLOW_BUT("{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\"}"), c->fd);
    size_t n = 0;
    _cleanup_free_ char *other = other_file(c, name, &n);
    assert_int_equal(file_replace(c->fd, name, other, n, 0644, 0, NULL), 0);
    _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
    assert_works(&b);
}

static void test_cache_tells_profiles_apart(void **state)
{
    const struct cache *c = *state;
    static const char *const texts[] = {
        ALLOW_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}"),
        ALLOW_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":2}"),
        ALLOW_BUT("{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":3}"),
        ALLOW_BUT("{\"names\":[\"getpp\",\"id\"],\"action\":\"SCMP_ACT_ERRNO\"}"),
        ALLOW_BUT("{\"names\":[\"get\",\"ppid\"],\"action\":\"SCMP_ACT_ERRNO\"}"),
    };
    static const int expected[] = {EPERM, 2, 3, 0, 0};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            _cleanup_seccomp_filter_ struct seccomp_filter f = compile(texts[i], c->fd);
            assert_int_equal(call_under(&f, SYS_getppid, 0, 0, 0), expected[i]);
        }
    }
    size_t files = 0;
    DIR *d = opendir(c->path);
    assert_non_null(d);
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
        files += entry->d_name[0] != '.';
    closedir(d);
    assert_int_equal(files, ARRAY_LEN(texts));
}

enum damage {
    CUT_IN_HEADER,
    CUT_BY_ONE,
    CUT_BY_INSN,
    FLIPPED,
    KEY_FLIPPED,
    EMPTY,
    LONGER,
    DAMAGES
};

static void damage(const struct cache *c, const char *name, enum damage how)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    assert_int_equal(file_read(c->fd, name, 1 << 20, &bytes, &n, NULL), 0);
    _cleanup_close_ int fd = openat(c->fd, name, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    switch (how) {
    case CUT_IN_HEADER:
        assert_int_equal(ftruncate(fd, 20), 0);
        break;
    case CUT_BY_ONE:
        assert_int_equal(ftruncate(fd, (off_t)n - 1), 0);
        break;
    case CUT_BY_INSN:
        assert_int_equal(ftruncate(fd, (off_t)n - 8), 0);
        break;
    case FLIPPED:
        bytes[n - 4] ^= 1;
        assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t)n);
        break;
    case KEY_FLIPPED:
        bytes[sizeof(struct header) + 40] ^= 1;
        assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t)n);
        break;
    case EMPTY:
        assert_int_equal(ftruncate(fd, 0), 0);
        break;
    default:
        assert_int_equal(pwrite(fd, bytes, 8, (off_t)n), 8);
    }
}

static void test_cache_damaged(void **state)
{
    const struct cache *c = *state;
    _cleanup_seccomp_filter_ struct seccomp_filter a = compile(cached, c->fd);
    _cleanup_free_ char *name = only_file(c), *good = NULL;
    size_t n;
    assert_int_equal(file_read(c->fd, name, 1 << 20, &good, &n, NULL), 0);
    for (enum damage how = 0; how < DAMAGES; how++) {
        damage(c, name, how);
        _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.insns, b.insns, a.n * sizeof(*a.insns));
        _cleanup_free_ char *again = NULL; /* and put right */
        size_t m;
        assert_int_equal(file_read(c->fd, name, 1 << 20, &again, &m, NULL), 0);
        assert_int_equal(n, m);
        assert_memory_equal(good, again, n);
    }
}

static void test_cache_foreign(void **state)
{
    const struct cache *c = *state;
    if (geteuid() != 0)
        skip();
    fill(cached, c->fd);
    _cleanup_free_ char *name = only_file(c), *allow = NULL;
    size_t n;
    /* A program that allows everything, put there by somebody else. */
    forge(c, name, ALLOW_BUT(""));
    assert_int_equal(file_read(c->fd, name, 1 << 20, &allow, &n, NULL), 0);
    _cleanup_seccomp_filter_ struct seccomp_filter taken = compile(cached, c->fd);
    assert_int_equal(call_under(&taken, SYS_getppid, 0, 0, 0), 0);
    for (int way = 0; way < 4; way++) {
        assert_int_equal(file_replace(c->fd, name, allow, n, 0644, 0, NULL), 0);
        if (way == 0)
            assert_int_equal(fchownat(c->fd, name, 1234, 0, 0), 0);
        if (way == 1)
            assert_int_equal(fchmodat(c->fd, name, 0646, 0), 0);
        if (way == 2)
            assert_int_equal(fchmodat(c->fd, name, 0664, 0), 0);
        if (way == 3) {
            assert_int_equal(renameat(c->fd, name, c->fd, ".elsewhere"), 0);
            assert_int_equal(symlinkat(".elsewhere", c->fd, name), 0);
        }
        _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
        assert_works(&b);
        struct stat st;
        assert_int_equal(fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 022) == 0);
    }
}

static void test_cache_useless(void **state)
{
    const struct cache *c = *state;
    /* A folder in the file's place, and a descriptor that is no folder. */
    fill(cached, c->fd);
    _cleanup_free_ char *name = only_file(c);
    assert_int_equal(unlinkat(c->fd, name, 0), 0);
    assert_int_equal(mkdirat(c->fd, name, 0700), 0);
    _cleanup_seccomp_filter_ struct seccomp_filter b = compile(cached, c->fd);
    assert_works(&b);
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    _cleanup_seccomp_filter_ struct seccomp_filter d = compile(cached, null);
    assert_works(&d);
}

static void test_cache_hides_no_refusal(void **state)
{
    const struct cache *c = *state;
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *bad = json_pack("{s:s}", "defaultAction", "NO");
    struct seccomp_filter f = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(seccomp_compile(bad, c->fd, &f, &e), -EINVAL);
}

#define CACHED(t) cmocka_unit_test_setup_teardown(t, setup_cache, teardown_cache)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_arguments_together),
        cmocka_unit_test(test_newer_than_profile),
        cmocka_unit_test(test_newer_is_left_to_the_tracer),
#ifdef __x86_64__
        cmocka_unit_test(test_x32),
#endif
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_many_rules),
        CACHED(test_cache_hit),
        CACHED(test_cache_is_used),
        CACHED(test_cache_of_another_profile),
        CACHED(test_cache_tells_profiles_apart),
        CACHED(test_cache_damaged),
        CACHED(test_cache_foreign),
        CACHED(test_cache_useless),
        CACHED(test_cache_hides_no_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
