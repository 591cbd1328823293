/* Networks that are created, of every driver, on a real kernel: each test in a network namespace of
 * its own in the part of the host. */
#include "network/netlink.h"
#include "network/network.h"

#include "network_host.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define ID_A    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OWNER_2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

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

static void assert_range(const struct ip_range *r, const char *text)
{
    char found[IP_RANGE_TEXT];
    assert_string_equal(ip_range_format(r, found), text);
}

static struct network_config config(const char *id)
{
    struct network_config c = {.driver = NETWORK_BRIDGE, .masquerade4 = true, .masquerade6 = true};
    memcpy(c.id, id, sizeof(c.id));
    return c;
}

static void create(struct network_config *c)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int r = network_create(c, &e);
    if (r < 0)
        print_error("%s\n", err_text(&e));
    assert_int_equal(r, 0);
}

static void assert_not_created(const struct network_config *c, int code, const char *words)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct network_config copy = *c;
    assert_int_equal(network_create(&copy, &e), -code);
    if (!strstr(err_text(&e), words))
        fail_msg("%s", err_text(&e));
    assert_memory_equal(&copy, c, sizeof(copy));
}

static void attach_as(int ns, const struct network_config *c, const struct network_wish *w,
                      struct network_endpoint *ret)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int r = network_attach(ns, c, w, ret, &e);
    if (r < 0)
        print_error("%s\n", err_text(&e));
    assert_int_equal(r, 0);
}

static void attach(int ns, const struct network_config *c, struct network_endpoint *ret)
{
    const struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    attach_as(ns, c, &w, ret);
}

static void assert_refused(int ns, const struct network_config *c, const struct network_wish *w,
                           int code, const char *words)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct network_endpoint end = {.prefix4 = 99};
    int r = network_attach(ns, c, w, &end, &e);
    if (!strstr(err_text(&e), words))
        fail_msg("%s", err_text(&e));
    assert_int_equal(r, -code);
    assert_int_equal(end.prefix4, 99);
    assert_int_not_equal(sh_in(ns, "ip link show eth0 2>/dev/null"), 0);
}

static bool has_ipv6(void)
{
    return access("/proc/sys/net/ipv6", F_OK) == 0;
}

/* ---- bridges ---- */

static void test_a_free_range_is_chosen(void **state)
{
    struct network_config a = config(ID_A), b = config(ID_B);
    create(&a);
    assert_string_equal(a.link, "sk-aaaaaaaaaa");
    assert_range(&a.subnet4, "172.17.0.0/16");
    assert_ip(a.gateway4, "172.17.0.1");
    assert_int_equal(a.subnet6.first.family, 0);
    struct ip_range avoid = range("172.18.3.0/24");
    b.avoid = &avoid;
    b.n_avoid = 1;
    create(&b);
    assert_range(&b.subnet4, "172.19.0.0/16");
    assert_int_equal(sh("ip addr show sk-aaaaaaaaaa | grep -q '172.17.0.1/16 brd 172.17.255.255';"
                        "ip link show sk-bbbbbbbbbb | grep -q ',UP';"
                        "ip link show sk-aaaaaaaaaa | grep -q 02:42:ac:11:00:01;"
                        "ip link show sk-aaaaaaaaaa | grep -q 'alias skiff:net " ID_A "';"
                        "test -z \"$(ip -6 addr show)\""),
                     0);
    /* The default bridge sees them as well. */
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    const struct network_config bridge = NETWORK_DEFAULT;
    attach(ns, &bridge, &end);
    assert_ip(end.gateway4, "172.18.0.1");
}

static void test_everything_as_given(void **state)
{
    struct ip_address reserved[] = {address("10.7.1.1")};
    struct network_config c = config(ID_A);
    memcpy(c.link, "shop0", sizeof("shop0"));
    c.subnet4 = range("10.7.0.0/16");
    c.gateway4 = address("10.7.255.254");
    c.pool4 = range("10.7.1.0/24");
    c.reserved = reserved;
    c.n_reserved = 1;
    c.mtu = 1400;
    create(&c);
    assert_int_equal(sh("ip link show shop0 | grep -q 'mtu 1400';"
                        "ip addr show shop0 | grep -q 10.7.255.254/16"),
                     0);

    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    attach_as(a, &c, &w, &end);
    assert_ip(end.address4, "10.7.1.0");
    assert_string_equal(end.link, "sk-0a070100");
    assert_string_equal(end.bridge, "shop0");
    w.inside = "lan7";
    w.address4 = address("10.7.9.9");
    w.has_mac = true;
    memcpy(w.mac, "\x06\x11\x22\x33\x44\x55", 6);
    attach_as(b, &c, &w, &end);
    assert_string_equal(end.inside, "lan7");
    assert_int_equal(sh_in(b, "ip addr show lan7 | grep -q '10.7.9.9/16';"
                              "ip link show lan7 | grep -q 06:11:22:33:44:55;"
                              "ip link show lan7 | grep -q 'mtu 1400';"
                              "ip route | grep -q '^default via 10.7.255.254 dev lan7'"),
                     0);
    assert_int_equal(sh("ip link show sk-0a070909 | grep -q 'mtu 1400';"
                        "ip link show sk-0a070909 | grep -Eq 'group (0x736b|29547)'"),
                     0);
    /* What was asked for is no hint, or the pool would go on behind it: it is not in the pool. */
    _cleanup_close_ int d = new_namespace();
    attach(d, &c, &end);
    assert_ip(end.address4, "10.7.1.2"); /* .0 is taken, .1 reserved */
}

