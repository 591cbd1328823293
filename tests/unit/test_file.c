#include "base/file.h"

#include "base/json.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Each test gets a folder of its own, by descriptor. */
struct place {
    char path[32];
    int fd;
};

static int set_up(void **state)
{
    struct place *p = malloc(sizeof(*p));
    memcpy(p->path, "/tmp/skiff-file-XXXXXX", 23);
    assert_non_null(mkdtemp(p->path));
    p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = p;
    return p->fd < 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    int r = dir_remove(AT_FDCWD, p->path, NULL);
    close(p->fd);
    free(p);
    return r;
}

static void replacing_is_whole(void **state)
{
    int fd = ((struct place *)*state)->fd;
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    assert_int_equal(file_replace(fd, "f", "one", 3, 0640, 0, &e), 0);
    assert_int_equal(file_replace(fd, "f", "two\0x", 5, 0600, FILE_SYNC, &e), 0);
    assert_int_equal(file_read(fd, "f", 100, &text, &n, &e), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(text, "two\0x", 6);

    struct stat st;
    assert_int_equal(fstatat(fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_nlink, 1);
}

static void replacing_leaves_no_temporary(void **state)
{
    int fd = ((struct place *)*state)->fd;
    _cleanup_err_ struct err e = ERR_INIT;
    mkdirat(fd, "f", 0700);
    assert_int_equal(file_replace(fd, "f", "x", 1, 0600, 0, &e), -EISDIR);
    assert_int_equal(unlinkat(fd, "f", AT_REMOVEDIR), 0);
    _cleanup_closedir_ DIR *d = fdopendir(dup(fd));
    struct dirent *entry;
    while ((entry = readdir(d)))
        assert_int_equal(entry->d_name[0], '.');
}

static void reading_is_bounded(void **state)
{
    int fd = ((struct place *)*state)->fd;
    _cleanup_err_ struct err e = ERR_INIT;
    char *text = NULL;
    assert_int_equal(file_replace(fd, "f", "12345", 5, 0600, 0, NULL), 0);
    assert_int_equal(file_read(fd, "f", 4, &text, NULL, &e), -EFBIG);
    assert_string_equal(err_text(&e), "cannot read \"f\": larger than 4 bytes");
    assert_int_equal(file_read(fd, "f", 5, &text, NULL, &e), 0);
    free(text);
}

static void reading_never_waits(void **state)
{
    int fd = ((struct place *)*state)->fd;
    char *text = NULL;
    assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
    assert_int_equal(file_read(fd, "fifo", 10, &text, NULL, NULL), -EINVAL);
    assert_int_equal(file_read(fd, ".", 10, &text, NULL, NULL), -EINVAL);
    assert_int_equal(file_read(fd, "none", 10, &text, NULL, NULL), -ENOENT);
}

static void folders_are_made_and_removed(void **state)
{
    int fd = ((struct place *)*state)->fd;
    _cleanup_err_ struct err e = ERR_INIT;
    mode_t old = umask(077);
    assert_int_equal(dir_make(fd, "a/b/c", 0711, &e), 0);
    umask(old);
    struct stat st;
    assert_int_equal(fstatat(fd, "a/b", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    assert_int_equal(dir_make(fd, "a/b/c", 0711, &e), 0);

    assert_int_equal(symlinkat("/etc", fd, "a/b/link"), 0);
    assert_int_equal(file_replace(fd, "a/b/c/f", "x", 1, 0, 0, &e), 0);
    assert_int_equal(dir_remove(fd, "a", &e), 0);
    assert_int_equal(fstatat(fd, "a", &st, 0), -1);
    assert_int_equal(stat("/etc/passwd", &st), 0);
    assert_int_equal(dir_remove(fd, "a", &e), 0); /* gone already is success */
}

static void a_link_is_removed_not_followed(void **state)
{
    int fd = ((struct place *)*state)->fd;
    dir_make(fd, "kept/inside", 0700, NULL);
    assert_int_equal(symlinkat("kept", fd, "link"), 0);
    assert_int_equal(dir_remove(fd, "link", NULL), 0);
    struct stat st;
    assert_int_equal(fstatat(fd, "kept/inside", &st, 0), 0);
    assert_int_equal(fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW), -1);
}

static void json_says_where_it_is_broken(void **state)
{
    int fd = ((struct place *)*state)->fd;
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *j = NULL;
    file_replace(fd, "bad.json", "{\"a\":\n 1,}", 10, 0600, 0, NULL);
    assert_int_equal(json_read(fd, "bad.json", 100, &j, &e), -EINVAL);
    assert_non_null(strstr(err_text(&e), "\"bad.json\" is not valid JSON: line 2"));
    file_replace(fd, "twice.json", "{\"a\":1,\"a\":2}", 13, 0600, 0, NULL);
    assert_int_equal(json_read(fd, "twice.json", 100, &j, &e), -EINVAL);
}

static void json_paths(void **state)
{
    _cleanup_json_ json_t *j = json_pack("{s:{s:s, s:i, s:b}}", "a", "s", "x", "n", 7, "b", 1);
    assert_string_equal(json_str(j, "a.s"), "x");
    assert_int_equal(json_int(j, "a.n", 0), 7);
    assert_true(json_bool(j, "a.b", false));
    assert_null(json_str(j, "a.n"));
    assert_int_equal(json_int(j, "a.s", -1), -1);
    assert_null(json_at(j, "a.s.deeper"));
    assert_null(json_at(NULL, "a"));
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(replacing_is_whole),           IN_A_FOLDER(replacing_leaves_no_temporary),
        IN_A_FOLDER(reading_is_bounded),           IN_A_FOLDER(reading_never_waits),
        IN_A_FOLDER(folders_are_made_and_removed), IN_A_FOLDER(a_link_is_removed_not_followed),
        IN_A_FOLDER(json_says_where_it_is_broken), cmocka_unit_test(json_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
