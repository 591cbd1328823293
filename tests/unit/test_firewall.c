/* The firewall and published ports on a real kernel: each test is a host of its own in a network
 * namespace, with a stranger one hop away who knows the way to everything. */
#include "network/firewall.h"
#include "network/network.h"
#include "network/publish.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define OWNER  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID_TWO "22112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID_IN  "33112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* The host's addresses towards the stranger. */
#define HOST4     "192.0.2.1"
#define STRANGER4 "192.0.2.2"
#define HOST6     "2001:db8::1"
#define STRANGER6 "2001:db8::2"

static int first_namespace = -EBADF;
static pid_t servers[64];
static size_t n_servers;

struct box {
    int ns;
    struct network_endpoint end;
};

static struct world {
    int stranger;
    struct network_config one, two, in;
    struct box a, b, c, d; /* a and b on the default bridge, c on `two`, d on `in` */
} w;

static int own_namespace(void)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void enter(int fd)
{
    assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

static int new_namespace(void)
{
    _cleanup_close_ int own = own_namespace();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int fd = own_namespace();
    enter(own);
    return fd;
}

static int sh_in(int ns, const char *script)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (ns >= 0 && setns(ns, CLONE_NEWNET) < 0)
            _exit(99);
        execl("/bin/sh", "sh", "-ec", script, NULL);
        _exit(98);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

static int sh(const char *script)
{
    return sh_in(-1, script);
}

#define assert_done(call)                                                                          \
    do {                                                                                           \
        _cleanup_err_ struct err e = ERR_INIT;                                                     \
        if ((call) < 0)                                                                            \
            fail_msg("%s", err_text(&e));                                                          \
    } while (0)

static void attach(struct box *box, const struct network_config *c)
{
    struct network_wish wish = NETWORK_WISH_DEFAULT(OWNER);
    box->ns = new_namespace();
    assert_done(network_attach(box->ns, c, &wish, &box->end, &e));
    assert_int_equal(sh_in(box->ns, "ip link set lo up; if [ -e /proc/sys/net/ipv6 ]; then "
                                    "sysctl -qw net.ipv6.conf.eth0.accept_dad=0; fi"),
                     0);
}

static void stranger_is_there(void)
{
    w.stranger = new_namespace();
    char script[256];
    snprintf(script, sizeof(script),
             "ip link set lo up; ip link add out0 type veth peer name eth0 netns /proc/%d/fd/%d;"
             "ip addr add " HOST4 "/24 dev out0; ip -6 addr add " HOST6 "/64 dev out0 nodad;"
             "ip link set out0 up",
             getpid(), w.stranger);
    assert_int_equal(sh(script), 0);
    assert_int_equal(sh_in(w.stranger, "ip link set lo up; ip link set eth0 up;"
                                       "ip addr add " STRANGER4 "/24 dev eth0;"
                                       "ip -6 addr add " STRANGER6 "/64 dev eth0 nodad;"
                                       "ip route add default via " HOST4 ";"
                                       "ip -6 route add default via " HOST6),
                     0);
}

static int set_up(void **state)
{
    if (geteuid() != 0)
        skip();
    first_namespace = own_namespace();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    stranger_is_there();
    w.two = (struct network_config){.id = ID_TWO,
                                    .driver = NETWORK_BRIDGE,
                                    .masquerade4 = true,
                                    .masquerade6 = true,
                                    .want_ipv6 = true};
    w.in = (struct network_config){.id = ID_IN, .driver = NETWORK_BRIDGE, .internal = true};
    w.one = NETWORK_DEFAULT;
    assert_done(network_create(&w.two, &e));
    assert_done(network_create(&w.in, &e));
    attach(&w.a, &w.one);
    attach(&w.b, &w.one);
    attach(&w.c, &w.two);
    attach(&w.d, &w.in);
    assert_done(network_default(&w.one, &e));
    return 0;
}

static int tear_down(void **state)
{
    if (first_namespace < 0)
        return 0;
    for (; n_servers > 0; n_servers--) {
        kill(servers[n_servers - 1], SIGKILL);
        waitpid(servers[n_servers - 1], NULL, 0);
    }
    int all[] = {w.a.ns, w.b.ns, w.c.ns, w.d.ns, w.stranger};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        close(all[i]);
    int r = setns(first_namespace, CLONE_NEWNET);
    fd_close(&first_namespace);
    return r;
}

union name {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t name_of(const char *address, uint16_t port, union name *ret)
{
    *ret = (union name){0};
    if (strchr(address, ':')) {
        ret->ipv6.sin6_family = AF_INET6;
        ret->ipv6.sin6_port = htons(port);
        assert_int_equal(inet_pton(AF_INET6, address, &ret->ipv6.sin6_addr), 1);
        return sizeof(ret->ipv6);
    }
    ret->ipv4.sin_family = AF_INET;
    ret->ipv4.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, address, &ret->ipv4.sin_addr), 1);
    return sizeof(ret->ipv4);
}