static void test_overlaps_are_refused(void **state)
{
    struct network_config a = config(ID_A), b = config(ID_B);
    a.subnet4 = range("10.7.0.0/16");
    create(&a);
    static const char *const others[] = {"10.7.0.0/16", "10.7.3.0/24", "10.0.0.0/8"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        b.subnet4 = range(others[i]);
        assert_not_created(&b, EADDRINUSE, "Pool overlaps with other one on this address space");
        assert_not_created(&b, EADDRINUSE, "\"sk-aaaaaaaaaa\" has 10.7.0.0/16");
    }
    assert_int_not_equal(sh("ip link show sk-bbbbbbbbbb 2>/dev/null"), 0);

    /* A part of the network the host is in may be given away, the host's own address not. */
    assert_int_equal(sh("ip link add up0 type veth peer name up1; ip link set up0 up;"
                        "ip addr add 192.0.2.1/24 dev up0"),
                     0);
    b.subnet4 = range("192.0.2.0/24");
    assert_not_created(&b, EADDRINUSE, "\"up0\" has 192.0.2.0/24");
    b.subnet4 = range("192.0.2.128/25");
    create(&b);
    assert_ip(b.gateway4, "192.0.2.129");
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *subnet, *gateway, *pool, *link;
        unsigned mtu;
        const char *words;
    } bad[] = {
        {"10.7.0.0/31", NULL, NULL, "", 0, "too small"},
        {"127.0.0.0/16", NULL, NULL, "", 0, "cannot be a network's"},
        {"224.0.0.0/8", NULL, NULL, "", 0, "cannot be a network's"},
        {"0.0.0.0/0", NULL, NULL, "", 0, "cannot be a network's"},
        {"10.7.0.0/16", "10.8.0.1", NULL, "", 0, "no matching subnet for gateway 10.8.0.1"},
        {"10.7.0.0/16", "10.7.0.0", NULL, "", 0, "is no address of a host"},
        {"10.7.0.0/16", "10.7.255.255", NULL, "", 0, "is no address of a host"},
        {"10.7.0.0/16", NULL, "10.8.0.0/24", "", 0, "no matching subnet for range"},
        {"10.7.0.0/16", NULL, "10.0.0.0/8", "", 0, "no matching subnet for range"},
        {"10.7.0.0/16", NULL, NULL, "a/b", 0, "a link's name"},
        {"10.7.0.0/16", NULL, NULL, "..", 0, "a link's name"},
        {"10.7.0.0/16", NULL, NULL, "sk-ac110002", 0, "is for cables"},
        {"10.7.0.0/16", NULL, NULL, "skiff0", 0, "no network to be created"},
        {"10.7.0.0/16", NULL, NULL, "lo", 0, "no bridge"},
        {"10.7.0.0/16", NULL, NULL, "", 67, "an MTU is from 68"},
        {"10.7.0.0/16", NULL, NULL, "", 65536, "an MTU is from 68"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct network_config c = config(ID_A);
        c.subnet4 = range(bad[i].subnet);
        if (bad[i].gateway)
            c.gateway4 = address(bad[i].gateway);
        if (bad[i].pool)
            c.pool4 = range(bad[i].pool);
        memcpy(c.link, bad[i].link, strlen(bad[i].link) + 1);
        c.mtu = bad[i].mtu;
        assert_not_created(&c, strstr(bad[i].words, "no bridge") ? EOPNOTSUPP : EINVAL,
                           bad[i].words);
    }
    struct network_config c = config(ID_A);
    c.id[3] = '/';
    assert_not_created(&c, EINVAL, "64 hexadecimal digits");
    assert_int_equal(sh("test $(ip -o link show | wc -l) = 1"), 0);
}

static void test_addresses_that_cannot_be_had(void **state)
{
    struct network_config c = config(ID_A);
    c.subnet4 = range("10.7.0.0/16");
    create(&c);
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    attach(a, &c, &end);
    w.address4 = end.address4;
    assert_refused(b, &c, &w, EADDRINUSE,
                   "the address 10.7.0.2 is taken, by the container 001122334455");
    w.address4 = address("10.8.0.2");
    assert_refused(b, &c, &w, EINVAL, "is not in the network's subnet 10.7.0.0/16");
    w.address4 = address("10.7.0.1");
    assert_refused(b, &c, &w, EADDRINUSE, "is the network's gateway");
    w.address4 = address("10.7.255.255");
    assert_refused(b, &c, &w, EINVAL, "is nobody's");
    w.address4 = (struct ip_address){0};
    w.address6 = address("fd00::2");
    assert_refused(b, &c, &w, EINVAL, "the network has no IPv6");
    w.address6 = (struct ip_address){0};
    w.has_mac = true;
    w.mac[0] = 1;
    assert_refused(b, &c, &w, EINVAL, "a group's or nobody's");
    w.has_mac = false;
    w.inside = "a name that is far too long";
    assert_refused(b, &c, &w, EINVAL, "a link's name");
    assert_int_equal(sh("test $(ip -o link show type veth | wc -l) = 1"), 0);
}

