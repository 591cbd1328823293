/* From words of the command line to Docker's HostConfig, and from that to linux.resources. */
#include "cli/request.h"
#include "engine/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static json_t *object(const char *text)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *j = NULL;
    if (json_parse(text, strlen(text), "test", &j, &e) < 0)
        fail_msg("%s: %s", text, err_text(&e));
    return j;
}

static void assert_json(const json_t *j, const char *expected)
{
    _cleanup_json_ json_t *wanted = object(expected);
    if (!json_equal(j, wanted)) {
        _cleanup_free_ char *text = json_text(j, JSON_SORT_KEYS);
        fail_msg("%s, not %s", text, expected);
    }
}

static void restart_policies(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"no", "{\"Name\":\"no\",\"MaximumRetryCount\":0}"},
        {"", "{\"Name\":\"no\",\"MaximumRetryCount\":0}"},
        {"always", "{\"Name\":\"always\",\"MaximumRetryCount\":0}"},
        {"always:0", "{\"Name\":\"always\",\"MaximumRetryCount\":0}"},
        {"unless-stopped", "{\"Name\":\"unless-stopped\",\"MaximumRetryCount\":0}"},
        {"on-failure", "{\"Name\":\"on-failure\",\"MaximumRetryCount\":0}"},
        {"on-failure:", "{\"Name\":\"on-failure\",\"MaximumRetryCount\":0}"},
        {"on-failure:7", "{\"Name\":\"on-failure\",\"MaximumRetryCount\":7}"},
    };
    static const char *const bad[][2] = {
        {":1", "no policy provided before colon"},
        {"on-failure:x", "must be an integer"},
        {"on-failure:99999999999", "must be an integer"},
        {"on-failure:1:2", "must be an integer"},
        {"on-failure:-1", "cannot be negative"},
        {"always:1", "only be used with 'on-failure'"},
        {"no:-1", "and cannot be negative"},
        {"Always", "unknown policy 'Always'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_json_ json_t *policy = NULL;
        assert_int_equal(parse_restart_policy(good[i][0], &policy, NULL), 0);
        assert_json(policy, good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        json_t *policy = NULL;
        assert_int_equal(parse_restart_policy(bad[i][0], &policy, &e), -EINVAL);
        assert_null(policy);
        assert_non_null(strstr(err_text(&e), bad[i][1]));
    }
}

static void options_put_what_was_given_alone(void **state)
{
    (void)state;
    _cleanup_json_ json_t *host = json_object();
    const char *rates[] = {"/dev/sda:1kb", "/dev/sdb:2"};
    const struct limit_options o = {
        .memory = "1m",
        .pids_limit = "0",
        .cpus = ".5",
        .cpuset_cpus = "0-1",
        .read_bps = {.v = rates, .n = 2},
    };
    assert_int_equal(limit_options_put(&o, host, NULL), 0);
    assert_json(host, "{\"Memory\":1048576,\"PidsLimit\":0,\"NanoCpus\":500000000,"
                      "\"CpusetCpus\":\"0-1\",\"BlkioDeviceReadBps\":["
                      "{\"Path\":\"/dev/sda\",\"Rate\":1024},{\"Path\":\"/dev/sdb\",\"Rate\":2}]}");
}

static void resources_of_a_host_configuration(void **state)
{
    (void)state;
    _cleanup_json_ json_t *host =
        object("{\"Memory\":1048576,\"MemorySwappiness\":0,\"CpuShares\":0,"
               "\"NanoCpus\":1500000000,\"CpusetCpus\":\"\","
               "\"PidsLimit\":-1,\"OomKillDisable\":false,"
               "\"BlkioDeviceReadBps\":[]}");
    _cleanup_json_ json_t *resources = json_object();
    assert_int_equal(limits_complete(host, NULL), 0);
    assert_int_equal(limits_to_resources(host, resources, NULL), 0);
    assert_json(resources, "{\"memory\":{\"limit\":1048576,\"swap\":2097152,\"swappiness\":0},"
                           "\"cpu\":{\"quota\":150000,\"period\":100000}}");
    assert_true(json_is_null(json_at(host, "PidsLimit")));
}

static void a_change_brings_what_hangs_together(void **state)
{
    (void)state;
    _cleanup_json_ json_t *host = object("{\"Memory\":1048576,\"BlkioDeviceReadBps\":["
                                         "{\"Path\":\"/dev/a\",\"Rate\":5},"
                                         "{\"Path\":\"/dev/b\",\"Rate\":6}],\"CpuShares\":7}");
    _cleanup_json_ json_t *change = object("{\"Memory\":2097152,\"CpuShares\":0,\"PidsLimit\":0,"
                                           "\"BlkioDeviceReadBps\":["
                                           "{\"Path\":\"/dev/b\",\"Rate\":9}]}");
    _cleanup_json_ json_t *part = NULL;
    assert_int_equal(limits_complete(host, NULL), 0);
    assert_int_equal(limits_change(host, change, &part, NULL), 0);
    assert_json(part, "{\"Memory\":2097152,\"MemorySwap\":2097152,\"PidsLimit\":0,"
                      "\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/b\",\"Rate\":9},"
                      "{\"Path\":\"/dev/a\",\"Rate\":0}]}");
    assert_json(json_at(host, "BlkioDeviceReadBps"), "[{\"Path\":\"/dev/b\",\"Rate\":9}]");
    assert_int_equal(json_int(host, "CpuShares", 0), 7);
    assert_true(json_is_null(json_at(host, "PidsLimit")));
}

static void refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"Memory\":1024}",
        "{\"MemorySwap\":1048576}",
        "{\"Memory\":2097152,\"MemorySwap\":1048576}",
        "{\"MemorySwappiness\":101}",
        "{\"MemoryReservation\":1}",
        "{\"Memory\":1048576,\"MemoryReservation\":1048577}",
        "{\"NanoCpus\":1,\"CpuPeriod\":1000}",
        "{\"NanoCpus\":-1}",
        "{\"NanoCpus\":9000000000000000000}",
        "{\"CpuShares\":-1}",
        "{\"CpuPeriod\":999}",
        "{\"CpuQuota\":999}",
        "{\"CpuRealtimePeriod\":1,\"CpuRealtimeRuntime\":2}",
        "{\"CpusetCpus\":\"0-\"}",
        "{\"CpusetCpus\":\"99999999999999999999\"}",
        "{\"CpusetCpus\":\"0,,1\"}",
        "{\"CpusetMems\":\"x\"}",
        "{\"BlkioWeight\":9}",
        "{\"BlkioWeightDevice\":[{\"Path\":\"/dev/a\",\"Weight\":1001}]}",
        "{\"OomScoreAdj\":-1001}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_json_ json_t *host = object(bad[i]);
        _cleanup_err_ struct err e = ERR_INIT;
        if (limits_check(host, &e) >= 0)
            fail_msg("taken: %s", bad[i]);
    }
    _cleanup_json_ json_t *good = object("{\"Memory\":0,\"MemorySwap\":-1,\"CpusetCpus\":\"0\","
                                         "\"MemorySwappiness\":-1,\"OomScoreAdj\":1000}");
    assert_int_equal(limits_check(good, NULL), 0);
}

