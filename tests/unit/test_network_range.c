/* Which range a bridge gets, and which address a container. */
#include "network/cable.h"
#include "network/pool.h"
#include "network/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ip_range range(const char *text)
{
    struct ip_range r;
    assert_int_equal(ip_range_parse(text, &r, NULL), 0);
    return r;
}

static struct ip_address address(const char *text)
{
    struct ip_address a = {0};
    if (*text)
        assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static void assert_chosen(const struct ip_range *used, size_t n, const char *text)
{
    struct ip_range chosen = {0};
    char found[IP_RANGE_TEXT];
    assert_true(range_choose(used, n, &chosen));
    assert_string_equal(ip_range_format(&chosen, found), text);
}

static void test_first_range_when_nothing_is_used(void **state)
{
    assert_chosen(NULL, 0, "172.17.0.0/16");
}

static void test_overlapping_range_gives_the_next(void **state)
{
    struct ip_range one[] = {range("172.17.200.0/24")};
    assert_chosen(one, 1, "172.18.0.0/16");
    struct ip_range two[] = {range("172.18.0.1/32"), range("172.17.0.0/16")};
    assert_chosen(two, 2, "172.19.0.0/16");
}

static void test_wider_range_gives_the_second_pool(void **state)
{
    struct ip_range used[] = {range("172.16.0.0/12")};
    assert_chosen(used, 1, "192.168.0.0/20");
    struct ip_range home[] = {range("172.16.0.0/12"), range("192.168.1.0/24")};
    assert_chosen(home, 2, "192.168.16.0/20");
}

static void test_default_routes_do_not_count(void **state)
{
    struct ip_range used[] = {range("0.0.0.0/0"), range("0.0.0.0/1"), range("128.0.0.0/1")};
    assert_chosen(used, 3, "172.17.0.0/16");
}

static void test_nothing_free(void **state)
{
    struct ip_range used[] = {range("172.16.0.0/12"), range("192.168.0.0/16")};
    struct ip_range chosen = {.prefix = 7};
    assert_false(range_choose(used, 2, &chosen));
    assert_int_equal(chosen.prefix, 7);
}

/* A network by its gateway: "172.17.0.1/16". */
static struct network_config network(const char *gateway)
{
    struct network_config c = NETWORK_DEFAULT;
    assert_int_equal(ip_range_parse(gateway, &c.subnet4, &c.gateway4), 0);
    return c;
}

static void assert_next_in(const struct network_config *c, const char *after, const char *next)
{
    char found[IP_ADDRESS_TEXT];
    struct ip_address before = address(after), a = pool_next(c, &before);
    assert_string_equal(ip_address_format(&a, found), next);
}

static void assert_next(const char *gateway, const char *after, const char *next)
{
    struct network_config c = network(gateway);
    assert_next_in(&c, after, next);
}

static void test_addresses_follow_one_another(void **state)
{
    assert_next("172.17.0.1/16", "", "172.17.0.2");
    assert_next("172.17.0.1/16", "172.17.0.2", "172.17.0.3");
    assert_next("172.17.0.1/16", "172.17.0.255", "172.17.1.0");
}

static void test_special_addresses_are_never_given(void **state)
{
    assert_next("172.17.0.1/16", "172.17.255.254", "172.17.0.2");
    assert_next("172.17.0.1/16", "172.17.255.255", "172.17.0.2");
    assert_next("172.17.0.254/24", "172.17.0.253", "172.17.0.1");
    assert_next("172.17.0.9/24", "172.17.0.8", "172.17.0.10");
    assert_next("255.255.255.1/24", "255.255.255.254", "255.255.255.2");
}

static void test_hint_of_another_range_is_ignored(void **state)
{
    assert_next("172.17.0.1/16", "10.1.2.3", "172.17.0.2");
    assert_next("172.17.0.1/16", "192.168.1.1", "172.17.0.2");
    assert_next("172.17.0.1/16", "fd00::ac11:5", "172.17.0.2");
}

static void assert_first(const struct network_config *c, const char *last, const char *first)
{
    char found[IP_ADDRESS_TEXT];
    struct ip_address before = address(last), a = pool_first(c, &before);
    assert_string_equal(ip_address_format(&a, found), first);
}

static void test_every_256_it_begins_anew(void **state)
{
    struct network_config c = network("172.17.0.1/16");
    assert_first(&c, "", "172.17.0.2");
    assert_first(&c, "172.17.0.2", "172.17.0.3");
    assert_first(&c, "172.17.0.254", "172.17.0.255");
    assert_first(&c, "172.17.0.255", "172.17.0.2");
    assert_first(&c, "172.17.1.0", "172.17.1.1");
    assert_first(&c, "172.17.1.255", "172.17.0.2");
    assert_first(&c, "172.17.255.254", "172.17.0.2");
}

static void test_every_address_is_reached(void **state)
{
    struct network_config c = network("10.0.0.3/28");
    unsigned seen = 0;
    struct ip_address a = {0};
    for (int i = 0; i < 13; i++) {
        a = pool_next(&c, &a);
        seen |= 1U << (ip_to_u32(&a) & 15);
    }
    assert_int_equal(seen, 0x7ff6); /* all of 16 but 0, 3 and 15 */
}

static void test_too_small_a_range_has_none(void **state)
{
    assert_next("10.0.0.0/31", "", "");
    assert_next("10.0.0.0/32", "", "");
    assert_next("10.0.0.1/30", "", "10.0.0.2");
    assert_next("10.0.0.1/30", "10.0.0.2", "10.0.0.2");
}

static void test_pool_is_kept_to(void **state)
{
    struct network_config c = network("172.20.0.1/16");
    c.pool4 = range("172.20.5.0/29");
    assert_next_in(&c, "", "172.20.5.0");
    assert_next_in(&c, "172.20.0.1", "172.20.5.0");
    assert_next_in(&c, "172.20.5.6", "172.20.5.7");
    assert_next_in(&c, "172.20.5.7", "172.20.5.0");
    c.pool4 = range("172.20.255.252/30");
    assert_next_in(&c, "172.20.255.254", "172.20.255.252");
    c.pool4 = range("172.20.0.1/32");
    assert_next_in(&c, "", "");
}

static void test_reserved_addresses_are_passed_over(void **state)
{
    struct ip_address reserved[] = {address("10.0.0.2"), address("10.0.0.3"), address("10.0.0.6"),
                                    address("fd00::5")};
    struct network_config c = network("10.0.0.1/29");
    c.reserved = reserved;
    c.n_reserved = 4;
    assert_next_in(&c, "", "10.0.0.4");
    assert_next_in(&c, "10.0.0.5", "10.0.0.4");
    reserved[3] = address("10.0.0.4");
    assert_next_in(&c, "10.0.0.5", "10.0.0.5");
    c.pool4 = range("10.0.0.2/31");
    assert_next_in(&c, "", "");
}

static void test_ipv6_alone(void **state)
{
    struct ip_address reserved[] = {address("fd00::3")};
    struct network_config c = {.no_ipv4 = true,
                               .subnet6 = range("fd00::/64"),
                               .gateway6 = address("fd00::1"),
                               .reserved = reserved,
                               .n_reserved = 1};
    assert_next_in(&c, "", "fd00::2");
    assert_next_in(&c, "10.0.0.1", "fd00::2");
    assert_next_in(&c, "fd00::2", "fd00::4");
    assert_next_in(&c, "fd00::ffff:ffff", "fd00::2");
    c.pool6 = range("fd00::8/127");
    assert_next_in(&c, "fd00::2", "fd00::8");
    assert_next_in(&c, "fd00::8", "fd00::9");
    assert_next_in(&c, "fd00::9", "fd00::8");
    c.pool6 = range("fd00::1/128");
    assert_next_in(&c, "", "");
    c.pool6 = range("fd00::/127");
    assert_next_in(&c, "", "");
}

static void assert_6(const char *subnet, const char *address4, const char *address6)
{
    char found[IP_ADDRESS_TEXT];
    struct network_config c = network("172.20.0.1/16");
    c.subnet6 = range(subnet);
    c.gateway6 = ip_range_nth(&c.subnet6, 1);
    struct ip_address four = address(address4), six = pool_address6(&c, &four);
    assert_string_equal(ip_address_format(&six, found), address6);
}

static void test_ipv6_address_goes_with_the_other(void **state)
{
    assert_6("fd00:1:2:3::/64", "172.20.0.2", "fd00:1:2:3::ac14:2");
    assert_6("fd00::/96", "172.20.0.2", "fd00::ac14:2");
    assert_6("fd00::/112", "172.20.7.2", "fd00::702");
    assert_6("fd00::/112", "172.20.0.1", ""); /* the gateway's */
    assert_6("fd00::/124", "172.20.3.16", "");
    assert_6("fd00::/127", "172.20.0.2", "");
}

static int check(const struct network_config *c, const char *text)
{
    struct ip_address a = address(text);
    return pool_check(c, &a, NULL);
}

static void test_what_may_be_asked_for(void **state)
{
    struct network_config c = network("172.20.0.1/16");
    assert_int_equal(check(&c, "172.20.0.2"), 0);
    assert_int_equal(check(&c, "172.21.0.2"), -EINVAL);
    assert_int_equal(check(&c, "172.20.0.0"), -EINVAL);
    assert_int_equal(check(&c, "172.20.255.255"), -EINVAL);
    assert_int_equal(check(&c, "172.20.0.1"), -EADDRINUSE);
    assert_int_equal(check(&c, "fd00::2"), -EINVAL);
    c.subnet6 = range("fd00::/64");
    assert_int_equal(check(&c, "fd00::2"), 0);
    assert_int_equal(check(&c, "fd00::"), -EINVAL);
}

static void test_name_holds_the_whole_address(void **state)
{
    char name[16];
    struct ip_address a = address("255.255.255.255");
    cable_name(&a, name);
    assert_string_equal(name, "sk-ffffffff");
    a = address("172.17.0.2");
    cable_name(&a, name);
    assert_string_equal(name, "sk-ac110002");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_range_when_nothing_is_used),
        cmocka_unit_test(test_overlapping_range_gives_the_next),
        cmocka_unit_test(test_wider_range_gives_the_second_pool),
        cmocka_unit_test(test_default_routes_do_not_count),
        cmocka_unit_test(test_nothing_free),
        cmocka_unit_test(test_addresses_follow_one_another),
        cmocka_unit_test(test_special_addresses_are_never_given),
        cmocka_unit_test(test_hint_of_another_range_is_ignored),
        cmocka_unit_test(test_every_256_it_begins_anew),
        cmocka_unit_test(test_every_address_is_reached),
        cmocka_unit_test(test_too_small_a_range_has_none),
        cmocka_unit_test(test_pool_is_kept_to),
        cmocka_unit_test(test_reserved_addresses_are_passed_over),
        cmocka_unit_test(test_ipv6_alone),
        cmocka_unit_test(test_ipv6_address_goes_with_the_other),
        cmocka_unit_test(test_what_may_be_asked_for),
        cmocka_unit_test(test_name_holds_the_whole_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
