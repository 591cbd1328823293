#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

#include <string.h>

static void check(const char *text, const char *want)
{
    _cleanup_str_ struct str out = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(table_align(text, strlen(text), &out, &e), 0);
    assert_string_equal(out.s ? out.s : "", want);
}

static void test_columns(void **state)
{
    check("", "");
    check("one cell\n", "one cell\n");
    check("A\tB\n1\t2\n", "A         B\n1         2\n");
    check("1234567\tx\n", "1234567   x\n");
    check("12345678\tx\n", "12345678   x\n");
    check("a-name-of-14ch\tB\tC\nx\tlonger than ten\tz",
          "a-name-of-14ch   B                 C\nx                longer than ten   z\n");
}

static void test_empty_cells_keep_their_column(void **state)
{
    check("A\tB\tC\n1\t\t3\n", "A         B         C\n1                   3\n");
    check("\t\n", "          \n");
}

/* Text behind the last tab widens nothing. */
static void test_rows_of_other_lengths(void **state)
{
    check("a\tb\nan error message without any tab\nc\td\n",
          "a         b\nan error message without any tab\nc         d\n");
}

static void test_width_counts_characters(void **state)
{
    check("h\xc3\xa9llo w\xc3\xb6\tx\nabcdefgh\ty\n", "h\xc3\xa9llo w\xc3\xb6   x\nabcdefgh   y\n");
}

static void test_width_counts_no_colours(void **state)
{
    check("\033[31mred\033[0m\tx\nlonger-one\ty\n",
          "\033[31mred\033[0m          x\nlonger-one   y\n");
    check("\033[1;31mred\033[0m\tx\n", "\033[1;31mred\033[0m       x\n");
    check("\033[2J\tx\n", "\033[2J      x\n"); /* another order than a colour's */
    check("\033[31\tx\n", "\033[31      x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_empty_cells_keep_their_column),
        cmocka_unit_test(test_rows_of_other_lengths),
        cmocka_unit_test(test_width_counts_characters),
        cmocka_unit_test(test_width_counts_no_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
