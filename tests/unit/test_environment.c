#include "engine/environment.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The environment for these, as one text with a space between two. */
static void expect(const char *config_text, bool tty, const char *more_text, const char *expected)
{
    json_t *config = json_loads(config_text, 0, NULL), *env = NULL;
    json_t *more = more_text ? json_loads(more_text, 0, NULL) : NULL, *item;
    struct err e = ERR_INIT;
    assert_int_equal(environment_make(config, tty, more, "/home", &env, &e), 0);
    struct str text = {0};
    size_t i;
    json_array_foreach (env, i, item)
        str_addf(&text, "%s%s", i > 0 ? " " : "", json_string_value(item));
    assert_string_equal(text.s, expected);
    str_release(&text);
    json_decref(config);
    json_decref(more);
    json_decref(env);
}

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void what_nobody_gave(void **state)
{
    expect("{\"Hostname\": \"h\"}", false, NULL, PATH_DEFAULT " HOSTNAME=h HOME=/home");
    expect("{\"Hostname\": \"h\"}", true, NULL, PATH_DEFAULT " HOSTNAME=h TERM=xterm HOME=/home");
}

static void what_was_given_wins(void **state)
{
    expect("{\"Hostname\": \"h\", \"Env\": [\"PATH=/p\", \"TERM=t\", \"HOME=/h\", \"HOSTNAME=x\"]}",
           true, NULL, "PATH=/p TERM=t HOME=/h HOSTNAME=x");
    /* A name without a value says that there is to be none. */
    expect("{\"Hostname\": \"h\", \"Env\": [\"PATH\", \"HOME\"]}", false, NULL,
           "HOSTNAME=h PATH HOME");
}

static void more_adds_changes_and_takes_away(void **state)
{
    const char *config =
        "{\"Hostname\": \"h\", \"Env\": [\"PATH=/p\", \"A=1\", \"AB=2\", \"C=3\"]}";
    expect(config, false, "[\"D=4\"]", "HOSTNAME=h PATH=/p A=1 AB=2 C=3 D=4 HOME=/home");
    expect(config, false, "[\"A=9\"]", "HOSTNAME=h PATH=/p AB=2 C=3 A=9 HOME=/home");
    expect(config, false, "[\"A\", \"C\"]", "HOSTNAME=h PATH=/p AB=2 HOME=/home");
    expect(config, false, "[\"C=\", \"C=5\", \"HOME=/x\"]",
           "HOSTNAME=h PATH=/p A=1 AB=2 C=5 HOME=/x");
    expect(config, false, "[\"PATH\"]", PATH_DEFAULT " HOSTNAME=h A=1 AB=2 C=3 HOME=/home");
}

static void the_config_stays_as_it_was(void **state)
{
    json_t *config = json_loads("{\"Hostname\": \"h\", \"Env\": [\"A=1\"]}", 0, NULL), *env = NULL;
    json_t *before = json_deep_copy(config), *more = json_loads("[\"A=2\", \"B\"]", 0, NULL);
    assert_int_equal(environment_make(config, true, more, "/", &env, NULL), 0);
    assert_true(json_equal(config, before));
    json_decref(config);
    json_decref(before);
    json_decref(more);
    json_decref(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_gave),
        cmocka_unit_test(what_was_given_wins),
        cmocka_unit_test(more_adds_changes_and_takes_away),
        cmocka_unit_test(the_config_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
