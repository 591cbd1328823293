/* Counters as the kernel writes them, and texts that are cut, odd or hostile. */
#include "network/counters.h"
#include "runtime/cgroup_stat.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void numbers(void **state)
{
    (void)state;
    unsigned long long n = 7;
    assert_int_equal(cgroup_parse_number("4096\n", NULL, &n), 0);
    assert_int_equal(n, 4096);
    static const char stat[] = "cache 1\nrss 2\ntotal_inactive_file 3\ninactive_file 4\n";
    assert_int_equal(cgroup_parse_number(stat, "inactive_file", &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(cgroup_parse_number(stat, "total_inactive_file", &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(cgroup_parse_number("oom_kill 18446744073709551615", "oom_kill", &n), 0);
    assert_true(n == ULLONG_MAX);

    static const char *const none[] = {
        "",        "max\n", "-1\n",     "x 1\n",    "key\n",
        "key x\n", "key",   "keys 1\n", " key 1\n", "key 18446744073709551616\n"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        n = 7;
        assert_int_equal(cgroup_parse_number(none[i], "key", &n), -ENODATA);
        assert_int_equal(n, 7);
    }
    assert_int_equal(cgroup_parse_number("max\n", NULL, &n), -ENODATA);
    assert_int_equal(cgroup_parse_number("-1\n", NULL, &n), -ENODATA);
    assert_int_equal(cgroup_parse_number("", NULL, &n), -ENODATA);
}

static void io_v1(const char *text, unsigned long long read, unsigned long long written)
{
    unsigned long long r = 0, w = 0;
    cgroup_parse_io_v1(text, &r, &w);
    assert_true(r == read && w == written);
}

static void io_v2(const char *text, unsigned long long read, unsigned long long written)
{
    unsigned long long r = 0, w = 0;
    cgroup_parse_io_v2(text, &r, &w);
    assert_true(r == read && w == written);
}

static void block_devices(void **state)
{
    (void)state;
    io_v1("8:0 Read 100\n8:0 Write 20\n8:0 Sync 9\n8:0 Total 120\n253:1 Read 5\nTotal 125\n", 105,
          20);
    io_v1("Total 0\n", 0, 0);
    io_v1("", 0, 0);
    io_v1("8:0 Read", 0, 0);
    io_v1("8:0 Read \n8:0 Write -1\n8:0 Read x\nRead 5\n: Read 5\n8 Read 5\n", 0, 0);
    io_v1("8:0 Read 18446744073709551615\n8:1 Read 1\n", ULLONG_MAX, 0);
    io_v1("8:0 Read 99999999999999999999999\n8:1 Read 1\n", 1, 0);

    io_v2("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 rbytes=10 wbytes=20\n", 11,
          22);
    io_v2("8:0 \n8:1 rbytes=\n8:2 wbytes=-1 rbytes=4", 4, 0);
    io_v2("rbytes=5\nx:y rbytes=5\n8:0 xrbytes=5\n8:0  rbytes=6\n", 6, 0);
    io_v2("8:0 wbytes=18446744073709551615 rbytes=1\n8:1 wbytes=2\n", 1, ULLONG_MAX);
}

static const char net_dev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
    "    lo:   99999     10    0    0    0     0          0         0    99999     10    0    0\n"
    "  eth0: 1500 10 0 0 0 0 0 0 700 5 0 0 0 0 0 0\n"
    "eth0:1:20 1 0 0 0 0 0 0 3 1 0 0 0 0 0 0\n"
    " lo2: 1 0 0 0 0 0 0 0 1 0 0\n";

static void interfaces(void **state)
{
    (void)state;
    struct network_counters c;
    network_parse_counters(net_dev, &c);
    assert_int_equal(c.received, 1521);
    assert_int_equal(c.sent, 704);

    static const char *const none[] = {"",
                                       "\n\n",
                                       "eth0",
                                       "eth0:",
                                       "eth0: 1 2 3",
                                       "eth0: x",
                                       "lo: 5 0 0 0 0 0 0 0 5 0",
                                       "eth0: 1 0 0 0 0 0 0 0 -5 0",
                                       "eth0: 1 0 0\n0 0 0 0 0 5 0\n"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        network_parse_counters(none[i], &c);
        assert_true(c.received == 0 && c.sent == 0);
    }
    network_parse_counters("a: 99999999999999999999 0 0 0 0 0 0 0 1\nb: 1 0 0 0 0 0 0 0 1", &c);
    assert_true(c.received == ULLONG_MAX && c.sent == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(block_devices),
        cmocka_unit_test(interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
