#include "engine/log_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "engine/log_split.h"

static int read_config(const char *type, const char *name, const char *value,
                       struct log_config *ret)
{
    _cleanup_json_ json_t *host =
        json_pack("{s:{s:s, s:{s:s}}}", "LogConfig", "Type", type, "Config", name, value);
    assert_non_null(host);
    return log_config_read(host, ret, NULL);
}

static void nothing_said_is_three_files_of_ten_mebibytes(void **state)
{
    (void)state;
    struct log_config c = {0};
    _cleanup_json_ json_t *host = json_object();
    assert_int_equal(log_config_read(host, &c, NULL), 0);
    assert_int_equal(c.driver, LOG_DRIVER_FILE);
    assert_int_equal(c.max_size, 10 << 20);
    assert_int_equal(c.max_files, 3);
}

static void sizes_are_dockers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long long bytes; /* 0: refused */
    } cases[] = {
        {"1", 1},
        {"10k", 10000},
        {"10K", 10000},
        {"10m", 10000000},
        {"1.5m", 1500000},
        {"10MiB", 10 << 20},
        {"1gb", 1000000000},
        {"3b", 3},
        {"5 k", 5000},
        {"-1", -1},
        {"0", 0},
        {"-2", 0},
        {"", 0},
        {"m", 0},
        {"10x", 0},
        {"10mm", 0},
        {"nan", 0},
        {"inf", 0},
        {"1e300", 0},
        {"99999999t", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct log_config c = {0};
        int r = read_config("json-file", "max-size", cases[i].text, &c);
        assert_int_equal(r, cases[i].bytes == 0 ? -EINVAL : 0);
        assert_int_equal(c.max_size, cases[i].bytes);
    }
}

static void options_belong_to_drivers(void **state)
{
    (void)state;
    struct log_config c;
    assert_int_equal(read_config("local", "max-file", "5", &c), 0);
    assert_int_equal(c.max_files, 5);
    assert_int_equal(read_config("local", "max-file", "0", &c), -EINVAL);
    assert_int_equal(read_config("none", "max-file", "5", &c), -EINVAL);
    assert_int_equal(read_config("journald", "max-size", "5", &c), -EINVAL);
    assert_int_equal(read_config("syslog", "syslog-facility", "local7", &c), 0);
    assert_int_equal(c.syslog_facility, 23);
    assert_int_equal(read_config("syslog", "syslog-facility", "", &c), -EINVAL);
    assert_int_equal(read_config("syslog", "syslog-address", "unixgram:///x", &c), 0);
    assert_int_equal(read_config("syslog", "syslog-address", "/x", &c), -EINVAL);
    assert_int_equal(read_config("file", "syslog-address", "unixgram:///x", &c), -EINVAL);
    assert_int_equal(read_config("gelf", "tag", "x", &c), -EINVAL);
}

static void tags_name_what_the_container_is(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *expected; /* NULL: refused */
    } cases[] = {
        {"", "0123456789ab"},
        {"plain", "plain"},
        {"{{.ID}}", "0123456789ab"},
        {"{{.FullID}}", "0123456789abcdef"},
        {"{{ .Name }}/{{.ImageName}}", "web/busybox"},
        {"{{.ImageID}}", "fedcba987654"},
        {"{{.ImageFullID}}", "sha256:fedcba9876543210"},
        {"{{.DaemonName}}", "skiff"},
        {"{ {x}", "{ {x}"},
        {"{{.Nothing}}", NULL},
        {"{{.ID", NULL},
        {"{{", NULL},
        {"{{.}}", NULL},
        {"{{.ID}} {{.Name|upper}}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct log_config c;
        _cleanup_json_ json_t *document = json_pack(
            "{s:s, s:s, s:s, s:{s:s}, s:{s:{s:s, s:{s:s}}}}", "Id", "0123456789abcdef", "Name",
            "/web", "Image", "sha256:fedcba9876543210", "Config", "Image", "busybox", "HostConfig",
            "LogConfig", "Type", "file", "Config", "tag", cases[i].tag);
        int r = log_config_read(json_at(document, "HostConfig"), &c, NULL);
        assert_int_equal(r, cases[i].expected ? 0 : -EINVAL);
        _cleanup_free_ char *tag = log_config_tag(document);
        if (cases[i].expected)
            assert_string_equal(tag, cases[i].expected);
    }
}

/* ---- lines ---- */

static void note_line(void *data, enum log_stream stream, const char *line, size_t n, bool partial)
{
    str_addf(data, "%d%c%zu:%.*s\n", stream, partial ? 'P' : 'F', n, n < 20 ? (int)n : 0, line);
}

static void lines_are_whole_and_long_ones_come_in_pieces(void **state)
{
    (void)state;
    _cleanup_str_ struct str got = {0};
    struct log_split s = {0};
    log_split_add(&s, LOG_STDOUT, "one\ntw", 6, note_line, &got);
    log_split_add(&s, LOG_STDERR, "err", 3, note_line, &got);
    log_split_add(&s, LOG_STDOUT, "o\n\n", 3, note_line, &got);
    log_split_add(&s, LOG_STDERR, "or\n", 3, note_line, &got);
    static char exact[LOG_LINE_MAX + 1], more[2 * LOG_LINE_MAX + 11];
    memset(exact, 'x', sizeof(exact));
    memset(more, 'x', sizeof(more));
    exact[LOG_LINE_MAX] = '\n';
    log_split_add(&s, LOG_STDOUT, exact, sizeof(exact), note_line, &got);
    log_split_add(&s, LOG_STDOUT, more, 1, note_line, &got);
    log_split_add(&s, LOG_STDOUT, more, sizeof(more), note_line, &got);
    log_split_end(&s, note_line, &got);
    assert_string_equal(got.s, "0F3:one\n0F3:two\n0F0:\n1F5:error\n0F16384:\n0P16384:\n0P16384:\n"
                               "0F12:xxxxxxxxxxxx\n");
    assert_null(s.begun[0].s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_three_files_of_ten_mebibytes),
        cmocka_unit_test(sizes_are_dockers),
        cmocka_unit_test(options_belong_to_drivers),
        cmocka_unit_test(tags_name_what_the_container_is),
        cmocka_unit_test(lines_are_whole_and_long_ones_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
