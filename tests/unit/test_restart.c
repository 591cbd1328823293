#include "engine/restart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static json_t *with_policy(const char *name, int most)
{
    json_t *d = json_pack("{s:{s:{s:s, s:i}}}", "HostConfig", "RestartPolicy", "Name", name,
                          "MaximumRetryCount", most);
    assert_non_null(d);
    return d;
}

static bool wanted(const char *name, int most, int exit_code, unsigned restarts)
{
    _cleanup_json_ json_t *d = with_policy(name, most);
    return restart_wanted(d, exit_code, restarts);
}

static void no_policy_restarts_nothing(void **state)
{
    _cleanup_json_ json_t *none = json_object();
    (void)state;
    assert_false(wanted("no", 0, 1, 0));
    assert_false(wanted("", 0, 1, 0));
    assert_false(restart_wanted(none, 1, 0));
}

static void always_and_unless_stopped_restart_whatever_it_said(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code += 51) {
        assert_true(wanted("always", 0, code, 1000));
        assert_true(wanted("unless-stopped", 0, code, 1000));
    }
}

static void on_failure_restarts_failures_so_many_times(void **state)
{
    (void)state;
    assert_false(wanted("on-failure", 0, 0, 0));
    assert_true(wanted("on-failure", 0, 1, 100000)); /* 0: without end */
    assert_true(wanted("on-failure", 3, 137, 0));
    assert_true(wanted("on-failure", 3, 1, 2));
    assert_false(wanted("on-failure", 3, 1, 3));
    assert_false(wanted("on-failure", 3, 0, 1));
}

static bool at_boot(const char *policy, const char *status, bool by_user)
{
    _cleanup_json_ json_t *d = with_policy(policy, 0);
    _cleanup_json_ json_t *last =
        json_pack("{s:{s:s}, s:b}", "State", "Status", status, "StoppedByUser", by_user);
    return restart_at_boot(d, last);
}

static void at_boot_the_stopped_stay_stopped_unless_always(void **state)
{
    (void)state;
    assert_true(at_boot("always", "exited", false));
    assert_true(at_boot("always", "exited", true));
    assert_true(at_boot("unless-stopped", "exited", false));
    assert_false(at_boot("unless-stopped", "exited", true));
    assert_false(at_boot("on-failure", "exited", false));
    assert_false(at_boot("no", "exited", false));
    /* What never ran is not to run. */
    assert_false(at_boot("always", "created", false));
    assert_false(at_boot("unless-stopped", "created", false));
}

static void delays_double_from_100_ms_to_a_minute(void **state)
{
    static const uint64_t expected[] = {100,   200,   400,   800,   1600,  3200, 6400,
                                        12800, 25600, 51200, 60000, 60000, 60000};
    uint64_t ms = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        ms = restart_delay_ms(ms, 9999);
        assert_int_equal(ms, expected[i]);
    }
}

static void ten_good_seconds_begin_anew(void **state)
{
    (void)state;
    assert_int_equal(restart_delay_ms(51200, 9999), 60000);
    assert_int_equal(restart_delay_ms(51200, 10000), 100);
    assert_int_equal(restart_delay_ms(100, 3600000), 100);
    assert_int_equal(restart_delay_ms(0, 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_policy_restarts_nothing),
        cmocka_unit_test(always_and_unless_stopped_restart_whatever_it_said),
        cmocka_unit_test(on_failure_restarts_failures_so_many_times),
        cmocka_unit_test(at_boot_the_stopped_stay_stopped_unless_always),
        cmocka_unit_test(delays_double_from_100_ms_to_a_minute),
        cmocka_unit_test(ten_good_seconds_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
