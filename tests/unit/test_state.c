#include "engine/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The calendar against the C library's, over leap days, centuries and the far future. */
static void times_are_those_of_the_c_library(void **state)
{
    for (time_t t = 0; t < 8000000000; t += 86400 * 13 + 12345) {
        char mine[40], theirs[40];
        struct tm tm;
        format_time((struct timespec){.tv_sec = t, .tv_nsec = 5}, mine);
        gmtime_r(&t, &tm);
        strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000005Z", &tm);
        assert_string_equal(mine, theirs);
    }
}

static void leap_days(void **state)
{
    char text[40];
    format_time((struct timespec){.tv_sec = 951782400}, text);
    assert_string_equal(text, "2000-02-29T00:00:00.000000000Z");
    format_time((struct timespec){.tv_sec = 4107542399, .tv_nsec = 999999999}, text);
    assert_string_equal(text, "2100-02-28T23:59:59.999999999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_those_of_the_c_library),
        cmocka_unit_test(leap_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