static void test_range_exhausted(void **state)
{
    struct network_config c = config(ID_A);
    c.subnet4 = range("10.7.0.0/16");
    c.pool4 = range("10.7.4.0/30");
    create(&c);
    int held[4];
    struct network_endpoint end;
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        held[i] = new_namespace();
        attach(held[i], &c, &end);
    }
    _cleanup_close_ int more = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    assert_refused(more, &c, &w, EADDRNOTAVAIL,
                   "all addresses of the bridge \"sk-aaaaaaaaaa\" (10.7.4.0/30) are taken");
    /* By name there is more, outside of the pool; and one that comes back is given again. */
    w.address4 = address("10.7.0.9");
    attach_as(more, &c, &w, &end);
    assert_int_equal(network_detach(held[1], &NETWORK_DEFAULT,
                                    &(struct network_endpoint){.link = "sk-0a070401"}, NULL),
                     0);
    _cleanup_close_ int last = new_namespace();
    attach(last, &c, &end);
    assert_ip(end.address4, "10.7.4.1");
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        fd_close(&held[i]);
}

/* ---- IPv6 ---- */

static void test_both_families(void **state)
{
    if (!has_ipv6())
        skip();
    assert_int_equal(sh("ip link add up0 type veth peer name up1;"
                        "echo 1 > /proc/sys/net/ipv6/conf/up0/accept_ra;"
                        "echo 0 > /proc/sys/net/ipv6/conf/up1/accept_ra"),
                     0);
    struct network_config c = config(ID_A), other = config(ID_B);
    c.want_ipv6 = true;
    other.want_ipv6 = true;
    create(&c);
    create(&other);
    assert_int_equal(c.subnet6.first.bytes[0], 0xfd);
    assert_int_equal(c.subnet6.prefix, 64);
    assert_false(ip_range_overlaps(&c.subnet6, &other.subnet6));
    struct ip_address gateway = ip_range_nth(&c.subnet6, 1);
    assert_true(ip_equal(&c.gateway6, &gateway));
    assert_int_equal(sh("ip -6 addr show sk-aaaaaaaaaa | grep -q 'inet6 fe80::1/64';"
                        "! ip -6 addr show sk-aaaaaaaaaa | grep -q tentative;"
                        "test $(ip -6 addr show sk-aaaaaaaaaa | grep -c inet6) = 2;"
                        "test $(cat /proc/sys/net/ipv6/conf/sk-aaaaaaaaaa/accept_ra) = 0;"
                        "test $(cat /proc/sys/net/ipv6/conf/all/forwarding) = 1;"
                        "test $(cat /proc/sys/net/ipv6/conf/up0/accept_ra) = 2;"
                        "test $(cat /proc/sys/net/ipv6/conf/up1/accept_ra) = 0"),
                     0);

    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end, end_b;
    attach(a, &c, &end);
    attach(b, &c, &end_b);
    assert_int_equal(ip_to_u32(&end.address6), ip_to_u32(&end.address4));
    assert_true(ip_range_contains(&c.subnet6, &end.address6));
    assert_int_equal(end.prefix6, 64);
    assert_true(ip_equal(&end.gateway6, &c.gateway6));
    char script[512], text[IP_ADDRESS_TEXT], host[IP_ADDRESS_TEXT];
    ip_address_format(&end_b.address6, text);
    ip_address_format(&c.gateway6, host);
    snprintf(script, sizeof(script),
             "test $(ip -6 addr show eth0 | grep -c inet6) = 2;"
             "ip -6 addr show eth0 | grep -q 'fe80::42:acff:fe11:2/64';"
             "! ip -6 addr show eth0 | grep -q tentative;"
             "test $(cat /proc/sys/net/ipv6/conf/eth0/accept_ra) = 0;"
             "test $(cat /proc/sys/net/ipv6/conf/default/accept_ra) = 1;"
             "ip -6 route | grep -q '^default via %s dev eth0';"
             "ping -6 -c 1 -W 5 %s >/dev/null; ping -6 -c 1 -W 5 %s >/dev/null",
             host, text, host);
    assert_int_equal(sh_in(a, script), 0);
    /* The cable's end of the host has none of its own. */
    assert_int_equal(sh("test -z \"$(ip -6 addr show sk-ac110002)\";"
                        "ip link show sk-ac110002 | grep -q 'altname sk6-fd.*ac110002'"),
                     0);
}

static void test_ipv6_only_where_it_is_wanted(void **state)
{
    if (!has_ipv6())
        skip();
    struct network_config with = config(ID_A), without = config(ID_B);
    with.subnet6 = range("fd00:7::/64");
    create(&with);
    create(&without);
    _cleanup_close_ int ns = new_namespace(), off = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    attach_as(ns, &without, &w, &end);
    assert_int_equal(end.address6.family, 0);
    w.inside = "eth1";
    w.default_route4 = false;
    attach_as(ns, &with, &w, &end);
    assert_int_equal(sh_in(ns, "sleep 0.3; test -z \"$(ip -6 addr show eth0)\";"
                               "ip -6 addr show eth1 | grep -q fd00:7::;"
                               "ip -6 route | grep -q '^default via fd00:7::1 dev eth1';"
                               "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 0"),
                     0);
    /* A container's namespace in which links start without. */
    assert_int_equal(sh_in(off, "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"), 0);
    attach(off, &with, &end);
    assert_int_equal(sh_in(off, "ip -6 addr show eth0 | grep -q fd00:7::;"
                                "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 1"),
                     0);
}

