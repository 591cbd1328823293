/* Cables on a real kernel, each test in a network namespace of its own in the part of the host. */
#include "network/network.h"

#include "network_host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static int attach_default(int netns_fd, const char *owner, struct network_endpoint *ret,
                          struct err *e)
{
    const struct network_wish wish = NETWORK_WISH_DEFAULT(owner);
    return network_attach(netns_fd, &NETWORK_DEFAULT, &wish, ret, e);
}

static void attach(int netns_fd, struct network_endpoint *ret)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int r = attach_default(netns_fd, OWNER, ret, &e);
    if (r < 0)
        print_error("%s\n", err_text(&e));
    assert_int_equal(r, 0);
}

static void assert_seen(struct in_addr address, const char *text)
{
    assert_ip(ip_from_bytes(AF_INET, &address), text);
}

static struct sockaddr_in socket_address(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(4242)};
    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    return a;
}

static int udp_socket(int netns_fd)
{
    _cleanup_close_ int own = own_namespace();
    enter(netns_fd);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    enter(own);
    assert_true(fd >= 0);
    return fd;
}

/* Whether a datagram from @from_ns arrives at @to in @to_ns and an answer comes back; *ret_seen is
 * the source address that the receiver sees. The links may need a moment to be ready. */
static bool reaches(int from_ns, int to_ns, const char *to, struct in_addr *ret_seen)
{
    _cleanup_close_ int server = udp_socket(to_ns), client = udp_socket(from_ns);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(4242)};
    struct sockaddr_in there = socket_address(to), seen = {0};
    assert_int_equal(bind(server, (struct sockaddr *)&here, sizeof(here)), 0);

    for (int i = 0; i < 20; i++) {
        char c = 'q';
        (void)sendto(client, &c, 1, 0, (struct sockaddr *)&there, sizeof(there));
        struct pollfd p[] = {{.fd = server, .events = POLLIN}, {.fd = client, .events = POLLIN}};
        socklen_t n = sizeof(seen);
        if (poll(&p[0], 1, 100) == 1 &&
            recvfrom(server, &c, 1, 0, (struct sockaddr *)&seen, &n) == 1)
            (void)sendto(server, "a", 1, 0, (struct sockaddr *)&seen, n);
        if (poll(&p[1], 1, 100) == 1 && recv(client, &c, 1, 0) == 1) {
            *ret_seen = seen.sin_addr;
            return c == 'a';
        }
    }
    return false;
}

static void test_first_container(void **state)
{
    struct network_config bridge;
    assert_int_equal(network_default_look(&bridge, NULL), 0);
    assert_string_equal(bridge.link, "skiff0");
    assert_int_equal(bridge.subnet4.first.family, 0);

    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_string_equal(end.bridge, "skiff0");
    assert_string_equal(end.link, "sk-ac110002");
    assert_ip(end.address4, "172.17.0.2");
    assert_ip(end.gateway4, "172.17.0.1");
    assert_int_equal(end.prefix4, 16);
    assert_memory_equal(end.mac, "\x02\x42\xac\x11\x00\x02", 6);

    assert_int_equal(network_default_look(&bridge, NULL), 1);
    assert_string_equal(bridge.link, "skiff0");
    char subnet[IP_RANGE_TEXT];
    assert_string_equal(ip_range_format(&bridge.subnet4, subnet), "172.17.0.0/16");
    assert_ip(bridge.gateway4, "172.17.0.1");

    assert_int_equal(sh("ip -d link show sk-ac110002 | grep -q 'alias skiff:" OWNER "'"), 0);
    assert_int_equal(sh("ip link show sk-ac110002 | grep -q 'master skiff0 state UP'"), 0);
    assert_int_equal(sh("ip -d link show skiff0 | grep -q 'forward_delay 0 .* stp_state 0'"), 0);
    assert_int_equal(sh("test $(cat /proc/sys/net/ipv4/ip_forward) = 1"), 0);
    assert_int_equal(sh_in(ns, "ip route | grep -q '^default via 172.17.0.1 dev eth0'"), 0);
    assert_int_equal(sh_in(ns, "ip link show eth0 | grep -q 'link/ether 02:42:ac:11:00:02'"), 0);
    assert_int_equal(sh_in(ns, "ip addr show eth0 | grep -q '172.17.0.2/16 brd 172.17.255.255'"),
                     0);
    assert_int_equal(sh_in(ns, "ip link show lo | grep -q 'state DOWN'"), 0);
}

