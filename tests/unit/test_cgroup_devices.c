/* Device rules: their reading, v1's lines, and v2's program, run by an interpreter of the few
 * instructions it uses and, as root, by the kernel's verifier. */
#include "runtime/cgroup_devices.h"

#include "base/json.h"
#include "runtime/cgroup_convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD

static struct device_rules parse(const char *text)
{
    _cleanup_json_ json_t *list = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (text)
        assert_int_equal(json_parse(text, strlen(text), "list", &list, &e), 0);
    struct device_rules rules = {0};
    if (device_rules_parse(list, &rules, &e) < 0)
        fail_msg("%s", err_text(&e));
    return rules;
}

/* The verdict of the program on one request. */
static bool run(const struct device_rules *rules, char type, uint32_t major, uint32_t minor,
                uint32_t access)
{
    _cleanup_free_ struct bpf_insn *v = NULL;
    size_t n;
    assert_int_equal(device_rules_program(rules, &v, &n, NULL), 0);
    struct bpf_cgroup_dev_ctx ctx = {
        .access_type = access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor};
    uint64_t r[11] = {0};
    for (size_t i = 0; i < n; i++) {
        uint64_t imm = (uint64_t)(int64_t)v[i].imm, src = r[v[i].src_reg];
        uint64_t *dst = &r[v[i].dst_reg];
        switch (v[i].code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_true(v[i].off >= 0 && (size_t)v[i].off + 4 <= sizeof(ctx));
            *dst = 0;
            memcpy(dst, (const char *)&ctx + v[i].off, 4);
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *dst = src;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = imm;
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            *dst &= imm;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            *dst >>= imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            i += *dst != imm ? (size_t)v[i].off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            i += *dst == imm ? (size_t)v[i].off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return r[0] != 0;
        default:
            fail_msg("instruction %x", v[i].code);
        }
    }
    fail_msg("ran past the end");
    return false;
}

#define ALLOW(t, ma, mi, acc)                                                                      \
    "{\"allow\":true,\"type\":\"" t "\",\"major\":" ma ",\"minor\":" mi ",\"access\":\"" acc "\"}"
#define DENY(t, ma, mi, acc)                                                                       \
    "{\"allow\":false,\"type\":\"" t "\",\"major\":" ma ",\"minor\":" mi ",\"access\":\"" acc "\"" \
    "}"

static void test_default(void **state)
{
    (void)state;
    static const char *const same[] = {NULL, "[]", "null", "[{\"allow\":false,\"access\":\"rwm\"}]",
                                       "[{\"allow\":false}]"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        _cleanup_device_rules_ struct device_rules rules =
            same[i] && !strcmp(same[i], "null") ? parse(NULL) : parse(same[i]);
        assert_true(run(&rules, 'c', 1, 3, R | W));
        assert_true(run(&rules, 'c', 136, 77, R | W));
        assert_true(run(&rules, 'c', 5, 2, R));
        assert_true(run(&rules, 'b', 8, 0, M)); /* a node may be made, but not opened */
        assert_false(run(&rules, 'b', 8, 0, R));
        assert_false(run(&rules, 'b', 8, 0, M | R));
        assert_false(run(&rules, 'c', 1, 1, R)); /* mem */
        assert_false(run(&rules, 'b', 1, 3, R)); /* null's numbers, another type */
        assert_false(run(&rules, 'c', 10, 200, R | W));
    }
}

static void test_last_match_wins(void **state)
{
    (void)state;
    _cleanup_device_rules_ struct device_rules rules =
        parse("[" ALLOW("c", "10", "-1", "rwm") "," DENY("c", "10", "200", "w") "]");
    assert_true(run(&rules, 'c', 10, 1, R | W));
    assert_true(run(&rules, 'c', 10, 200, R));
    assert_false(run(&rules, 'c', 10, 200, W));
    assert_false(run(&rules, 'c', 10, 200, R | W)); /* one of the two is not allowed */

    _cleanup_device_rules_ struct device_rules split =
        parse("[" ALLOW("b", "8", "1", "r") "," ALLOW("b", "8", "-1", "w") "]");
    assert_true(run(&split, 'b', 8, 1, R | W)); /* each by its own rule */
    assert_false(run(&split, 'b', 8, 2, R | W));

    _cleanup_device_rules_ struct device_rules reset =
        parse("[" ALLOW("b", "8", "1", "r") ",{\"allow\":false}]");
    assert_false(run(&reset, 'b', 8, 1, R));
}