static const char *text_of(const union name *n, char ret[INET6_ADDRSTRLEN])
{
    const void *at = n->any.sa_family == AF_INET6 ? (const void *)&n->ipv6.sin6_addr
                                                  : (const void *)&n->ipv4.sin_addr;
    return inet_ntop(n->any.sa_family, at, ret, INET6_ADDRSTRLEN);
}

/* Tells everybody who comes the address it sees him by. */
static void answer(int fd, int type)
{
    for (;;) {
        union name from;
        socklen_t n = sizeof(from);
        char text[INET6_ADDRSTRLEN];
        if (type == SOCK_STREAM) {
            int one = accept(fd, &from.any, &n);
            if (one >= 0 && text_of(&from, text))
                (void)!write(one, text, strlen(text));
            close(one);
        } else if (recvfrom(fd, text, sizeof(text), 0, &from.any, &n) >= 0 &&
                   text_of(&from, text)) {
            (void)sendto(fd, text, strlen(text), 0, &from.any, n);
        }
    }
}

static void serve(int ns, const char *address, int type, uint16_t port)
{
    _cleanup_close_ int own = own_namespace();
    enter(ns);
    union name name;
    socklen_t n = name_of(address, port, &name);
    _cleanup_close_ int fd = socket(name.any.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &name.any, n), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 16), 0);
    enter(own);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer(fd, type);
    }
    servers[n_servers++] = pid;
}

/* What a server says, or "" when nobody answers. */
static const char *ask(int ns, int type, const char *address, uint16_t port)
{
    static char said[INET6_ADDRSTRLEN];
    _cleanup_close_ int own = own_namespace();
    if (ns >= 0)
        enter(ns);
    union name name;
    socklen_t n = name_of(address, port, &name);
    _cleanup_close_ int fd = socket(name.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    memset(said, 0, sizeof(said));
    enter(own);
    for (int tries = 0; tries < 3; tries++) {
        (void)connect(fd, &name.any, n);
        if (type == SOCK_DGRAM)
            (void)send(fd, "?", 1, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 400) == 1 && recv(fd, said, sizeof(said) - 1, 0) > 0)
            break;
    }
    return said;
}

static struct ip_address address_of(const char *text)
{
    struct ip_address a = {0};
    assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static const char *text4(const struct box *b)
{
    static char text[4][IP_ADDRESS_TEXT];
    static unsigned at;
    return ip_address_format(&b->end.address4, text[at++ % 4]);
}

static const char *text6(const struct box *b)
{
    static char text[4][IP_ADDRESS_TEXT];
    static unsigned at;
    return ip_address_format(&b->end.address6, text[at++ % 4]);
}

static const char *gateway_of(const struct box *b)
{
    static char text[IP_ADDRESS_TEXT];
    return ip_address_format(&b->end.gateway4, text);
}

static struct publication publish(const struct box *b, uint8_t protocol, const char *host,
                                  uint16_t host_port, uint16_t port)
{
    struct publication p = {
        .protocol = protocol, .host = address_of(host), .target_port = port, .claim = -EBADF};
    p.target = p.host.family == AF_INET6 ? b->end.address6 : b->end.address4;
    memcpy(p.bridge, b->end.bridge, sizeof(p.bridge));
    assert_done(publish_claim(&p, host_port, host_port, &e));
    assert_true(p.claim >= 0);
    assert_done(publish_add(&p, 1, NULL, &e));
    return p;
}

static void take_back(struct publication *p)
{
    assert_done(publish_remove(p, 1, NULL, &e));
    fd_close(&p->claim);
}

static void test_published_port(void **state)
{
    serve(w.a.ns, "0.0.0.0", SOCK_STREAM, 80);
    struct publication p = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    const char *gateway = gateway_of(&w.a);

    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    assert_string_equal(ask(-1, SOCK_STREAM, HOST4, 8080), HOST4);
    assert_string_equal(ask(-1, SOCK_STREAM, "127.0.0.1", 8080), gateway);
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, HOST4, 8080), text4(&w.b));
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, gateway, 8080), text4(&w.b));
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, text4(&w.a), 80), text4(&w.b));
    assert_string_equal(ask(w.c.ns, SOCK_STREAM, HOST4, 8080), text4(&w.c));

    take_back(&p);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_string_equal(ask(-1, SOCK_STREAM, "127.0.0.1", 8080), "");
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, HOST4, 8080), "");
}