static void test_containers_reach_each_other_and_the_host(void **state)
{
    _cleanup_close_ int host = own_namespace(), a = new_namespace(), b = new_namespace();
    struct network_endpoint end_a, end_b;
    attach(a, &end_a);
    attach(b, &end_b);
    assert_ip(end_b.address4, "172.17.0.3");

    struct in_addr seen;
    assert_true(reaches(a, b, "172.17.0.3", &seen));
    assert_seen(seen, "172.17.0.2");
    assert_true(reaches(a, host, "172.17.0.1", &seen));
    assert_seen(seen, "172.17.0.2");
    assert_true(reaches(host, a, "172.17.0.2", &seen));
    assert_seen(seen, "172.17.0.1");
}

/* The world has no route back, so that only a packet with the host's address can be answered. */
static void test_the_world_sees_the_hosts_address(void **state)
{
    _cleanup_close_ int world = new_namespace(), ns = new_namespace();
    assert_int_equal(sh("ip link add up0 type veth peer name w0"), 0);
    pid_t pid = fork();
    if (pid == 0) {
        enter(world);
        pause();
    }
    char script[256];
    snprintf(script, sizeof(script),
             "for i in 1 2 3 4 5 6 7 8 9; do "
             "test $(readlink /proc/self/ns/net) != $(readlink /proc/%d/ns/net) && break; "
             "sleep 0.1; done; ip link set w0 netns %d",
             pid, pid);
    int moved = sh(script);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(moved, 0);
    assert_int_equal(sh("ip addr add 198.51.100.1/24 dev up0; ip link set up0 up"), 0);
    assert_int_equal(sh_in(world, "ip addr add 198.51.100.2/24 dev w0; ip link set w0 up"), 0);

    struct network_endpoint end;
    attach(ns, &end);
    struct in_addr seen;
    assert_true(reaches(ns, world, "198.51.100.2", &seen));
    assert_seen(seen, "198.51.100.1");

    assert_int_equal(sh("nft flush table inet skiff"), 0);
    assert_false(reaches(ns, world, "198.51.100.2", &seen));
}

static void test_no_ipv6_anywhere(void **state)
{
    _cleanup_close_ int ns = new_namespace();
    if (access("/proc/sys/net/ipv6", F_OK) < 0)
        skip();
    struct network_endpoint end;
    attach(ns, &end);
    /* Long enough for a link-local address to be generated, where it is. */
    assert_int_equal(sh_in(ns, "sleep 0.3; test -z \"$(ip -6 addr show)\""), 0);
    assert_int_equal(sh("test -z \"$(ip -6 addr show)\""), 0);
    assert_int_equal(sh("test $(cat /proc/sys/net/ipv6/conf/skiff0/disable_ipv6) = 1"), 0);
    assert_int_equal(sh("test $(cat /proc/sys/net/ipv6/conf/skiff0/accept_ra) = 0"), 0);
    assert_int_equal(sh_in(ns, "test $(cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6) = 1"), 0);
    /* Only for eth0: what the container makes itself is its own business. */
    assert_int_equal(sh_in(ns, "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 0"), 0);
}

static void test_host_without_ipv6(void **state)
{
    if (access("/proc/sys/net/ipv6", F_OK) < 0)
        skip();
    assert_int_equal(sh("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6;"
                        "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"),
                     0);
    _cleanup_close_ int ns = new_namespace(), off = new_namespace();
    assert_int_equal(sh_in(off, "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6;"
                                "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"),
                     0);
    struct network_endpoint end;
    attach(ns, &end);
    attach(off, &end);
    assert_int_equal(sh_in(off, "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 1"), 0);
}

static void test_taken_names_are_passed_over(void **state)
{
    assert_int_equal(sh("ip link add sk-ac110002 type bridge; ip link add sk-ac110003 type bridge"),
                     0);
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_ip(end.address4, "172.17.0.4");
}

static void test_hint_goes_on_and_nonsense_in_it_is_harmless(void **state)
{
    static const struct {
        const char *alias, *address;
    } hints[] = {
        {"skiff:last 172.17.3.254", "172.17.3.255"},
        {"skiff:last 172.17.255.254", "172.17.0.2"},
        {"skiff:last 999.17.0.7", "172.17.0.3"},
        {"my bridge", "172.17.0.4"},
        {"skiff:last 172.17.0.9 and a text that is much longer than any address", "172.17.0.5"},
    };
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_int_equal(sh("ip -d link show skiff0 | grep -q 'alias skiff:last 172.17.0.2'"), 0);
    assert_int_equal(sh("ip link del sk-ac110002"), 0);

    int held[ARRAY_LEN(hints)];
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        char script[256];
        snprintf(script, sizeof(script), "ip link set skiff0 alias '%s'", hints[i].alias);
        assert_int_equal(sh(script), 0);
        held[i] = new_namespace();
        attach(held[i], &end);
        assert_ip(end.address4, hints[i].address);
    }
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        fd_close(&held[i]);
}