static void test_ipv6_address_by_name(void **state)
{
    if (!has_ipv6())
        skip();
    struct network_config c = config(ID_A);
    c.subnet4 = range("10.7.0.0/16");
    c.subnet6 = range("fd00:7::/64");
    create(&c);
    _cleanup_close_ int a = new_namespace(), b = new_namespace(), d = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER_2);
    struct network_endpoint end;
    w.address6 = address("fd00:7::a07:3");
    attach_as(a, &c, &w, &end);
    assert_ip(end.address4, "10.7.0.2");
    assert_ip(end.address6, "fd00:7::a07:3");
    assert_refused(b, &c, &w, EADDRINUSE,
                   "the address fd00:7::a07:3 is taken, by the container ffffffffffff");
    w.address4 = address("10.7.0.99");
    assert_refused(b, &c, &w, EADDRINUSE, "the address fd00:7::a07:3 is taken");
    w.address6 = address("fd00:8::5");
    assert_refused(b, &c, &w, EINVAL, "not in the network's subnet fd00:7::/64");
    assert_int_equal(sh("ip link set sk-aaaaaaaaaa alias 'skiff:net " ID_A " last 10.7.0.2'"), 0);
    /* The one that would go with the next IPv4 address is passed over with it. */
    attach(d, &c, &end);
    assert_ip(end.address4, "10.7.0.4");
    assert_ip(end.address6, "fd00:7::a07:4");
    assert_int_equal(sh("test $(ip -o link show type veth | wc -l) = 2"), 0);
}

/* ---- what containers reach ---- */

static int ping(int ns, const char *address)
{
    char script[128];
    snprintf(script, sizeof(script), "ping -c 1 -W 2 %s >/dev/null", address);
    return sh_in(ns, script);
}

static void test_isolated_containers(void **state)
{
    struct network_config c = config(ID_A), open = config(ID_B);
    c.subnet4 = range("10.7.0.0/16");
    c.isolated = true;
    open.subnet4 = range("10.8.0.0/16");
    create(&c);
    create(&open);
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    _cleanup_close_ int x = new_namespace(), y = new_namespace();
    struct network_endpoint end;
    attach(a, &c, &end);
    attach(b, &c, &end);
    attach(x, &open, &end);
    attach(y, &open, &end);
    assert_int_not_equal(ping(a, "10.7.0.3"), 0);
    assert_int_equal(ping(a, "10.7.0.1"), 0);
    assert_int_equal(ping(x, "10.8.0.3"), 0);
}

static int take_largest(const struct nlmsghdr *m, void *arg)
{
    const struct nlattr *a =
        netlink_attr(m, sizeof(struct ifinfomsg), 63 /* IFLA_GSO_IPV4_MAX_SIZE */, 4);
    if (a)
        memcpy(arg, netlink_data(a), 4);
    return 0;
}

/* The largest packet of TCP over IPv4 that the link here sends; 0 on kernels before 6.3. */
static uint32_t largest_packet(const char *link)
{
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    struct netlink_batch b;
    struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
    uint32_t largest = 0;
    NETLINK_BATCH_INIT(&b);
    netlink_begin(&b, RTM_GETLINK, 0, &head, sizeof(head));
    netlink_put_string(&b, IFLA_IFNAME, link);
    assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, NULL), 0);
    assert_int_equal(netlink_send(&nl, &b, take_largest, &largest, NULL, NULL), 0);
    return largest;
}

static void test_large_packets(void **state)
{
    struct network_config usual = config(ID_A), large = config(ID_B);
    large.large = true;
    create(&usual);
    create(&large);
    _cleanup_close_ int ns_a = new_namespace(), ns_b = new_namespace();
    struct network_endpoint a, b;
    attach(ns_a, &usual, &a);
    attach(ns_b, &large, &b);
    uint32_t known = largest_packet(a.link);
    assert_true(known == 0 || known == 65536);
    assert_int_equal(largest_packet(b.link), known ? 192 << 10 : 0);
}

static void test_internal_has_no_way_out(void **state)
{
    struct network_config c = config(ID_A);
    c.internal = true;
    c.subnet4 = range("10.7.0.0/16");
    if (has_ipv6())
        c.subnet6 = range("fd00:7::/64");
    create(&c);
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    attach(a, &c, &end);
    attach(b, &c, &end);
    assert_int_equal(end.gateway4.family, 0);
    assert_int_equal(sh_in(a, "! ip route | grep -q default; ! ip -6 route | grep -q default"), 0);
    assert_int_equal(ping(a, "10.7.0.3"), 0);
}

