#include "runtime/spec.h"

#include "base/str.h"
#include "kernel/mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- reading ----------------------------------------------------------------------------- */

/* Reads @text as if it were config.json. */
static int read_text(const char *text, size_t n, json_t **ret, struct err *e)
{
    _cleanup_close_ int fd = memfd_create("config.json", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return spec_read(AT_FDCWD, path, ret, e);
}

static long long number(const char *text)
{
    _cleanup_json_ json_t *j = NULL;
    _cleanup_free_ char *whole = str_printf("{\"n\": %s}", text);
    assert_int_equal(read_text(whole, strlen(whole), &j, NULL), 0);
    assert_true(json_is_integer(json_at(j, "n")));
    return json_int(j, "n", 0);
}

static void numbers_of_64_bits_keep_their_bits(void **state)
{
    assert_int_equal(number("0"), 0);
    assert_int_equal(number("-1"), -1);
    assert_int_equal(number("9223372036854775807"), INT64_MAX);
    assert_int_equal(number("-9223372036854775808"), INT64_MIN);
    assert_int_equal(number("9223372036854775808"), INT64_MIN);
    assert_int_equal((uint64_t)number("9999999999999999999"), 9999999999999999999u);
    assert_int_equal((uint64_t)number("18446744069414584320"), 0xffffffff00000000u);
    assert_int_equal(number("18446744073709551615"), -1);
}

static void numbers_beyond_64_bits_are_refused(void **state)
{
    static const char *const texts[] = {
        "{\"n\": 18446744073709551616}", "{\"n\": -9223372036854775809}",
        "{\"n\": -18446744073709551615}", "{\"n\": 99999999999999999999999999999}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *j = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(read_text(texts[i], strlen(texts[i]), &j, &e), -EINVAL);
        assert_null(j);
        assert_non_null(strstr(err_text(&e), "not valid JSON"));
    }
}

static void digits_in_strings_and_fractions_are_left_alone(void **state)
{
    static const char text[] =
        "{\"18446744073709551615\": \"18446744073709551615\", \"quote\\\"18446744073709551615\":"
        " \"\\\\\", \"f\": 1.18446744073709551615, \"e\": 18446744073709551615e0,"
        " \"list\": [1,18446744073709551615,2]}";
    _cleanup_json_ json_t *j = NULL;
    assert_int_equal(read_text(text, sizeof(text) - 1, &j, NULL), 0);
    assert_string_equal(json_str(j, "18446744073709551615"), "18446744073709551615");
    assert_string_equal(json_str(j, "quote\"18446744073709551615"), "\\");
    assert_true(json_is_real(json_at(j, "f")));
    assert_true(json_is_real(json_at(j, "e")));
    assert_int_equal(json_integer_value(json_array_get(json_at(j, "list"), 1)), -1);
    assert_int_equal(json_integer_value(json_array_get(json_at(j, "list"), 2)), 2);
}

static void what_is_no_json_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } texts[] = {{"", 0},           {"{", 1},          {"\"", 1},       {"\"\\", 2},
                 {"{\"a\":1}x", 8}, {"{\"a\":\0}", 7}, {"{}\0", 3},     {"123", 3},
                 {"{'a': 1}", 8},   {"{\"a\":01}", 8}, {"[\"\\\"]", 5}, {"\xff", 1}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *j = NULL;
        assert_int_equal(read_text(texts[i].text, texts[i].n, &j, NULL), -EINVAL);
        assert_null(j);
    }
}

static void a_file_that_is_not_there(void **state)
{
    json_t *j = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(spec_read(AT_FDCWD, "/nonesuch/config.json", &j, &e), -ENOENT);
    assert_int_equal(spec_read(AT_FDCWD, "/dev", &j, NULL), -EINVAL);
}

/* --- parsing ----------------------------------------------------------------------------- */

static const char minimal[] = "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"rootfs\"},"
                              " \"process\": {\"cwd\": \"/\", \"args\": [\"sh\"]},"
                              " \"linux\": {\"namespaces\": [{\"type\": \"mount\"}]}}";

/* The minimal config with @change merged in, one level deep. */
static int parse_with(const char *change, struct spec *ret, struct err *e)
{
    _cleanup_json_ json_t *j = json_loads(minimal, 0, NULL);
    _cleanup_json_ json_t *more = json_loads(change, 0, NULL);
    assert_non_null(j);
    assert_non_null(more);
    assert_int_equal(json_object_update_recursive(j, more), 0);
    return spec_parse(j, ret, e);
}

