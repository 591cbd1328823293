/* A row of stages: what one passes on, what it reports, and how it ends. */
#include "base/file.h"
#include "image/sandbox.h"
#include "image/stage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int copy(const void *data, struct str *report, struct err *e)
{
    char byte;
    int n = 0, r = sandbox_enter_pure(e);
    for (; r == 0 && read(STAGE_IN, &byte, 1) == 1; n++)
        r = fd_write_all(STAGE_OUT, &byte, 1);
    str_addf(report, "%s %d", (const char *)data, n);
    return r;
}

static int refuse(const void *data, struct str *report, struct err *e)
{
    (void)report;
    return err_set(e, EBADMSG, "nothing but %s", (const char *)data);
}

static int wait_for_ever(const void *data, struct str *report, struct err *e)
{
    (void)data, (void)report, (void)e;
    pause();
    return 0;
}

static struct stage started(stage_work *work, int in, int out)
{
    struct stage s = STAGE_INIT;
    const struct stage_plan plan = {
        .name = "tester", .in = in, .out = out, .more = -EBADF, .work = work, .data = "words"};
    assert_int_equal(stage_start(&plan, &s, NULL), 0);
    assert_true(s.pid > 0);
    return s;
}

static void test_passes_on(void **state)
{
    (void)state;
    int in, to, from, out;
    char got[8] = {0};
    size_t n;
    _cleanup_free_ char *text = NULL;
    assert_int_equal(stage_pipe(&in, &to, NULL), 0);
    assert_int_equal(stage_pipe(&from, &out, NULL), 0);
    struct stage s = started(copy, in, out);
    close(in);
    close(out);
    assert_int_equal(fd_write_all(to, "abc", 3), 0);
    close(to);
    assert_int_equal(stage_finish(&s, &text, &n, NULL), 0);
    assert_int_equal(read(from, got, sizeof(got)), 3);
    assert_string_equal(got, "abc");
    assert_string_equal(text, "words 3");
    assert_int_equal(n, 7);
    assert_int_equal(s.pid, 0);
    close(from);
    /* Nobody is there any more. */
    assert_int_equal(stage_finish(&s, NULL, NULL, NULL), 0);
    stage_release(&s);
}

static void test_fails(void **state)
{
    (void)state;
    _cleanup_err_ struct err e = ERR_INIT;
    char *text = (char *)(uintptr_t) "";
    struct stage s = started(refuse, -EBADF, -EBADF);
    assert_int_equal(stage_finish(&s, &text, NULL, &e), -EBADMSG);
    assert_string_equal(err_text(&e), "nothing but words");
    assert_null(text);
}

static void test_is_ended(void **state)
{
    (void)state;
    struct stage s = started(wait_for_ever, -EBADF, -EBADF);
    pid_t pid = s.pid;
    stage_release(&s);
    assert_int_equal(s.pid, 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(s.report, -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_on),
        cmocka_unit_test(test_fails),
        cmocka_unit_test(test_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