static void test_several_networks_in_one_container(void **state)
{
    struct network_config a = config(ID_A), b = config(ID_B);
    a.subnet4 = range("10.7.0.0/16");
    b.subnet4 = range("10.8.0.0/16");
    create(&a);
    create(&b);
    _cleanup_close_ int ns = new_namespace(), other = new_namespace();
    struct network_endpoint end_a, end_b, end;
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    attach_as(ns, &a, &w, &end_a);
    w.inside = "eth1";
    w.default_route4 = false;
    attach_as(ns, &b, &w, &end_b);
    assert_int_equal(ping(ns, "10.7.0.1"), 0);
    assert_int_equal(ping(ns, "10.8.0.1"), 0);
    assert_int_equal(sh_in(ns, "test \"$(ip route | grep default)\" = "
                               "'default via 10.7.0.1 dev eth0 '"),
                     0);
    assert_int_equal(network_route(ns, &b, &end_b, true, true, NULL), 0);
    assert_int_equal(sh_in(ns, "test \"$(ip route | grep default)\" = "
                               "'default via 10.8.0.1 dev eth1 '"),
                     0);

    /* Only the cable that leads there is taken. */
    assert_int_equal(network_detach(other, &NETWORK_DEFAULT, &end_b, NULL), 0);
    assert_int_equal(sh("ip link show sk-0a080002 >/dev/null"), 0);
    assert_int_equal(network_detach(ns, &NETWORK_DEFAULT, &end_b, NULL), 0);
    assert_int_equal(network_detach(ns, &NETWORK_DEFAULT, &end_b, NULL), 0);
    assert_int_not_equal(sh("ip link show sk-0a080002 2>/dev/null"), 0);
    assert_int_not_equal(sh_in(ns, "ip link show eth1 2>/dev/null"), 0);
    assert_int_equal(ping(ns, "10.7.0.1"), 0);
    /* The address is free at once. */
    w = NETWORK_WISH_DEFAULT(OWNER_2);
    w.address4 = end_b.address4;
    attach_as(other, &b, &w, &end);
}

static void test_rate(void **state)
{
    struct network_config c = config(ID_A);
    create(&c);
    _cleanup_close_ int ns = new_namespace(), none = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    w.rate = 8000000;
    attach_as(ns, &c, &w, &end);
    assert_int_equal(sh("tc qdisc show dev sk-ac110002 | grep -q 'tbf .*rate 8Mbit burst 20000b'"),
                     0);
    assert_int_equal(sh_in(ns, "tc qdisc show dev eth0 | grep -q 'tbf .*rate 8Mbit'"), 0);
    assert_int_equal(ping(ns, "172.17.0.1"), 0);
    w.rate = 7;
    assert_refused(none, &c, &w, EINVAL, "lets nothing through");
    w.rate = 100000000000; /* more than 32 bits of bytes */
    attach_as(none, &c, &w, &end);
    assert_int_equal(sh("tc qdisc show dev sk-ac110004 | grep -q 'rate 100Gbit'"), 0);
}

/* ---- what is lost, and what is removed ---- */

static void test_bridge_removed_by_hand_is_made_again(void **state)
{
    struct network_config c = config(ID_A);
    c.subnet4 = range("10.7.0.0/16");
    c.mtu = 1400;
    if (has_ipv6())
        c.subnet6 = range("fd00:7::/64");
    create(&c);
    static const char *const harms[] = {
        "ip link del sk-aaaaaaaaaa",
        "ip link set sk-aaaaaaaaaa down",
        "ip addr flush dev sk-aaaaaaaaaa",
        "ip link del sk-aaaaaaaaaa; ip link add sk-aaaaaaaaaa type bridge",
    };
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        assert_int_equal(sh(harms[i]), 0);
        _cleanup_close_ int ns = new_namespace();
        struct network_endpoint end;
        attach(ns, &c, &end);
        assert_int_equal(ping(ns, "10.7.0.1"), 0);
        if (has_ipv6())
            assert_int_equal(sh_in(ns, "ping -6 -c 1 -W 5 fd00:7::1 >/dev/null"), 0);
        assert_int_equal(sh("ip link show sk-aaaaaaaaaa | grep -q 'mtu 1400'"), 0);
    }

    assert_int_equal(sh("ip link del sk-aaaaaaaaaa; ip link add other type bridge;"
                        "ip addr add 10.7.9.1/24 dev other; ip link set other up"),
                     0);
    _cleanup_close_ int ns = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    assert_refused(ns, &c, &w, EADDRINUSE, "\"other\" has 10.7.9.0/24");
    assert_int_not_equal(sh("ip link show sk-aaaaaaaaaa 2>/dev/null"), 0);
}

static void test_remove(void **state)
{
    struct network_config c = config(ID_A), named = config(ID_B);
    create(&c);
    memcpy(named.link, "shop0", sizeof("shop0"));
    create(&named);
    /* Another network may not have the same bridge. */
    struct network_config thief = config(OWNER_2);
    memcpy(thief.link, "shop0", sizeof("shop0"));
    assert_not_created(&thief, EADDRINUSE, "belongs to another network (bbbbbbbbbbbb)");
    assert_int_equal(network_remove(&thief, NULL), 0);
    assert_int_equal(sh("ip link show shop0 >/dev/null;"
                        "nft list set inet skiff bridges | grep -q shop0"),
                     0);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(network_remove(&c, NULL), 0);
        assert_int_equal(network_remove(&named, NULL), 0);
        assert_int_equal(sh("test -z \"$(ip -o link show type bridge)\""), 0);
    }
}