static void the_least_that_can_be_started(void **state)
{
    _cleanup_spec_ struct spec s = {0};
    assert_int_equal(parse_with("{}", &s, NULL), 0);
    assert_string_equal(s.root, "rootfs");
    assert_int_equal(s.process.n_args, 1);
    assert_string_equal(s.process.args[0], "sh");
    assert_null(s.process.args[1]);
    assert_int_equal(s.process.uid, 0);
    assert_false(s.process.has_umask);
    assert_false(s.process.has_oom_score_adj);
    assert_null(s.cgroup_path);
    assert_int_equal(s.n_mounts, 0);
    assert_true(s.namespaces[NS_MOUNT].asked);
    assert_false(s.namespaces[NS_PID].asked);
}

static void all_bits_of_a_limit(void **state)
{
    _cleanup_spec_ struct spec s = {0};
    assert_int_equal(parse_with("{\"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CORE\","
                                " \"soft\": 5, \"hard\": -1}]}}",
                                &s, NULL),
                     0);
    assert_int_equal(s.process.n_rlimits, 1);
    assert_string_equal(s.process.rlimits[0].name, "RLIMIT_CORE");
    assert_int_equal(s.process.rlimits[0].resource, RLIMIT_CORE);
    assert_int_equal(s.process.rlimits[0].limit.rlim_cur, 5);
    assert_true(s.process.rlimits[0].limit.rlim_max == RLIM_INFINITY);
}

static void ambient_capabilities_that_could_be_had(void **state)
{
    _cleanup_spec_ struct spec s = {0};
    assert_int_equal(parse_with("{\"process\": {\"capabilities\": {\"permitted\": [\"CAP_KILL\","
                                " \"CAP_CHOWN\"], \"inheritable\": [\"CAP_KILL\"],"
                                " \"ambient\": [\"CAP_KILL\", \"CAP_CHOWN\"]}}}",
                                &s, NULL),
                     0);
    assert_int_equal(s.process.caps.permitted, 1 << 5 | 1 << 0);
    assert_int_equal(s.process.caps.ambient, 1 << 5);
}

