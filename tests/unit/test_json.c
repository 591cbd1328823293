#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const keys[] = {"Id", "Config.Image", "Config.Deep.er", "List", NULL};

static int read_some(const char *text, json_t **ret, struct err *e)
{
    char folder[] = "/tmp/test_json.XXXXXX";
    assert_non_null(mkdtemp(folder));
    _cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_return_code(dir, errno);
    assert_int_equal(file_replace(dir, "a.json", text, strlen(text), 0600, 0, NULL), 0);
    int r = json_read_some(dir, "a.json", 1 << 20, keys, ret, e);
    assert_int_equal(unlinkat(dir, "a.json", 0), 0);
    assert_int_equal(rmdir(folder), 0);
    return r;
}

/* What is left of @text is @picked. */
static void assert_picked(const char *text, const char *picked)
{
    _cleanup_json_ json_t *j = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(read_some(text, &j, &e), 0);
    _cleanup_free_ char *left = json_text(j, JSON_COMPACT);
    assert_string_equal(left, picked);
}

static void test_picks(void **state)
{
    (void)state;
    assert_picked("{\"Id\":\"a\",\"Name\":\"b\"}", "{\"Id\":\"a\"}");
    assert_picked("{\"Name\":\"b\",\"Id\":\"a\"}", "{\"Id\":\"a\"}");
    assert_picked("{}", "{}");
    assert_picked(" { \"Name\" : [ 1 , 2 ] , \"Id\" : 7 } \n", "{\"Id\":7}");
    assert_picked("{\"Config\":{\"Cmd\":[\"x\"],\"Image\":\"i\"},\"List\":[1,{\"a\":[]}]}",
                  "{\"Config\":{\"Image\":\"i\"},\"List\":[1,{\"a\":[]}]}");
    assert_picked("{\"Config\":{\"Deep\":{\"er\":true,\"x\":{}},\"Id\":1}}",
                  "{\"Config\":{\"Deep\":{\"er\":true}}}");
    /* Wanted in part, and not an object. */
    assert_picked("{\"Config\":null,\"Id\":1}", "{\"Config\":null,\"Id\":1}");
}

/* Whatever brackets and quotes stand in strings that are passed over. */
static void test_strings(void **state)
{
    (void)state;
    assert_picked("{\"x\":\"}\\\"],{\\\\\",\"Id\":1}", "{\"Id\":1}");
    assert_picked("{\"x\":[\"]\",{\"y\":\"}\"}],\"Id\":1}", "{\"Id\":1}");
    assert_picked("{\"I\":1,\"Idx\":2,\"\\u0049d\":3,\"Config\":{\"Id\":4}}", "{\"Config\":{}}");
}

/* One that is not whole is refused as the parser refuses it. */
static void test_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "{\"Id\":1",
        "{\"Id\":1}x",
        "{\"Id\":1,}",
        "{\"x\":[1}",
        "{\"x\":\"",
        "{\"x\":\"\\",
        "{\"Id\"}",
        "{\"Id\":}",
        "{\"x\" 1}",
        "{,\"Id\":1}",
        "{\"x\":",
        "{\"Id\":1]",
        "{\"Id\":tru}",
        "{\"Id\":1,\"Id\":2}",
        "{\"Config\":{",
        "\"a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_json_ json_t *j = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        if (read_some(bad[i], &j, &e) != -EINVAL)
            fail_msg("taken: %s", bad[i]);
        assert_null(j);
        assert_non_null(strstr(err_text(&e), "a.json"));
    }
}

/* What is no object has no members: all of it is parsed. */
static void test_no_object(void **state)
{
    (void)state;
    assert_picked("[1,{\"x\":2}]", "[1,{\"x\":2}]");
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picks),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
