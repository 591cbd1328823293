#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct target {
    bool interactive, tty, remove;
    const char *name;
    long long number;
    struct option_list env;
};

static const struct option_def table[] = {
    {"interactive", 'i', OPTION_FLAG, offsetof(struct target, interactive), NULL, "In", "General"},
    {"tty", 't', OPTION_FLAG, offsetof(struct target, tty), NULL, "Terminal", NULL},
    {"rm", 0, OPTION_FLAG, offsetof(struct target, remove), NULL, "Remove", NULL},
    {"name", 'n', OPTION_STRING, offsetof(struct target, name), "NAME", "Name it", NULL},
    {"number", 0, OPTION_INT, offsetof(struct target, number), "N", "Count", "Numbers"},
    {"env", 'e', OPTION_LIST, offsetof(struct target, env), "A=B", "Variable", NULL},
    {"hidden", 0, OPTION_FLAG, offsetof(struct target, remove), NULL, NULL, NULL},
    {0},
};

/* Parses words given as one text; the words are copies that the caller need not free. */
struct run {
    char *argv[32];
    struct target t;
    char **words;
    int n;
    struct err e;
    int result;
};

static void parse(struct run *r, bool stop, const char *const *argv)
{
    *r = (struct run){0};
    int argc = 0;
    for (; argv[argc]; argc++)
        r->argv[argc] = (char *)(uintptr_t)argv[argc];
    r->result = options_parse(table, r->argv, argc, stop, &r->t, &r->words, &r->n, &r->e);
}

static void done(struct run *r)
{
    options_release(table, &r->t);
    err_release(&r->e);
}

#define PARSE(r, stop, ...) parse(r, stop, (const char *const[]){__VA_ARGS__, NULL})

static void letters_in_one_word(void **state)
{
    struct run r;
    PARSE(&r, true, "-it", "-eA=1", "-e", "B=2", "-e=C=3", "-nx", "image", "-i");
    assert_int_equal(r.result, 0);
    assert_true(r.t.interactive && r.t.tty && !r.t.remove);
    assert_int_equal(r.t.env.n, 3);
    assert_string_equal(r.t.env.v[0], "A=1");
    assert_string_equal(r.t.env.v[1], "B=2");
    assert_string_equal(r.t.env.v[2], "C=3");
    assert_string_equal(r.t.name, "x");
    assert_int_equal(r.n, 2);
    assert_string_equal(r.words[0], "image");
    assert_string_equal(r.words[1], "-i");
    done(&r);
}

static void a_letter_with_a_value_ends_the_word(void **state)
{
    struct run r;
    PARSE(&r, true, "-ie", "A=1");
    assert_int_equal(r.result, 0);
    assert_true(r.t.interactive);
    assert_string_equal(r.t.env.v[0], "A=1");
    done(&r);
}

static void long_names(void **state)
{
    struct run r;
    PARSE(&r, true, "--name=a=b", "--rm=false", "--tty=1", "--number", "-7", "--", "--rm");
    assert_int_equal(r.result, 0);
    assert_string_equal(r.t.name, "a=b");
    assert_false(r.t.remove);
    assert_true(r.t.tty);
    assert_int_equal(r.t.number, -7);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.words[0], "--rm");
    done(&r);
}

static void words_anywhere(void **state)
{
    struct run r;
    PARSE(&r, false, "a", "--rm", "-", "b", "-n", "x", "c");
    assert_int_equal(r.result, 0);
    assert_int_equal(r.n, 4);
    assert_string_equal(r.words[1], "-");
    assert_string_equal(r.words[3], "c");
    assert_true(r.t.remove);
    done(&r);
}

static void slips_are_told(void **state)
{
    struct run r;
    PARSE(&r, true, "--nmae", "x");
    assert_int_equal(r.result, -EINVAL);
    assert_string_equal(err_text(&r.e), "unknown option \"--nmae\": did you mean \"--name\"?");
    done(&r);
    PARSE(&r, true, "--completely-other");
    assert_string_equal(err_text(&r.e), "unknown option \"--completely-other\"");
    done(&r);
    PARSE(&r, true, "-ix");
    assert_string_equal(err_text(&r.e), "unknown option \"-x\" in \"-ix\"");
    done(&r);
    PARSE(&r, true, "--name");
    assert_string_equal(err_text(&r.e), "option \"--name\" needs a value: NAME");
    done(&r);
    PARSE(&r, true, "--number", "7x");
    assert_string_equal(err_text(&r.e), "option \"--number\": \"7x\" is not a number");
    done(&r);
    PARSE(&r, true, "--rm=maybe");
    assert_string_equal(err_text(&r.e), "option \"--rm\": \"maybe\" is not true or false");
    done(&r);
}

static void help_is_grouped(void **state)
{
    struct run r;
    PARSE(&r, true, "-h");
    assert_int_equal(r.result, 1);
    done(&r);
    _cleanup_str_ struct str text = {0};
    options_help(table, &text);
    assert_non_null(strstr(text.s, "General:\n  -i, --interactive"));
    assert_non_null(strstr(text.s, "\nNumbers:\n      --number N"));
    assert_null(strstr(text.s, "hidden"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_in_one_word),
        cmocka_unit_test(a_letter_with_a_value_ends_the_word),
        cmocka_unit_test(long_names),
        cmocka_unit_test(words_anywhere),
        cmocka_unit_test(slips_are_told),
        cmocka_unit_test(help_is_grouped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
