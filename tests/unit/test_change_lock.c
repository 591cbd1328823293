#include "engine/change_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "engine/hold.h"

struct ground {
    char folder[64];
    struct engine engine;
    struct container_record record;
};

static int begin(void **state)
{
    static struct ground g;
    g = (struct ground){.engine = ENGINE_INIT, .record = CONTAINER_RECORD_INIT};
    snprintf(g.folder, sizeof(g.folder), "/tmp/test-change-lock-XXXXXX");
    if (!mkdtemp(g.folder))
        return -1;
    _cleanup_free_ char *root = str_printf("%s/root", g.folder);
    _cleanup_free_ char *run = str_printf("%s/run", g.folder);
    *state = &g;
    return engine_open(root, run, &g.engine, NULL) < 0 || record_new(&g.engine, &g.record, NULL) < 0
               ? -1
               : 0;
}

static int end(void **state)
{
    struct ground *g = *state;
    record_remove(&g->engine, &g->record, NULL);
    record_release(&g->record);
    engine_release(&g->engine);
    return dir_remove(AT_FDCWD, g->folder, NULL);
}

/* Whether somebody else could take it now. */
static bool is_free(const struct ground *g)
{
    _cleanup_close_ int fd = openat(g->record.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void one_holds_it_until_its_descriptor_is_closed(void **state)
{
    struct ground *g = *state;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_false(is_free(g)); /* a new one is its maker's */
    change_unlock(g->record.hold_fd);
    assert_true(is_free(g));
    int fd = change_lock(&g->record, &e);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_false(is_free(g));
    assert_int_equal(change_lock_again(g->record.hold_fd), -EAGAIN);
    close(fd);
    assert_true(is_free(g));
    assert_int_equal(change_lock_again(g->record.hold_fd), 0);
    assert_false(is_free(g));
}

/* Not by unlinking, nor by who asks or takes the change lock; and with its last holder it is gone.
 */
static void a_hold_lasts_as_long_as_its_holder(void **state)
{
    struct ground *g = *state;
    struct container_record *c = &g->record;
    assert_true(hold_is_taken(c->dir_fd, HOLD_LIFE));
    assert_false(hold_is_taken(c->hold_fd, HOLD_LIFE)); /* his own */
    assert_false(hold_is_taken(c->dir_fd, HOLD_RESTART));
    int second = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hold_take(second, HOLD_LIFE, NULL), 0);
    change_unlock(c->hold_fd);
    int copy = dup(c->hold_fd);
    fd_close(&c->hold_fd);
    close(second);
    assert_true(hold_is_taken(c->dir_fd, HOLD_LIFE));
    close(copy);
    assert_false(hold_is_taken(c->dir_fd, HOLD_LIFE));
}

static void who_waited_for_a_container_that_was_removed_is_told(void **state)
{
    struct ground *g = *state;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(record_hide(&g->engine, &g->record, &e), 0);
    assert_int_equal(change_lock(&g->record, &e), -ENOENT); /* its folder is still in "removed" */
    assert_non_null(strstr(err_text(&e), "no such container"));
    assert_int_equal(record_sweep(&g->engine, g->record.id, NULL), 0);
    assert_int_equal(change_lock(&g->record, &e), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_holds_it_until_its_descriptor_is_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_hold_lasts_as_long_as_its_holder, begin, end),
        cmocka_unit_test_setup_teardown(who_waited_for_a_container_that_was_removed_is_told, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
