#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/image.h"

#include "base/file.h"
#include "image/layout.h"
#include "image/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* A store in a folder of its own. Its blobs have made-up digests: who reads does not hash. */
static int root = -EBADF;
static char folder[] = "/tmp/skiff-test-image-XXXXXX";
static enum image_use use_now, use_later;
static int uses_asked;

#define ID(c)                                                                                      \
    "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
        c c c c c c c c c c c c c c c c c c c c c c

static void put(const char *path, const char *text)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (file_replace(root, path, text, strlen(text), 0644, 0, &e) < 0)
        fail_msg("%s", err_text(&e));
}

static bool is_there(const char *path)
{
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool blob_is_there(const char *digest)
{
    _cleanup_free_ char *path = layout_blob_path(digest);
    return is_there(path);
}

static void put_blob(const char *digest, const char *text)
{
    _cleanup_free_ char *path = layout_blob_path(digest);
    put(path, text);
}

static void put_layer(const char *diff_id)
{
    _cleanup_free_ char *path = str_printf("layers/%s/fs/etc", diff_id + 7);
    _cleanup_free_ char *facts = str_printf("layers/%s/layer.json", diff_id + 7);
    assert_int_equal(dir_make(root, path, 0755, NULL), 0);
    put(facts, "{\"size\":1000,\"entries\":1}");
}

static bool layer_is_there(const char *diff_id)
{
    _cleanup_free_ char *path = str_printf("layers/%s/fs", diff_id + 7);
    return is_there(path);
}

/* An image of one layer: @manifest, @config, @layer and @diff are digests. */
static void put_image(const char *manifest, const char *config, const char *layer, const char *diff,
                      const char *created, const char *name)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *index = NULL;
    _cleanup_free_ char *c =
        str_printf("{\"created\":\"%s\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=1\"]},"
                   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                   created, diff);
    _cleanup_free_ char *m = str_printf(
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%"
        "s\","
        "\"size\":%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1}]}",
        LAYOUT_MANIFEST_TYPE, LAYOUT_CONFIG_TYPE, config, strlen(c), LAYOUT_LAYER_TYPE, layer);
    const struct layout_entry entry = {
        .digest = manifest, .size = (long long)strlen(m), .name = name};
    put_blob(config, c);
    put_blob(manifest, m);
    put_blob(layer, "x");
    put_layer(diff);
    if (layout_read_index(root, &index, NULL, &e) < 0 || layout_index_name(index, &entry, &e) < 0 ||
        layout_write_index(root, index, &e) < 0)
        fail_msg("%s", err_text(&e));
}

#define M1 ID("1")
#define C1                                                                                         \
    "sha256:aa"                                                                                    \
    "00000000000000000000000000000000000000000000000000000000000000"
#define L1 ID("3")
#define D1 ID("4")
#define M2 ID("5")
#define C2                                                                                         \
    "sha256:ab"                                                                                    \
    "00000000000000000000000000000000000000000000000000000000000000"
#define L2 ID("7")
#define D2 ID("8")

static void put_first(const char *name)
{
    put_image(M1, C1, L1, D1, "2024-01-01T00:00:00Z", name);
}

static void put_second(const char *name)
{
    put_image(M2, C2, L2, D2, "2025-01-01T00:00:00.5+02:00", name);
}