static void test_published_port_ipv6(void **state)
{
    serve(w.c.ns, "::", SOCK_STREAM, 80);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, text6(&w.c), 80), "");
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST6, 8080), "");
    struct publication p = publish(&w.c, IPPROTO_TCP, "::", 8080, 80);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST6, 8080), STRANGER6);
    assert_string_equal(ask(-1, SOCK_STREAM, HOST6, 8080), HOST6);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, text6(&w.c), 80), "");
    struct box other;
    attach(&other, &w.two);
    assert_string_equal(ask(other.ns, SOCK_STREAM, HOST6, 8080), text6(&other));
    assert_string_equal(ask(other.ns, SOCK_STREAM, text6(&w.c), 80), text6(&other));
    close(other.ns);
    take_back(&p);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST6, 8080), "");
}

static void test_udp_goes_to_the_next_holder(void **state)
{
    serve(w.a.ns, "0.0.0.0", SOCK_DGRAM, 53);
    serve(w.b.ns, "0.0.0.0", SOCK_DGRAM, 54);
    struct publication p = publish(&w.a, IPPROTO_UDP, "0.0.0.0", 5353, 53);
    assert_string_equal(ask(w.stranger, SOCK_DGRAM, HOST4, 5353), STRANGER4);
    assert_string_equal(ask(w.b.ns, SOCK_DGRAM, HOST4, 5353), text4(&w.b));

    /* One socket, that goes on sending. */
    assert_int_equal(
        sh_in(w.stranger, "echo x | socat -T0.3 - udp:" HOST4 ":5353,sp=7777 >/dev/null"), 0);
    take_back(&p);
    p = publish(&w.b, IPPROTO_UDP, "0.0.0.0", 5353, 54);
    assert_int_equal(sh_in(w.stranger, "test \"$(echo x | socat -T0.3 - udp:" HOST4
                                       ":5353,sp=7777)\" = " STRANGER4),
                     0);
    take_back(&p);
}

static void test_what_is_not_published(void **state)
{
    serve(w.a.ns, "0.0.0.0", SOCK_STREAM, 80);
    serve(w.d.ns, "0.0.0.0", SOCK_STREAM, 80);
    serve(w.stranger, "0.0.0.0", SOCK_STREAM, 81);
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, text4(&w.a), 80), text4(&w.b));
    assert_string_equal(ask(-1, SOCK_STREAM, text4(&w.a), 80), gateway_of(&w.a));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, text4(&w.a), 80), "");
    assert_string_equal(ask(w.c.ns, SOCK_STREAM, text4(&w.a), 80), "");
    assert_string_equal(ask(w.a.ns, SOCK_STREAM, text4(&w.d), 80), "");
    /* The way out. */
    assert_string_equal(ask(w.a.ns, SOCK_STREAM, STRANGER4, 81), HOST4);
    assert_int_equal(sh_in(w.d.ns, "ip route replace default via $(ip -4 route show dev eth0 | "
                                   "sed -n 's,\\.0/.*,.1,p' | head -1) || true"),
                     0);
    assert_string_equal(ask(w.d.ns, SOCK_STREAM, STRANGER4, 81), "");
}

