#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/template.h"
#include "template_cases.h"

#include <string.h>

static json_t *parse(const char *text)
{
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(j);
    return j;
}

/* Renders @text over @value; gives what was printed, or the error with a "!" before it. */
static char *render(const char *text, json_t *value)
{
    _cleanup_str_ struct str out = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    int r = template_render(text, value, &out, &e);
    if (r < 0) {
        assert_int_equal(-r, e.code);
        return str_printf("!%s", err_text(&e));
    }
    assert_int_equal(e.code, 0);
    return str_steal(&out);
}

static void check(const char *text, const char *json, const char *want)
{
    _cleanup_json_ json_t *value = parse(json);
    _cleanup_free_ char *got = render(text, value);
    if (!str_eq(got, want))
        print_error("template: %s\n", text);
    assert_string_equal(got, want);
}

static void test_prints(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(prints); i++)
        check(prints[i].text, template_data, prints[i].out);
}

static void test_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        _cleanup_free_ char *want = str_printf("!%s", refused[i].why);
        check(refused[i].text, template_data, want);
    }
}

static void test_json_keeps_order_of_members(void **state)
{
    check("{{json .}}", "{\"b\":[1,{\"z\":null}],\"a\":\"<&>\\u00e9\"}",
          "{\"b\":[1,{\"z\":null}],\"a\":\"<&>\xc3\xa9\"}");
    check("{{json .}}", "0.1", "0.1");
}

/* Labels may have any key; fields of a known object may not. */
static void test_maps_of_strings_have_no_missing_keys(void **state)
{
    const char *doc = "{\"Labels\":{\"a\":\"b\"},\"None\":{},\"Unset\":null,\"S\":{\"Pid\":1}}";
    check("{{.Labels.nope}}", doc, "<no value>");
    check("{{.None.nope}}", doc, "<no value>");
    check("[{{index .Labels \"nope\"}}]", doc, "[]");
    check("[{{index .None \"nope\"}}]", doc, "[]");
    check("[{{index .Unset \"nope\"}}]", doc, "[]");
    check("{{.S.nope}}", doc,
          "!template: :1:4: executing \"\" at <.S.nope>: map has no entry for key \"nope\"");
    check("{{.nope}}", "{\"all\":\"strings\"}",
          "!template: :1:2: executing \"\" at <.nope>: map has no entry for key \"nope\"");
    check("{{.nope}}", "{}",
          "!template: :1:2: executing \"\" at <.nope>: map has no entry for key \"nope\"");
}

static void test_methods(void **state)
{
    const char *row = "{\"ID\":\"1\",\"Label()\":{\"a\":\"b\"}}";
    check("{{.Label \"a\"}}", row, "b");
    check("[{{.Label \"c\"}}]", row, "[]");
    check("{{\"a\" | .Label}}", row, "b");
    check("{{range .L}}{{$.Label .}}{{end}}", "{\"L\":[\"a\"],\"Label()\":{\"a\":\"b\"}}", "b");
    check("{{json .}}", row, "{\"ID\":\"1\"}");
    check("{{.}}", row, "map[ID:1]");
    check("{{range $k, $v := .}}{{$k}} {{end}}", row, "ID ");
    check("{{.Label 1}}", row,
          "!template: :1:9: executing \"\" at <1>: wrong type for value; expected string; got int");
    check("{{.Label \"a\" \"b\"}}", row,
          "!template: :1:2: executing \"\" at <.Label>: wrong number of args for Label: want 1 got "
          "2");
    check("{{.ID \"a\"}}", row,
          "!template: :1:2: executing \"\" at <.ID>: ID is not a method but has arguments");
}

static void test_unsupported_is_named(void **state)
{
    check("{{define \"x\"}}{{end}}", "{}", "!template: :1: {{define}} is not supported");
    check("{{template \"x\"}}", "{}", "!template: :1: {{template}} is not supported");
    check("{{block \"x\" .}}{{end}}", "{}", "!template: :1: {{block}} is not supported");
    check("{{html .}}", "{}", "!template: :1: function \"html\" not defined");
    check("{{call .}}", "{}", "!template: :1: function \"call\" not defined");
}