static int setup(void **state)
{
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (!mkdtemp(folder) || (root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -1;
    use_now = use_later = IMAGE_UNUSED;
    uses_asked = 0;
    return store_make(root, NULL);
}

static int teardown(void **state)
{
    fd_close(&root);
    return dir_remove(AT_FDCWD, folder, NULL);
}

static void finds(const char *what, const char *id)
{
    _cleanup_image_ struct image img = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (image_find(root, what, &img, &e) < 0)
        fail_msg("\"%s\": %s", what, err_text(&e));
    assert_string_equal(img.id, id);
}

static void finds_not(const char *what, int code, const char *story)
{
    struct image img = {.id = (char *)1};
    _cleanup_err_ struct err e = ERR_INIT;
    int r = image_find(root, what, &img, &e);
    if (r != -code || !strstr(err_text(&e), story))
        fail_msg("\"%s\": %d, \"%s\" instead of \"%s\"", what, r, err_text(&e), story);
    assert_ptr_equal(img.id, (char *)1);
}

static void test_find(void **state)
{
    put_first("docker.io/library/rust:latest");
    put_second("ghcr.io/a/b:1");
    finds("rust", C1);
    finds("rust:latest", C1);
    finds("docker.io/library/rust", C1);
    finds("rust@" M1, C1);
    finds("rust:latest@" M1, C1);
    finds("ghcr.io/a/b:1", C2);
    finds(C2, C2);
    finds(M2, C2);
    finds(&C2[7], C2);
    finds("ab", C2);
    finds("aa0", C1);
    finds("sha256:ab", C2);
    finds_not("rust:1", ENOENT, "no such image: rust:1");
    finds_not("ghcr.io/a/b", ENOENT, "no such image");
    finds_not("rust@" M2, ENOENT, "no such image");
    finds_not("ac", ENOENT, "no such image");
    finds_not("a", EINVAL, "ambiguous");
    finds_not("sha256:a", EINVAL, "ambiguous");
    finds_not("Rust", EINVAL, "lowercase");
    finds_not("", EINVAL, "invalid reference format");
    finds_not("../../etc/passwd", EINVAL, "invalid reference format");
    finds_not("sha256:../../x", EINVAL, "invalid reference format");
}

/* A name wins over the ID that begins so. */
static void test_name_before_id(void **state)
{
    put_first("docker.io/library/ab:latest");
    put_second(NULL);
    finds("ab", C1);
    finds("ab0", C2);
}

static void test_content(void **state)
{
    _cleanup_image_ struct image img = {0};
    put_second("docker.io/library/x:1");
    assert_int_equal(image_tag(root, "x:1", "y", NULL), 0);
    assert_int_equal(image_find(root, "x:1", &img, NULL), 0);
    assert_int_equal(img.layers.n, 1);
    assert_string_equal(img.diff_ids.v[0], D2);
    assert_string_equal(img.layers.v[0],
                        "layers/8888888888888888888888888888888888888888888888888888888888888888/"
                        "fs");
    assert_int_equal(img.names.n, 2);
    assert_int_equal(image_size(root, &img), 1000);
    assert_int_equal(image_created(&img), 1735682400);
    assert_string_equal(json_str(img.config, "os"), "linux");
}

static void test_empty_store(void **state)
{
    _cleanup_image_list_ struct image_list l = {0};
    finds_not("rust", ENOENT, "no such image");
    finds_not("abc", ENOENT, "no such image");
    assert_int_equal(image_list(root, &l, NULL, NULL), 0);
    assert_int_equal(l.n, 0);
}

static void test_no_store(void **state)
{
    assert_int_equal(dir_remove(root, "images", NULL), 0);
    finds_not("rust", ENOENT, "no such image");
}

static void test_list(void **state)
{
    _cleanup_image_list_ struct image_list l = {0};
    size_t bad;
    put_first("docker.io/library/rust:latest");
    put_second("docker.io/library/x:1");
    put_image(ID("b"), ID("c"), ID("d"), ID("e"), "yesterday", NULL);
    assert_int_equal(image_tag(root, "x:1", "x:2", NULL), 0);
    put_image(ID("6"), ID("9"), L1, D1, "2023-01-01T00:00:00Z", "docker.io/library/broken:1");
    put_blob(ID("9"), "{}");
    assert_int_equal(image_list(root, &l, &bad, NULL), 0);
    assert_int_equal(bad, 1);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.v[0].id, C2);
    assert_int_equal(l.v[0].names.n, 2);
    assert_string_equal(l.v[1].id, C1);
    assert_int_equal(l.v[2].names.n, 0);
    assert_int_equal(image_created(&l.v[2]), -1);
}

/* --- hostile content --- */

static void test_index_is_checked(void **state)
{
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", EINVAL},
        {"{", EINVAL},
        {"[]", EBADMSG},
        {"{}", EBADMSG},
        {"{\"manifests\":{}}", EBADMSG},
        {"{\"manifests\":[],\"layers\":[]}", EBADMSG},
        {"{\"manifests\":[],\"config\":{}}", EBADMSG},
        {"{\"manifests\":[],\"manifests\":[]}", EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put("images/index.json", bad[i].text);
        finds_not("x", bad[i].code, "images/index.json");
    }
    assert_int_equal(unlinkat(root, "images/index.json", 0), 0);
    assert_int_equal(mkfifoat(root, "images/index.json", 0600), 0);
    finds_not("x", EBADMSG, "not a regular file");
}

static void put_entry(const char *type, const char *digest, const char *size)
{
    _cleanup_free_ char *text = str_printf(
        "{\"manifests\":[3,null,{},{\"mediaType\":%s,\"digest\":%s,\"size\":%s,\"annotations\":"
        "{\"org.opencontainers.image.ref.name\":\"docker.io/library/x:latest\"}}]}",
        type, digest, size);
    put("images/index.json", text);
}

#define TYPE "\"" LAYOUT_MANIFEST_TYPE "\""

static void test_entries_are_checked(void **state)
{
    put("secret", "{\"schemaVersion\":2}");
    put_entry("null", "\"" M1 "\"", "1");
    finds_not("x", EBADMSG, "not an image manifest");
    put_entry("\"" LAYOUT_INDEX_TYPE "\"", "\"" M1 "\"", "1");
    finds_not("x", EBADMSG, "not an image manifest");
    static const char *const digests[] = {
        "null",
        "1",
        "\"\"",
        "\"sha256:../../../secret\"",
        "\"sha256:..//..//..//..//..//..//..//..//..//..//..//..//..//../../../secret\"",
        "\"sha512:1111111111111111111111111111111111111111111111111111111111111111\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        put_entry(TYPE, digests[i], "19");
        finds_not("x", EBADMSG, "invalid digest");
    }
    static const char *const sizes[] = {"-1", "99999999999", "null", "\"5\"", "1.5"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        put_entry(TYPE, "\"" M1 "\"", sizes[i]);
        finds_not("x", EBADMSG, "is not between");
    }
    put_entry(TYPE, "\"" M1 "\"", "5");
    finds_not("x", EBADMSG, "damaged image");
    put_blob(M1, "{\"a\":1}");
    finds_not("x", EBADMSG, "larger than 5");
    put_entry(TYPE, "\"" M1 "\"", "8");
    finds_not("x", EBADMSG, "has 7 bytes instead of 8");
}

static void manifest_refused(const char *manifest, const char *story)
{
    _cleanup_free_ char *size = str_printf("%zu", strlen(manifest));
    put_blob(M1, manifest);
    put_entry(TYPE, "\"" M1 "\"", size);
    finds_not("x", EBADMSG, story);
}

#define CONFIG                                                                                     \
    "\"config\":{\"mediaType\":\"" LAYOUT_CONFIG_TYPE "\",\"digest\":\"" C1 "\",\"size\":2}"

static void test_manifests_are_checked(void **state)
{
    put_blob(C1, "{}");
    manifest_refused("[]", "not a JSON object");
    manifest_refused("{}", "not an image manifest");
    manifest_refused("{\"schemaVersion\":1,\"layers\":[]," CONFIG "}", "not an image manifest");
    manifest_refused("{\"schemaVersion\":2,\"layers\":{}," CONFIG "}", "not an image manifest");
    manifest_refused("{\"schemaVersion\":2,\"layers\":[]}", "not an image manifest");
    manifest_refused("{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]," CONFIG "}",
                     "something else as well");
    manifest_refused("{\"schemaVersion\":2,\"layers\":[],\"mediaType\":\"" LAYOUT_INDEX_TYPE
                     "\"," CONFIG "}",
                     "something else as well");
    manifest_refused("{\"schemaVersion\":2,\"layers\":[],\"mediaType\":7," CONFIG "}",
                     "something else as well");
    manifest_refused("{\"schemaVersion\":2,\"layers\":[]," CONFIG "}", "no list of layers");
}

static void config_refused(const char *config, const char *story)
{
    _cleanup_free_ char *m = str_printf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
        "\"layers\":[{}]}",
        LAYOUT_CONFIG_TYPE, C1, strlen(config));
    put_blob(C1, config);
    manifest_refused(m, story);
}