/* A stranger sends to 127.0.0.1 with the host's hardware address: to a published port, and to a
 * process of the host. */
static void test_loopback_is_the_hosts(void **state)
{
    serve(w.a.ns, "0.0.0.0", SOCK_STREAM, 80);
    int own = own_namespace();
    serve(own, "127.0.0.1", SOCK_STREAM, 9000);
    close(own);
    struct publication p = publish(&w.a, IPPROTO_TCP, "127.0.0.1", 8080, 80);
    assert_string_equal(ask(-1, SOCK_STREAM, "127.0.0.1", 8080), gateway_of(&w.a));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_int_equal(sh("sysctl -qw net.ipv4.conf.out0.route_localnet=1"), 0);

    static const char attack[] = "sysctl -qw net.ipv4.conf.all.route_localnet=1;"
                                 "ip addr del 127.0.0.1/8 dev lo;"
                                 "ip route add 127.0.0.1 via %s dev eth0 src %s";
    char script[256];
    snprintf(script, sizeof(script), attack, HOST4, STRANGER4);
    assert_int_equal(sh_in(w.stranger, script), 0);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, "127.0.0.1", 8080), "");
    assert_string_equal(ask(w.stranger, SOCK_STREAM, "127.0.0.1", 9000), "");
    snprintf(script, sizeof(script), attack, gateway_of(&w.b), text4(&w.b));
    assert_int_equal(sh_in(w.b.ns, script), 0);
    assert_string_equal(ask(w.b.ns, SOCK_STREAM, "127.0.0.1", 9000), "");

    /* It is the guard that does it. */
    assert_int_equal(sh("nft flush chain inet skiff guard"), 0);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, "127.0.0.1", 9000), STRANGER4);
    take_back(&p);
}

static void test_who_limits(void **state)
{
    serve(w.a.ns, "0.0.0.0", SOCK_STREAM, 80);
    struct publication p = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    struct ip_range ranges[2];
    assert_int_equal(ip_range_parse("198.51.100.0/24", &ranges[0], NULL), 0);
    assert_int_equal(ip_range_parse(STRANGER4 "/32", &ranges[1], NULL), 0);
    struct network_config limited = w.one;
    limited.limited = true;
    limited.sources = ranges;
    assert_done(firewall_add_network(&limited, &e));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_string_equal(ask(-1, SOCK_STREAM, HOST4, 8080), HOST4);
    limited.n_sources = 2;
    assert_int_equal(firewall_is_whole(&limited, NULL), 0);
    assert_done(firewall_add_network(&limited, &e));
    assert_int_equal(firewall_is_whole(&limited, NULL), 1);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    assert_done(firewall_remove_network(&limited, &e));
    assert_done(firewall_add_network(&w.one, &e));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    assert_int_equal(sh("test $(nft list table inet skiff | grep -c 198.51.100) = 0"), 0);

    assert_int_equal(sh("nft add rule inet skiff skiff-user ip saddr " STRANGER4 " drop"), 0);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_int_equal(sh("nft flush chain inet skiff forward"), 0);
    assert_done(firewall_ensure(NULL, NULL, &e));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_int_equal(sh("nft flush chain inet skiff skiff-user"), 0);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    take_back(&p);
}

static int claim(struct publication *p, const char *host, uint16_t first, uint16_t last,
                 struct err *e)
{
    *p = PUBLICATION_NONE;
    p->protocol = IPPROTO_TCP;
    p->host = address_of(host);
    return publish_claim(p, first, last, e);
}

