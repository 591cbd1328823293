#include "engine/exec_record.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static char word[] = "sleep", other[] = "5";
static char *const args[] = {word, other, NULL};

struct fixture {
    char folder[32];
    struct engine engine;
};

static int make(void **state)
{
    static struct fixture f;
    f = (struct fixture){.folder = "/tmp/exec-record-XXXXXX", .engine = ENGINE_INIT};
    assert_non_null(mkdtemp(f.folder));
    f.engine.run = f.folder;
    f.engine.run_fd = open(f.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_make(f.engine.run_fd, "containers/one", 0700, NULL), 0);
    *state = &f;
    return 0;
}

static int take_away(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dir_remove(f->engine.run_fd, "containers", NULL), 0);
    close(f->engine.run_fd);
    rmdir(f->folder);
    return 0;
}

static json_t *read_all(const struct fixture *f)
{
    json_t *list = NULL;
    assert_int_equal(exec_records_read(&f->engine, "one", &list, NULL), 0);
    return list;
}

static void expect_number(const struct fixture *f, size_t n)
{
    json_t *list = read_all(f);
    assert_int_equal(json_array_size(list), n);
    json_decref(list);
}

static void there_is_none(void **state)
{
    expect_number(*state, 0);
}

static void a_record_tells_and_goes(void **state)
{
    struct fixture *f = *state;
    struct exec_record record = EXEC_RECORD_INIT;
    assert_int_equal(exec_record_make(&f->engine, "one", getpid(), args, &record, NULL), 0);
    json_t *list = read_all(f), *item = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_str(item, "ID"), record.id);
    assert_int_equal(json_int(item, "Pid", 0), getpid());
    assert_true(json_int(item, "StartTime", 0) > 0);
    assert_string_equal(json_string_value(json_array_get(json_at(item, "Command"), 1)), "5");
    json_decref(list);
    exec_record_remove(&record);
    exec_record_remove(&record);
    expect_number(f, 0);
}

static void what_nobody_locks_is_removed(void **state)
{
    struct fixture *f = *state;
    struct exec_record kept = EXEC_RECORD_INIT, left = EXEC_RECORD_INIT;
    assert_int_equal(exec_record_make(&f->engine, "one", getpid(), args, &kept, NULL), 0);
    assert_int_equal(exec_record_make(&f->engine, "one", getpid(), args, &left, NULL), 0);
    expect_number(f, 2);
    close(left.fd); /* its holder was killed */
    expect_number(f, 1);
    assert_int_equal(faccessat(left.dir, left.id, F_OK, 0), -1);
    close(left.dir);
    exec_record_remove(&kept);
}

static void nobody_else_may_read_it(void **state)
{
    struct fixture *f = *state;
    struct exec_record record = EXEC_RECORD_INIT;
    struct stat st;
    mode_t before = umask(0);
    assert_int_equal(exec_record_make(&f->engine, "one", getpid(), args, &record, NULL), 0);
    umask(before);
    assert_int_equal(fstat(record.fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fstat(record.dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    exec_record_remove(&record);
}

static void a_container_that_has_ended_has_no_place_for_it(void **state)
{
    struct fixture *f = *state;
    struct exec_record record = EXEC_RECORD_INIT;
    struct err e = ERR_INIT;
    assert_int_equal(exec_record_make(&f->engine, "two", getpid(), args, &record, &e), -ESRCH);
    assert_string_equal(err_text(&e), "container two is not running");
    err_release(&e);
    exec_record_remove(&record);
    /* And one that ends meanwhile takes it along. */
    assert_int_equal(exec_record_make(&f->engine, "one", getpid(), args, &record, NULL), 0);
    assert_int_equal(dir_remove(f->engine.run_fd, "containers/one", NULL), 0);
    exec_record_remove(&record);
    expect_number(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_none, make, take_away),
        cmocka_unit_test_setup_teardown(a_record_tells_and_goes, make, take_away),
        cmocka_unit_test_setup_teardown(what_nobody_locks_is_removed, make, take_away),
        cmocka_unit_test_setup_teardown(nobody_else_may_read_it, make, take_away),
        cmocka_unit_test_setup_teardown(a_container_that_has_ended_has_no_place_for_it, make,
                                        take_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