static void test_bridge_of_somebody_else_is_adopted(void **state)
{
    assert_int_equal(sh("ip link add br0 type bridge; ip addr add 10.9.0.7/24 dev br0;"
                        "ip link set br0 up alias mine; ip link add br1 type bridge"),
                     0);
    struct network_config c = config(ID_A), d = config(ID_B);
    memcpy(c.link, "br0", sizeof("br0"));
    create(&c);
    assert_range(&c.subnet4, "10.9.0.0/24");
    assert_ip(c.gateway4, "10.9.0.7");
    memcpy(d.link, "br1", sizeof("br1"));
    d.subnet4 = range("10.10.0.0/24");
    create(&d);
    assert_int_equal(
        sh("ip addr show br1 | grep -q 10.10.0.1/24; ip link show br1 | grep -q ',UP'"), 0);
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &c, &end);
    assert_ip(end.address4, "10.9.0.1");
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_equal(sh("ip link show br0 | grep -q 'alias mine'"), 0);
}

/* ---- many at once ---- */

#define RACERS 64

struct report {
    bool done;
    struct ip_range subnet;
    struct ip_address address;
};

/* Runs @act in @n processes at once, that live until the reports are there. */
static void race(int n, void (*act)(int number, struct report *ret), struct report *ret,
                 pid_t *pids)
{
    int start[2], report[2];
    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    for (int i = 0; i < n; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] > 0)
            continue;
        char c;
        struct report mine = {0};
        close(start[1]);
        if (read(start[0], &c, 1) != 0)
            _exit(1);
        act(i, &mine);
        if (write(report[1], &mine, sizeof(mine)) != sizeof(mine))
            _exit(1);
        poll(NULL, 0, 60 * 1000);
        _exit(0);
    }
    close(start[0]);
    close(report[1]);
    close(start[1]);
    int heard = 0;
    while (heard < n && read(report[0], &ret[heard], sizeof(*ret)) == sizeof(*ret))
        heard++;
    close(report[0]);
    assert_int_equal(heard, n);
}

static void end_race(int n, const pid_t *pids)
{
    for (int i = 0; i < n; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
}

static struct network_config shared_network(void)
{
    struct network_config c = config(ID_A);
    memcpy(c.link, "sk-aaaaaaaaaa", sizeof("sk-aaaaaaaaaa"));
    c.subnet4 = range("10.7.0.0/16");
    c.gateway4 = address("10.7.0.1");
    if (has_ipv6()) {
        c.subnet6 = range("fd00:7::/64");
        c.gateway6 = address("fd00:7::1");
    }
    return c;
}

static void attach_one(int number, struct report *ret)
{
    (void)number;
    struct network_config c = shared_network();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    _cleanup_err_ struct err e = ERR_INIT;
    int ns = new_namespace();
    ret->done = network_attach(ns, &c, &w, &end, &e) == 0;
    if (!ret->done)
        print_error("%s\n", err_text(&e));
    ret->address = end.address4;
}

/* On a bridge that is not there when they begin. */
static void test_64_attach_at_once(void **state)
{
    struct report seen[RACERS];
    pid_t pids[RACERS];
    race(RACERS, attach_one, seen, pids);
    int links = sh("test $(ip -o link show master sk-aaaaaaaaaa | wc -l) = 64;"
                   "test $(ip -4 -o addr show sk-aaaaaaaaaa | wc -l) = 1");
    end_race(RACERS, pids);
    assert_int_equal(links, 0);
    for (int i = 0; i < RACERS; i++) {
        assert_true(seen[i].done);
        for (int j = 0; j < i; j++)
            assert_false(ip_equal(&seen[i].address, &seen[j].address));
    }
}

static void create_one(int number, struct report *ret)
{
    struct network_config c = config(ID_A);
    for (int i = 0; i < 4; i++)
        c.id[i] = "0123456789abcdef"[number >> (4 * i) & 15];
    _cleanup_err_ struct err e = ERR_INIT;
    ret->done = network_create(&c, &e) == 0;
    if (!ret->done)
        print_error("%s\n", err_text(&e));
    ret->subnet = c.subnet4;
}

static void create_same(int number, struct report *ret)
{
    struct network_config c = config(ID_A);
    for (int i = 0; i < 4; i++)
        c.id[i] = "0123456789abcdef"[number >> (4 * i) & 15];
    c.subnet4 = range(number % 2 ? "10.7.0.0/16" : "10.7.4.0/24");
    ret->done = network_create(&c, NULL) == 0;
}

static void test_24_create_at_once(void **state)
{
    struct report seen[24];
    pid_t pids[24];
    race(24, create_one, seen, pids);
    end_race(24, pids);
    for (int i = 0; i < 24; i++) {
        assert_true(seen[i].done);
        for (int j = 0; j < i; j++)
            assert_false(ip_range_overlaps(&seen[i].subnet, &seen[j].subnet));
    }
}

static void test_one_of_those_who_want_the_same_gets_it(void **state)
{
    struct report seen[24];
    pid_t pids[24];
    int winners = 0;
    race(24, create_same, seen, pids);
    end_race(24, pids);
    for (int i = 0; i < 24; i++)
        winners += seen[i].done;
    assert_int_equal(winners, 1);
    assert_int_equal(sh("test $(ip -o link show type bridge | wc -l) = 1"), 0);
}

/* Somebody who holds the lock that makers take does not stop them, only delays them. */
static void test_a_held_lock_is_no_end(void **state)
{
    int held[2];
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/usr/bin/flock", "flock", "/proc/self/ns/net", "sleep", "60", NULL);
        _exit(1);
    }
    poll(NULL, 0, 300);
    struct network_config c = config(ID_A);
    create(&c);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(held[0]);
    close(held[1]);
}

