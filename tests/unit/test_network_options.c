#include "cli/network_options.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void is(const char *text, const char *name, const char *want)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *endpoint = json_object(), *wanted = json_loads(want, 0, NULL);
    _cleanup_free_ char *got = NULL;
    assert_non_null(wanted);
    if (parse_network(text, &got, endpoint, &e) < 0)
        fail_msg("%s: %s", text, err_text(&e));
    assert_string_equal(got, name);
    if (!json_equal(endpoint, wanted)) {
        _cleanup_free_ char *shown = json_text(endpoint, 0);
        fail_msg("%s: %s", text, shown);
    }
}

static void fails(const char *text, const char *with)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *endpoint = json_object();
    _cleanup_free_ char *name = NULL;
    assert_int_equal(parse_network(text, &name, endpoint, &e), -EINVAL);
    assert_null(name);
    if (!strstr(err_text(&e), with))
        fail_msg("%s: \"%s\" has no \"%s\"", text, err_text(&e), with);
    assert_int_equal(parse_network(text, &name, endpoint, NULL), -EINVAL);
}

static void one(void **state)
{
    (void)state;
    is("web", "web", "{}");
    is("container:web", "container:web", "{}");
    is("path:/run/netns/a=", "path:/run/netns/a=", "{}");
    is("name=Web", "web", "{}");
    is("name=web,name=other", "other", "{}");
    is("name = web,ip=10.0.0.2", "web", "{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}");
    is("name=web,ip6=fd00::2,alias=a,alias=b,mac-address=02:42:AC:11:00:02,gw-priority=-5,"
       "driver-opt=a=b=c,link-local-ip=169.254.1.1",
       "web",
       "{\"IPAMConfig\":{\"IPv6Address\":\"fd00::2\",\"LinkLocalIPs\":[\"169.254.1.1\"]},"
       "\"Aliases\":[\"a\",\"b\"],\"MacAddress\":\"02:42:ac:11:00:02\",\"GwPriority\":-5,"
       "\"DriverOpts\":{\"a\":\"b=c\"}}");
    is("\"name=web\",\"alias=x\"", "web", "{\"Aliases\":[\"x\"]}");
}

static void bad(void **state)
{
    (void)state;
    fails("", "no name set for network");
    fails("  ", "no name set for network");
    fails("name=web,foo=bar",
          "invalid argument \"name=web,foo=bar\" for \"--network\": invalid field key foo");
    fails("a=b", "invalid field key a");
    fails("alias=x", "network name/id is not specified");
    fails("name=web,alias", "invalid field alias");
    fails("name=web,", "invalid field ");
    fails(",name=web", "invalid field ");
    fails("name=web,gw-priority=x", "invalid gw-priority (x): invalid syntax");
    fails("name=web,gw-priority=99999999999", "invalid gw-priority (99999999999): value out of");
    fails("name=web,driver-opt=x", "invalid key value pair format in driver options");
    fails("name=web,driver-opt==x", "invalid key value pair format in driver options");
    fails("\"name=web", "quote");
    fails("name=web,alias=\xff", "not UTF-8");
}

/* The request of "--network A --network B", with an alias and an address beside. */
static int put(const char *a, const char *b, const char *alias, const char *ip, json_t **ret,
               struct err *e)
{
    const char *names[] = {a, b}, *aliases[] = {alias};
    const struct network_options o = {
        .network = {names, a ? b ? 2 : 1 : 0},
        .alias = {aliases, alias ? 1 : 0},
        .ip = ip,
    };
    _cleanup_json_ json_t *request = json_object();
    json_t *host = json_object();
    assert_int_equal(json_object_set_new(request, "HostConfig", host), 0);
    int r = network_options_put(&o, request, host, e);
    *ret = r == 0 ? json_incref(request) : NULL;
    return r;
}

static void request_is(const char *a, const char *b, const char *alias, const char *ip,
                       const char *want)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *request = NULL, *wanted = json_loads(want, 0, NULL);
    assert_non_null(wanted);
    if (put(a, b, alias, ip, &request, &e) < 0)
        fail_msg("%s", err_text(&e));
    if (!json_equal(request, wanted)) {
        _cleanup_free_ char *got = json_text(request, 0);
        fail_msg("%s", got);
    }
}

static void request_fails(const char *a, const char *b, const char *alias, const char *ip,
                          const char *want)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *request;
    assert_int_equal(put(a, b, alias, ip, &request, &e), -EINVAL);
    assert_string_equal(err_text(&e), want);
}

#define MODE(m) "\"HostConfig\":{\"NetworkMode\":\"" m "\"}"

static void requests(void **state)
{
    (void)state;
    request_is(NULL, NULL, NULL, NULL, "{" MODE("") "}");
    request_is("host", NULL, NULL, NULL, "{" MODE("host") "}");
    request_is("web", NULL, NULL, NULL,
               "{" MODE("web") ",\"NetworkingConfig\":{\"EndpointsConfig\":{\"web\":{}}}}");
    request_is(NULL, NULL, NULL, "10.0.0.2",
               "{" MODE("") ",\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":"
                            "{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}}}}");
    /* What is said beside is for the first. */
    request_is("web", "name=db,alias=z", "x", "10.0.0.2",
               "{" MODE("web") ",\"NetworkingConfig\":{\"EndpointsConfig\":{"
                               "\"web\":{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"},"
                               "\"Aliases\":[\"x\"]},\"db\":{\"Aliases\":[\"z\"]}}}}");
}

static void conflicts(void **state)
{
    (void)state;
    static const char named_alone[] = "network-scoped aliases are only supported for networks that "
                                      "have names: user-defined ones and the bridge";
    request_fails("web", "web", NULL, NULL, "network \"web\" is specified multiple times");
    request_fails("web", "bridge", NULL, NULL,
                  "conflicting options: cannot attach both user-defined and non-user-defined "
                  "network-modes");
    request_fails("none", NULL, "x", NULL, named_alone);
    request_fails("name=host,alias=x", NULL, NULL, NULL, named_alone);
    request_fails("name=web,alias=x", NULL, "y", NULL,
                  "conflicting options: cannot specify both --network-alias and per-network alias");
    request_fails("name=web,ip=10.0.0.2", NULL, NULL, "10.0.0.3",
                  "conflicting options: cannot specify both --ip and per-network IPv4 address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one),
        cmocka_unit_test(bad),
        cmocka_unit_test(requests),
        cmocka_unit_test(conflicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
