#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

static void text_grows(void **state)
{
    struct str b = {0};
    for (int i = 0; i < 1000; i++)
        str_addf(&b, "%d,", i % 10);
    str_addn(&b, "a\0b", 3);
    assert_int_equal(b.len, 2003);
    char *s = str_steal(&b);
    assert_non_null(s);
    assert_memory_equal(s, "0,1,2,", 6);
    assert_memory_equal(s + 2000, "a\0b", 4);
    assert_null(b.s);
    free(s);
}

static void nothing_added_is_an_empty_text(void **state)
{
    struct str b = {0};
    char *s = str_steal(&b);
    assert_string_equal(s, "");
    free(s);
}

static void strangers_give_no_orders(void **state)
{
    struct str b = {0};
    str_add_visible(&b, "a\x1b[1m\n\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\"", "\"");
    /* Letters, dashes and what is cut short are nobody's orders. */
    str_add_visible(&b, "\xc3\xa4\xe2\x80\x94\xe2\x80", "");
    char *s = str_steal(&b);
    assert_string_equal(
        s, "a\\x1b[1m\\x0a\\x7f\\x9b\\u202e\\u2066\\u2028\\\"\xc3\xa4\xe2\x80\x94\xe2\x80");
    free(s);
}

static void what_failed_stays_failed(void **state)
{
    struct str b = {0};
    str_add(&b, "x");
    b.failed = true;
    str_add(&b, "y");
    assert_null(str_steal(&b));
    assert_false(b.failed);
}

static void more_than_there_is_fails(void **state)
{
    _cleanup_str_ struct str b = {0};
    str_addn(&b, "x", SIZE_MAX / 2);
    assert_true(b.failed);
}

static void lists_end_with_null(void **state)
{
    _cleanup_strv_ struct strv l = {0};
    strv_add(&l, "a");
    strv_addf(&l, "%d", 7);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.v[1], "7");
    assert_null(l.v[2]);
}

static void numbers_are_whole_and_bounded(void **state)
{
    static const struct {
        const char *text;
        int result;
        long long value;
    } cases[] = {
        {"0", 0, 0},
        {"-5", 0, -5},
        {"100", 0, 100},
        {"101", -ERANGE, 0},
        {"-6", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1x", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"--1", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        long long n = 4711;
        assert_int_equal(str_to_int64(cases[i].text, -5, 100, &n), cases[i].result);
        assert_int_equal(n, cases[i].result == 0 ? cases[i].value : 4711);
    }
}

static void distance_counts_slips(void **state)
{
    assert_int_equal(str_distance("inspect", "inspect"), 0);
    assert_int_equal(str_distance("inpsect", "inspect"), 1); /* swapped */
    assert_int_equal(str_distance("inspct", "inspect"), 1);
    assert_int_equal(str_distance("", "abc"), 3);
    assert_int_equal(str_distance("rum", "run"), 1);
    char longest[80];
    memset(longest, 'a', 79);
    longest[79] = '\0';
    assert_int_equal(str_distance(longest, "a"), 99);
}

static void prefixes(void **state)
{
    assert_string_equal(str_after("container:web", "container:"), "web");
    assert_null(str_after("cont", "container:"));
    assert_false(str_eq(NULL, NULL));
    assert_true(str_eq("a", "a"));
}

static void paths_are_cleaned_by_their_words(void **state)
{
    static const char *const cases[][2] = {
        {"/a//b/../c/", "/a/c"},
        {"/", "/"},
        {"", "/"},
        {"..", "/"},
        {"../../x", "/x"},
        {"a/./b", "/a/b"},
        {"/a/../..", "/"},
        {"/...", "/..."},
        {"/a/..b", "/a/..b"},
        {"/.", "/"},
        {"/a/b/../../", "/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *clean = path_clean(cases[i][0]);
        assert_string_equal(clean, cases[i][1]);
        free(clean);
    }
}

static void sizes_are_in_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        long long bytes;
    } good[] = {{"0", 0},        {"100", 100},      {"1k", 1024},        {"1.5K", 1536},
                {".5m", 524288}, {"2g", 2LL << 30}, {"2GiB", 2LL << 30}, {"1tb", 1LL << 40},
                {"-1", -1},      {"3b", 3}};
    const char *bad;
    long long n;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(str_to_bytes(good[i].text, &n, &bad), 0);
        assert_int_equal(n, good[i].bytes);
    }
    static const char *const none[] = {"", "x", "-2", "1e", "0x10", "inf", " 1", "1 k", "+1"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(str_to_bytes(none[i], &n, &bad), -EINVAL);
    assert_int_equal(str_to_bytes("1mm", &n, &bad), -EINVAL);
    assert_string_equal(bad, "mm");
    assert_int_equal(str_to_bytes("9000000000g", &n, &bad), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(nothing_added_is_an_empty_text),
        cmocka_unit_test(strangers_give_no_orders),
        cmocka_unit_test(what_failed_stays_failed),
        cmocka_unit_test(more_than_there_is_fails),
        cmocka_unit_test(lists_end_with_null),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(distance_counts_slips),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(paths_are_cleaned_by_their_words),
        cmocka_unit_test(sizes_are_in_powers_of_1024),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