static void device_rules(void **state)
{
    (void)state;
    _cleanup_json_ json_t *rule = NULL, *any = NULL;
    assert_int_equal(limits_parse_device_rule("c 1:3 rwm", &rule, NULL), 0);
    assert_json(rule, "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}");
    assert_int_equal(limits_parse_device_rule("a *:* r", &any, NULL), 0);
    assert_json(any, "{\"allow\":true,\"type\":\"a\",\"major\":-1,\"minor\":-1,\"access\":\"r\"}");
    static const char *const bad[] = {
        "",           "c",         "c 1:3",   "c 1:3 ",   "c 1:3 x",
        "c 1:3 rwmr", "d 1:3 r",   "c 1 3 r", "c 1:*3 r", "c -1:3 r",
        "c 1:3 r ",   "c ** r",    "c :3 r",  "c 1: r",   "c 99999999999:1 r",
        "\xc3 1:1 r", "c 1:3 rw\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *none = NULL;
        if (limits_parse_device_rule(bad[i], &none, NULL) != -EINVAL || none)
            fail_msg("taken: \"%s\"", bad[i]);
    }
    json_t *none = NULL;
    assert_int_equal(limits_parse_device_rule(NULL, &none, NULL), -EINVAL);
}

static void ulimits(void **state)
{
    (void)state;
    _cleanup_json_ json_t *good = object("{\"Name\":\"nofile\",\"Soft\":-1,\"Hard\":5}");
    _cleanup_json_ json_t *rlimit = NULL;
    assert_int_equal(limits_parse_ulimit(good, &rlimit, NULL), 0);
    assert_json(rlimit, "{\"type\":\"RLIMIT_NOFILE\",\"soft\":-1,\"hard\":5}");
    static const char *const bad[] = {"{}", "{\"Name\":\"x\",\"Soft\":1,\"Hard\":1}",
                                      "{\"Name\":\"core\",\"Soft\":1}", "[]",
                                      "{\"Name\":5,\"Soft\":1,\"Hard\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_json_ json_t *limit = object(bad[i]);
        json_t *none = NULL;
        assert_int_equal(limits_parse_ulimit(limit, &none, NULL), -EINVAL);
    }
}

static void words_are_those_of_the_command_line(void **state)
{
    (void)state;
    _cleanup_json_ json_t *host = object("{\"NanoCpus\":1}");
    static const char *const words[][2] = {
        {"cannot set \"linux.resources.memory.swap\": no", "cannot set \"--memory-swap\": no"},
        {"\"linux.resources.cpu.quota\"", "\"--cpus\""},
        {"\"linux.resources.unified\" x \"linux.resources.pids.limit\"",
         "\"linux.resources.unified\" x \"--pids-limit\""},
        {"nothing of it", "nothing of it"},
        {"linux.resources.", "linux.resources."},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        err_set(&e, ENOTSUP, "%s", words[i][0]);
        assert_int_equal(limits_explain(host, &e), -ENOTSUP);
        assert_string_equal(err_text(&e), words[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restart_policies),
        cmocka_unit_test(options_put_what_was_given_alone),
        cmocka_unit_test(resources_of_a_host_configuration),
        cmocka_unit_test(a_change_brings_what_hangs_together),
        cmocka_unit_test(refusals),
        cmocka_unit_test(device_rules),
        cmocka_unit_test(ulimits),
        cmocka_unit_test(words_are_those_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