static void test_claims(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct publication taken = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80), p;
    assert_int_equal(claim(&p, "0.0.0.0", 8080, 8080, &e), -EADDRINUSE);
    assert_non_null(strstr(err_text(&e), text4(&w.a)));
    err_release(&e);
    assert_int_equal(claim(&p, "127.0.0.1", 8080, 8080, &e), -EADDRINUSE);
    err_release(&e);
    assert_int_equal(claim(&p, "0.0.0.0", 8080, 8083, &e), 0);
    assert_int_equal(p.host_port, 8081);
    fd_close(&p.claim);
    assert_int_equal(claim(&p, "::", 8080, 8080, &e), 0);
    fd_close(&p.claim);
    assert_int_equal(claim(&p, "0.0.0.0", 0, 0, &e), 0);
    assert_true(p.host_port >= 1024);
    fd_close(&p.claim);
    assert_int_equal(claim(&p, "203.0.113.7", 8080, 8080, &e), -EADDRNOTAVAIL);
    err_release(&e);
    take_back(&taken);
    assert_int_equal(claim(&p, "0.0.0.0", 8080, 8080, &e), 0);
    fd_close(&p.claim);

    int own = own_namespace();
    serve(own, "0.0.0.0", SOCK_STREAM, 9001);
    close(own);
    assert_int_equal(claim(&p, "0.0.0.0", 9001, 9001, &e), -EADDRINUSE);
    char pid[32];
    snprintf(pid, sizeof(pid), "process %d", getpid());
    char child[32];
    snprintf(child, sizeof(child), "process %d", servers[n_servers - 1]);
    assert_true(strstr(err_text(&e), pid) || strstr(err_text(&e), child));
}

/* What a killed holder has left neither shadows its successor, nor takes the port from him when it
 * is cleared away. */
static void test_stale_element(void **state)
{
    serve(w.b.ns, "0.0.0.0", SOCK_STREAM, 80); /* of both, b alone answers */
    struct publication old = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    fd_close(&old.claim);
    struct publication p = publish(&w.b, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    assert_done(publish_remove(&old, 1, NULL, &e));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    take_back(&p);
}

static void test_tables_are_made_again(void **state)
{
    static const char *const harms[] = {
        "nft flush ruleset",
        "nft delete table inet skiff",
        "nft delete table bridge skiff",
        "nft flush table inet skiff",
        "nft flush table bridge skiff",
        "nft flush chain inet skiff guard",
        ("nft delete rule inet skiff forward handle $(nft -a list chain inet skiff forward | "
         "sed -n 's/.*same accept # handle //p')"),
    };
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        assert_done(firewall_add_network(&w.one, &e));
        struct firewall_handles before, after;
        assert_done(firewall_ensure(&before, NULL, &e));
        assert_int_equal(firewall_is_whole(&w.one, NULL), 1);
        assert_int_equal(sh(harms[i]), 0);
        assert_int_equal(firewall_is_whole(&w.one, NULL), 0);
        assert_done(firewall_ensure(&after, NULL, &e));
        assert_int_equal(firewall_is_whole(NULL, NULL), 1);
        bool gone = i < 3;
        assert_int_equal(before.inet != after.inet || before.bridge != after.bridge, gone);
    }
    assert_int_equal(sh("test $(nft list ruleset | grep -c '@nat4.*masquerade') = 1"), 0);
}

static const uint8_t mark[8] = "skiff:-)";

static int packet_socket(int ns, int *ret_index)
{
    _cleanup_close_ int own = own_namespace();
    enter(ns);
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    assert_true(fd >= 0);
    *ret_index = (int)if_nametoindex("eth0");
    enter(own);
    return fd;
}

/* Whether a frame that @from sends is seen by @to: by its last bytes. */
static bool arrives(const struct box *from, const struct box *to, const uint8_t *frame, size_t n)
{
    int index, unused;
    _cleanup_close_ int out = packet_socket(from->ns, &index), in = packet_socket(to->ns, &unused);
    uint8_t whole[256] = {0}, seen[256];
    memcpy(whole, frame, n);
    memcpy(whole + n, mark, sizeof(mark));
    struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_ifindex = index, .sll_halen = 6};
    memcpy(name.sll_addr, frame, 6);
    n += sizeof(mark);
    assert_int_equal(sendto(out, whole, n, 0, (struct sockaddr *)&name, sizeof(name)), n);
    struct pollfd p = {.fd = in, .events = POLLIN};
    while (poll(&p, 1, 200) == 1) {
        ssize_t got = recv(in, seen, sizeof(seen), 0);
        if (got >= (ssize_t)sizeof(mark) &&
            memcmp(seen + got - sizeof(mark), mark, sizeof(mark)) == 0)
            return true;
    }
    return false;
}