static void test_range_in_use_gives_the_next(void **state)
{
    assert_int_equal(sh("ip link add d0 type bridge; ip addr add 172.17.200.1/24 dev d0;"
                        "ip link set d0 up; ip route add 172.18.0.0/15 dev d0;"
                        "ip route add blackhole 172.20.9.0/24 table 77"),
                     0);
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_ip(end.gateway4, "172.21.0.1");
}

static void test_no_range_free(void **state)
{
    assert_int_equal(sh("ip link add d0 type bridge; ip link set d0 up;"
                        "ip route add 172.16.0.0/12 dev d0; ip route add 192.168.0.0/16 dev d0"),
                     0);
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(attach_default(ns, OWNER, &end, &e), -EADDRNOTAVAIL);
    assert_non_null(strstr(err_text(&e), "no address range is free"));
    assert_int_not_equal(sh("ip link show skiff0 2>/dev/null"), 0);
}

static void test_bridge_is_used_as_it_is(void **state)
{
    assert_int_equal(sh("ip link add skiff0 type bridge; ip addr add 10.9.8.1/29 dev skiff0;"
                        "ip link set skiff0 up"),
                     0);
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_ip(end.address4, "10.9.8.2");
    assert_int_equal(end.prefix4, 29);
    assert_int_equal(sh("nft list set inet skiff nat4 | grep -q 10.9.8.0/29"), 0);
}

static void test_half_made_bridge_is_completed(void **state)
{
    assert_int_equal(sh("ip link add skiff0 type bridge"), 0);
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    attach(a, &end);
    assert_ip(end.gateway4, "172.17.0.1");
    assert_int_equal(sh("ip link show skiff0 | grep -q ',UP'"), 0);

    assert_int_equal(sh("ip link set skiff0 down"), 0);
    attach(b, &end);
    assert_int_equal(sh("ip link show skiff0 | grep -q ',UP'"), 0);
    assert_int_equal(sh("test $(ip -4 -o addr show skiff0 | wc -l) = 1"), 0);
}

static void test_forwarding_is_put_right(void **state)
{
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    attach(a, &end);
    assert_int_equal(sh("echo 0 > /proc/sys/net/ipv4/ip_forward"), 0);
    attach(b, &end);
    assert_int_equal(sh("test $(cat /proc/sys/net/ipv4/ip_forward) = 1"), 0);
}

static void test_lease_ends_with_the_namespace(void **state)
{
    assert_int_equal(sh("ip link add skiff0 type bridge; ip addr add 10.9.8.1/30 dev skiff0;"
                        "ip link set skiff0 up"),
                     0);
    int ns = new_namespace();
    _cleanup_close_ int other = new_namespace();
    struct network_endpoint end;
    _cleanup_err_ struct err e = ERR_INIT;
    attach(ns, &end);
    assert_ip(end.address4, "10.9.8.2");
    assert_int_equal(attach_default(other, OWNER, &end, &e), -EADDRNOTAVAIL);
    assert_non_null(strstr(err_text(&e), "all addresses of the bridge \"skiff0\""));

    close(ns);
    int r = -1;
    for (int i = 0; i < 500 && r < 0; i++) {
        r = attach_default(other, OWNER, &end, NULL);
        if (r < 0)
            poll(NULL, 0, 20);
    }
    assert_int_equal(r, 0);
    assert_ip(end.address4, "10.9.8.2");
}

#define RACERS 20

static void race(int start, int report)
{
    char c;
    struct network_endpoint end;
    _cleanup_err_ struct err e = ERR_INIT;
    int ns = new_namespace();
    if (read(start, &c, 1) != 0)
        _exit(1);
    if (attach_default(ns, OWNER, &end, &e) < 0) {
        print_error("%s\n", err_text(&e));
        _exit(1);
    }
    if (write(report, end.address4.bytes, 4) != 4)
        _exit(1);
    /* Its address stays its own until all are done. */
    poll(NULL, 0, 60 * 1000);
    _exit(0);
}

