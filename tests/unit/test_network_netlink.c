/* The encoder stays inside its buffer, and the decoder inside what it was given. */
#include "network/netlink.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEADER sizeof(uint32_t)

static const uint32_t header = 0x01020304;

static const struct nlmsghdr *message(const struct netlink_batch *b, size_t at)
{
    return (const struct nlmsghdr *)(const void *)(b->bytes + at);
}

static void test_message_grows_with_what_is_put(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, NLM_F_CREATE, &header, sizeof(header));
    netlink_put_u8(&b, 1, 7);
    netlink_put_string(&b, 2, "skiff0");
    netlink_put_u32(&b, 3, 0xdeadbeef);

    const struct nlmsghdr *m = message(&b, 0);
    assert_false(b.overflow);
    assert_int_equal(m->nlmsg_len, 16 + 4 + 8 + 12 + 8);
    assert_int_equal(m->nlmsg_len, b.len);
    assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);

    const struct nlattr *a = netlink_attr(m, HEADER, 2, 1);
    assert_non_null(a);
    assert_int_equal(netlink_size(a), 7);
    assert_string_equal(netlink_data(a), "skiff0");
    a = netlink_attr(m, HEADER, 1, 1);
    assert_int_equal(*(const uint8_t *)netlink_data(a), 7);
}

static void test_attribute_shorter_than_asked_is_none(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    netlink_put_u8(&b, 1, 7);
    assert_null(netlink_attr(message(&b, 0), HEADER, 1, 4));
    assert_null(netlink_attr(message(&b, 0), HEADER, 9, 0));
}

static void test_messages_follow_one_another(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    netlink_put_u8(&b, 1, 1);
    size_t second = b.len;
    netlink_begin(&b, 17, 0, &header, sizeof(header));
    netlink_put_u8(&b, 1, 2);

    assert_int_equal(message(&b, 0)->nlmsg_len, second);
    assert_int_equal(message(&b, second)->nlmsg_type, 17);
    assert_int_equal(second + message(&b, second)->nlmsg_len, b.len);
}

static void test_nests(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    size_t outer = netlink_nest(&b, 5);
    size_t inner = netlink_nest_header(&b, 6, &header, sizeof(header));
    netlink_put_be32(&b, 7, 1);
    netlink_nest_end(&b, inner);
    netlink_nest_end(&b, outer);
    netlink_put_u8(&b, 8, 1);

    const struct nlattr *o = netlink_attr(message(&b, 0), HEADER, 5, 0);
    assert_non_null(o);
    assert_int_equal(o->nla_type, 5 | NLA_F_NESTED);
    assert_int_equal(o->nla_len, 4 + 4 + 4 + 8);
    const struct nlattr *i = netlink_attr_in(o, 6, 4);
    assert_non_null(i);
    assert_int_equal(i->nla_len, 4 + 4 + 8);
    assert_memory_equal(netlink_data(i), &header, sizeof(header));
    assert_null(netlink_attr_in(o, 8, 0));
    assert_non_null(netlink_attr(message(&b, 0), HEADER, 8, 1));
}

static void test_full_batch_is_refused_not_overrun(void **state)
{
    struct {
        struct netlink_batch b;
        uint8_t behind[64];
    } room;
    memset(room.behind, 0x5a, sizeof(room.behind));
    NETLINK_BATCH_INIT(&room.b);
    netlink_begin(&room.b, 16, 0, &header, sizeof(header));
    for (int i = 0; i < 10000; i++) {
        size_t nest = netlink_nest(&room.b, 1);
        netlink_put_string(&room.b, 2, "some text of a length");
        netlink_nest_end(&room.b, nest);
    }
    assert_true(room.b.overflow);
    assert_in_range(room.b.len, 0, NETLINK_BATCH_MAX);
    for (size_t i = 0; i < sizeof(room.behind); i++)
        assert_int_equal(room.behind[i], 0x5a);

    struct netlink nl = NETLINK_CLOSED;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(netlink_send(&nl, &room.b, NULL, NULL, NULL, &e), -EMSGSIZE);
    assert_non_null(strstr(err_text(&e), "larger than"));
}

