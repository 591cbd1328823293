#include "engine/copy_path.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

static void cleaning(void **state)
{
    (void)state;
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"", "/"},
        {"/", "/"},
        {"a", "/a"},
        {"/a//b/./c", "/a/b/c"},
        {"/a/", "/a/"},
        {"/a/.", "/a/."},
        {"/a/./", "/a/"},
        {".", "/."},
        {"/.", "/."},
        {"./", "/"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/../../a", "/a"},
        {"/a/b/../c", "/a/c"},
        {"/a/...", "/a/..."},
        {"/a/..b", "/a/..b"},
        {"/a/b/../..", "/"},
        {"..", "/"},
        {"/a/.b", "/a/.b"},
        {"/a/b.", "/a/b."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *clean = copy_path_clean(cases[i].path);
        assert_string_equal(clean, cases[i].clean);
    }
}

static void arguments(void **state)
{
    (void)state;
    static const struct {
        const char *arg, *container, *path;
    } cases[] = {
        {"web:/etc", "web", "/etc"}, {"web:", "web", ""},        {"web:etc:x", "web", "etc:x"},
        {"/a:b", NULL, "/a:b"},      {"./a:b", NULL, "./a:b"},   {"../a:b", NULL, "../a:b"},
        {"plain", NULL, "plain"},    {".hid:b", NULL, ".hid:b"}, {":b", NULL, ":b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *container = NULL;
        const char *path = NULL;
        assert_int_equal(copy_argument(cases[i].arg, &container, &path), 0);
        if (cases[i].container)
            assert_string_equal(container, cases[i].container);
        else
            assert_null(container);
        assert_string_equal(path, cases[i].path);
    }
}

static void below_the_working_directory(void **state)
{
    (void)state;
    const struct copy_side host = {.root = AT_FDCWD}, inside = {.root = AT_FDCWD, .name = "web"};
    _cleanup_free_ char *here = getcwd(NULL, 0);
    _cleanup_free_ char *want = str_printf("%s/x/", here);
    _cleanup_free_ char *got = copy_path_absolute(&host, "./x/");
    assert_string_equal(got, want);
    _cleanup_free_ char *root = copy_path_absolute(&inside, "x/");
    assert_string_equal(root, "/x/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaning),
        cmocka_unit_test(arguments),
        cmocka_unit_test(below_the_working_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
