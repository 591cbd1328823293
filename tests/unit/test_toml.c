#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/toml.h"

#include "base/str.h"

#include <string.h>

/* @want is the JSON of what @text says. */
static void says(const char *text, const char *want)
{
    _cleanup_json_ json_t *j = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (toml_parse(text, strlen(text), "t", &j, &e) < 0)
        fail_msg("\"%s\": %s", text, err_text(&e));
    _cleanup_free_ char *got = json_text(j, JSON_COMPACT);
    assert_string_equal(got, want);
}

static void refused(const char *text, const char *story)
{
    json_t *j = (json_t *)1;
    _cleanup_err_ struct err e = ERR_INIT;
    if (toml_parse(text, strlen(text), "t", &j, &e) != -EINVAL)
        fail_msg("\"%s\" was taken, or failed otherwise: %s", text, err_text(&e));
    if (!strstr(err_text(&e), story))
        fail_msg("\"%s\": \"%s\" instead of \"%s\"", text, err_text(&e), story);
    assert_ptr_equal(j, (json_t *)1); /* untouched on failure */
}

static void test_keys(void **state)
{
    says("", "{}");
    says("# nothing\n\r\n \t\n", "{}");
    says("a = 1", "{\"a\":1}");
    says("a-b_C9 = 1 # more\nb=2\r\n", "{\"a-b_C9\":1,\"b\":2}");
    says("'a.b' = 1\n\"c\\u00e9\" = 2", "{\"a.b\":1,\"cé\":2}");
    says("a.b.c = 1\na . b . d = 2\na.e = 3", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3}}");
    says("1234 = 1\n\"\" = 2", "{\"1234\":1,\"\":2}");
    says("3.14 = 1", "{\"3\":{\"14\":1}}");
    refused("a", "\"=\" is missing");
    refused("= 1", "a key is missing");
    refused("a. = 1", "a key is missing");
    refused("a = ", "a value is missing");
    refused("a =\n1", "a value is missing");
    refused("a = 1 b = 2", "line 1: the line goes on");
    refused("x = 1\na = 1\na = 2", "line 3: \"a\" is there already");
    refused("a = 1\n'a' = 2", "\"a\" is there already");
    refused("a = 1\na.b = 2", "\"a\" is there already");
    refused("\"\"\"a\"\"\" = 1", "several lines");
    refused("é = 1", "a key is missing");
}

static void test_strings(void **state)
{
    says("a = \"\"", "{\"a\":\"\"}");
    says("a = \"x\\\"y\\\\z\\t\\u0041\\U0001F600#\"", "{\"a\":\"x\\\"y\\\\z\\tA😀#\"}");
    says("a = 'C:\\n'", "{\"a\":\"C:\\\\n\"}");
    says("a = \"\"\"\nx\r\ny\\\n   \n  z\"\"\"", "{\"a\":\"x\\r\\nyz\"}");
    says("a = \"\"\"\"x\"\"\"\"\"", "{\"a\":\"\\\"x\\\"\\\"\"}");
    says("a = '''\n'x\\'''''", "{\"a\":\"'x\\\\''\"}");
    says("a = \"\"\"\\\"\"\"\\\"\"\"\"", "{\"a\":\"\\\"\\\"\\\"\\\"\"}");
    refused("a = \"x", "does not end");
    refused("a = \"x\ny\"", "does not end on its line");
    refused("a = '''x", "does not end");
    refused("a = \"\"\"x\"\"\"\"\"\"", "the line goes on");
    refused("a = \"\\q\"", "an escape that is not known");
    refused("a = \"\\u12\"", "4 hexadecimal digits");
    refused("a = \"\\uD800\"", "no character");
    refused("a = \"\\U00110000\"", "no character");
    refused("a = \"\\u0000\"", "no character");
    refused("a = \"\x01\"", "a control character");
    refused("a = 'x\x7f'", "a control character");
    refused("a = 'x\ry'", "a control character");
    refused("a = 1 # \x01", "a control character");
    refused("a = 1\rb = 2", "the line goes on");
    refused("a = \"\xff\"", "not UTF-8");
    refused("# \xc0\x80", "not UTF-8");
}