static size_t ethernet(uint8_t *f, const uint8_t *to, const uint8_t *from, uint16_t type)
{
    memcpy(f, to, 6);
    memcpy(f + 6, from, 6);
    f[12] = (uint8_t)(type >> 8);
    f[13] = (uint8_t)type;
    return 14;
}

/* UDP from @sport in an IPv4 packet. */
static size_t ipv4(uint8_t *f, const uint8_t *to, const uint8_t *mac, const uint8_t *source,
                   uint16_t sport)
{
    static const uint8_t head[20] = {0x45, 0, 0, 36, 0, 0, 0, 0, 64, IPPROTO_UDP};
    size_t n = ethernet(f, to, mac, ETH_P_IP);
    memcpy(f + n, head, 20);
    memcpy(f + n + 12, source, 4);
    memset(f + n + 16, 0xff, 4);
    unsigned sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (unsigned)f[n + i] << 8 | f[n + i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    f[n + 10] = (uint8_t)(sum >> 8);
    f[n + 11] = (uint8_t)sum;
    uint8_t udp[8] = {(uint8_t)(sport >> 8), (uint8_t)sport, 0, 68, 0, 16};
    memcpy(f + n + 20, udp, 8);
    return n + 28;
}

static size_t arp(uint8_t *f, const uint8_t *to, const uint8_t *mac, const uint8_t *sender_mac,
                  const uint8_t *sender)
{
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 2};
    size_t n = ethernet(f, to, mac, ETH_P_ARP);
    memcpy(f + n, head, 8);
    memcpy(f + n + 8, sender_mac, 6);
    memcpy(f + n + 14, sender, 4);
    memset(f + n + 18, 0, 10);
    return n + 28;
}

static size_t icmpv6(uint8_t *f, const uint8_t *to, const uint8_t *mac, const uint8_t *source,
                     uint8_t type, const uint8_t *target)
{
    size_t n = ethernet(f, to, mac, ETH_P_IPV6);
    uint8_t head[8] = {0x60, 0, 0, 0, 0, 32, IPPROTO_ICMPV6, 255};
    memcpy(f + n, head, 8);
    memcpy(f + n + 8, source, 16);
    memset(f + n + 24, 0, 16);
    f[n + 24] = 0xff;
    f[n + 25] = 2;
    f[n + 39] = 1;
    memset(f + n + 40, 0, 24);
    f[n + 40] = type;
    memcpy(f + n + 48, target, 16);
    return n + 64;
}

static void test_forged_ipv4(void **state)
{
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
    const uint8_t *mac = w.a.end.mac, *other = w.b.end.mac;
    const uint8_t *own = w.a.end.address4.bytes, *theirs = w.b.end.address4.bytes;
    const uint8_t *gateway = w.a.end.gateway4.bytes;
    uint8_t f[256];
    assert_true(arrives(&w.a, &w.b, f, ipv4(f, all, mac, own, 1000)));
    assert_false(arrives(&w.a, &w.b, f, ipv4(f, all, mac, theirs, 1000)));
    assert_false(arrives(&w.a, &w.b, f, ipv4(f, all, mac, gateway, 1000)));
    assert_false(arrives(&w.a, &w.b, f, ipv4(f, all, other, own, 1000)));
    assert_false(arrives(&w.a, &w.b, f, ipv4(f, all, mac, own, 67)));
    assert_true(arrives(&w.a, &w.b, f, arp(f, all, mac, mac, own)));
    assert_false(arrives(&w.a, &w.b, f, arp(f, all, mac, mac, gateway)));
    assert_false(arrives(&w.a, &w.b, f, arp(f, all, mac, mac, theirs)));
    assert_false(arrives(&w.a, &w.b, f, arp(f, all, mac, other, own)));
    assert_false(arrives(&w.a, &w.b, f, arp(f, all, other, mac, own)));

    /* What a VLAN's tag hides, and other types. */
    size_t n = ipv4(f, all, mac, own, 1000);
    memmove(f + 16, f + 12, n - 12);
    static const uint8_t tag[4] = {0x81, 0, 0, 5};
    memcpy(f + 12, tag, 4);
    assert_false(arrives(&w.a, &w.b, f, n + 4));
    assert_false(arrives(&w.a, &w.b, f, ethernet(f, all, mac, 0x88b5) + 60));
    assert_true(arrives(&w.a, &w.b, f, ipv4(f, all, mac, own, 1000)));
}

