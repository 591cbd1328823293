#include "kernel/copy_tree.h"

#include "base/file.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* Two folders, to copy from the one into the other. */
struct place {
    char path[32];
    int fd, from, to;
};

static const struct copy_options plain = {0};

static int set_up(void **state)
{
    struct place *p = malloc(sizeof(*p));
    memcpy(p->path, "/tmp/skiff-copy-XXXXXX", 23);
    assert_non_null(mkdtemp(p->path));
    umask(0);
    p->fd = dir_open(AT_FDCWD, p->path, false, NULL);
    assert_int_equal(mkdirat(p->fd, "from", 0755), 0);
    assert_int_equal(mkdirat(p->fd, "to", 0755), 0);
    p->from = dir_open(p->fd, "from", false, NULL);
    p->to = dir_open(p->fd, "to", false, NULL);
    *state = p;
    return p->to < 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    int r = dir_remove(AT_FDCWD, p->path, NULL);
    close(p->fd);
    close(p->from);
    close(p->to);
    free(p);
    return r;
}

static void put(int dir, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void assert_text(int dir, const char *path, const char *text)
{
    _cleanup_free_ char *found = NULL;
    assert_int_equal(file_read(dir, path, 1 << 20, &found, NULL, NULL), 0);
    assert_string_equal(found, text);
}

static struct stat facts(int dir, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void assert_same_facts(const struct place *p, const char *path)
{
    struct stat a = facts(p->from, path), b = facts(p->to, path);
    assert_int_equal(a.st_mode, b.st_mode);
    assert_int_equal(a.st_uid, b.st_uid);
    assert_int_equal(a.st_gid, b.st_gid);
    assert_int_equal(a.st_rdev, b.st_rdev);
    assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
    assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

static void every_kind_arrives(void **state)
{
    const struct place *p = *state;
    static const char *const names[] = {"d",    "d/e",      "d/e/file", "link",
                                        "fifo", "suid",     "empty",    "na\nme \xff\x1b",
                                        "long", "d/e/dead", "private",  "zero"};
    const struct timespec times[2] = {{1, 2}, {1234567890, 123456789}};
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdirat(p->from, "d", 0755), 0);
    assert_int_equal(mkdirat(p->from, "d/e", 01777), 0);
    put(p->from, "d/e/file", "content");
    put(p->from, "suid", "x");
    put(p->from, "empty", "");
    put(p->from, "na\nme \xff\x1b", "odd");
    put(p->from, "private", "");
    assert_int_equal(fchownat(p->from, "suid", 1000, 4000000000U, 0), 0);
    assert_int_equal(fchmodat(p->from, "suid", 06755, 0), 0);
    assert_int_equal(fchmodat(p->from, "private", 0, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", p->from, "link"), 0);
    assert_int_equal(symlinkat("nowhere", p->from, "d/e/dead"), 0);
    char target[1001];
    memset(target, 'x', 1000);
    target[1000] = '\0';
    assert_int_equal(symlinkat(target, p->from, "long"), 0);
    assert_int_equal(mknodat(p->from, "fifo", S_IFIFO | 0622, 0), 0);
    assert_int_equal(mknodat(p->from, "zero", S_IFCHR | 0666, makedev(1, 5)), 0);
    assert_int_equal(mknodat(p->from, "socket", S_IFSOCK | 0666, 0), 0);
    for (size_t i = ARRAY_LEN(names); i > 0; i--)
        assert_int_equal(utimensat(p->from, names[i - 1], times, AT_SYMLINK_NOFOLLOW), 0);

    assert_int_equal(copy_folder(p->from, p->to, &plain, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_same_facts(p, names[i]);
    assert_text(p->to, "d/e/file", "content");
    assert_text(p->to, "na\nme \xff\x1b", "odd");
    char found[1002] = "";
    assert_int_equal(readlinkat(p->to, "long", found, sizeof(found)), 1000);
    assert_string_equal(found, target);
    assert_int_equal(faccessat(p->to, "socket", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(copy_facts(p->from, p->to, &plain, NULL), 0);
    assert_same_facts(p, ".");
}

static void shared_names_stay_shared(void **state)
{
    const struct place *p = *state;
    char name[16];
    assert_int_equal(mkdirat(p->from, "d", 0755), 0);
    for (int i = 0; i < 300; i++) { /* the table grows */
        snprintf(name, sizeof(name), "a%d", i);
        put(p->from, name, name);
        char other[16];
        snprintf(other, sizeof(other), "d/b%d", i);
        assert_int_equal(linkat(p->from, name, p->from, other, 0), 0);
    }
    assert_int_equal(copy_node(p->fd, "from", p->to, "renamed", &plain, NULL), 0);
    for (int i = 0; i < 300; i++) {
        char a[32], b[32];
        snprintf(a, sizeof(a), "renamed/a%d", i);
        snprintf(b, sizeof(b), "renamed/d/b%d", i);
        assert_int_equal(facts(p->to, a).st_ino, facts(p->to, b).st_ino);
        assert_int_equal(facts(p->to, a).st_nlink, 2);
        assert_text(p->to, b, a + sizeof("renamed/") - 1);
    }
}

static void holes_stay_holes(void **state)
{
    const struct place *p = *state;
    _cleanup_close_ int fd = openat(p->from, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(pwrite(fd, "middle", 6, 50 << 20), 6);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    assert_int_equal(copy_folder(p->from, p->to, &plain, NULL), 0);
    struct stat st = facts(p->to, "sparse");
    assert_int_equal(st.st_size, 100 << 20);
    assert_true(st.st_blocks < 1000);
    char found[7] = "";
    _cleanup_close_ int copy = openat(p->to, "sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(copy, found, 6, 50 << 20), 6);
    assert_string_equal(found, "middle");
}

static void attributes_come_along(void **state)
{
    const struct place *p = *state;
    if (geteuid() != 0)
        skip();
    static const unsigned char capability[20] = {1, 0, 0, 2, 0, 32}; /* cap_net_raw+ep */
    char found[64];
    put(p->from, "f", "x");
    _cleanup_close_ int fd = openat(p->from, "f", O_RDWR | O_CLOEXEC);
    if (fsetxattr(fd, "user.note", "hi", 2, 0) < 0)
        skip(); /* a file system without them */
    assert_int_equal(fsetxattr(fd, "security.capability", capability, sizeof(capability), 0), 0);
    assert_int_equal(fsetxattr(fd, "trusted.overlay.redirect", "/etc", 4, 0), 0);
    assert_int_equal(copy_folder(p->from, p->to, &plain, NULL), 0);
    _cleanup_close_ int copy = openat(p->to, "f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fgetxattr(copy, "user.note", found, sizeof(found)), 2);
    assert_int_equal(fgetxattr(copy, "security.capability", found, sizeof(found)), 20);
    assert_int_equal(fgetxattr(copy, "trusted.overlay.redirect", found, sizeof(found)), -1);
}

static void what_is_there(void **state)
{
    const struct place *p = *state;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(mkdirat(p->from, "d", 0711), 0);
    put(p->from, "d/new", "new");
    put(p->from, "d/file", "new");
    assert_int_equal(mkdirat(p->to, "d", 0750), 0);
    put(p->to, "d/old", "old");
    /* A link that stands there gives way; what it leads to is not touched. */
    put(p->fd, "canary", "canary");
    assert_int_equal(symlinkat("../../canary", p->to, "d/file"), 0);
    assert_int_equal(copy_folder(p->from, p->to, &plain, &e), 0);
    assert_text(p->to, "d/old", "old");
    assert_text(p->to, "d/file", "new");
    assert_text(p->fd, "canary", "canary");
    assert_int_equal(facts(p->to, "d").st_mode & 07777, 0750);

    assert_int_equal(copy_node(p->from, "d", p->to, "d/file", &plain, &e), -ENOTDIR);
    assert_string_equal(err_text(&e),
                        "cannot overwrite non-directory \"d/file\" with directory \"d\"");
    put(p->from, "f", "f");
    assert_int_equal(copy_node(p->from, "f", p->to, "d", &plain, &e), -EISDIR);
    assert_string_equal(err_text(&e), "cannot overwrite directory \"d\" with non-directory \"f\"");
    assert_int_equal(copy_node(p->from, "none", p->to, "x", &plain, &e), -ENOENT);
}

/* A link in the place of a folder is no folder. */
static void links_are_not_entered(void **state)
{
    const struct place *p = *state;
    assert_int_equal(mkdirat(p->fd, "outside", 0755), 0);
    put(p->fd, "outside/canary", "secret");
    assert_int_equal(symlinkat("../outside", p->from, "l"), 0);
    assert_int_equal(mkdirat(p->from, "d", 0755), 0);
    put(p->from, "d/canary", "bad");
    assert_int_equal(symlinkat("../outside", p->to, "d"), 0);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(copy_folder(p->from, p->to, &plain, &e), -ENOTDIR);
    assert_text(p->fd, "outside/canary", "secret");
    assert_int_equal(unlinkat(p->to, "d", 0), 0);
    assert_int_equal(copy_folder(p->from, p->to, &plain, &e), 0);
    assert_true(S_ISLNK(facts(p->to, "l").st_mode));
}

static void to_root(void *data, uid_t *uid, gid_t *gid)
{
    *uid = *(const uid_t *)data;
    *gid = *(const gid_t *)data;
}

static void owners_are_mapped(void **state)
{
    const struct place *p = *state;
    if (geteuid() != 0)
        skip();
    uid_t root = 0;
    const struct copy_options o = {.owner = to_root, .data = &root};
    put(p->from, "theirs", "");
    put(p->from, "mine", "");
    assert_int_equal(fchownat(p->from, "theirs", 1000, 1000, 0), 0);
    assert_int_equal(fchmodat(p->from, "theirs", 06755, 0), 0);
    assert_int_equal(fchmodat(p->from, "mine", 06755, 0), 0);
    assert_int_equal(copy_folder(p->from, p->to, &o, NULL), 0);
    assert_int_equal(facts(p->to, "theirs").st_uid, 0);
    assert_int_equal(facts(p->to, "theirs").st_gid, 0);
    assert_int_equal(facts(p->to, "theirs").st_mode & 07777, 0755);
    assert_int_equal(facts(p->to, "mine").st_mode & 07777, 06755);
}

static void never_into_itself(void **state)
{
    const struct place *p = *state;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(mkdirat(p->from, "sub", 0755), 0);
    _cleanup_close_ int sub = dir_open(p->from, "sub", false, NULL);
    assert_int_equal(copy_node(p->fd, "from", sub, "from", &plain, &e), -ELOOP);
    assert_int_equal(copy_node(p->fd, "from", p->from, "again", &plain, &e), -ELOOP);
    assert_int_equal(copy_folder(p->from, sub, &plain, &e), -ELOOP);
}

static bool not_sub(void *data, const struct walk_entry *entry)
{
    return strcmp(entry->path, "d/sub") != 0;
}

static void some_folders_stay_empty(void **state)
{
    const struct place *p = *state;
    const struct copy_options o = {.enter = not_sub};
    assert_int_equal(mkdirat(p->from, "d", 0755), 0);
    assert_int_equal(mkdirat(p->from, "d/sub", 0711), 0);
    put(p->from, "d/sub/x", "");
    put(p->from, "d/y", "");
    assert_int_equal(copy_folder(p->from, p->to, &o, NULL), 0);
    assert_int_equal(facts(p->to, "d/sub").st_mode & 07777, 0711);
    assert_int_equal(faccessat(p->to, "d/sub/x", F_OK, 0), -1);
    assert_text(p->to, "d/y", "");
}

static void deep_trees(void **state)
{
    const struct place *p = *state;
    _cleanup_str_ struct str path = {0};
    str_add(&path, "a");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(mkdirat(p->from, path.s, 0755), 0);
        str_add(&path, "/a");
    }
    put(p->from, path.s, "deep");
    assert_int_equal(copy_folder(p->from, p->to, &plain, NULL), 0);
    assert_text(p->to, path.s, "deep");
}

static void a_file_of_the_kernel(void **state)
{
    const struct place *p = *state;
    _cleanup_close_ int proc = dir_open(AT_FDCWD, "/proc", false, NULL);
    assert_int_equal(copy_node(proc, "version", p->to, "version", &plain, NULL), 0);
    assert_true(facts(p->to, "version").st_size > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_names_stay_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holes_stay_holes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attributes_come_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_not_entered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(owners_are_mapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_into_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(some_folders_stay_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deep_trees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_the_kernel, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