static void test_everything(void **state)
{
    (void)state;
    _cleanup_device_rules_ struct device_rules all = parse("[{\"allow\":true,\"access\":\"rwm\"}]");
    assert_int_equal(all.n, 1);
    assert_true(run(&all, 'b', 8, 0, R | W | M));
    _cleanup_device_rules_ struct device_rules but =
        parse("[{\"allow\":true}," DENY("b", "8", "0", "rwm") "]");
    assert_false(run(&but, 'b', 8, 0, R));
    assert_true(run(&but, 'b', 8, 1, R));
    /* "a" with numbers is both types with these, and nothing more. */
    _cleanup_device_rules_ struct device_rules part = parse("[" ALLOW("a", "8", "0", "r") "]");
    assert_true(run(&part, 'b', 8, 0, R));
    assert_true(run(&part, 'c', 8, 0, R));
    assert_false(run(&part, 'b', 8, 0, W));
    assert_false(run(&part, 'b', 8, 1, R));
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[1]",
        "[{}]",
        "[{\"allow\":\"yes\"}]",
        "[{\"allow\":true,\"type\":\"x\"}]",
        "[{\"allow\":true,\"type\":\"bc\"}]",
        "[{\"allow\":true,\"access\":\"rx\"}]",
        "[" ALLOW("c", "4096", "0", "r") "]",
        "[" ALLOW("c", "-2", "0", "r") "]",
        "[" ALLOW("c", "1", "1048576", "r") "]",
        "[" ALLOW("c", "\"1\"", "0", "r") "]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), "list", &list, &e), 0);
        struct device_rules rules = {0};
        assert_int_equal(device_rules_parse(list, &rules, &e), -EINVAL);
        assert_non_null(strstr(err_text(&e), "linux.resources.devices"));
    }
    _cleanup_json_ json_t *list = json_array();
    for (int i = 0; i < 3000; i++)
        json_array_append_new(list, json_pack("{s:b}", "allow", 1));
    struct device_rules rules = {0};
    assert_int_equal(device_rules_parse(list, &rules, NULL), -E2BIG);
}

static void test_lines(void **state)
{
    (void)state;
    char line[64];
    _cleanup_device_rules_ struct device_rules rules =
        parse("[{\"allow\":true}," DENY("b", "8", "-1", "rw") "," DENY("c", "-1", "3", "m") "]");
    device_rule_line(&rules.v[0], line, sizeof(line));
    assert_string_equal(line, "a");
    device_rule_line(&rules.v[1], line, sizeof(line));
    assert_string_equal(line, "b 8:* rw");
    device_rule_line(&rules.v[2], line, sizeof(line));
    assert_string_equal(line, "c *:3 m");
}

static void test_what_v1_cannot_say(void **state)
{
    (void)state;
    static const char *const good[] = {
        NULL,
        "[{\"allow\":true}]",
        "[" ALLOW("c", "10", "200", "rwm") "," DENY("c", "10", "200", "w") "]",
        "[" ALLOW("c", "10", "200", "rwm") "," DENY("b", "10", "200", "w") "]",
        "[" ALLOW("c", "10", "-1", "r") "," DENY("c", "10", "200", "w") "]",
        "[" ALLOW("c", "10", "-1", "rwm") ",{\"allow\":false}," DENY("c", "10", "1", "w") "]",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_device_rules_ struct device_rules rules = parse(good[i]);
        assert_int_equal(device_rules_check_v1(&rules, NULL), 0);
    }
    static const char *const bad[] = {
        "[" ALLOW("c", "10", "-1", "rwm") "," DENY("c", "10", "200", "w") "]",
        "[" ALLOW("c", "10", "200", "rwm") "," DENY("c", "10", "-1", "w") "]",
        "[{\"allow\":true}," DENY("b", "8", "-1", "rw") "," ALLOW("b", "8", "1", "r") "]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_device_rules_ struct device_rules rules = parse(bad[i]);
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(device_rules_check_v1(&rules, &e), -ENOTSUP);
        assert_non_null(strstr(err_text(&e), "cgroup v1"));
    }
}