static void test_first_uses_at_once(void **state)
{
    int start[2], report[2];
    pid_t pids[RACERS];
    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    for (int i = 0; i < RACERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            close(start[1]);
            race(start[0], report[1]);
        }
    }
    close(start[0]);
    close(report[1]);
    close(start[1]);

    struct in_addr seen[RACERS];
    int n = 0;
    bool distinct = true;
    while (n < RACERS && read(report[0], &seen[n], sizeof(seen[n])) == sizeof(seen[n])) {
        for (int i = 0; i < n; i++)
            distinct = distinct && seen[i].s_addr != seen[n].s_addr;
        n++;
    }
    int links = sh("test $(ip -o link show master skiff0 | wc -l) = 20");
    int bridge = sh("test $(ip -4 -o addr show skiff0 | wc -l) = 1");
    int rules = sh("test $(nft list chain inet skiff postrouting | grep -c '@nat4.*masq') = 1");
    close(report[0]);
    for (int i = 0; i < RACERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    assert_int_equal(n, RACERS);
    assert_true(distinct);
    assert_int_equal(links, 0);
    assert_int_equal(bridge, 0);
    assert_int_equal(rules, 0);
}

static void test_table_is_made_again(void **state)
{
    static const char *const harms[] = {
        "nft delete table inet skiff",
        "nft flush table inet skiff",
        "nft flush ruleset",
        "nft flush set inet skiff nat4",
        "nft delete chain inet skiff postrouting",
        "true",
    };
    struct network_endpoint end;
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        _cleanup_close_ int before = new_namespace(), after = new_namespace();
        attach(before, &end);
        assert_int_equal(sh(harms[i]), 0);
        attach(after, &end);
        assert_int_equal(
            sh("test $(nft list chain inet skiff postrouting | grep -c "
               "'ip saddr @nat4 oifname != @bridges masquerade') = 1;"
               "nft list chain inet skiff postrouting | grep -q 'hook postrouting priority srcnat';"
               "nft list set inet skiff nat4 | grep -q 172.17.0.0/16"),
            0);
    }
}

static void test_what_else_is_in_the_table_stays(void **state)
{
    _cleanup_close_ int a = new_namespace(), b = new_namespace();
    struct network_endpoint end;
    attach(a, &end);
    assert_int_equal(sh("nft add map inet skiff ports '{ type inet_service : ipv4_addr; }';"
                        "nft add element inet skiff ports '{ 8080 : 172.17.0.2 }';"
                        "nft add element inet skiff nat4 '{ 10.0.0.0/8 }';"
                        "nft flush chain inet skiff postrouting"),
                     0);
    attach(b, &end);
    assert_int_equal(sh("nft list map inet skiff ports | grep -q '8080 : 172.17.0.2';"
                        "nft list set inet skiff nat4 | grep -q 10.0.0.0/8;"
                        "nft list chain inet skiff postrouting | grep -q masquerade"),
                     0);
}

static void assert_refused(int netns_fd, const char *owner, int code, const char *words)
{
    struct stat before, after;
    struct network_endpoint end = {.prefix4 = 99};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
    assert_int_equal(attach_default(netns_fd, owner, &end, &e), -code);
    assert_non_null(strstr(err_text(&e), words));
    assert_int_equal(end.prefix4, 99);
    assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(sh("test -z \"$(ip -o link show type veth)\""), 0);
}

static void test_bad_owners_are_refused(void **state)
{
    _cleanup_close_ int ns = new_namespace();
    assert_refused(ns, "", EINVAL, "64 hexadecimal digits");
    assert_refused(ns, "abc", EINVAL, "64 hexadecimal digits");
    assert_refused(ns, OWNER "0", EINVAL, "64 hexadecimal digits");
    assert_refused(ns, "G0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", EINVAL,
                   "64 hexadecimal digits");
    assert_int_not_equal(sh("ip link show skiff0 2>/dev/null"), 0);
}

static void test_what_is_no_namespace_is_refused(void **state)
{
    _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    assert_refused(null, OWNER, EINVAL, "cannot enter the container's network namespace");
    assert_refused(uts, OWNER, EINVAL, "cannot enter the container's network namespace");
    assert_refused(-1, OWNER, EBADF, "cannot enter the container's network namespace");
}

static void test_second_eth0_is_refused(void **state)
{
    _cleanup_close_ int ns = new_namespace();
    assert_int_equal(sh_in(ns, "ip link add eth0 type bridge"), 0);
    assert_refused(ns, OWNER, EEXIST, "has an \"eth0\" already");
}