static void test_exact_fit(void **state)
{
    static const uint8_t zeros[NETLINK_BATCH_MAX];
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    netlink_put(&b, 1, zeros, NETLINK_BATCH_MAX - b.len - 4);
    assert_false(b.overflow);
    assert_int_equal(b.len, NETLINK_BATCH_MAX);
    netlink_put(&b, 1, zeros, 0);
    assert_true(b.overflow);
}

static void test_sizes_that_wrap_are_refused(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    netlink_put(&b, 1, &header, SIZE_MAX - 2);
    assert_true(b.overflow);
}

static void test_empty_batch_is_refused(void **state)
{
    struct netlink nl = NETLINK_CLOSED;
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    assert_int_equal(netlink_send(&nl, &b, NULL, NULL, NULL, NULL), -EMSGSIZE);
}

static void test_lengths_that_lie_are_not_followed(void **state)
{
    static const uint16_t lies[] = {0, 1, 3, 9, 13, 0xffff};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        netlink_begin(&b, 16, 0, &header, sizeof(header));
        size_t at = b.len;
        netlink_put_u32(&b, 1, 1);
        struct nlattr *a = (struct nlattr *)(void *)(b.bytes + at);
        a->nla_len = lies[i];
        assert_null(netlink_attr(message(&b, 0), HEADER, 1, 0));
        assert_null(netlink_attr(message(&b, 0), HEADER, 2, 0));
    }
}

static void test_message_shorter_than_its_header(void **state)
{
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 16, 0, &header, sizeof(header));
    assert_null(netlink_attr(message(&b, 0), 64, 1, 0));
}

static void test_refusal_has_the_kernels_code_and_place(void **state)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &e), 0);

    /* 16 is RTM_NEWLINK, 18 RTM_GETLINK, 3 IFLA_IFNAME; struct ifinfomsg has 16 bytes. */
    static const uint8_t link[16];
    struct netlink_batch b;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 18, 0, link, sizeof(link));
    netlink_put_string(&b, 3, "lo");
    netlink_begin(&b, 18, 0, link, sizeof(link));
    netlink_put_string(&b, 3, "no-such-link");
    unsigned failed;
    assert_int_equal(netlink_send(&nl, &b, NULL, NULL, &failed, &e), -ENODEV);
    assert_int_equal(failed, 1);
    assert_int_equal(e.code, ENODEV);

    /* The socket is as good as before. */
    err_release(&e);
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, 18, 0, link, sizeof(link));
    netlink_put_string(&b, 3, "lo");
    assert_int_equal(netlink_send(&nl, &b, NULL, NULL, &failed, &e), 0);
    assert_int_equal(failed, UINT_MAX);
}

static void test_index_of_a_link(void **state)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, NULL), 0);
    assert_int_equal(netlink_link_index(&nl, "lo"), 1);
    assert_int_equal(netlink_link_index(&nl, "no-such-link"), -ENODEV);
    assert_int_equal(netlink_link_index(&nl, "a-name-that-is-too-long"), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_grows_with_what_is_put),
        cmocka_unit_test(test_attribute_shorter_than_asked_is_none),
        cmocka_unit_test(test_messages_follow_one_another),
        cmocka_unit_test(test_nests),
        cmocka_unit_test(test_full_batch_is_refused_not_overrun),
        cmocka_unit_test(test_exact_fit),
        cmocka_unit_test(test_sizes_that_wrap_are_refused),
        cmocka_unit_test(test_empty_batch_is_refused),
        cmocka_unit_test(test_lengths_that_lie_are_not_followed),
        cmocka_unit_test(test_message_shorter_than_its_header),
        cmocka_unit_test(test_refusal_has_the_kernels_code_and_place),
        cmocka_unit_test(test_index_of_a_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
