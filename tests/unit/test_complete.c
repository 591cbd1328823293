/*
 * Layers that lean on those below, from archives to what the folder looks like: the pipeline and
 * complete_layer as root, in folders of the test's own.
 */
#include "base/file.h"
#include "base/tar_header.h"
#include "image/complete.h"
#include "image/pipeline.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

/* Two layers below and one on top, all empty. */
struct place {
    char path[32];
    int fd, low, middle, top;
};

static int set_up(void **state)
{
    struct place *p = malloc(sizeof(*p));
    memcpy(p->path, "/tmp/skiff-lean-XXXXXX", 23);
    assert_non_null(mkdtemp(p->path));
    umask(0);
    p->fd = dir_open(AT_FDCWD, p->path, false, NULL);
    assert_int_equal(mkdirat(p->fd, "low", 0755), 0);
    assert_int_equal(mkdirat(p->fd, "middle", 0755), 0);
    assert_int_equal(mkdirat(p->fd, "top", 0755), 0);
    p->low = dir_open(p->fd, "low", false, NULL);
    p->middle = dir_open(p->fd, "middle", false, NULL);
    p->top = dir_open(p->fd, "top", false, NULL);
    *state = p;
    return p->top < 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    int r = dir_remove(AT_FDCWD, p->path, NULL);
    close(p->fd);
    close(p->low);
    close(p->middle);
    close(p->top);
    free(p);
    return r;
}

static void put(int dir, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* A folder with facts of its own; once more when something was put into it. */
static void put_folder(int dir, const char *path)
{
    const struct timespec times[2] = {{1000, 0}, {1000, 500}};
    (void)mkdirat(dir, path, 0);
    assert_int_equal(fchownat(dir, path, 7, 8, 0), 0);
    assert_int_equal(fchmodat(dir, path, 02751, 0), 0);
    assert_int_equal(utimensat(dir, path, times, 0), 0);
}

static void assert_folder(int dir, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 02751);
    assert_int_equal(st.st_uid, 7);
    assert_int_equal(st.st_gid, 8);
    assert_int_equal(st.st_mtim.tv_sec, 1000);
    assert_int_equal(st.st_mtim.tv_nsec, 500);
}

static void add_file(struct str *tar, const char *path, const char *text)
{
    const struct tar_entry t = {.path = path, .mode = S_IFREG | 0644, .size = (off_t)strlen(text)};
    tar_add_header(tar, &t);
    str_add(tar, text);
    tar_add_padding(tar, strlen(text));
}

static void add_link(struct str *tar, const char *path, const char *target)
{
    const struct tar_entry t = {
        .path = path, .target = target, .hard = true, .mode = S_IFREG | 0644};
    tar_add_header(tar, &t);
}

/* Unpacks it into the layer on top. */
static int unpack_top(const struct place *p, struct str *tar, bool may_lean,
                      struct pipeline_result *ret, struct err *e)
{
    const struct limits limits = LIMITS_DEFAULT;
    _cleanup_close_ int in = memfd_create("archive", MFD_CLOEXEC);
    tar_add_end(tar);
    assert_int_equal(fd_write_all(in, tar->s, tar->len), 0);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    const struct pipeline pipeline = {
        .in_fd = in, .blob_fd = -1, .folder_fd = p->top, .may_lean = may_lean, .limits = &limits};
    return pipeline_run(&pipeline, ret, e);
}

static int run(const struct place *p, struct str *tar, size_t n_below, struct err *e)
{
    const int below[2] = {p->middle, p->low};
    struct pipeline_result result = {0};
    int r = unpack_top(p, tar, true, &result, e);
    assert_int_equal(r, 0);
    assert_true(unpacked_leans(&result.unpacked));
    r = complete_layer(p->top, &result.unpacked, below, n_below, e);
    pipeline_result_release(&result);
    return r;
}

#define NEEDS_ROOT()                                                                               \
    if (geteuid() != 0)                                                                            \
    skip()

