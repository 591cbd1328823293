/* Every cell of the table of transitions, against what Docker does and says. */
#include "engine/transition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define NOT_RUNNING "container " ID " is not running"
#define RESTARTING  "container " ID " is restarting, wait until the container is running"
#define NO_KILL     "cannot kill container: web: " NOT_RUNNING
#define NOT_PAUSED  "container " ID " is not paused"
#define REMOVING    "container " ID " is removing"
#define DEAD        "container " ID " is dead"
#define CANNOT_RM   "cannot remove container \"/web\": container is "
#define STOP_FIRST  ": stop the container before removing or force remove"
#define NO_ATTACH   "cannot attach to a stopped container, start it first"

/* In the place of words: it is done; there is nothing to do. */
static const char yes[] = "yes", already[] = "already";

enum { CREATED_, RUNNING_, PAUSED_, RESTARTING_, EXITED_, REMOVING_, DEAD_, STATES };
static const char *const states[STATES] = {"created", "running",  "paused", "restarting",
                                           "exited",  "removing", "dead"};

/* clang-format off */
static const char *const expected[VERBS][STATES] = {
    [VERB_START] = {yes, already, "cannot start a paused container, try unpause instead", already,
                    yes, REMOVING, DEAD},
    [VERB_STOP] = {already, yes, yes, yes, already, already, DEAD},
    [VERB_RESTART] = {yes, yes, yes, yes, yes, REMOVING, DEAD},
    [VERB_KILL] = {NO_KILL, yes, yes, yes, NO_KILL, NO_KILL, NO_KILL},
    [VERB_PAUSE] = {NOT_RUNNING, yes, "container " ID " is already paused", RESTARTING, NOT_RUNNING,
                    NOT_RUNNING, NOT_RUNNING},
    [VERB_UNPAUSE] = {NOT_PAUSED, NOT_PAUSED, yes, NOT_PAUSED, NOT_PAUSED, NOT_PAUSED, NOT_PAUSED},
    [VERB_REMOVE] = {yes, CANNOT_RM "running" STOP_FIRST,
                     CANNOT_RM "paused and must be unpaused first",
                     CANNOT_RM "restarting" STOP_FIRST, yes, already, DEAD},
    [VERB_REMOVE_FORCED] = {yes, yes, yes, yes, yes, already, yes},
    [VERB_RENAME] = {yes, yes, yes, yes, yes, REMOVING, DEAD},
    [VERB_UPDATE] = {yes, yes, yes, yes, yes, REMOVING, DEAD},
    [VERB_EXEC] = {NOT_RUNNING, yes, "container web is paused, unpause the container before exec",
                   RESTARTING, NOT_RUNNING, NOT_RUNNING, NOT_RUNNING},
    [VERB_ATTACH] = {NO_ATTACH, yes, "cannot attach to a paused container, unpause it first",
                     "cannot attach to a restarting container, wait until it is running", NO_ATTACH,
                     NO_ATTACH, NO_ATTACH},
    [VERB_TOP] = {NOT_RUNNING, yes, yes, RESTARTING, NOT_RUNNING, NOT_RUNNING, NOT_RUNNING},
};
/* clang-format on */

static int ask(enum verb verb, const char *status, struct err *e)
{
    struct container_record c = {.id = ID, .dir_fd = -EBADF, .lock_fd = -EBADF};
    c.document = json_pack("{s:s}", "Name", "/web");
    _cleanup_json_ json_t *state = json_pack("{s:{s:s}}", "State", "Status", status);
    int r = transition(verb, &c, state, e);
    json_decref(c.document);
    return r;
}

static void every_cell(void **state)
{
    (void)state;
    for (enum verb verb = 0; verb < VERBS; verb++) {
        for (int i = 0; i < STATES; i++) {
            _cleanup_err_ struct err e = ERR_INIT;
            const char *words = expected[verb][i];
            int r = ask(verb, states[i], &e);
            assert_non_null(words);
            if (words == yes || words == already) {
                assert_int_equal(r, words == yes);
                continue;
            }
            assert_true(r < 0);
            assert_string_equal(err_text(&e), words);
        }
    }
}

static void codes_tell_refusals_apart(void **state)
{
    (void)state;
    assert_int_equal(ask(VERB_REMOVE, "running", NULL), -EBUSY);
    assert_int_equal(ask(VERB_KILL, "exited", NULL), -ESRCH);
    assert_int_equal(ask(VERB_EXEC, "paused", NULL), -EPERM);
}

/* What no file of ours says is not taken for anything that may be touched. */
static void a_state_that_nobody_knows_is_dead(void **state)
{
    (void)state;
    assert_true(ask(VERB_START, "sleeping", NULL) < 0);
    assert_int_equal(ask(VERB_REMOVE_FORCED, "", NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(codes_tell_refusals_apart),
        cmocka_unit_test(a_state_that_nobody_knows_is_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
