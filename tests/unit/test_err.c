#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_story_names_what_failed_and_why(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(err_sys(&e, ENOENT, "cannot open \"%s\"", "/x"), -ENOENT);
    assert_int_equal(e.code, ENOENT);
    assert_string_equal(err_text(&e), "cannot open \"/x\": no such file or directory");
}

static void context_goes_before(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    err_set(&e, EINVAL, "not a namespace");
    assert_int_equal(err_wrap(&e, "cannot join \"%s\"", "/f"), -EINVAL);
    assert_string_equal(err_text(&e), "cannot join \"/f\": not a namespace");
}

static void the_last_story_counts(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    err_set(&e, EINVAL, "first");
    err_set(&e, EPERM, "second");
    assert_int_equal(e.code, EPERM);
    assert_string_equal(err_text(&e), "second");
}

static void abbreviations_keep_their_capitals(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    err_sys(&e, EXFULL, "x");
    assert_string_equal(err_text(&e), "x: exchange full");
    err_sys(&e, EIO, "x");
    assert_string_equal(err_text(&e), "x: input/output error");
    err_sys(&e, 99999, "x");
    assert_string_equal(err_text(&e), "x: error 99999");
}

static void nobody_has_to_listen(void **state)
{
    assert_int_equal(err_set(NULL, EPERM, "x"), -EPERM);
    assert_int_equal(err_sys(NULL, EPERM, "x"), -EPERM);
    assert_int_equal(err_wrap(NULL, "x"), -EIO);
    assert_int_equal(err_nomem(NULL), -ENOMEM);
    err_release(NULL);
}

static void out_of_memory_needs_no_memory(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    err_set(&e, EINVAL, "before");
    assert_int_equal(err_nomem(&e), -ENOMEM);
    assert_int_equal(err_wrap(&e, "context"), -ENOMEM);
    assert_string_equal(err_text(&e), "out of memory");
    err_release(&e);
    err_release(&e);
    assert_string_equal(err_text(&e), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_story_names_what_failed_and_why),
        cmocka_unit_test(context_goes_before),
        cmocka_unit_test(the_last_story_counts),
        cmocka_unit_test(abbreviations_keep_their_capitals),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(out_of_memory_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
