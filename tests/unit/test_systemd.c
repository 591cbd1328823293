#include "cli/systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_quoted(const char *word, const char *expected)
{
    struct str out = {0};
    systemd_quote(&out, word);
    assert_string_equal(out.s, expected);
    str_release(&out);
}

static void words_are_quoted(void **state)
{
    (void)state;
    check_quoted("plain-1.2:/x=y", "plain-1.2:/x=y");
    check_quoted("", "\"\"");
    check_quoted("a b", "\"a b\"");
    check_quoted("$HOME", "\"$$HOME\"");
    check_quoted("100%", "\"100%%\"");
    check_quoted("a\"b\\c", "\"a\\\"b\\\\c\"");
    check_quoted("a\nb", "\"a\\x0ab\"");
    check_quoted(";", "\";\"");
    check_quoted("é", "\"é\"");
}

static void policies_are_known(void **state)
{
    (void)state;
    assert_true(systemd_knows_restart("no"));
    assert_true(systemd_knows_restart("on-abort"));
    assert_false(systemd_knows_restart("unless-stopped"));
    assert_false(systemd_knows_restart(""));
}

static void fill(struct systemd_unit *u)
{
    strv_add(&u->description, "Container x");
    strv_add(&u->mounts, "/a b");
    strv_add(&u->start, "/bin/skiff");
    strv_add(&u->start, "start");
    u->restart = "no";
    u->stop_s = 70;
    u->start_s = -1;
}

static void a_unit_is_written(void **state)
{
    (void)state;
    struct systemd_unit u = {0};
    struct str out = {0};
    fill(&u);
    assert_int_equal(systemd_write(&u, &out, NULL), 0);
    assert_non_null(strstr(out.s, "Type=forking\nRestart=no\nTimeoutStopSec=70\nExecStart="));
    assert_non_null(strstr(out.s, "RequiresMountsFor=\"/a b\"\n"));
    assert_null(strstr(out.s, "TimeoutStartSec"));
    assert_null(strstr(out.s, "ExecStop"));
    str_release(&out);
    systemd_unit_release(&u);
}

/* A line of one's own in a unit is a command of one's own as root. */
static void no_line_can_be_smuggled_in(void **state)
{
    (void)state;
    static const char *const bad[] = {"a.service\nExecStart=/bin/sh", "a.service b.service",
                                      "\"x\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct systemd_unit u = {0};
        struct str out = {0};
        fill(&u);
        strv_add(&u.after, bad[i]);
        assert_int_equal(systemd_write(&u, &out, NULL), -EINVAL);
        str_release(&out);
        systemd_unit_release(&u);
    }
    struct systemd_unit u = {0};
    struct str out = {0};
    fill(&u);
    strv_add(&u.mounts, "/x\nUser=nobody");
    assert_int_equal(systemd_write(&u, &out, NULL), -EINVAL);
    str_release(&out);
    systemd_unit_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted),
        cmocka_unit_test(policies_are_known),
        cmocka_unit_test(a_unit_is_written),
        cmocka_unit_test(no_line_can_be_smuggled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
