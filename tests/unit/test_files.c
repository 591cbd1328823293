/* The resolv.conf that a container gets. */
#include "engine/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *host, const char *search, const char *options, const char *expected)
{
    _cleanup_json_ json_t *list = json_loads(search, 0, NULL),
                          *words = json_loads(options, 0, NULL);
    _cleanup_free_ char *text = resolv_conf_for_names(host, list, words);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void test_own_resolver(void **state)
{
    (void)state;
    expect("", "[]", "[]", "nameserver 127.0.0.11\noptions ndots:0\n");
    expect("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n", "[]", "[]",
           "options edns0 trust-ad\nsearch lan\nnameserver 127.0.0.11\noptions ndots:0\n");
    expect("search lan\noptions ndots:5\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n", "[]", "[]",
           "search lan\noptions ndots:5\nnameserver 127.0.0.11\n");
    expect("search lan\noptions edns0\n", "[\"a.example\"]", "[\"ndots:2\", \"timeout:1\"]",
           "nameserver 127.0.0.11\nsearch a.example\noptions ndots:2 timeout:1\n");
    expect("search lan\n", "[\".\"]", "[\"timeout:1\"]",
           "nameserver 127.0.0.11\noptions timeout:1\noptions ndots:0\n");
}

static void test_without_one(void **state)
{
    (void)state;
    _cleanup_json_ json_t *dns = json_pack("[s]", "192.0.2.53");
    _cleanup_free_ char *given =
        resolv_conf_for_container("nameserver 10.0.0.1\n", dns, NULL, NULL, false);
    assert_string_equal(given, "nameserver 192.0.2.53\n");
    _cleanup_free_ char *loopback =
        resolv_conf_for_container("nameserver 127.0.0.53\n", NULL, NULL, NULL, false);
    assert_string_equal(loopback, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_resolver),
        cmocka_unit_test(test_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
