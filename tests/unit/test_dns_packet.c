/* DNS messages: questions taken apart, answers put together. */
#include "network/dns_packet.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A question being built by hand, byte for byte. */
struct packet {
    uint8_t bytes[2048];
    size_t n;
};

static void put(struct packet *p, const void *bytes, size_t n)
{
    assert_true(p->n + n <= sizeof(p->bytes));
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

#define PUT(p, text) put((p), (text), sizeof(text) - 1)

static struct packet query(const char *name, unsigned type)
{
    struct packet p = {0};
    PUT(&p, "\x12\x34\x01\x00\0\1\0\0\0\0\0\0");
    while (*name) {
        size_t label = strcspn(name, ".");
        const uint8_t n = (uint8_t)label;
        put(&p, &n, 1);
        put(&p, name, label);
        name += label + (name[label] == '.');
    }
    const uint8_t rest[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    put(&p, rest, sizeof(rest));
    return p;
}

static struct packet query_edns(const char *name, unsigned type, unsigned size, unsigned version)
{
    struct packet p = query(name, type);
    const uint8_t opt[] = {0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, (uint8_t)version, 0,
                           0, 0, 0};
    put(&p, opt, sizeof(opt));
    p.bytes[11]++;
    return p;
}

static int read_packet(const struct packet *p, struct dns_question *q)
{
    /* Memory of just that size, so that a sanitizer sees what is read behind it. */
    _cleanup_free_ uint8_t *copy = malloc(p->n ? p->n : 1);
    assert_non_null(copy);
    memcpy(copy, p->bytes, p->n);
    return dns_read_query(copy, p->n, q);
}

static void test_question(void **state)
{
    (void)state;
    struct dns_question q;
    struct packet p = query("WWW.Example.org", DNS_AAAA);
    assert_int_equal(read_packet(&p, &q), 0);
    assert_string_equal(q.name, "www.example.org");
    assert_int_equal(q.type, DNS_AAAA);
    assert_int_equal(q.end, p.n);
    assert_int_equal(q.udp_max, 512);
    assert_false(q.edns);

    p = query("", DNS_A);
    assert_int_equal(read_packet(&p, &q), 0);
    assert_string_equal(q.name, "");
}

static void test_edns(void **state)
{
    (void)state;
    struct dns_question q;
    static const struct {
        unsigned said, taken;
    } sizes[] = {{0, 512}, {511, 512}, {1232, 1232}, {65535, DNS_UDP_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct packet p = query_edns("web", DNS_A, sizes[i].said, 0);
        assert_int_equal(read_packet(&p, &q), 0);
        assert_true(q.edns);
        assert_int_equal(q.udp_max, sizes[i].taken);
        assert_int_equal(q.end, p.n);
    }
    struct packet p = query_edns("web", DNS_A, 1232, 1);
    assert_int_equal(read_packet(&p, &q), DNS_BAD_VERSION);
    uint8_t out[512];
    struct dns_reply r;
    dns_reply_begin(&r, p.bytes, &q, DNS_BAD_VERSION, out, sizeof(out));
    size_t n = dns_reply_end(&r);
    assert_int_equal(n, p.n);
    assert_int_equal(out[3] & 15, 0);
    assert_int_equal(out[n - 6], 1);
}

static void test_odd_names_are_nobodys(void **state)
{
    (void)state;
    struct dns_question q;
    static const char *const names[] = {"a b", "a\tb", "\x7f", "caf\xc3\xa9", "a.b c.d"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct packet p = query(names[i], DNS_A);
        assert_int_equal(read_packet(&p, &q), 0);
        assert_string_equal(q.name, "");
    }
    /* A dot inside of a label. */
    struct packet p = query("a-b", DNS_A);
    p.bytes[14] = '.';
    assert_int_equal(read_packet(&p, &q), 0);
    assert_string_equal(q.name, "");
}

static void test_long_names(void **state)
{
    (void)state;
    struct dns_question q;
    char name[300];
    memset(name, 'a', sizeof(name));
    for (size_t i = 63; i < sizeof(name); i += 64)
        name[i] = '.';
    /* 253 letters and dots are 255 bytes. */
    name[253] = '\0';
    struct packet p = query(name, DNS_A);
    assert_int_equal(read_packet(&p, &q), 0);
    assert_string_equal(q.name, name);
    name[253] = 'a';
    name[254] = '\0';
    p = query(name, DNS_A);
    assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    assert_int_equal(q.question_end, DNS_HEADER);
}

static void test_hostile_questions(void **state)
{
    (void)state;
    struct dns_question q;
    /* Cut anywhere. */
    for (size_t n = 0; n < 33; n++) {
        struct packet p = query_edns("web.net", DNS_A, 1232, 0);
        p.n = n;
        assert_int_equal(read_packet(&p, &q), n < DNS_HEADER ? -EBADMSG : DNS_FORMAT_ERROR);
    }
    struct packet p = query("web", DNS_A);
    p.bytes[2] |= 0x80;
    assert_int_equal(read_packet(&p, &q), -EBADMSG);
    p = query("web", DNS_A);
    p.bytes[2] |= 0x28;
    assert_int_equal(read_packet(&p, &q), DNS_NOT_IMPLEMENTED);
    p = query("web", DNS_A);
    p.bytes[p.n - 1] = 3;
    assert_int_equal(read_packet(&p, &q), DNS_NOT_IMPLEMENTED);
    for (size_t i = 4; i < 12; i++) {
        p = query("web", DNS_A);
        p.bytes[i] ^= 2;
        assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    }
    /* Pointers: to itself, to the header, at the end; other kinds of labels. */
    static const char *const names[] = {"\xc0\x0c", "\xc0\x00", "\xc0", "\x40", "\x80\x80", "\x3f"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        p = query("", DNS_A);
        p.n = DNS_HEADER;
        put(&p, names[i], strlen(names[i]));
        PUT(&p, "\0\1\0\1");
        assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    }
    /* Two EDNS records; one with a name; one whose options are longer than the message. */
    p = query_edns("web", DNS_A, 512, 0);
    PUT(&p, "\0\0\x29\4\0\0\0\0\0\0\0");
    p.bytes[11] = 2;
    assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    p = query("web", DNS_A);
    PUT(&p, "\xc0\x0c\0\x29\4\0\0\0\0\0\0\0");
    p.bytes[11] = 1;
    assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    p = query_edns("web", DNS_A, 512, 0);
    p.bytes[p.n - 1] = 1;
    assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
    p = query("web", DNS_A);
    p.bytes[10] = p.bytes[11] = 0xff;
    assert_int_equal(read_packet(&p, &q), DNS_FORMAT_ERROR);
}

static struct ip_address ip(const char *text)
{
    struct ip_address a;
    assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static void test_answer_keeps_case(void **state)
{
    (void)state;
    struct dns_question q;
    struct packet p = query("wEb", DNS_A);
    assert_int_equal(read_packet(&p, &q), 0);
    uint8_t out[512];
    struct dns_reply r;
    dns_reply_begin(&r, p.bytes, &q, DNS_OK, out, sizeof(out));
    struct ip_address a = ip("172.18.0.2");
    dns_reply_address(&r, &a);
    size_t n = dns_reply_end(&r);
    static const uint8_t expected[] = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\3wEb\0\0\1\0\1"
                                      "\xc0\x0c\0\1\0\1\0\0\x02\x58\0\4\xac\x12\0\2";
    assert_int_equal(n, sizeof(expected) - 1);
    assert_memory_equal(out, expected, n);
}

static void test_answers_of_other_kinds(void **state)
{
    (void)state;
    struct dns_question q;
    struct packet p = query("2.0.18.172.in-addr.arpa", DNS_PTR);
    assert_int_equal(read_packet(&p, &q), 0);
    uint8_t out[512];
    struct dns_reply r;
    dns_reply_begin(&r, p.bytes, &q, DNS_OK, out, sizeof(out));
    dns_reply_pointer(&r, "web.lan");
    /* What is no name is left out. */
    static const char *const bad[] = {"", ".", "a..b", ".a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        dns_reply_pointer(&r, bad[i]);
    char label[65];
    memset(label, 'a', 64);
    label[64] = '\0';
    dns_reply_pointer(&r, label);
    size_t n = dns_reply_end(&r);
    assert_int_equal(out[7], 1);
    assert_memory_equal(out + n - 11, "\0\11\3web\3lan\0", 11);

    dns_reply_begin(&r, p.bytes, &q, DNS_NAME_ERROR, out, sizeof(out));
    assert_int_equal(dns_reply_end(&r), p.n);
    assert_int_equal(dns_code(out), DNS_NAME_ERROR);
    assert_int_equal(out[7], 0);
}

static void test_too_many_for_udp(void **state)
{
    (void)state;
    struct dns_question q;
    struct packet p = query_edns("web", DNS_AAAA, 600, 0);
    assert_int_equal(read_packet(&p, &q), 0);
    uint8_t out[600];
    struct dns_reply r;
    struct ip_address a = ip("fd00::1");
    dns_reply_begin(&r, p.bytes, &q, DNS_OK, out, q.udp_max);
    for (int i = 0; i < 100; i++)
        dns_reply_address(&r, &a);
    size_t n = dns_reply_end(&r);
    assert_true(n <= 600 && n > 600 - 28);
    assert_int_equal(out[2] & 2, 2);
    assert_int_equal(out[7], (n - p.n) / 28);
}

static void test_reverse(void **state)
{
    (void)state;
    struct ip_address a, b = ip("172.18.0.2");
    assert_true(dns_reverse_address("2.0.18.172.in-addr.arpa", &a));
    assert_true(ip_equal(&a, &b));
    b = ip("fd00::ac12:2");
    assert_true(dns_reverse_address(
        "2.0.0.0.2.1.c.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", &a));
    assert_true(ip_equal(&a, &b));
    static const char *const bad[] = {
        "",
        "in-addr.arpa",
        "1.2.3.in-addr.arpa",
        "1.2.3.4.5.in-addr.arpa",
        "256.0.0.1.in-addr.arpa",
        "1..2.3.in-addr.arpa",
        "1.2.3.4.in-addr.arpa.x",
        "0001.2.3.4.in-addr.arpa",
        "1.2.3.4.ip6.arpa",
        "d.f.ip6.arpa",
        "g.0.0.0.2.1.c.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (dns_reverse_address(bad[i], &a))
            fail_msg("taken: %s", bad[i]);
}

static void test_what_answers(void **state)
{
    (void)state;
    struct dns_question q;
    struct packet p = query("wEb.org", DNS_A);
    assert_int_equal(read_packet(&p, &q), 0);
    struct packet a = query("web.ORG", DNS_A);
    a.bytes[2] |= 0x80;
    assert_true(dns_is_answer(a.bytes, a.n, 0x1234, p.bytes, &q));
    assert_false(dns_is_answer(a.bytes, a.n, 0x1235, p.bytes, &q));
    for (size_t n = 0; n < a.n; n++)
        assert_false(dns_is_answer(a.bytes, n, 0x1234, p.bytes, &q));
    for (size_t i = 12; i < a.n; i++) {
        a.bytes[i] ^= 1;
        assert_false(dns_is_answer(a.bytes, a.n, 0x1234, p.bytes, &q));
        a.bytes[i] ^= 1;
    }
    a.bytes[2] &= 0x7f; /* a question */
    assert_false(dns_is_answer(a.bytes, a.n, 0x1234, p.bytes, &q));
    a.bytes[2] = 0x80;
    a.bytes[5] = 0; /* without the question: only from those who did not understand it */
    assert_false(dns_is_answer(a.bytes, a.n, 0x1234, p.bytes, &q));
    assert_false(dns_is_answer(a.bytes, DNS_HEADER, 0x1234, p.bytes, &q));
    a.bytes[3] = DNS_FORMAT_ERROR;
    assert_true(dns_is_answer(a.bytes, DNS_HEADER, 0x1234, p.bytes, &q));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_edns),
        cmocka_unit_test(test_odd_names_are_nobodys),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_hostile_questions),
        cmocka_unit_test(test_answer_keeps_case),
        cmocka_unit_test(test_answers_of_other_kinds),
        cmocka_unit_test(test_too_many_for_udp),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_what_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