static void test_empty_pipe_end(void **state)
{
    check("{{. |}}", "1", "!template: :1: missing value for command");
}

/* What went before is kept: a person sees how far it got. */
static void test_failure_keeps_what_was_printed(void **state)
{
    _cleanup_json_ json_t *value = parse("{\"A\":1}");
    _cleanup_str_ struct str out = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    str_add(&out, ">");
    assert_int_equal(template_render("{{.A}}-{{.B}}", value, &out, &e), -EINVAL);
    assert_string_equal(out.s, ">1-");
}

static void test_compiled_once_run_often(void **state)
{
    _cleanup_template_ struct template *t = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(template_new("{{$x := .}}{{$x}};", &t, &e), 0);
    _cleanup_str_ struct str out = {0};
    for (int i = 0; i < 3; i++) {
        _cleanup_json_ json_t *value = json_integer(i);
        assert_int_equal(template_run(t, value, &out, &e), 0);
    }
    assert_string_equal(out.s, "0;1;2;");
}

/* --- hostile -----------------------------------------------------------------------------------
 */

static char *repeat(const char *before, const char *middle, const char *after, size_t n)
{
    struct str s = {0};
    for (size_t i = 0; i < n; i++)
        str_add(&s, before);
    str_add(&s, middle);
    for (size_t i = 0; i < n; i++)
        str_add(&s, after);
    return str_steal(&s);
}

static void refuse(const char *text, const char *json, const char *why)
{
    _cleanup_json_ json_t *value = parse(json);
    _cleanup_free_ char *got = render(text, value);
    if (got[0] != '!' || !strstr(got, why))
        print_error("got %.300s\n", got);
    assert_int_equal(got[0], '!');
    assert_non_null(strstr(got, why));
}

static void test_nesting_is_bounded(void **state)
{
    _cleanup_free_ char *parens = repeat("(", ".", ")", 50000);
    _cleanup_free_ char *action = str_printf("{{%s}}", parens);
    refuse(action, "1", "nested more than 200 deep");
    _cleanup_free_ char *blocks = repeat("{{if .}}", "x", "{{end}}", 10000);
    refuse(blocks, "1", "nested more than 200 deep");
    _cleanup_free_ char *elses = repeat("{{if .}}{{else if .}}", "x", "", 5000);
    refuse(elses, "1", "nested more than 200 deep");
    _cleanup_free_ char *few = repeat("{{if .}}", "x", "{{end}}", 100);
    check(few, "1", "x");
}

static void test_size_is_bounded(void **state)
{
    _cleanup_free_ char *huge = repeat("x", "", "", 256 * 1024 + 1);
    refuse(huge, "1", "longer than 262144 bytes");
}

static void test_output_is_bounded(void **state)
{
    refuse(
        "{{$x := \"aaaaaaaaaaaaaaaa\"}}{{range .}}{{$x = print $x $x}}{{end}}",
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32]",
        "text is longer than");
    refuse("{{range .}}{{range $}}{{range $}}{{printf \"%999999s\" \"x\"}}{{end}}{{end}}{{end}}",
           "[1,2,3,4,5,6,7,8,9,10]", "output is longer than");
    refuse(
        "{{range .}}{{range $}}{{range $}}{{range $}}{{range $}}{{range $}}{{range $}}{{range $}}"
        "{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}",
        "[1,2,3,4,5,6,7,8,9,10]", "too many steps");
}

static void test_widths_are_bounded(void **state)
{
    check("{{len (printf \"%99999999999999999999s\" .)}}", "\"x\"", "1000000");
    check("{{printf \"%*d\" 99999999 1}}", "1", "%!(BADWIDTH)1");
    check("{{printf \"%.*f\" 99999999 1.5}}", "1", "%!(BADPREC)2");
    refuse("{{pad . 99999999 1}}", "\"x\"", "number of spaces out of range");
    refuse("{{truncate . -1}}", "\"x\"", "length out of range: -1");
}

