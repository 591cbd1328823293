/* Addresses and ranges of both families: what parses, what doesn't, and how they lie. */
#include "network/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct ip_address address(const char *text)
{
    struct ip_address a;
    assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static struct ip_range range(const char *text)
{
    struct ip_range r;
    assert_int_equal(ip_range_parse(text, &r, NULL), 0);
    return r;
}

static void assert_text(struct ip_address a, const char *text)
{
    char found[IP_ADDRESS_TEXT];
    assert_string_equal(ip_address_format(&a, found), text);
}

static void test_parse_and_format(void **state)
{
    static const char *const same[] = {"0.0.0.0",     "172.18.0.2",        "255.255.255.255",
                                       "::",          "fd00::ac12:2",      "::1",
                                       "2001:db8::1", "fe80:1:2:3:4:5:6:7"};
    (void)state;
    for (size_t i = 0; i < N(same); i++)
        assert_text(address(same[i]), same[i]);
    assert_text(address("FD00:0:0::0001"), "fd00::1");
    assert_text((struct ip_address){0}, "");
    assert_int_equal(address("172.18.0.2").family, AF_INET);
    assert_memory_equal(address("172.18.0.2").bytes, "\xac\x12\x00\x02\0\0\0\0\0\0\0\0\0\0\0\0",
                        16);
    assert_int_equal(address("::").family, AF_INET6);
}

static void test_hostile_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "1.2.3.04",
                                      "01.2.3.4",
                                      " 1.2.3.4",
                                      "1.2.3.4 ",
                                      "1.2.3.4\n",
                                      "+1.2.3.4",
                                      "0x7f.0.0.1",
                                      "127.1",
                                      "2130706433",
                                      "1.2.3.4/24",
                                      ":",
                                      ":::",
                                      "fd00::1%eth0",
                                      "fd00::1::2",
                                      "[::1]",
                                      "fd00::g",
                                      "::ffff:10.0.0.1",
                                      "::ffff:a00:1",
                                      "fd00::12345",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1.2.3.4\x80",
                                      "-1.2.3.4"};
    (void)state;
    for (size_t i = 0; i < N(bad); i++) {
        struct ip_address a = {.family = 77};
        if (ip_address_parse(bad[i], &a) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(a.family, 77);
    }
}

static void test_ranges(void **state)
{
    static const char *const same[] = {"0.0.0.0/0", "172.18.0.0/16",   "10.1.2.3/32",
                                       "::/0",      "fd00:1:2:3::/64", "::1/128"};
    char text[IP_RANGE_TEXT];
    struct ip_range r;
    struct ip_address a;
    (void)state;
    for (size_t i = 0; i < N(same); i++) {
        r = range(same[i]);
        assert_string_equal(ip_range_format(&r, text), same[i]);
    }
    assert_int_equal(ip_range_parse("172.18.7.9/20", &r, &a), 0);
    assert_string_equal(ip_range_format(&r, text), "172.18.0.0/20");
    assert_text(a, "172.18.7.9");
    assert_int_equal(ip_range_parse("fd00::ac12:2/61", &r, &a), 0);
    assert_string_equal(ip_range_format(&r, text), "fd00::/61");
    r = (struct ip_range){0};
    assert_string_equal(ip_range_format(&r, text), "");
}

static void test_hostile_ranges_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "/16",
                                      "10.0.0.0",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/+8",
                                      "10.0.0.0/08",
                                      "10.0.0.0/ 8",
                                      "10.0.0.0/8 ",
                                      "10.0.0.0/8/8",
                                      "10.0.0.0/255.0.0.0",
                                      "::/129",
                                      "::/99999999999999999999",
                                      "::ffff:10.0.0.0/104",
                                      "10.0.0/8",
                                      "x/8",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64"};
    (void)state;
    for (size_t i = 0; i < N(bad); i++) {
        struct ip_range r = {.prefix = 77};
        struct ip_address a = {.family = 77};
        if (ip_range_parse(bad[i], &r, &a) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(r.prefix, 77);
        assert_int_equal(a.family, 77);
    }
}

static bool contains(const char *r, const char *a)
{
    struct ip_range outer = range(r);
    struct ip_address inner = address(a);
    return ip_range_contains(&outer, &inner);
}