static void test_forged_ipv6(void **state)
{
    static const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
    struct box x;
    attach(&x, &w.two);
    const uint8_t *mac = x.end.mac, *own = x.end.address6.bytes, *theirs = w.c.end.address6.bytes;
    static const uint8_t none[16];
    uint8_t f[256];
    assert_true(arrives(&x, &w.c, f, icmpv6(f, all, mac, own, 128, none)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, mac, theirs, 128, none)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, mac, own, 134, none)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, mac, own, 137, none)));
    assert_true(arrives(&x, &w.c, f, icmpv6(f, all, mac, own, 136, own)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, mac, own, 136, theirs)));
    assert_true(arrives(&x, &w.c, f, icmpv6(f, all, mac, none, 135, own)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, mac, none, 135, theirs)));
    assert_false(arrives(&x, &w.c, f, icmpv6(f, all, w.c.end.mac, own, 128, none)));
    close(x.ns);
}

/* Somebody else's chain drops: as dockerd and ufw have it, as firewalld has it, and a plain one. */
static void test_foreign_firewalls(void **state)
{
    static const char *const foreign[] = {
        "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; iptables -A FORWARD -i x0 -j ACCEPT",
        "nft -f - <<'X'\ntable inet plain { chain f { type filter hook forward priority 10; policy "
        "drop;\n}\n}\nX",
        "nft -f - <<'X'\ntable inet firewalld { chain filter_FORWARD { type filter hook forward "
        "priority filter + 10;\nct state established accept\nreject with icmpx "
        "admin-prohibited\n}\n}\nX",
    };
    serve(w.a.ns, "0.0.0.0", SOCK_STREAM, 80);
    serve(w.stranger, "0.0.0.0", SOCK_STREAM, 81);
    struct publication p = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        assert_int_equal(sh(foreign[i]), 0);
        assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
        assert_string_equal(ask(w.a.ns, SOCK_STREAM, STRANGER4, 81), "");
        assert_done(firewall_ensure(NULL, NULL, &e));
        assert_done(firewall_ensure(NULL, NULL, &e));
        assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
        assert_string_equal(ask(w.a.ns, SOCK_STREAM, STRANGER4, 81), HOST4);
        assert_string_equal(ask(w.stranger, SOCK_STREAM, text4(&w.a), 80), "");
    }
    /* Each rule once, and iptables understands its table still. */
    assert_int_equal(sh("test $(nft list ruleset | grep -c 'comment \"skiff\"') = 8;"
                        "iptables -S FORWARD | grep -qe '-i sk+ .*-j ACCEPT';"
                        "iptables -F FORWARD"),
                     0);
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), "");
    assert_done(firewall_ensure(NULL, NULL, &e));
    assert_string_equal(ask(w.stranger, SOCK_STREAM, HOST4, 8080), STRANGER4);
    take_back(&p);
}

/* With br_netfilter frames inside a bridge go through the tables too; without, a container reaches
 * itself by its own published port as well. */
static void test_without_br_netfilter(void **state)
{
    (void)sh(
        "sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 "
        "2>/dev/null || true");
    test_published_port(state);
    struct publication p = publish(&w.a, IPPROTO_TCP, "0.0.0.0", 8080, 80);
    assert_string_equal(ask(w.a.ns, SOCK_STREAM, HOST4, 8080), gateway_of(&w.a));
    take_back(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_published_port),
        TEST(test_without_br_netfilter),
        TEST(test_published_port_ipv6),
        TEST(test_udp_goes_to_the_next_holder),
        TEST(test_what_is_not_published),
        TEST(test_loopback_is_the_hosts),
        TEST(test_who_limits),
        TEST(test_claims),
        TEST(test_stale_element),
        TEST(test_tables_are_made_again),
        TEST(test_foreign_firewalls),
        TEST(test_forged_ipv4),
        TEST(test_forged_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
