#include "engine/mounts.h"
#include "engine/project.h"
#include "engine/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"

/* A root of our own. */
struct ground {
    char folder[32];
    struct engine en;
};

static int set_up(void **state)
{
    struct ground *g = calloc(1, sizeof(*g));
    if (!g)
        return -1;
    snprintf(g->folder, sizeof(g->folder), "/tmp/volume-XXXXXX");
    *state = g;
    if (!mkdtemp(g->folder))
        return -1;
    char *root = str_printf("%s/root", g->folder), *run = str_printf("%s/run", g->folder);
    int r = engine_open(root, run, &g->en, NULL);
    free(root);
    free(run);
    return r;
}

static int tear_down(void **state)
{
    struct ground *g = *state;
    engine_release(&g->en);
    dir_remove(AT_FDCWD, g->folder, NULL);
    free(g);
    return 0;
}

static void names(void **state)
{
    static const char *const good[] = {"ab", "0a", "A_.-", "a..b"};
    static const char *const bad[] = {"",    "a",   ".a",  "..", "-a", "_a",  "a/b",
                                      "a b", "a:b", "a\n", "ä",  "aä", "/ab", "a\x7f"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(volume_check_name(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(volume_check_name(bad[i], NULL), -EINVAL);
    char name[300];
    memset(name, 'a', sizeof(name));
    name[255] = '\0';
    assert_int_equal(volume_check_name(name, NULL), 0);
    name[255] = 'a';
    name[256] = '\0';
    assert_int_equal(volume_check_name(name, NULL), -ENAMETOOLONG);
}

static void options(void **state)
{
    static const struct {
        const char *json;
        int want;
    } cases[] = {
        {"{}", 0},
        {"{\"size\":\"1g\"}", 0},
        {"{\"size\":\"\"}", 0},
        {"{\"type\":\"tmpfs\",\"device\":\"tmpfs\"}", 0},
        {"{\"type\":\"tmpfs\",\"device\":\"tmpfs\",\"o\":\"size=1m\"}", 0},
        {"{\"type\":\"tmpfs\"}", -EINVAL},
        {"{\"device\":\"tmpfs\"}", -EINVAL},
        {"{\"o\":\"bind\"}", -EINVAL},
        {"{\"o\":\"bind\",\"type\":\"none\"}", -EINVAL},
        {"{\"size\":\"1x\"}", -EINVAL},
        {"{\"size\":\"-1\"}", -EINVAL},
        {"{\"size\":\"1g\",\"type\":\"tmpfs\",\"device\":\"tmpfs\"}", -EINVAL},
        {"{\"Size\":\"1g\"}", -EINVAL},
    };
    assert_int_equal(volume_check_options(NULL, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *j = json_loads(cases[i].json, 0, NULL);
        assert_non_null(j);
        assert_int_equal(volume_check_options(j, NULL), cases[i].want);
    }
}

static void modes(void **state)
{
    static const char *const volume[] = {"", "ro", "rw", "z", "Z,ro", "nocopy,ro", "cached"};
    static const char *const bind[] = {"rshared", "ro,rslave", "idmap", "ridmap,private"};
    static const char *const none[] = {"x", "ro,x", "r", "roo", "ro rw", "rshare"};
    for (size_t i = 0; i < ARRAY_LEN(volume); i++) {
        assert_int_equal(mounts_check_mode(volume[i], true, NULL), 0);
        assert_int_equal(mounts_check_mode(volume[i], false, NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bind); i++) {
        assert_int_equal(mounts_check_mode(bind[i], true, NULL), -EINVAL);
        assert_int_equal(mounts_check_mode(bind[i], false, NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(mounts_check_mode(none[i], false, NULL), -EINVAL);
}

/* Who holds it shared is waited for; who comes after the removal finds that it is gone. */
static void a_lock_lies_between_users_and_removers(void **state)
{
    struct ground *g = *state;
    const struct volume_request request = {.name = "data"};
    _cleanup_volume_ struct volume user = VOLUME_INIT, other = VOLUME_INIT, late = VOLUME_INIT;
    assert_int_equal(volume_use(&g->en, &request, &user, NULL), 0);
    assert_int_equal(volume_open(&g->en, "data", &other, NULL), 0);
    assert_int_equal(volume_lock(&g->en, &other, LOCK_EX | LOCK_NB), -EWOULDBLOCK);
    assert_int_equal(volume_lock(&g->en, &other, LOCK_SH | LOCK_NB), 0);
    volume_release(&user);
    assert_int_equal(volume_lock(&g->en, &other, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(volume_open(&g->en, "data", &late, NULL), 0);
    assert_int_equal(volume_remove_held(&g->en, &other, NULL), 0);
    volume_release(&other);
    assert_int_equal(volume_lock(&g->en, &late, LOCK_SH), -ENOENT);
    /* The name is free again, and another's. */
    assert_int_equal(volume_use(&g->en, &request, &user, NULL), 0);
    assert_int_equal(volume_lock(&g->en, &late, LOCK_SH), -ENOENT);
}

static void a_document_that_is_another_ones_is_none(void **state)
{
    struct ground *g = *state;
    const struct volume_request request = {.name = "data"};
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    assert_int_equal(volume_use(&g->en, &request, &v, NULL), 0);
    assert_int_equal(renameat(g->en.root_fd, "volumes/data", g->en.root_fd, "volumes/other"), 0);
    volume_release(&v);
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(volume_open(&g->en, "other", &v, &e), -EBADMSG);
    assert_int_equal(volume_open(&g->en, "data", &v, NULL), -ENOENT);
    assert_int_equal(volume_open(&g->en, "../volumes/other", &v, NULL), -ENOENT);
}

static void an_unfinished_one_is_swept_unless_it_is_held(void **state)
{
    struct ground *g = *state;
    struct stat st;
    assert_int_equal(dir_make(g->en.root_fd, "volumes/.new-1/_data", 0755, NULL), 0);
    assert_int_equal(dir_make(g->en.root_fd, "volumes/.new-2/_data", 0755, NULL), 0);
    _cleanup_close_ int held = dir_open(g->en.root_fd, "volumes/.new-2", false, NULL);
    assert_int_equal(flock(held, LOCK_SH), 0);
    volume_sweep(&g->en);
    assert_int_equal(fstatat(g->en.root_fd, "volumes/.new-1", &st, 0), -1);
    assert_int_equal(fstatat(g->en.root_fd, "volumes/.new-2", &st, 0), 0);
    struct strv list = {0};
    assert_int_equal(volume_list(&g->en, &list, NULL), 0);
    assert_int_equal(list.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(options),
        cmocka_unit_test(modes),
        cmocka_unit_test_setup_teardown(a_lock_lies_between_users_and_removers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_document_that_is_another_ones_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unfinished_one_is_swept_unless_it_is_held, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