static void test_numbers(void **state)
{
    says("a = +99\nb = -17\nc = 0\nd = 1_000", "{\"a\":99,\"b\":-17,\"c\":0,\"d\":1000}");
    says("a = 0xDead_beef\nb = 0o755\nc = 0b1_1", "{\"a\":3735928559,\"b\":493,\"c\":3}");
    says("a = 9223372036854775807\nb = -9223372036854775808",
         "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
    says("a = 1.5\nb = -0.25e1\nc = 5e+2", "{\"a\":1.5,\"b\":-2.5,\"c\":500.0}");
    says("a = true\nb = false", "{\"a\":true,\"b\":false}");
    static const char *const bad[] = {
        "01",    "-01",
        "1__0",  "_1",
        "1_",    "0x",
        "0xg",   "+0x1",
        "0b2",   "0o8",
        "1.",    ".5",
        "1.e1",  "1e",
        "1._5",  "03.1",
        "inf",   "nan",
        "-inf",  "True",
        "yes",   "9223372036854775808",
        "0x_1",  "0xffffffffffffffff",
        "1e999", "-",
        "+",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_free_ char *text = str_printf("a = %s", bad[i]);
        refused(text, "is no value");
    }
}

static void test_dates(void **state)
{
    says("a = 1979-05-27T07:32:00Z", "{\"a\":\"1979-05-27T07:32:00Z\"}");
    says("a = 1979-05-27 00:32:00.999-07:00", "{\"a\":\"1979-05-27 00:32:00.999-07:00\"}");
    says("a = 2024-02-29\nb = 07:32:00", "{\"a\":\"2024-02-29\",\"b\":\"07:32:00\"}");
    static const char *const bad[] = {
        "2023-02-29", "2023-13-01", "2023-00-01", "24:00:00",
        "07:32",      "07:32:00.",  "2023-01-0",  "2023-01-01T00:00:00+1",
        "07:32:00Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_free_ char *text = str_printf("a = %s", bad[i]);
        refused(text, "is no value");
    }
}

static void test_nested(void **state)
{
    says("a = []\nb = [ 1, 'x', [2,],\n # more\n ]", "{\"a\":[],\"b\":[1,\"x\",[2]]}");
    says("a = {}\nb = { c = 1, d.e = [{f = 2}] }",
         "{\"a\":{},\"b\":{\"c\":1,\"d\":{\"e\":[{\"f\":2}]}}}");
    refused("a = [1 2]", "an array needs");
    refused("a = [1,,2]", "a value is missing");
    refused("a = [", "a value is missing");
    refused("a = { b = 1, }", "a key is missing");
    refused("a = { b = 1\n}", "a table in braces");
    refused("a = { b = 1, b = 2 }", "\"b\" is there already");
    refused("a = { b = 1 }\na.c = 2", "\"a\" is there already");
    refused("a = { b = 1 }\n[a]", "\"a\" is there already");
    refused("a = { b = {} }\n[a.b.c]", "cannot be added to");
    char deep[200] = "a = ";
    memset(deep + 4, '[', 100);
    refused(deep, "nested too deeply");
}

static void test_tables(void **state)
{
    says("[a]\nx = 1\n[b . 'c']\ny = 2", "{\"a\":{\"x\":1},\"b\":{\"c\":{\"y\":2}}}");
    says("[a.b]\n[a]\nx = 1", "{\"a\":{\"b\":{},\"x\":1}}");
    says("[[r]]\nx = 1\n[[r.m]]\ny = 1\n[[r.m]]\n[[r]]\n[r.t]\nz = 2",
         "{\"r\":[{\"x\":1,\"m\":[{\"y\":1},{}]},{\"t\":{\"z\":2}}]}");
    refused("[a]\n[a]", "line 2: \"a\" is there already");
    refused("a = 1\n[a]", "\"a\" is there already");
    refused("a = 1\n[a.b]", "cannot be added to");
    refused("a.b = 1\n[a]", "\"a\" is there already");
    refused("[a]\nb.c = 1\n[a.b]", "\"b\" is there already");
    refused("[a.b]\n[a]\nb.c = 1", "\"b\" is there already");
    refused("[[a]]\n[a]", "\"a\" is there already");
    refused("[a]\n[[a]]", "\"a\" is there already");
    refused("a = []\n[[a]]", "\"a\" is there already");
    refused("a = [{}]\n[a.b]", "cannot be added to");
    refused("[a", "the bracket");
    refused("[a] x = 1", "the line goes on");
    refused("[[a]\n", "the bracket");
    refused("[]", "a key is missing");
    refused("[a.]", "a key is missing");
    /* What headers of a path name without defining is not closed to the others. */
    says("[a.b.c]\n[a.b]\n[a]", "{\"a\":{\"b\":{\"c\":{}}}}");
}

static void test_nul(void **state)
{
    json_t *j = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(toml_parse("a = 1\0b", 7, "t", &j, &e), -EINVAL);
    assert_non_null(strstr(err_text(&e), "NUL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_strings),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_nested),  cmocka_unit_test(test_tables),
        cmocka_unit_test(test_nul),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
