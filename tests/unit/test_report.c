/* A helper that says too much ends, and whoever waits for it goes on. */
#include "base/file.h"
#include "image/report.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_endless(void **state)
{
    static const char block[1 << 16];
    int fds[2];
    char *text = NULL;
    size_t n = 0;
    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = process_clone(0, -1, NULL);
    if (pid == 0)
        while (fd_write_all(fds[1], block, sizeof(block)) == 0)
            ;
    close(fds[1]);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(report_read(fds[0], pid, "helper", &text, &n, &e), -EFBIG);
    assert_null(text);
    assert_non_null(strstr(err_text(&e), "report of the helper"));
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_endless)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