/* Bytes that are no UTF-8 come through printing and are refused where JSON cannot hold them. */
static void test_bytes_that_are_no_text(void **state)
{
    check("\xff{{\"\\xff\xfe\"}}", "1", "\xff\xff\xfe");
    check("{{printf \"%q\" \"\\xff\\x00\"}}", "1", "\"\\xff\\x00\"");
    refuse("{{json \"\\xff\"}}", "1", "not text that JSON can hold");
    check("{{len \"a\\x00b\"}}", "1", "3");
}

/* --- formats of rows ---------------------------------------------------------------------------
 */

static char *rows(const char *format, const char *columns, const char *json)
{
    _cleanup_template_format_ struct template_format f = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *headers =
        parse("{\"ID\":\"CONTAINER ID\",\"Names\":\"NAMES\",\"Size\":\"SIZE\"}");
    _cleanup_json_ json_t *list = parse(json);
    _cleanup_str_ struct str out = {0};
    int r = template_parse_format(format, columns, &f, &e);
    if (r == 0)
        r = template_print_rows(&f, headers, list, &out, &e);
    return r < 0 ? str_printf("!%s", err_text(&e)) : str_steal(&out);
}

static void test_rows(void **state)
{
    static const struct {
        const char *format, *want;
    } cases[] = {
        {NULL, "CONTAINER ID   NAMES\n0123456789ab   web\nff             a-long-name\n"},
        {"", "CONTAINER ID   NAMES\n0123456789ab   web\nff             a-long-name\n"},
        {"table", "CONTAINER ID   NAMES\n0123456789ab   web\nff             a-long-name\n"},
        {"table {{.Names}}\\t{{.ID}}",
         "NAMES         CONTAINER ID\nweb           0123456789ab\na-long-name   ff\n"},
        {"table {{upper .Names}}\\t{{json .ID}}",
         "NAMES         CONTAINER ID\nWEB           \"0123456789ab\"\nA-LONG-NAME   \"ff\"\n"},
        {"{{.ID}}", "0123456789ab\nff\n"},
        {"{{.ID}}\\t{{.Names}}", "0123456789ab\tweb\nff\ta-long-name\n"},
        {"{{.ID}}\\n", "0123456789ab\n\nff\n\n"},
        {"{{.ID}}: {{truncate .Names 2}}", "0123456789ab: we\nff: a-\n"},
        {"json", "{\"ID\":\"0123456789ab\",\"Names\":\"web\"}\n"
                 "{\"ID\":\"ff\",\"Names\":\"a-long-name\"}\n"},
        {"{{.Nope}}",
         "!template: :1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\""},
        {"{{.ID", "!template: :1: unclosed action"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *got = rows(cases[i].format, "{{.ID}}\t{{.Names}}",
                                        "[{\"ID\":\"0123456789ab\",\"Names\":\"web\"},"
                                        "{\"ID\":\"ff\",\"Names\":\"a-long-name\"}]");
        assert_string_equal(got, cases[i].want);
    }
}

/* Columns of labels are headed by the last part of the label's name. */
static void test_labels_have_titles(void **state)
{
    _cleanup_free_ char *got =
        rows("table {{.ID}}\\t{{.Label \"com.example.build-date\"}}\\t{{.Label \"a_b\"}}", "",
             "[{\"ID\":\"1\",\"Label()\":{\"com.example.build-date\":\"today\"}}]");
    assert_string_equal(got, "CONTAINER ID   build date   a b\n1              today        \n");
}

static void test_no_rows(void **state)
{
    _cleanup_free_ char *table = rows("table", "{{.ID}}\t{{.Names}}", "[]");
    assert_string_equal(table, "CONTAINER ID   NAMES\n");
    _cleanup_free_ char *plain = rows("{{.ID}}", "{{.ID}}", "[]");
    assert_string_equal(plain, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_json_keeps_order_of_members),
        cmocka_unit_test(test_maps_of_strings_have_no_missing_keys),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_unsupported_is_named),
        cmocka_unit_test(test_empty_pipe_end),
        cmocka_unit_test(test_failure_keeps_what_was_printed),
        cmocka_unit_test(test_compiled_once_run_often),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_widths_are_bounded),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_labels_have_titles),
        cmocka_unit_test(test_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
