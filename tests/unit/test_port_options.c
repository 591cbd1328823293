#include "cli/port_options.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void is(const char *text, const char *want)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *bindings = json_object(), *wanted = json_loads(want, 0, NULL);
    assert_non_null(wanted);
    if (parse_publish(text, bindings, &e) < 0)
        fail_msg("%s: %s", text, err_text(&e));
    if (!json_equal(bindings, wanted)) {
        _cleanup_free_ char *got = json_text(bindings, 0);
        fail_msg("%s: %s", text, got);
    }
}

static void fails(const char *text, const char *with)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *bindings = json_object();
    assert_int_equal(parse_publish(text, bindings, &e), -EINVAL);
    assert_string_equal(err_text(&e), with);
    assert_int_equal(json_object_size(bindings), 0);
    assert_int_equal(parse_publish(text, bindings, NULL), -EINVAL);
}

#define ONE(port, ip, host) "{\"" port "\":[{\"HostIp\":\"" ip "\",\"HostPort\":\"" host "\"}]}"

static void good(void **state)
{
    (void)state;
    is("80", ONE("80/tcp", "", ""));
    is(":80", ONE("80/tcp", "", ""));
    is("8080:80", ONE("80/tcp", "", "8080"));
    is("8080:80/udp", ONE("80/udp", "", "8080"));
    is("8080:80/SCTP", ONE("80/sctp", "", "8080"));
    is("80/", ONE("80/tcp", "", ""));
    is("080:80", ONE("80/tcp", "", "80"));
    is("0:80", ONE("80/tcp", "", "0"));
    is("127.0.0.1:8080:80", ONE("80/tcp", "127.0.0.1", "8080"));
    is("127.0.0.1::80", ONE("80/tcp", "127.0.0.1", ""));
    is("[::1]:8080:80", ONE("80/tcp", "::1", "8080"));
    is("::1:8080:80", ONE("80/tcp", "::1", "8080"));
    is("[2001:db8::1]::53/udp", ONE("53/udp", "2001:db8::1", ""));
    is("target=80,published=8080", ONE("80/tcp", "", "8080"));
    is("target=53,published=5353,protocol=udp,mode=host", ONE("53/udp", "", "5353"));
    is("65535:65535", ONE("65535/tcp", "", "65535"));
}

static void ranges(void **state)
{
    (void)state;
    is("8000-8010:80", ONE("80/tcp", "", "8000-8010"));
    is("8000-8001:80-81/udp", "{\"80/udp\":[{\"HostIp\":\"\",\"HostPort\":\"8000\"}],"
                              "\"81/udp\":[{\"HostIp\":\"\",\"HostPort\":\"8001\"}]}");
    is("80-81", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}],"
                "\"81/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}");
    fails("8000-8010:80-91",
          "invalid ranges specified for container and host Ports: 80-91 and 8000-8010");
    fails("8080:80-82", "invalid ranges specified for container and host Ports: 80-82 and 8080");
    fails("90-80", "invalid containerPort: 90-80");
    fails("90-80:1-2", "invalid hostPort: 90-80");
}

static void bad(void **state)
{
    (void)state;
    fails("", "no port specified: <empty>");
    fails(":", "no port specified: :<empty>");
    fails("target=,published=80", "no port specified: 80:/tcp<empty>");
    fails("abc", "invalid containerPort: abc");
    fails("80:99999", "invalid containerPort: 99999");
    fails("80:+80", "invalid containerPort: +80");
    fails("abc:80", "invalid hostPort: abc");
    fails("127.0.0.1:80", "invalid hostPort: 127.0.0.1");
    fails(" 80:80", "invalid hostPort:  80");
    fails("80-:80", "invalid hostPort: 80-");
    fails("-80:80", "invalid hostPort: -80");
    fails("18446744073709551696:80", "invalid hostPort: 18446744073709551696");
    fails("80/foo", "invalid proto: foo");
    fails("1.2.3:80:80", "invalid IP address: 1.2.3");
    fails("80:80:80:80", "invalid IP address: 80:80");
    fails("localhost:80:80", "invalid IP address: localhost");
    fails("[fe80::1%eth0]:80:80", "invalid IP address: fe80::1%eth0");
    fails("[::1:80:80", "invalid IP address [::1: missing ']' in address");
    fails("[", "invalid containerPort: [");
    fails("[:80:80", "invalid IP address [: missing ']' in address");
    fails("target=80,foo", "invalid publish opts format (should be name=value but got 'foo')");
    fails("\xff:80", "invalid hostPort: \xff");
}

/* Twice the same port: both places are kept, in order. */
static void many(void **state)
{
    (void)state;
    const char *publish[] = {"8081:80", "8080:80"}, *expose[] = {"9000-9001/udp", "80"};
    _cleanup_json_ json_t *request = json_object(), *host = json_object();
    const struct option_list p = {publish, 2}, x = {expose, 2};
    assert_int_equal(port_options_put(&p, &x, true, request, host, NULL), 0);
    _cleanup_json_ json_t *wanted = json_loads(
        "{\"PublishAllPorts\":true,\"PortBindings\":{\"80/tcp\":["
        "{\"HostIp\":\"\",\"HostPort\":\"8081\"},{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}}",
        0, NULL);
    assert_true(json_equal(host, wanted));
    _cleanup_json_ json_t *exposed =
        json_loads("{\"ExposedPorts\":{\"9000/udp\":{},\"9001/udp\":{},\"80/tcp\":{}}}", 0, NULL);
    assert_true(json_equal(request, exposed));
}

static void expose(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "80:80", "abc", "99999", "82-80", "-", "80-", "80/foo"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        _cleanup_json_ json_t *exposed = json_object();
        assert_int_equal(parse_expose(wrong[i], exposed, &e), -EINVAL);
        assert_int_equal(json_object_size(exposed), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good), cmocka_unit_test(ranges), cmocka_unit_test(bad),
        cmocka_unit_test(many), cmocka_unit_test(expose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
