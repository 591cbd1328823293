#include "kernel/owner_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

static void without_one_everybody_is_himself(void **state)
{
    (void)state;
    const struct owner_map m = {0};
    uint32_t id = 7;
    assert_true(owner_map_outside(&m, 4294967294U, &id));
    assert_int_equal(id, 4294967294U);
    assert_true(owner_map_inside(&m, 0, &id));
    assert_int_equal(id, 0);
}

static void both_ways(void **state)
{
    (void)state;
    struct owner_map m = {0};
    uint32_t id = 7;
    assert_int_equal(
        owner_map_parse("         0     100000      1000\n      1000       1000          1\n"
                        "      1001     101001      64535\n",
                        &m),
        0);
    assert_int_equal(m.n, 3);
    assert_true(owner_map_outside(&m, 0, &id) && id == 100000);
    assert_true(owner_map_outside(&m, 999, &id) && id == 100999);
    assert_true(owner_map_outside(&m, 1000, &id) && id == 1000);
    assert_true(owner_map_outside(&m, 65535, &id) && id == 165535);
    assert_false(owner_map_outside(&m, 65536, &id));
    assert_true(owner_map_inside(&m, 100999, &id) && id == 999);
    assert_true(owner_map_inside(&m, 1000, &id) && id == 1000);
    assert_false(owner_map_inside(&m, 0, &id));
    assert_false(owner_map_inside(&m, 101000, &id));
    assert_int_equal(id, 1000); /* untouched on failure */
    owner_map_release(&m);
    owner_map_release(&m);
}

static void the_kernels_own(void **state)
{
    (void)state;
    struct owner_map m = {0};
    uint32_t id;
    assert_int_equal(owner_map_read(getpid(), "uid_map", &m, NULL), 0);
    assert_true(owner_map_outside(&m, 0, &id));
    owner_map_release(&m);
}

static void what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "\n", "0 0", "a b c", "0 0 1 1", "0 0 1x", "-1 0 1", "0 4294967296 1", "0 0 1\n0"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct owner_map m = {0};
        assert_int_equal(owner_map_parse(texts[i], &m), -EINVAL);
        assert_null(m.v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_one_everybody_is_himself),
        cmocka_unit_test(both_ways),
        cmocka_unit_test(the_kernels_own),
        cmocka_unit_test(what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