static void folders_look_as_they_do_below(void **state)
{
    NEEDS_ROOT();
    const struct place *p = *state;
    _cleanup_str_ struct str tar = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    struct stat st;
    put_folder(p->low, "a");
    put_folder(p->low, "a/b");
    put_folder(p->low, "a");
    put_folder(p->middle, "m");
    put_folder(p->low, "described");
    assert_int_equal(symlinkat("a", p->low, "link"), 0);
    add_file(&tar, "a/b/file", "1");
    add_file(&tar, "m/file", "1");
    add_file(&tar, "new/file", "1");
    add_file(&tar, "link/file", "1");
    add_file(&tar, "described/file", "1");
    tar_add_header(&tar, &(struct tar_entry){.path = "described", .mode = S_IFDIR | 0700});
    assert_int_equal(run(p, &tar, 2, &e), 0);
    assert_folder(p->top, "a");
    assert_folder(p->top, "a/b");
    assert_folder(p->top, "m");
    assert_int_equal(fstatat(p->top, "new", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(fstatat(p->top, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(fstatat(p->top, "described", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void links_bring_their_files_along(void **state)
{
    NEEDS_ROOT();
    const struct place *p = *state;
    _cleanup_str_ struct str tar = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    struct stat one, two, three;
    put_folder(p->low, "d");
    put(p->low, "d/file", "below");
    put_folder(p->low, "d");
    assert_int_equal(fchmodat(p->low, "d/file", 04711, 0), 0);
    _cleanup_close_ int file = openat(p->low, "d/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(file, "user.note", "x", 1, 0), 0);
    tar_add_header(
        &tar, &(struct tar_entry){.path = "e", .mode = S_IFDIR | 0755, .mtime = {.tv_sec = 77}});
    add_link(&tar, "e/one", "d/file");
    add_link(&tar, "e/two", "e/one");
    add_link(&tar, "e/later", "d/file");
    add_file(&tar, "e/later", "mine");
    assert_int_equal(run(p, &tar, 1, &e), -EBADMSG); /* the nearest alone has it not */
    assert_non_null(strstr(e.text, "\"d/file\" is not in the archive nor below"));
    assert_int_equal(dir_remove(p->fd, "top", NULL), 0);
    assert_int_equal(mkdirat(p->fd, "top", 0755), 0);
    struct place again = *p;
    again.top = dir_open(p->fd, "top", false, NULL);
    err_release(&e);
    e = ERR_INIT;
    assert_int_equal(run(&again, &tar, 2, &e), 0);
    assert_folder(again.top, "d");
    assert_int_equal(fstatat(again.top, "d/file", &one, 0), 0);
    assert_int_equal(fstatat(again.top, "e/one", &two, 0), 0);
    assert_int_equal(fstatat(again.top, "e/two", &three, 0), 0);
    assert_int_equal(one.st_mode, S_IFREG | 04711);
    assert_int_equal(one.st_nlink, 3);
    assert_true(one.st_ino == two.st_ino && one.st_ino == three.st_ino);
    assert_int_equal(fstatat(again.top, "e/later", &two, 0), 0);
    assert_int_equal(two.st_size, 4);
    assert_int_equal(fstatat(again.top, "e", &two, 0), 0);
    assert_int_equal(two.st_mtim.tv_sec, 77);
    _cleanup_close_ int copy = openat(again.top, "e/one", O_RDONLY | O_CLOEXEC);
    char note;
    assert_int_equal(fgetxattr(copy, "user.note", &note, 1), 1);
    close(again.top);
}

static void what_is_hidden_below_is_not_there(void **state)
{
    NEEDS_ROOT();
    const struct place *p = *state;
    _cleanup_str_ struct str tar = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    put(p->low, "file", "below");
    assert_int_equal(mknodat(p->middle, "file", S_IFCHR, makedev(0, 0)), 0);
    add_link(&tar, "link", "file");
    assert_int_equal(run(p, &tar, 2, &e), -EBADMSG);
}

static void links_do_not_lead_out(void **state)
{
    NEEDS_ROOT();
    const struct place *p = *state;
    static const char *const targets[] = {"out/passwd", "out/../etc/passwd", "up/passwd", "folder"};
    put_folder(p->low, "folder");
    assert_int_equal(symlinkat("/etc", p->low, "out"), 0);
    assert_int_equal(symlinkat("../../../../../../etc", p->middle, "up"), 0);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        struct strv links = {0}, none = {0};
        strv_add(&links, "link");
        strv_add(&links, targets[i]);
        const struct unpacked u = {.opaque = none, .made_up = none, .leaning = links};
        const int below[2] = {p->middle, p->low};
        assert_int_equal(complete_layer(p->top, &u, below, 2, &e), -EBADMSG);
        assert_int_equal(faccessat(p->top, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
        strv_release(&links);
    }
}

static void who_may_not_lean_is_refused(void **state)
{
    NEEDS_ROOT();
    const struct place *p = *state;
    _cleanup_str_ struct str tar = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    struct pipeline_result result = {0};
    add_link(&tar, "link", "file");
    assert_int_equal(unpack_top(p, &tar, false, &result, &e), -EBADMSG);
    assert_non_null(strstr(e.text, "link \"link\": \"file\" is not in the archive"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_look_as_they_do_below, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_bring_their_files_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_hidden_below_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_do_not_lead_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_may_not_lean_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