/* Loads the program of @rules; skips where the kernel has no such programs or we no right. */
static void assert_verified(const struct device_rules *rules)
{
    _cleanup_free_ struct bpf_insn *v = NULL;
    size_t n;
    assert_int_equal(device_rules_program(rules, &v, &n, NULL), 0);
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
    attr.insns = (uint64_t)(uintptr_t)v;
    attr.insn_cnt = (uint32_t)n;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    if (fd < 0 && (errno == EPERM || errno == ENOSYS))
        skip();
    if (fd < 0)
        fail_msg("the kernel refuses %zu rules: %s", rules->n, strerror(errno));
    close(fd);
}

static void test_verifier(void **state)
{
    (void)state;
    static const char *const lists[] = {
        NULL,
        "[{\"allow\":true}]",
        "[" ALLOW("c", "10", "-1", "rwm") "," DENY("c", "10", "200", "w") "]",
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        _cleanup_device_rules_ struct device_rules rules = parse(lists[i]);
        assert_verified(&rules);
    }
}

/* As many rules as we take, the kernel takes. */
static void test_verifier_many(void **state)
{
    (void)state;
    _cleanup_json_ json_t *list = json_array();
    for (int i = 0; i < 1024; i++)
        json_array_append_new(list, json_pack("{s:b,s:s,s:i,s:i,s:s}", "allow", i % 3, "type",
                                              i % 2 ? "c" : "b", "major", i % 4096, "minor", i,
                                              "access", i % 5 ? "rw" : "m"));
    _cleanup_device_rules_ struct device_rules rules = {0};
    assert_int_equal(device_rules_parse(list, &rules, NULL), 0);
    assert_verified(&rules);
}

static void test_conversions(void **state)
{
    (void)state;
    assert_int_equal(cgroup_cpu_weight(2), 1);
    assert_int_equal(cgroup_cpu_weight(1024), 39);
    assert_int_equal(cgroup_cpu_weight(262144), 10000);
    assert_int_equal(cgroup_cpu_weight(0), 1);
    assert_int_equal(cgroup_cpu_weight(~0ull), 10000);
    assert_int_equal(cgroup_io_weight(10), 1);
    assert_int_equal(cgroup_io_weight(500), 4950);
    assert_int_equal(cgroup_io_weight(1000), 10000);
    assert_int_equal(cgroup_io_weight(5), 1);
    assert_int_equal(cgroup_io_weight(9999), 10000);

    static const struct {
        long long memory, swap, expected;
    } good[] = {{100, 100, 0}, {100, 250, 150}, {100, -1, -1}, {0, -1, -1}, {-1, -1, -1}};
    long long alone;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(cgroup_swap_alone(good[i].memory, good[i].swap, &alone, NULL), 0);
        assert_int_equal(alone, good[i].expected);
    }
    static const long long bad[][2] = {{100, 99}, {0, 100}, {-1, 100}, {100, 0}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(cgroup_swap_alone(bad[i][0], bad[i][1], &alone, &e), -EINVAL);
        assert_non_null(strstr(err_text(&e), "memory.swap"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),     cmocka_unit_test(test_last_match_wins),
        cmocka_unit_test(test_everything),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_what_v1_cannot_say),
        cmocka_unit_test(test_verifier),    cmocka_unit_test(test_verifier_many),
        cmocka_unit_test(test_conversions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