/* ---- without a bridge ---- */

static int new_leases(void)
{
    char path[] = "/tmp/skiff-leases-XXXXXX";
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void remove_leases(int fd)
{
    char self[64], path[256] = "";
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    assert_true(readlink(self, path, sizeof(path) - 1) > 0);
    char script[300];
    snprintf(script, sizeof(script), "rm -rf '%s'", path);
    assert_int_equal(sh(script), 0);
    close(fd);
}

static bool has_lease(int leases, const char *name)
{
    return faccessat(leases, name, F_OK, 0) == 0;
}

static struct network_config on_parent(enum network_driver driver, const char *link)
{
    struct network_config c = config(ID_A);
    c.driver = driver;
    memcpy(c.link, link, strlen(link) + 1);
    c.subnet4 = range("10.7.0.0/24");
    if (has_ipv6())
        c.subnet6 = range("fd00:7::/64");
    return c;
}

static int make_wire(void **state)
{
    if (enter_new_host(state) != 0)
        return -1;
    if (geteuid() != 0)
        return 0;
    return sh("ip link add wire0 type veth peer name wire1; ip link set wire0 up;"
              "ip link set wire1 up; ip addr add 10.7.0.1/24 dev wire1");
}

static void use_parent(struct network_config *c)
{
    int leases = new_leases();
    _cleanup_close_ int a = new_namespace(), b = new_namespace(), d = new_namespace();
    struct network_endpoint end, end_b;
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    w.leases_fd = leases;
    create(c);
    attach_as(a, c, &w, &end);
    attach_as(b, c, &w, &end_b);
    assert_ip(end.address4, "10.7.0.2");
    assert_string_equal(end.link, "");
    assert_string_equal(end.bridge, "");
    assert_int_equal(sh_in(a, "ip addr show eth0 | grep -q 10.7.0.2/24"), 0);
    assert_int_equal(ping(a, "10.7.0.3"), 0);
    if (has_ipv6())
        assert_int_equal(sh_in(a, "ping -6 -c 1 -W 5 fd00:7::a07:3 >/dev/null;"
                                  "test $(cat /proc/sys/net/ipv6/conf/eth0/accept_ra) = 0"),
                         0);
    assert_true(has_lease(leases, "10.7.0.2"));
    w.address4 = address("10.7.0.3");
    assert_refused(d, c, &w, EADDRINUSE, "10.7.0.3 is taken, by the container 001122334455");
    if (has_ipv6()) {
        w.address4 = (struct ip_address){0};
        w.address6 = address("fd00:7::a07:3");
        assert_refused(d, c, &w, EADDRINUSE, "fd00:7::a07:3 is taken, by the container 0011223344");
        assert_false(has_lease(leases, "10.7.0.4"));
    }
    /* Under another name it is found all the same. */
    if (c->driver == NETWORK_MACVLAN)
        assert_int_equal(sh_in(a, "ip link set eth0 down; ip link set eth0 name mine"), 0);
    assert_int_equal(network_detach(a, &NETWORK_DEFAULT, &end, NULL), 0);
    assert_int_equal(network_detach(a, &NETWORK_DEFAULT, &end, NULL), 0);
    assert_int_equal(sh_in(a, "test $(ip -o link show | wc -l) = 1"), 0);
    assert_int_equal(unlinkat(leases, "10.7.0.2", 0), 0);
    w = NETWORK_WISH_DEFAULT(OWNER_2);
    w.leases_fd = leases;
    attach_as(d, c, &w, &end);
    assert_ip(end.address4, "10.7.0.2");
    remove_leases(leases);
}

static void test_macvlan(void **state)
{
    struct network_config c = on_parent(NETWORK_MACVLAN, "wire0");
    use_parent(&c);
    _cleanup_close_ int ns = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    w.leases_fd = new_leases();
    w.has_mac = true;
    memcpy(w.mac, "\x06\x11\x22\x33\x44\x55", 6);
    attach_as(ns, &c, &w, &end);
    assert_int_equal(sh_in(ns, "ip link show eth0 | grep -q 06:11:22:33:44:55;"
                               "ip -d link show eth0 | grep -q 'macvlan mode bridge';"
                               "ip route | grep -q '^default via 10.7.0.1 dev eth0'"),
                     0);
    assert_int_equal(ping(ns, "10.7.0.1"), 0); /* what is at the other end of the wire */
    remove_leases(w.leases_fd);
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_equal(sh("ip link show wire0 >/dev/null"), 0);
}

static void test_macvlan_modes_and_refusals(void **state)
{
    struct network_config c = on_parent(NETWORK_MACVLAN, "wire0");
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    w.leases_fd = new_leases();
    c.mode = NETWORK_MODE_PRIVATE;
    create(&c);
    attach_as(a, &c, &w, &end);
    attach_as(b, &c, &w, &end);
    assert_int_not_equal(ping(a, "10.7.0.3"), 0);
    /* A failure gives the address back. */
    _cleanup_close_ int d = new_namespace();
    assert_int_equal(sh_in(d, "ip link add x0 type bridge; ip addr add 10.0.0.1/24 dev x0;"
                              "ip link set x0 up; ip route add default via 10.0.0.2"),
                     0);
    assert_refused(d, &c, &w, EEXIST, "cannot route by way of \"eth0\"");
    assert_false(has_lease(w.leases_fd, "10.7.0.4"));
    remove_leases(w.leases_fd);

    struct network_config bad = on_parent(NETWORK_MACVLAN, "eth77");
    assert_not_created(&bad, ENODEV, "there is no link \"eth77\" on this host");
    bad = on_parent(NETWORK_MACVLAN, "eth77.5");
    assert_not_created(&bad, ENODEV, "there is no link \"eth77\" on this host");
    bad = on_parent(NETWORK_MACVLAN, "wire0.4095");
    assert_not_created(&bad, ENODEV, "there is no link \"wire0.4095\" on this host");
    bad = on_parent(NETWORK_IPVLAN_L2, "wire0");
    bad.mode = NETWORK_MODE_PASSTHRU;
    assert_not_created(&bad, EINVAL, "cannot be in mode passthru");
}

static void test_parent_that_leads_nowhere(void **state)
{
    struct network_config c = on_parent(NETWORK_MACVLAN, "");
    assert_int_equal(sh("ip link del wire0"), 0);
    use_parent(&c);
    assert_string_equal(c.link, "sk-aaaaaaaaaa");
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_equal(sh("test $(ip -o link show | wc -l) = 1"), 0);
}

static void test_ipvlan(void **state)
{
    if (sh("ip link add link wire0 name iv0 type ipvlan 2>/dev/null && ip link del iv0") != 0)
        skip();
    struct network_config c = on_parent(NETWORK_IPVLAN_L2, "wire0");
    use_parent(&c);
    c = on_parent(NETWORK_IPVLAN_L3, "wire0");
    c.subnet4 = range("10.8.0.0/24");
    create(&c);
    _cleanup_close_ int ns = new_namespace();
    struct network_wish w = NETWORK_WISH_DEFAULT(OWNER);
    struct network_endpoint end;
    w.leases_fd = new_leases();
    attach_as(ns, &c, &w, &end);
    assert_int_equal(sh_in(ns, "ip -d link show eth0 | grep -q 'ipvlan *mode l3';"
                               "ip route | grep -q '^default dev eth0'"),
                     0);
    w.has_mac = true;
    w.mac[0] = 2;
    _cleanup_close_ int other = new_namespace();
    assert_refused(other, &c, &w, EINVAL, "its parent's MAC address");
    remove_leases(w.leases_fd);
}

static void test_vlan_parent(void **state)
{
    if (sh("ip link add link wire0 name t0 type vlan id 7 2>/dev/null && ip link del t0") != 0)
        skip();
    struct network_config c = on_parent(NETWORK_MACVLAN, "wire0.50");
    use_parent(&c);
    assert_int_equal(sh("ip -d link show wire0.50 | grep -q 'vlan protocol 802.1Q id 50'"), 0);
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_not_equal(sh("ip link show wire0.50 2>/dev/null"), 0);
    /* One that was there before stays. */
    assert_int_equal(sh("ip link add link wire0 name wire0.51 type vlan id 51"), 0);
    c = on_parent(NETWORK_MACVLAN, "wire0.51");
    create(&c);
    assert_int_equal(network_remove(&c, NULL), 0);
    assert_int_equal(sh("ip link show wire0.51 >/dev/null"), 0);
}

#define TEST_ON_HOST(f) cmocka_unit_test_setup_teardown(f, enter_new_host, leave_host)
#define TEST_ON_WIRE(f) cmocka_unit_test_setup_teardown(f, make_wire, leave_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_ON_HOST(test_a_free_range_is_chosen),
        TEST_ON_HOST(test_everything_as_given),
        TEST_ON_HOST(test_overlaps_are_refused),
        TEST_ON_HOST(test_what_makes_no_sense_is_refused),
        TEST_ON_HOST(test_addresses_that_cannot_be_had),
        TEST_ON_HOST(test_range_exhausted),
        TEST_ON_HOST(test_both_families),
        TEST_ON_HOST(test_ipv6_only_where_it_is_wanted),
        TEST_ON_HOST(test_ipv6_address_by_name),
        TEST_ON_HOST(test_isolated_containers),
        TEST_ON_HOST(test_large_packets),
        TEST_ON_HOST(test_internal_has_no_way_out),
        TEST_ON_HOST(test_several_networks_in_one_container),
        TEST_ON_HOST(test_rate),
        TEST_ON_HOST(test_bridge_removed_by_hand_is_made_again),
        TEST_ON_HOST(test_remove),
        TEST_ON_HOST(test_bridge_of_somebody_else_is_adopted),
        TEST_ON_HOST(test_64_attach_at_once),
        TEST_ON_HOST(test_24_create_at_once),
        TEST_ON_HOST(test_one_of_those_who_want_the_same_gets_it),
        TEST_ON_HOST(test_a_held_lock_is_no_end),
        TEST_ON_WIRE(test_macvlan),
        TEST_ON_WIRE(test_macvlan_modes_and_refusals),
        TEST_ON_WIRE(test_parent_that_leads_nowhere),
        TEST_ON_WIRE(test_ipvlan),
        TEST_ON_WIRE(test_vlan_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
