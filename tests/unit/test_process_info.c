#include "kernel/process_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void the_name_may_hold_anything(void **state)
{
    (void)state;
    struct process_info p;
    assert_int_equal(
        process_info_parse("42 (a) R 7 (b) c) S 1 42 40 34816 41 4194560 1 2 3 4 50 60 "
                           "0 0 20 -5 3 0 12345 4096 2 18446744073709551615 1 1 0 0 0 "
                           "0 0 0 0 0 0 0 17 6 0 0",
                           &p),
        0);
    assert_string_equal(p.name, "a) R 7 (b) c");
    assert_int_equal(p.pid, 42);
    assert_int_equal(p.state, 'S');
    assert_int_equal(p.ppid, 1);
    assert_int_equal(p.pgrp, 42);
    assert_int_equal(p.session, 40);
    assert_int_equal(p.tty, 34816);
    assert_int_equal(p.tpgid, 41);
    assert_int_equal(p.utime, 50);
    assert_int_equal(p.stime, 60);
    assert_int_equal(p.nice, -5);
    assert_int_equal(p.threads, 3);
    assert_int_equal(p.start, 12345);
    assert_int_equal(p.vsize, 4096);
    assert_int_equal(p.processor, 6);
    process_info_release(&p);
    process_info_release(&p);
}

static void what_is_no_line_is_refused_and_what_is_short_has_zeros(void **state)
{
    (void)state;
    struct process_info p;
    static const char *const bad[] = {"", "1", "1 (", "1 (a", "1 (a)", "1 (a) ", ")(", "1 a S 1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(process_info_parse(bad[i], &p), -EBADMSG);
    assert_int_equal(process_info_parse("1 (a) S 5 x 9", &p), 0);
    assert_int_equal(p.ppid, 5);
    assert_int_equal(p.pgrp, 0);
    assert_int_equal(p.session, 0);
    process_info_release(&p);
}

static void our_own(void **state)
{
    (void)state;
    struct process_info p;
    assert_int_equal(process_info_read(getpid(), &p), 0);
    assert_int_equal(p.pid, getpid());
    assert_int_equal(p.ppid, getppid());
    assert_int_equal(p.euid, geteuid());
    assert_int_equal(p.ruid, getuid());
    assert_true(strstr(p.arguments, "test_process_info"));
    assert_true(p.rss > 0 && p.vsize >= p.rss);
    process_info_release(&p);
    assert_int_equal(process_info_read(0x7ffffff0, &p), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_may_hold_anything),
        cmocka_unit_test(what_is_no_line_is_refused_and_what_is_short_has_zeros),
        cmocka_unit_test(our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