static void refusals_leave_nothing_and_name_the_key(void **state)
{
    static const struct {
        const char *change, *words;
        int code;
    } cases[] = {
        {"{\"hooks\": {\"prestart\": [{\"path\": 1}]}}", "hooks", 0},
        {"{\"process\": {\"user\": {\"uid\": 2147483648}}}", "\"process.user.uid\" is 2147483648",
         ERANGE},
        {"{\"process\": {\"user\": []}}", "\"process.user\" is not an object", EINVAL},
        {"{\"process\": {\"scheduler\": {\"policy\": \"SCHED_FIFO\"}}}", "process.scheduler",
         ENOTSUP},
        {"{\"linux\": {\"netDevices\": {\"eth0\": {}}}}", "linux.netDevices", ENOTSUP},
        {"{\"linux\": {\"namespaces\": []}}", "mount namespace", ENOTSUP},
        {"{\"linux\": {\"cgroupsPath\": \"a.slice:b:c\"}}", "systemd", ENOTSUP},
        {"{\"linux\": {\"uidMappings\": [{\"hostID\": 1, \"size\": 1}]}}", "not whole", EINVAL},
        {"{\"ociVersion\": 1}", "ociVersion", EINVAL},
        {"{\"root\": {\"path\": null}}", "root.path", EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct spec s = {0};
        _cleanup_err_ struct err e = ERR_INIT;
        int r = parse_with(cases[i].change, &s, &e);
        assert_true(r < 0);
        if (cases[i].code)
            assert_int_equal(r, -cases[i].code);
        if (!strstr(err_text(&e), cases[i].words))
            fail_msg("\"%s\" does not name %s", err_text(&e), cases[i].words);
        assert_null(s.document);
    }
}

/* --- mounts ------------------------------------------------------------------------------ */

static int parse_mount(const char *text, struct spec_mount *ret)
{
    _cleanup_json_ json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    return spec_parse_mount(j, ret, NULL);
}

static void places_are_cleaned_by_their_words(void **state)
{
    static const char *const cases[][2] = {
        {"/proc", "/proc"},
        {"//proc", "/proc"},
        {"/./proc/.", "/proc"},
        {"proc/", "/proc"},
        {"/a/../proc", "/proc"},
        {"../../etc", "/etc"},
        {"/", "/"},
        {"/..", "/"},
        {"/a/b/../..", "/"},
        {"/a/b/../../c/", "/c"},
        {"/..a/...", "/..a/..."},
        {"/a/.b", "/a/.b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "destination", cases[i][0], "type", "t");
        struct spec_mount m = {0};
        assert_int_equal(spec_parse_mount(j, &m, NULL), 0);
        assert_string_equal(m.destination, cases[i][1]);
        spec_mount_release(&m);
    }
}

static void words_of_a_mount(void **state)
{
    struct spec_mount m = {0};
    assert_int_equal(parse_mount("{\"destination\": \"/m\", \"type\": \"tmpfs\", \"source\": \"t\","
                                 " \"options\": [\"ro\", \"rw\", \"ro\", \"nosuid\", \"rnodev\","
                                 " \"noatime\", \"defaults\", \"size=1k\", \"sync\", \"rslave\","
                                 " \"tmpcopyup\"]}",
                                 &m),
                     0);
    assert_int_equal(m.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
    assert_int_equal(m.set_below, MOUNT_ATTR_NODEV);
    assert_int_equal(m.propagation, 1 << 19);
    assert_true(m.propagation_below);
    assert_true(m.copy_up);
    assert_false(m.bind);
    assert_int_equal(m.n_data, 2);
    assert_string_equal(m.data[0].key, "size");
    assert_string_equal(m.data[0].value, "1k");
    assert_string_equal(m.data[1].key, "sync");
    assert_null(m.data[1].value);
    spec_mount_release(&m);
}

static void a_bind_however_it_is_called(void **state)
{
    struct spec_mount m = {0};
    assert_int_equal(
        parse_mount("{\"destination\": \"/m\", \"type\": \"bind\", \"source\": \"/\"}", &m), 0);
    assert_true(m.bind && !m.recursive && !m.type);
    spec_mount_release(&m);
    assert_int_equal(parse_mount("{\"destination\": \"/m\", \"type\": \"none\", \"source\": \"/\","
                                 " \"options\": [\"rbind\"]}",
                                 &m),
                     0);
    assert_true(m.bind && m.recursive && !m.type);
    spec_mount_release(&m);
    assert_int_equal(parse_mount("{\"destination\": \"/m\", \"type\": \"bind\", \"source\": \"/\","
                                 " \"options\": [\"mode=7\"]}",
                                 &m),
                     -EINVAL);
}

/* Every word that features names is taken, and not as a file system's own. */
static void the_words_that_are_listed(void **state)
{
    _cleanup_json_ json_t *list = json_array();
    assert_int_equal(spec_list_mount_words(list), 0);
    assert_true(json_array_size(list) > 40);
    size_t i;
    json_t *word;
    json_array_foreach (list, i, word) {
        _cleanup_json_ json_t *j = json_pack("{s:s, s:s, s:s, s:[O]}", "destination", "/m", "type",
                                             "tmpfs", "source", "t", "options", word);
        struct spec_mount m = {0};
        assert_int_equal(spec_parse_mount(j, &m, NULL), 0);
        static const char *const kernels[] = {"dirsync", "lazytime", "mand", "nolazytime", "sync"};
        bool is_kernels = false;
        for (size_t k = 0; k < ARRAY_LEN(kernels); k++)
            is_kernels |= str_eq(kernels[k], json_string_value(word));
        assert_int_equal(m.n_data, is_kernels);
        spec_mount_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_64_bits_keep_their_bits),
        cmocka_unit_test(numbers_beyond_64_bits_are_refused),
        cmocka_unit_test(digits_in_strings_and_fractions_are_left_alone),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(a_file_that_is_not_there),
        cmocka_unit_test(the_least_that_can_be_started),
        cmocka_unit_test(all_bits_of_a_limit),
        cmocka_unit_test(ambient_capabilities_that_could_be_had),
        cmocka_unit_test(refusals_leave_nothing_and_name_the_key),
        cmocka_unit_test(places_are_cleaned_by_their_words),
        cmocka_unit_test(words_of_a_mount),
        cmocka_unit_test(a_bind_however_it_is_called),
        cmocka_unit_test(the_words_that_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
