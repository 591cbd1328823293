#include "engine/network_document.h"

#include "base/str.h"
#include "engine/modes.h"
#include "engine/network_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const char id[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/* Reads what a request makes, in JSON. */
static int read_request(const char *request, struct network_config *c, struct err *e)
{
    json_error_t where;
    _cleanup_json_ json_t *j = json_loads(request, 0, &where);
    if (!j)
        fail_msg("%s: %s", request, where.text);
    _cleanup_json_ json_t *d = network_document_new(j, id);
    assert_non_null(d);
    return network_document_read(d, c, e);
}

static void fails(const char *request, const char *with)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct network_config c = {.mtu = 77};
    assert_true(read_request(request, &c, &e) < 0);
    if (!strstr(err_text(&e), with))
        fail_msg("%s: \"%s\" has no \"%s\"", request, err_text(&e), with);
    assert_int_equal(c.mtu, 77); /* untouched */
    assert_null(c.reserved);
}

static void reads(const char *request, struct network_config *c)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (read_request(request, c, &e) < 0)
        fail_msg("%s: %s", request, err_text(&e));
}

static void usual(void **state)
{
    (void)state;
    struct network_config c;
    reads("{\"Name\":\"a\"}", &c);
    assert_string_equal(c.id, id);
    assert_int_equal(c.driver, NETWORK_BRIDGE);
    assert_true(c.masquerade4 && !c.internal && !c.isolated && !c.spoofing && !c.want_ipv6);
    assert_false(c.large);
    assert_int_equal(c.subnet4.first.family, 0);
    assert_string_equal(c.link, "");
    network_config_release(&c);
}

static void all(void **state)
{
    (void)state;
    struct network_config c;
    char text[IP_RANGE_TEXT];
    reads("{\"Name\":\"a\",\"Internal\":true,\"EnableIPv6\":true,\"IPAM\":{\"Config\":["
          "{\"Subnet\":\"10.1.0.0/16\",\"Gateway\":\"10.1.0.9\",\"IPRange\":\"10.1.4.0/24\","
          "\"AuxiliaryAddresses\":{\"r\":\"10.1.4.1\",\"s\":\"10.1.4.2\"}},"
          "{\"Subnet\":\"fd00::/64\",\"Gateway\":\"fd00::9\"}]},\"Options\":{"
          "\"com.docker.network.driver.mtu\":\"1400\","
          "\"com.docker.network.bridge.name\":\"br-a\","
          "\"com.docker.network.bridge.enable_icc\":\"false\","
          "\"com.docker.network.bridge.gateway_mode_ipv4\":\"routed\","
          "\"com.docker.network.bridge.gateway_mode_ipv6\":\"routed\",\"dev.skiff.spoofing\":\"1\","
          "\"org.example\":\"anything\"}}",
          &c);
    assert_true(c.internal && c.want_ipv6 && c.isolated && c.spoofing && !c.masquerade4);
    assert_true(c.large);
    assert_int_equal(c.mtu, 1400);
    assert_string_equal(c.link, "br-a");
    assert_string_equal(ip_range_format(&c.subnet4, text), "10.1.0.0/16");
    assert_string_equal(ip_range_format(&c.pool4, text), "10.1.4.0/24");
    assert_string_equal(ip_address_format(&c.gateway4, text), "10.1.0.9");
    assert_string_equal(ip_range_format(&c.subnet6, text), "fd00::/64");
    assert_string_equal(ip_address_format(&c.gateway6, text), "fd00::9");
    assert_int_equal(c.n_reserved, 2);
    network_config_release(&c);
}

static void parents(void **state)
{
    (void)state;
    struct network_config c;
    reads("{\"Name\":\"a\",\"Driver\":\"macvlan\",\"Options\":{\"parent\":\"eth0.50\","
          "\"macvlan_mode\":\"private\"}}",
          &c);
    assert_int_equal(c.driver, NETWORK_MACVLAN);
    assert_int_equal(c.mode, NETWORK_MODE_PRIVATE);
    assert_string_equal(c.link, "eth0.50");
    network_config_release(&c);
    reads("{\"Name\":\"a\",\"Driver\":\"ipvlan\",\"Options\":{\"ipvlan_mode\":\"l3\"}}", &c);
    assert_int_equal(c.driver, NETWORK_IPVLAN_L3);
    network_config_release(&c);
    fails("{\"Driver\":\"ipvlan\",\"Options\":{\"ipvlan_mode\":\"l4\"}}",
          "requested ipvlan mode 'l4' is not valid");
    fails("{\"Driver\":\"macvlan\",\"Options\":{\"macvlan_mode\":\"x\"}}",
          "requested macvlan mode 'x' is not valid");
    fails("{\"Driver\":\"ipvlan\",\"Options\":{\"ipvlan_flag\":\"passthru\"}}", "is not valid");
}

#define IPAM(entry)        "{\"IPAM\":{\"Config\":[" entry "]}}"
#define OPTION(key, value) "{\"Options\":{\"" key "\":\"" value "\"}}"

