#include "cli/port_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void is(const char *ports, const char *exposed, const char *want)
{
    _cleanup_json_ json_t *p = ports ? json_loads(ports, 0, NULL) : NULL;
    _cleanup_json_ json_t *x = exposed ? json_loads(exposed, 0, NULL) : NULL;
    assert_true((p || !ports) && (x || !exposed));
    _cleanup_free_ char *text = port_list(p, x);
    assert_string_equal(text, want);
}

#define AT(ip, port) "{\"HostIp\":\"" ip "\",\"HostPort\":\"" port "\"}"

static void lines(void **state)
{
    (void)state;
    is(NULL, NULL, "");
    is("{}", "{\"80/tcp\":{}}", "80/tcp");
    is("{\"80/tcp\":null}", "{\"80/tcp\":{}}", "80/tcp");
    is("{\"80/tcp\":[" AT("0.0.0.0", "8080") "," AT("::", "8080") "]}", "{\"80/tcp\":{}}",
       "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    is("{\"80/tcp\":[" AT("", "80") "]}", NULL, "0.0.0.0:80->80/tcp");
    /* What is moved comes last. */
    is("{\"80/tcp\":[" AT("127.0.0.1", "8080") "]}", "{\"9/udp\":{}}",
       "9/udp, 127.0.0.1:8080->80/tcp");
}

static void ranges(void **state)
{
    (void)state;
    is(NULL, "{\"82/tcp\":{},\"80/tcp\":{},\"81/tcp\":{},\"84/tcp\":{},\"81/udp\":{}}",
       "80-82/tcp, 84/tcp, 81/udp");
    is("{\"80/tcp\":[" AT("0.0.0.0", "80") "],\"81/tcp\":[" AT("0.0.0.0", "81") "]}", NULL,
       "0.0.0.0:80-81->80-81/tcp");
    is("{\"80/tcp\":[" AT("0.0.0.0", "8080") "],\"81/tcp\":[" AT("0.0.0.0", "8081") "]}", NULL,
       "0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp");
    is("{\"9/tcp\":[" AT("0.0.0.0", "9") "],\"10/tcp\":[" AT("127.0.0.1", "10") "]}", NULL,
       "0.0.0.0:9->9/tcp, 127.0.0.1:10->10/tcp");
}

static void nonsense(void **state)
{
    (void)state;
    is("{\"x\":[" AT("0.0.0.0", "80") "],\"80/tcp\":[" AT("0.0.0.0", "x") "]}",
       "{\"70000/tcp\":{},\"/tcp\":{},\"80\":{}}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(ranges),
        cmocka_unit_test(nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