static void test_failure_leaves_no_link(void **state)
{
    _cleanup_close_ int ns = new_namespace();
    assert_int_equal(sh_in(ns, "ip link add x0 type bridge; ip addr add 10.0.0.1/24 dev x0;"
                               "ip link set x0 up; ip route add default via 10.0.0.2"),
                     0);
    assert_refused(ns, OWNER, EEXIST, "cannot route by way of \"eth0\" in the container");
    assert_int_not_equal(sh_in(ns, "ip link show eth0 2>/dev/null"), 0);
    if (access("/proc/sys/net/ipv6", F_OK) == 0)
        assert_int_equal(sh_in(ns, "test $(cat /proc/sys/net/ipv6/conf/default/disable_ipv6) = 0"),
                         0);
}

static void test_skiff0_that_is_no_bridge_is_refused(void **state)
{
    if (sh("ip link add skiff0 type ifb || ip link add skiff0 type dummy") != 0)
        skip();
    assert_int_equal(sh("ip addr add 10.9.8.1/24 dev skiff0; ip link set skiff0 up"), 0);
    _cleanup_close_ int ns = new_namespace();
    assert_refused(ns, OWNER, EOPNOTSUPP, "is no bridge");
}

static void test_namespace_of_another_user_namespace(void **state)
{
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
            (void)!write(ready[1], "y", 1);
        pause();
    }
    close(ready[1]);
    char c = 0;
    ssize_t got = read(ready[0], &c, 1);
    close(ready[0]);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    _cleanup_close_ int ns = open(path, O_RDONLY | O_CLOEXEC);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (got != 1)
        skip();
    struct network_endpoint end;
    attach(ns, &end);
    assert_int_equal(sh_in(ns, "ip addr show eth0 | grep -q 172.17.0.2/16"), 0);
    assert_int_equal(sh_in(ns, "test -z \"$(ip -6 addr show dev eth0)\""), 0);
}

/* The namespace dies with the process, and the cable with the namespace. */
static void test_killed_at_any_moment(void **state)
{
    for (unsigned i = 0; i < 60; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct network_endpoint end;
            int ns = new_namespace();
            _exit(attach_default(ns, OWNER, &end, NULL) < 0);
        }
        usleep(i * 50);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    _cleanup_close_ int ns = new_namespace();
    struct network_endpoint end;
    attach(ns, &end);
    assert_int_equal(sh("nft list chain inet skiff postrouting | grep -q masquerade"), 0);

    int r = -1;
    for (int i = 0; i < 100 && r != 0; i++)
        r = sh("sleep 0.1; test $(ip -o link show type veth | wc -l) = 1");
    assert_int_equal(r, 0);
}

static void test_ordinary_user_is_told(void **state)
{
    _cleanup_close_ int ns = new_namespace();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct network_endpoint end;
        _cleanup_err_ struct err e = ERR_INIT;
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(1);
        int r = attach_default(ns, OWNER, &end, &e);
        _exit(r == -EPERM && strstr(err_text(&e), "operation not permitted") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define TEST_ON_HOST(f) cmocka_unit_test_setup_teardown(f, enter_new_host, leave_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_ON_HOST(test_first_container),
        TEST_ON_HOST(test_containers_reach_each_other_and_the_host),
        TEST_ON_HOST(test_the_world_sees_the_hosts_address),
        TEST_ON_HOST(test_no_ipv6_anywhere),
        TEST_ON_HOST(test_host_without_ipv6),
        TEST_ON_HOST(test_taken_names_are_passed_over),
        TEST_ON_HOST(test_hint_goes_on_and_nonsense_in_it_is_harmless),
        TEST_ON_HOST(test_range_in_use_gives_the_next),
        TEST_ON_HOST(test_no_range_free),
        TEST_ON_HOST(test_bridge_is_used_as_it_is),
        TEST_ON_HOST(test_half_made_bridge_is_completed),
        TEST_ON_HOST(test_forwarding_is_put_right),
        TEST_ON_HOST(test_lease_ends_with_the_namespace),
        TEST_ON_HOST(test_first_uses_at_once),
        TEST_ON_HOST(test_table_is_made_again),
        TEST_ON_HOST(test_what_else_is_in_the_table_stays),
        TEST_ON_HOST(test_bad_owners_are_refused),
        TEST_ON_HOST(test_what_is_no_namespace_is_refused),
        TEST_ON_HOST(test_second_eth0_is_refused),
        TEST_ON_HOST(test_failure_leaves_no_link),
        TEST_ON_HOST(test_skiff0_that_is_no_bridge_is_refused),
        TEST_ON_HOST(test_namespace_of_another_user_namespace),
        TEST_ON_HOST(test_killed_at_any_moment),
        TEST_ON_HOST(test_ordinary_user_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