static void bad_ranges(void **state)
{
    (void)state;
    fails(IPAM("{\"Subnet\":\"10.1.0.1/16\"}"),
          "invalid subnet 10.1.0.1/16: it should be 10.1.0.0/16");
    fails(IPAM("{\"Subnet\":\"10.1.0.0\"}"), "invalid CIDR block notation");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/31\"}"), "no room");
    fails(IPAM("{\"Subnet\":\"fd00::/64\"}"), "IPv6 has not been enabled");
    fails(IPAM("{\"Gateway\":\"10.1.0.1\"}"), "without a subnet");
    fails(IPAM("7"), "without a subnet");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\"},{\"Subnet\":\"10.2.0.0/16\"}"), "is a second");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"Gateway\":\"10.2.0.1\"}"), "doesn't contain");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"Gateway\":\"fd00::1\"}"), "is an IPv4 block");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"Gateway\":\"x\"}"),
          "invalid gateway x: invalid address");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"IPRange\":\"10.0.0.0/8\"}"),
          "bigger than its parent");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"IPRange\":\"10.2.0.0/24\"}"),
          "doesn't contain ip-range");
    fails(IPAM("{\"Subnet\":\"10.1.0.0/16\",\"AuxiliaryAddresses\":{\"a\":\"10.1.0.2\",\"b\":7}}"),
          "invalid auxiliary address");
    fails("{\"IPAM\":{\"Driver\":\"dhcp\"}}", "invalid ipam driver");
    fails("{\"EnableIPv4\":false}", "IPv4 or IPv6 must be enabled");
}

static void bad_options(void **state)
{
    (void)state;
    fails(OPTION("com.docker.network.driver.mtu", "x"), "mtu value: \"x\"");
    fails(OPTION("com.docker.network.driver.mtu", "67"), "68 to 65535");
    fails(OPTION("com.docker.network.bridge.name", "a/b"), "a link's name");
    fails(OPTION("com.docker.network.bridge.name", "0123456789abcdef"), "a link's name");
    fails(OPTION("com.docker.network.bridge.name", ".."), "a link's name");
    fails(OPTION("com.docker.network.bridge.name", "lo"), "is not free");
    fails(OPTION("com.docker.network.bridge.name", "skiff0"), "is not free");
    fails(OPTION("com.docker.network.bridge.enable_icc", "maybe"), "true or false");
    fails(OPTION("com.docker.network.bridge.gateway_mode_ipv4", "isolated"), "is not supported");
    fails(OPTION("com.docker.network.bridge.gateway_mode_ipv4", "x"), "unknown gateway mode x");
    fails(OPTION("com.docker.network.bridge.nmae", "x"), "unknown option");
    fails(OPTION("dev.skiff.spoofng", "1"), "unknown option");
    fails("{\"Options\":{\"a\":7}}", "not a text");
    fails("{\"Driver\":\"host\"}", "only one instance of \"host\" network is allowed");
    fails("{\"Driver\":\"overlay\"}", "could not find the network driver \"overlay\"");
}

/* A file may say anything. */
static void hostile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "7", "{\"Id\":7}", "{\"Id\":\"../../../x\"}", "{\"Id\":\"AA\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_json_ json_t *j = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        struct network_config c = {.mtu = 77};
        assert_non_null(j);
        assert_int_equal(network_document_read(j, &c, NULL), -EINVAL);
        assert_int_equal(c.mtu, 77);
    }
}

static void names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "-a",  ".a",       "_a", "a b",
                                        "a/b", "a:b", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_true(network_check_name(wrong[i], NULL) < 0);
        assert_false(mode_names_network(wrong[i]));
    }
    static const char *const modes[] = {"default", "bridge",      "host",   "none",
                                        "private", "container:a", "path:/x"};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        assert_false(mode_names_network(modes[i]));
    assert_true(mode_names_network("a"));
    assert_true(mode_names_network("My_net.2-x"));
}

static void macs(void **state)
{
    (void)state;
    uint8_t mac[6];
    assert_int_equal(mac_parse("02:42:Ac:11:00:0f", mac), 0);
    assert_memory_equal(mac, "\x02\x42\xac\x11\x00\x0f", 6);
    assert_int_equal(mac_parse("02-42-ac-11-00-0f", mac), 0);
    static const char *const wrong[] = {"",
                                        "zz",
                                        "02:42:ac:11:00",
                                        "02:42:ac:11:00:0",
                                        "02:42:ac:11:00:0f:",
                                        "02:42:ac:11:00:0f:01:02",
                                        "02:42-ac:11:00:0f",
                                        "02.42.ac.11.00.0f",
                                        "01:42:ac:11:00:0f",
                                        "00:00:00:00:00:00",
                                        "ff:ff:ff:ff:ff:ff",
                                        "0g:42:ac:11:00:0f"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(mac_parse(wrong[i], mac), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual),       cmocka_unit_test(all),     cmocka_unit_test(parents),
        cmocka_unit_test(bad_ranges),  cmocka_unit_test(names),   cmocka_unit_test(macs),
        cmocka_unit_test(bad_options), cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
