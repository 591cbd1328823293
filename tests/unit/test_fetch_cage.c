/* What is left to the fetcher once it is locked in: tried from inside, in a child. */
#include "base/file.h"
#include "image/fetch_cage.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

typedef int attempt(void);

/* In a child in the cage. Returns what @try returned, or -errno of it. */
static int try_inside(attempt *try)
{
    pid_t pid = process_clone(0, -1, NULL);
    if (pid == 0) {
        if (fetch_cage_enter(NULL) < 0)
            _exit(200);
        errno = 0;
        int r = try();
        _exit(r < 0 ? errno : 0);
    }
    assert_true(pid > 0);
    return -process_wait(pid);
}

static int open_for_reading(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int read_hosts(void)
{
    return open_for_reading("/etc/hosts");
}

static int look_at_processes(void)
{
    return open_for_reading("/proc/self/status");
}

static int look_at_home(void)
{
    return open_for_reading("/root");
}

static int look_at_services(void)
{
    return open_for_reading("/run");
}

static int take_terminal(void)
{
    return open_for_reading("/dev/tty");
}

static int write_file(void)
{
    return open("/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int write_below_usr(void)
{
    return open("/usr/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int type_for_somebody(void)
{
    return ioctl(0, TIOCSTI, "x");
}

static int make_process(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int make_namespace(void)
{
    return (int)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
}

static void *nothing(void *data)
{
    return data;
}

static int make_thread(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

static int talk(void)
{
    return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int ask_for_addresses(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int change_firewall(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12);
}

static int use_crypto_of_kernel(void)
{
    return socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int trace_parent(void)
{
    return (int)ptrace(PTRACE_ATTACH, getpid(), NULL, NULL);
}

static int become_root(void)
{
    return setuid(0);
}

static int execute(void)
{
    char *const args[] = {(char *)(uintptr_t) "true", NULL};
    return execve("/usr/bin/true", args, args + 1);
}

static void test_what_it_needs(void **state)
{
    (void)state;
    assert_int_equal(try_inside(read_hosts), 0);
    assert_int_equal(try_inside(make_thread), 0);
    assert_int_equal(try_inside(talk), 0);
    assert_int_equal(try_inside(ask_for_addresses), 0);
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(try_inside(look_at_processes), -ENOENT);
    assert_int_equal(try_inside(look_at_home), -ENOENT);
    assert_int_equal(try_inside(look_at_services), -ENOENT);
    assert_int_equal(try_inside(take_terminal), -ENOENT);
    assert_int_equal(try_inside(write_file), -EROFS);
    assert_int_equal(try_inside(write_below_usr), -EROFS);
}

static void test_calls(void **state)
{
    (void)state;
    assert_int_equal(try_inside(type_for_somebody), -EPERM);
    assert_int_equal(try_inside(make_process), -EPERM);
    assert_int_equal(try_inside(make_namespace), -EPERM);
    assert_int_equal(try_inside(change_firewall), -EPERM);
    assert_int_equal(try_inside(use_crypto_of_kernel), -EPERM);
    assert_int_equal(try_inside(trace_parent), -EPERM);
    assert_int_equal(try_inside(become_root), -EPERM);
    assert_int_equal(try_inside(execute), -EPERM);
}

int main(void)
{
    if (geteuid() != 0) {
        puts("1..0 # SKIP needs root");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_needs),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