static void test_configs_are_checked(void **state)
{
    config_refused("{\"rootfs\":{\"type\":\"other\",\"diff_ids\":[]}}", "no list of layers");
    config_refused("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":3}}", "no list of layers");
    config_refused("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", "0 diff IDs for 1 layers");
    config_refused("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"../../etc\"]}}",
                   "invalid diff ID");
    config_refused("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[7]}}", "invalid diff ID");
    config_refused("{\"config\":[],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}}",
                   "not an object");
}

static void test_too_many_layers(void **state)
{
    _cleanup_str_ struct str text = {0};
    str_add(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[{}");
    for (int i = 0; i < LAYOUT_LAYERS_MAX; i++)
        str_add(&text, ",{}");
    str_add(&text, "]}");
    manifest_refused(text.s, "more than 500 layers");
}

/* --- naming and removing --- */

static enum image_use in_use(void *data, const char *id, char **ret_by)
{
    *ret_by = strdup("container 0123456789ab");
    return uses_asked++ == 0 ? use_now : use_later;
}

static void removes(const char *what, bool force, const char *lines)
{
    const struct image_remove_options o = {.force = force, .in_use = in_use};
    _cleanup_strv_ struct strv done = {0};
    _cleanup_str_ struct str text = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    uses_asked = 0;
    if (image_remove(root, what, &o, &done, &e) < 0)
        fail_msg("\"%s\": %s", what, err_text(&e));
    for (size_t i = 0; i < done.n; i++)
        str_addf(&text, "%s\n", done.v[i]);
    assert_string_equal(text.s, lines);
}

static void removes_not(const char *what, bool force, int code, const char *story)
{
    const struct image_remove_options o = {.force = force, .in_use = in_use};
    struct strv done = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    uses_asked = 0;
    int r = image_remove(root, what, &o, &done, &e);
    if (r != -code || !strstr(err_text(&e), story))
        fail_msg("\"%s\": %d, \"%s\" instead of \"%s\"", what, r, err_text(&e), story);
}

static void test_tag(void **state)
{
    put_first("docker.io/library/a:1");
    put_second("docker.io/library/b:1");
    assert_int_equal(image_tag(root, "aa", "c", NULL), 0);
    finds("c", C1);
    finds("a:1", C1);
    assert_int_equal(image_tag(root, "b:1", "c", NULL), 0);
    finds("c", C2);
    assert_int_equal(image_tag(root, "b:1", "a:1", NULL), 0);
    finds("a:1", C2);
    finds("aa", C1); /* nameless, but there */
    assert_int_equal(image_tag(root, "aa", "again", NULL), 0);
    finds("again", C1);
    assert_int_equal(image_tag(root, "none", "x", NULL), -ENOENT);
    assert_int_equal(image_tag(root, "b:1", "host", NULL), -EINVAL);
    assert_int_equal(image_tag(root, "b:1", "B", NULL), -EINVAL);
}

static void test_remove_by_name(void **state)
{
    put_first("docker.io/library/a:1");
    put_second("docker.io/library/b:1");
    assert_int_equal(image_tag(root, "a:1", "ghcr.io/x/y:2", NULL), 0);
    removes("a:1", false, "Untagged: a:1\n");
    finds_not("a:1", ENOENT, "no such image");
    finds("ghcr.io/x/y:2", C1);
    removes("ghcr.io/x/y:2", false, "Untagged: ghcr.io/x/y:2\nDeleted: " C1 "\n");
    assert_false(blob_is_there(M1) || blob_is_there(C1) || blob_is_there(L1));
    assert_false(layer_is_there(D1));
    assert_true(blob_is_there(M2) && blob_is_there(C2) && blob_is_there(L2));
    assert_true(layer_is_there(D2));
    removes_not("a:1", true, ENOENT, "no such image");
}

static void test_remove_by_id(void **state)
{
    put_first("docker.io/library/a:1");
    assert_int_equal(image_tag(root, "a:1", "b:1", NULL), 0);
    removes_not("aa", false, EBUSY, "must be forced) - image is referenced in multiple");
    removes("aa", true, "Untagged: a:1\nUntagged: b:1\nDeleted: " C1 "\n");
    assert_false(layer_is_there(D1));
}

static void test_remove_one_repository(void **state)
{
    put_first("docker.io/library/a:1");
    assert_int_equal(image_tag(root, "a:1", "a:2", NULL), 0);
    removes("aa", false, "Untagged: a:1\nUntagged: a:2\nDeleted: " C1 "\n");
}

static void test_shared_content_stays(void **state)
{
    put_first("docker.io/library/a:1");
    put_image(M2, C2, L1, D1, "2025-01-01T00:00:00Z", "docker.io/library/b:1");
    removes("b:1", false, "Untagged: b:1\nDeleted: " C2 "\n");
    assert_true(layer_is_there(D1) && blob_is_there(L1));
    finds("a:1", C1);
}

static void test_used_images_stay(void **state)
{
    put_first("docker.io/library/a:1");
    use_now = use_later = IMAGE_USED_RUNNING;
    removes_not("a:1", false, EBUSY, "cannot be forced");
    removes_not("a:1", true, EBUSY, "running container 0123456789ab");
    use_now = use_later = IMAGE_USED_STOPPED;
    removes_not("a:1", false, EBUSY, "must be forced");
    finds("a:1", C1);
    removes("a:1", true, "Untagged: a:1\n");
    finds_not("a:1", ENOENT, "no such image");
    finds("aa", C1);
    assert_true(layer_is_there(D1));
}

/* Somebody wrote his claim down while the image left the index: it comes back. */
static void test_use_that_comes_between(void **state)
{
    put_first("docker.io/library/a:1");
    use_now = IMAGE_UNUSED;
    use_later = IMAGE_USED_RUNNING;
    removes_not("a:1", true, EBUSY, "running");
    assert_int_equal(uses_asked, 2);
    finds("a:1", C1);
    assert_true(layer_is_there(D1) && blob_is_there(L1));
}

static void test_confirm(void **state)
{
    _cleanup_image_ struct image img = {0};
    put_first("docker.io/library/a:1");
    assert_int_equal(image_find(root, "a:1", &img, NULL), 0);
    assert_int_equal(image_confirm(root, &img, NULL), 0);
    put_second("docker.io/library/b:1");
    assert_int_equal(image_confirm(root, &img, NULL), 0);
    removes("a:1", false, "Untagged: a:1\nDeleted: " C1 "\n");
    assert_int_equal(image_confirm(root, &img, NULL), -ENOENT);
}

static void test_damaged_image_can_go(void **state)
{
    put_first("docker.io/library/a:1");
    put_second("docker.io/library/b:1");
    put_blob(M1, "{}");
    removes("a:1", false, "Untagged: a:1\nDeleted: " M1 "\n");
    finds("b:1", C2);
    assert_false(layer_is_there(D1));
}

/* --- sweeping --- */

static void sweep(void)
{
    _cleanup_json_ json_t *index = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(layout_read_index(root, &index, NULL, NULL), 0);
    if (store_sweep(root, index, &e) < 0)
        fail_msg("%s", err_text(&e));
    store_bury(root);
}

static void test_sweep(void **state)
{
    put_first("docker.io/library/a:1");
    put_layer(D2);
    put_blob(L2, "x");
    put("images/index.json.tmp-1", "x");
    put("images/.tmp-dead", "x");
    assert_int_equal(dir_make(root, "layers/.tmp-dead/fs", 0755, NULL), 0);
    assert_int_equal(dir_make(root, "layers/.dead-1/fs", 0755, NULL), 0);
    _cleanup_free_ char *blob = NULL, *layer = NULL;
    _cleanup_close_ int blob_fd = -EBADF, layer_fd = -EBADF;
    assert_int_equal(store_new_blob(root, &blob, &blob_fd, NULL), 0);
    assert_int_equal(store_new_layer(root, &layer, &layer_fd, NULL), 0);
    sweep();
    assert_false(layer_is_there(D2) || blob_is_there(L2));
    assert_false(is_there("images/index.json.tmp-1") || is_there("images/.tmp-dead") ||
                 is_there("layers/.tmp-dead") || is_there("layers/.dead-1"));
    assert_true(is_there(blob) && is_there(layer));
    assert_true(layer_is_there(D1) && blob_is_there(L1));
    fd_close(&blob_fd);
    fd_close(&layer_fd);
    sweep();
    assert_false(is_there(blob) || is_there(layer));
    finds("a:1", C1);
}

/* Nobody knows what a damaged image needs. */
static void test_sweep_with_damage(void **state)
{
    put_first("docker.io/library/a:1");
    put_second("docker.io/library/b:1");
    put_blob(C1, "{}");
    put("images/.tmp-dead", "x");
    sweep();
    assert_true(layer_is_there(D1) && layer_is_there(D2) && blob_is_there(L1));
    assert_false(is_there("images/.tmp-dead"));
}

static void test_folders_are_closed(void **state)
{
    struct stat st;
    assert_int_equal(fstatat(root, "layers", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fstatat(root, "images", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_find),
        TEST(test_name_before_id),
        TEST(test_content),
        TEST(test_empty_store),
        TEST(test_no_store),
        TEST(test_list),
        TEST(test_index_is_checked),
        TEST(test_entries_are_checked),
        TEST(test_manifests_are_checked),
        TEST(test_configs_are_checked),
        TEST(test_too_many_layers),
        TEST(test_tag),
        TEST(test_remove_by_name),
        TEST(test_remove_by_id),
        TEST(test_remove_one_repository),
        TEST(test_shared_content_stays),
        TEST(test_used_images_stay),
        TEST(test_use_that_comes_between),
        TEST(test_confirm),
        TEST(test_damaged_image_can_go),
        TEST(test_sweep),
        TEST(test_sweep_with_damage),
        TEST(test_folders_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
