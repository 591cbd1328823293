#include "base/timestamp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void durations(void **state)
{
    static const struct {
        const char *text;
        long long ns;
    } good[] = {
        {"0", 0},
        {"10m", 600000000000LL},
        {"1h30m", 5400000000000LL},
        {"1.5s", 1500000000LL},
        {"-2h", -7200000000000LL},
        {"100ms", 100000000LL},
        {".5s", 500000000LL},
        {"3us", 3000},
        {"+1ns", 1},
        {"1m0.25s", 60250000000LL},
    };
    static const char *const bad[] = {"",   "s",  "10",  "1d",  "1h 2m", "--1s",
                                      ".s", "1.", "1.s", "m10", "1hx",   "99999999999h"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        long long ns = -1;
        assert_int_equal(parse_duration(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        long long ns = 42;
        assert_true(parse_duration(bad[i], &ns) < 0);
        assert_int_equal(ns, 42);
    }
}

static void moments(void **state)
{
    static const struct {
        const char *text;
        long long s;
        long ns;
    } good[] = {
        {"1136073845", 1136073845, 0},
        {"1136073845.5", 1136073845, 500000000},
        {"1136073845.000000001", 1136073845, 1},
        {"2006-01-02T15:04:05Z", 1136214245, 0},
        {"2006-01-02T15:04:05.25Z", 1136214245, 250000000},
        {"2006-01-02T15:04:05+01:00", 1136210645, 0},
        {"2006-01-02T15:04:05-07:30", 1136241245, 0},
        {"2006-01-02T15:04Z", 1136214240, 0},
        {"2006-01-02Z", 1136160000, 0},
        {"2006-01-02", 1136160000, 0}, /* TZ is UTC here */
        {"2006-01-02T15:04:05", 1136214245, 0},
        {"10s", 990, 500},
        {"1.5s", 998, 500000500},
        {"-1s", 1001, 500},
    };
    static const char *const bad[] = {"",
                                      "yesterday",
                                      "2006-01-02T15:04:05+1:00",
                                      "2006-13-02Z",
                                      "2006-01-02 15:04:05",
                                      "1136073845x",
                                      "1.2.3",
                                      "-5"};
    const struct timespec now = {.tv_sec = 1000, .tv_nsec = 500};
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct timespec t = {0};
        print_message("# %s\n", good[i].text);
        assert_int_equal(parse_moment(good[i].text, now, &t), 0);
        assert_int_equal(t.tv_sec, good[i].s);
        assert_int_equal(t.tv_nsec, good[i].ns);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct timespec t;
        print_message("# %s\n", bad[i]);
        assert_int_equal(parse_moment(bad[i], now, &t), -EINVAL);
    }
}

static void there_and_back(void **state)
{
    char text[40];
    struct timespec t = {.tv_sec = 1700000000, .tv_nsec = 123456789}, again = {0};
    format_time(t, text);
    assert_string_equal(text, "2023-11-14T22:13:20.123456789Z");
    assert_int_equal(parse_moment(text, t, &again), 0);
    assert_int_equal(again.tv_sec, t.tv_sec);
    assert_int_equal(again.tv_nsec, t.tv_nsec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(moments),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
