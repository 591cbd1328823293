/* Which range a bridge gets, and which address a container. */
#include "network/cable.h"
#include "network/range.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct range range(const char *text, unsigned prefix)
{
    struct in_addr a;
    assert_int_equal(inet_pton(AF_INET, text, &a), 1);
    return (struct range){.first = ntohl(a.s_addr), .prefix = prefix};
}

static void assert_chosen(const struct range *used, size_t n, const char *text, unsigned prefix)
{
    struct range chosen = {0};
    assert_true(range_choose(used, n, &chosen));
    assert_int_equal(chosen.first, range(text, prefix).first);
    assert_int_equal(chosen.prefix, prefix);
}

static void test_overlap(void **state)
{
    assert_true(range_overlaps(range("172.17.0.0", 16), range("172.17.3.0", 24)));
    assert_true(range_overlaps(range("172.17.3.0", 24), range("172.17.0.0", 16)));
    assert_true(range_overlaps(range("172.17.255.255", 32), range("172.17.0.0", 16)));
    assert_true(range_overlaps(range("0.0.0.0", 0), range("172.17.0.0", 16)));
    assert_false(range_overlaps(range("172.16.0.0", 16), range("172.17.0.0", 16)));
    assert_false(range_overlaps(range("172.18.0.0", 32), range("172.17.0.0", 16)));
}

static void test_first_range_when_nothing_is_used(void **state)
{
    assert_chosen(NULL, 0, "172.17.0.0", 16);
}

static void test_overlapping_range_gives_the_next(void **state)
{
    struct range one[] = {range("172.17.200.0", 24)};
    assert_chosen(one, 1, "172.18.0.0", 16);
    struct range two[] = {range("172.18.0.1", 32), range("172.17.0.0", 16)};
    assert_chosen(two, 2, "172.19.0.0", 16);
}

static void test_wider_range_gives_the_second_pool(void **state)
{
    struct range used[] = {range("172.16.0.0", 12)};
    assert_chosen(used, 1, "192.168.0.0", 20);
    struct range home[] = {range("172.16.0.0", 12), range("192.168.1.0", 24)};
    assert_chosen(home, 2, "192.168.16.0", 20);
}

static void test_default_routes_do_not_count(void **state)
{
    struct range used[] = {range("0.0.0.0", 0), range("0.0.0.0", 1), range("128.0.0.0", 1)};
    assert_chosen(used, 3, "172.17.0.0", 16);
}

static void test_nothing_free(void **state)
{
    struct range used[] = {range("172.16.0.0", 12), range("192.168.0.0", 16)};
    struct range chosen = {.first = 7, .prefix = 7};
    assert_false(range_choose(used, 2, &chosen));
    assert_int_equal(chosen.first, 7);
}

static struct bridge bridge(const char *address, unsigned prefix)
{
    return (struct bridge){
        .index = 1, .address.s_addr = htonl(range(address, 0).first), .prefix = prefix};
}

static void assert_next(const char *gateway, unsigned prefix, const char *after, const char *next)
{
    struct bridge b = bridge(gateway, prefix);
    assert_int_equal(cable_next_address(&b, range(after, 0).first), range(next, 0).first);
}

static void test_addresses_follow_one_another(void **state)
{
    assert_next("172.17.0.1", 16, "0.0.0.0", "172.17.0.2");
    assert_next("172.17.0.1", 16, "172.17.0.2", "172.17.0.3");
    assert_next("172.17.0.1", 16, "172.17.0.255", "172.17.1.0");
}

static void test_special_addresses_are_never_given(void **state)
{
    assert_next("172.17.0.1", 16, "172.17.255.254", "172.17.0.2");
    assert_next("172.17.0.1", 16, "172.17.255.255", "172.17.0.2");
    assert_next("172.17.0.254", 24, "172.17.0.253", "172.17.0.1");
    assert_next("172.17.0.9", 24, "172.17.0.8", "172.17.0.10");
}

static void test_hint_of_another_range_is_ignored(void **state)
{
    assert_next("172.17.0.1", 16, "10.1.2.3", "172.17.0.2");
    assert_next("172.17.0.1", 16, "192.168.1.1", "172.17.0.2");
}

static void test_every_address_is_reached(void **state)
{
    struct bridge b = bridge("10.0.0.3", 28);
    unsigned seen = 0;
    uint32_t address = 0;
    for (int i = 0; i < 13; i++) {
        address = cable_next_address(&b, address);
        seen |= 1U << (address & 15);
    }
    assert_int_equal(seen, 0x7ff6); /* all of 16 but 0, 3 and 15 */
}

static void test_too_small_a_range_has_none(void **state)
{
    for (unsigned prefix = 31; prefix <= 32; prefix++) {
        struct bridge b = bridge("10.0.0.0", prefix);
        assert_int_equal(cable_next_address(&b, 0), 0);
    }
    assert_next("10.0.0.1", 30, "0.0.0.0", "10.0.0.2");
    assert_next("10.0.0.1", 30, "10.0.0.2", "10.0.0.2");
}

static void test_name_holds_the_whole_address(void **state)
{
    char name[16];
    struct in_addr a = {htonl(0xffffffff)};
    cable_name(a, name);
    assert_string_equal(name, "sk-ffffffff");
    a.s_addr = htonl(range("172.17.0.2", 0).first);
    cable_name(a, name);
    assert_string_equal(name, "sk-ac110002");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_first_range_when_nothing_is_used),
        cmocka_unit_test(test_overlapping_range_gives_the_next),
        cmocka_unit_test(test_wider_range_gives_the_second_pool),
        cmocka_unit_test(test_default_routes_do_not_count),
        cmocka_unit_test(test_nothing_free),
        cmocka_unit_test(test_addresses_follow_one_another),
        cmocka_unit_test(test_special_addresses_are_never_given),
        cmocka_unit_test(test_hint_of_another_range_is_ignored),
        cmocka_unit_test(test_every_address_is_reached),
        cmocka_unit_test(test_too_small_a_range_has_none),
        cmocka_unit_test(test_name_holds_the_whole_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
