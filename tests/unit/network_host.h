/*
 * A host of the test's own, in a network namespace, and containers that are namespaces too.
 */
#ifndef SKIFF_TESTS_NETWORK_HOST_H
#define SKIFF_TESTS_NETWORK_HOST_H

#include "network/address.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#define OWNER "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int first_namespace = -EBADF;

static inline int own_namespace(void)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static inline void enter(int fd)
{
    assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

static inline int enter_new_host(void **state)
{
    if (geteuid() != 0)
        skip();
    first_namespace = own_namespace();
    return unshare(CLONE_NEWNET);
}

static inline int leave_host(void **state)
{
    if (first_namespace < 0)
        return 0;
    int r = setns(first_namespace, CLONE_NEWNET);
    fd_close(&first_namespace);
    return r;
}

/* A namespace for a container; the caller is back in its own. */
static inline int new_namespace(void)
{
    _cleanup_close_ int own = own_namespace();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = own_namespace();
    enter(own);
    return fd;
}

/* Runs @script in @netns_fd (or here, when negative); returns its exit status. */
static inline int sh_in(int netns_fd, const char *script)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0)
            _exit(99);
        execl("/bin/sh", "sh", "-ec", script, NULL);
        _exit(98);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

static inline int sh(const char *script)
{
    return sh_in(-1, script);
}

static inline void assert_ip(struct ip_address address, const char *text)
{
    char found[IP_ADDRESS_TEXT];
    ip_address_format(&address, found);
    assert_string_equal(found, text);
}

#endif