static void test_contains(void **state)
{
    (void)state;
    assert_true(contains("172.18.0.0/16", "172.18.255.255"));
    assert_false(contains("172.18.0.0/16", "172.19.0.0"));
    assert_true(contains("172.18.0.0/15", "172.19.0.0"));
    assert_true(contains("0.0.0.0/0", "255.1.2.3"));
    assert_true(contains("1.2.3.4/32", "1.2.3.4"));
    assert_false(contains("1.2.3.4/32", "1.2.3.5"));
    assert_true(contains("fd00::/65", "fd00::7fff:ffff:ffff:ffff"));
    assert_false(contains("fd00::/65", "fd00::8000:0:0:0"));
    assert_false(contains("::/0", "1.2.3.4"));
    assert_false(contains("0.0.0.0/0", "::"));
    struct ip_range none = {0};
    struct ip_address nobody = {0}, someone = address("0.0.0.0");
    assert_false(ip_range_contains(&none, &nobody));
    assert_false(ip_range_contains(&none, &someone));
    assert_true(ip_equal(&nobody, &none.first));
    assert_false(ip_equal(&nobody, &someone));
}

static bool overlap(const char *a, const char *b)
{
    struct ip_range left = range(a), right = range(b);
    bool r = ip_range_overlaps(&left, &right);
    assert_int_equal(ip_range_overlaps(&right, &left), r);
    return r;
}

static void test_overlaps_and_within(void **state)
{
    (void)state;
    assert_true(overlap("172.17.0.0/16", "172.17.3.0/24"));
    assert_true(overlap("0.0.0.0/0", "172.17.3.0/24"));
    assert_true(overlap("10.0.0.0/8", "10.0.0.0/8"));
    assert_false(overlap("172.16.0.0/16", "172.17.0.0/16"));
    assert_true(overlap("fd00::/48", "fd00:0:0:7::/64"));
    assert_false(overlap("fd00::/48", "fd00:0:1::/64"));
    assert_false(overlap("::/0", "0.0.0.0/0"));
    struct ip_range wide = range("10.0.0.0/8"), narrow = range("10.3.0.0/16");
    assert_true(ip_range_within(&narrow, &wide));
    assert_true(ip_range_within(&wide, &wide));
    assert_false(ip_range_within(&wide, &narrow));
}

static void assert_nth(const char *r, uint64_t n, const char *text)
{
    struct ip_range in = range(r);
    assert_text(ip_range_nth(&in, n), text);
}

static void test_nth_and_last(void **state)
{
    (void)state;
    assert_nth("172.18.0.0/16", 0, "172.18.0.0");
    assert_nth("172.18.0.0/16", 257, "172.18.1.1");
    assert_nth("172.18.0.0/16", 65535, "172.18.255.255");
    assert_nth("172.18.0.0/16", 65536, "");
    assert_nth("10.0.0.8/30", 3, "10.0.0.11");
    assert_nth("10.0.0.8/30", 4, "");
    assert_nth("10.0.0.8/32", 0, "10.0.0.8");
    assert_nth("10.0.0.8/32", 1, "");
    assert_nth("0.0.0.0/0", UINT32_MAX, "255.255.255.255");
    assert_nth("0.0.0.0/0", UINT64_C(1) << 32, "");
    assert_nth("fd00::/64", 0xac120002, "fd00::ac12:2");
    assert_nth("fd00::/64", UINT64_MAX, "fd00::ffff:ffff:ffff:ffff");
    assert_nth("fd00::/65", UINT64_MAX, "");
    struct ip_range r = range("172.18.0.0/17");
    assert_text(ip_range_last(&r), "172.18.127.255");
    r = range("fd00::/126");
    assert_text(ip_range_last(&r), "fd00::3");
}

static void test_numbers(void **state)
{
    (void)state;
    struct ip_address a = address("172.18.0.2"), b = address("fd00::ac12:2"), none = {0};
    assert_int_equal(ip_to_u32(&a), 0xac120002);
    assert_int_equal(ip_to_u32(&b), 0xac120002);
    assert_int_equal(ip_to_u32(&none), 0);
    assert_text(ip_from_u32(0xac120002), "172.18.0.2");
    assert_text(ip_from_bytes(AF_INET6, b.bytes), "fd00::ac12:2");
    assert_int_equal(ip_bits(AF_INET6), 128);
    assert_int_equal(ip_size(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_hostile_addresses_are_refused),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_hostile_ranges_are_refused),
        cmocka_unit_test(test_contains),
        cmocka_unit_test(test_overlaps_and_within),
        cmocka_unit_test(test_nth_and_last),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
