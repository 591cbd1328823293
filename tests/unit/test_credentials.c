#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/credentials.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char *folder;
static int dir = -EBADF;

static void put(const char *path, const char *text, mode_t mode)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (file_replace(dir, path, text, strlen(text), mode, 0, &e) < 0)
        fail_msg("%s", err_text(&e));
}

static int begin(void **state)
{
    char template[] = "/tmp/skiff-credentials-XXXXXX";
    folder = strdup(mkdtemp(template) ? template : "");
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *path = str_printf("%s/bin:/usr/bin:/bin", folder);
    return dir < 0 || !path || mkdirat(dir, "bin", 0700) < 0 || setenv("PATH", path, 1) < 0;
}

static int end(void **state)
{
    fd_close(&dir);
    int r = dir_remove(AT_FDCWD, folder, NULL);
    free(folder);
    return r;
}

/* docker-credential-NAME, a shell script. */
static void put_program(const char *name, const char *script)
{
    _cleanup_free_ char *path = str_printf("bin/docker-credential-%s", name);
    _cleanup_free_ char *text = str_printf("#!/bin/sh\ncd '%s'\n%s\n", folder, script);
    put(path, text, 0700);
}

static void places(struct credential_places *ret)
{
    *ret = (struct credential_places){.seconds = 20};
    strv_addf(&ret->files, "%s/config.json", folder);
    strv_addf(&ret->files, "%s/auth.json", folder);
}

static char *or_nothing(char *text)
{
    return text ? text : (char *)(uintptr_t) "-";
}

/* "user password identity-token registry-token", "-" for what is not there. */
static void found(const char *registry, const char *path, const char *want)
{
    _cleanup_credential_places_ struct credential_places p;
    _cleanup_credentials_ struct credentials c = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    places(&p);
    if (credentials_find(&p, registry, path, &c, &e) < 0)
        fail_msg("%s: %s", registry, err_text(&e));
    _cleanup_free_ char *got =
        str_printf("%s %s %s %s", or_nothing(c.user), or_nothing(c.password),
                   or_nothing(c.identity_token), or_nothing(c.registry_token));
    assert_string_equal(got, want);
}

static void fails(const char *registry, int code, const char *story)
{
    _cleanup_credential_places_ struct credential_places p;
    struct credentials c = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    places(&p);
    assert_int_equal(credentials_find(&p, registry, NULL, &c, &e), code);
    if (!strstr(err_text(&e), story))
        fail_msg("\"%s\" instead of \"%s\"", err_text(&e), story);
    assert_null(strstr(err_text(&e), "s3cret"));
    assert_false(credentials_are_there(&c));
}

#define NOBODY "- - - -"

static void test_files(void **state)
{
    found("docker.io", "library/rust", NOBODY);
    put("config.json",
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpwOnE=\"},"
        "\"quay.io\":{\"username\":\"a\",\"password\":\"b\"},"
        "\"http://old.io/v2/\":{\"auth\":\"bzpvbGQ=\"},"
        "\"id.io\":{\"auth\":\"dTo=\",\"identitytoken\":\"I\"},"
        "\"reg.io\":{\"registrytoken\":\"R\"},"
        "\"empty.io\":{}},\"HttpHeaders\":{\"x\":\"y\"}}",
        0600);
    put("auth.json",
        "{\"auths\":{\"quay.io/team\":{\"auth\":\"dDp0\"},\"quay.io/team/app\":{\"auth\":\"YTph\"},"
        "\"docker.io\":{\"auth\":\"eDp5\"},\"empty.io\":{\"auth\":\"ZTpl\"}}}",
        0600);
    found("docker.io", "library/rust", "u p:q - -");
    found("docker.io", NULL, "u p:q - -");
    found("quay.io", "x", "a b - -");
    found("old.io", "x", "o old - -");
    found("id.io", "x", "u - I -");
    found("reg.io", "x", "- - - R");
    found("empty.io", "x", "e e - -"); /* the next place is asked */
    found("quay.io:443", "x", NOBODY);
    found("uay.io", "x", NOBODY);
    put("config.json", "", 0600);
    found("quay.io", "team/app", "a a - -");
    found("quay.io", "team/app/deep", "a a - -");
    found("quay.io", "team/apple", "t t - -");
    found("quay.io", "teams", NOBODY);
    found("docker.io", "library/rust", "x y - -");
}

static void test_wrong_files(void **state)
{
    put("config.json", "{\"auths\":{\"a.io\":{\"auth\":\"s3cret", 0600);
    fails("a.io", -EINVAL, "config.json\" is not valid JSON");
    put("config.json", "[]", 0600);
    fails("a.io", -EINVAL, "is not a JSON object");
    put("config.json", "{\"auths\":{\"a.io\":{\"auth\":\"s3cret!\"}}}", 0600);
    fails("a.io", -EINVAL, "the entry \"a.io\": \"auth\" is not");
    put("config.json", "{\"auths\":{\"a.io\":{\"auth\":\"dXNlcg==\"}}}", 0600);
    fails("a.io", -EINVAL, "is not a user and a password");
    put("config.json", "{\"auths\":{\"a.io\":7},\"credsStore\":7,\"credHelpers\":[]}", 0600);
    found("a.io", NULL, NOBODY);
}

static void test_programs(void **state)
{
    put("config.json",
        "{\"credsStore\":\"all\",\"credHelpers\":{\"own.io\":\"own\",\"bad.io\":\"bad\","
        "\"gone.io\":\"gone\",\"path.io\":\"../x\",\"odd.io\":\"odd\",\"long.io\":\"long\"},"
        "\"auths\":{\"file.io\":{\"auth\":\"ZjpmMg==\"}}}",
        0600);
    put_program("all",
                "read s; case $s in\n"
                "https://index.docker.io/v1/) echo '{\"Username\":\"hub\",\"Secret\":\"h\"}';;\n"
                "tok.io) echo '{\"Username\":\"<token>\",\"Secret\":\"T\"}';;\n"
                "*) echo credentials not found in native keychain; exit 1;; esac");
    put_program("own", "read s; echo \"{\\\"Username\\\":\\\"$1\\\",\\\"Secret\\\":\\\"$s\\\"}\"; "
                       "ls /proc/self/fd | wc -l >fds; tr '\\0' ' ' </proc/$$/cmdline >argv");
    put_program("bad", "echo 'the vault is shut'; exit 1");
    put_program("odd", "echo '{\"Username\":\"s3cret'");
    put_program("long", "head -c 100000 /dev/zero");
    int leaked = open("/dev/null", O_RDONLY); /* not close-on-exec, and not theirs */
    found("docker.io", "library/rust", "hub h - -");
    found("tok.io", NULL, "- - T -");
    found("own.io", NULL, "get own.io - -");
    found("file.io", NULL, "f f2 - -");
    found("none.io", NULL, NOBODY);
    close(leaked);
    _cleanup_free_ char *fds = NULL, *argv = NULL;
    assert_int_equal(file_read(dir, "fds", 100, &fds, NULL, NULL), 0);
    assert_string_equal(fds, "4\n"); /* three, and the folder that ls reads */
    assert_int_equal(file_read(dir, "argv", 1000, &argv, NULL, NULL), 0);
    assert_null(strstr(argv, "own.io"));
    fails("bad.io", -EIO, "\"docker-credential-bad get\" failed: the vault is shut");
    fails("gone.io", -ENOENT, "cannot execute \"docker-credential-gone\"");
    fails("path.io", -EINVAL, "\"../x\" is no name of a program");
    fails("odd.io", -EINVAL, "answers in no form that is known");
    fails("long.io", -EFBIG, "answers with more than");
}

static void test_slow_program(void **state)
{
    _cleanup_credential_places_ struct credential_places p;
    struct credentials c = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    put("config.json", "{\"credsStore\":\"slow\"}", 0600);
    put_program("slow", "exec sleep 1000");
    places(&p);
    p.seconds = 1;
    assert_int_equal(credentials_find(&p, "a.io", NULL, &c, &e), -ETIMEDOUT);
    assert_non_null(strstr(err_text(&e), "\"docker-credential-slow get\" does not answer"));
}

static void store(const char *registry, struct credentials c, bool in_file)
{
    _cleanup_credential_places_ struct credential_places p;
    _cleanup_free_ char *where = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    places(&p);
    if (credentials_store(&p, registry, &c, &where, &e) < 0)
        fail_msg("%s", err_text(&e));
    if (in_file)
        assert_string_equal(where, p.files.v[0]);
    else
        assert_null(where);
}

static void erase(const char *registry)
{
    _cleanup_credential_places_ struct credential_places p;
    _cleanup_err_ struct err e = ERR_INIT;
    places(&p);
    if (credentials_erase(&p, registry, &e) < 0)
        fail_msg("%s", err_text(&e));
}

static void content_is(const char *path, const char *want)
{
    _cleanup_json_ json_t *got = NULL;
    assert_int_equal(json_read(dir, path, 100000, &got, NULL), 0);
    _cleanup_free_ char *text = json_text(got, JSON_COMPACT);
    assert_string_equal(text, want);
}

static char user[] = "me", password[] = "a:b", token[] = "tok";

static void test_store(void **state)
{
    struct stat st;
    const struct credentials mine = {.user = user, .password = password};
    store("docker.io", mine, true);
    content_is("config.json",
               "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"bWU6YTpi\"}}}");
    assert_int_equal(fstatat(dir, "config.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    found("docker.io", "library/rust", "me a:b - -");

    /* Behind a link, with other content, and an older way to write the host. */
    put("kept.json",
        "{\"psFormat\":\"x\",\"auths\":{\"https://a.io/v1/\":{\"auth\":\"eDp5\"},"
        "\"b.io\":{\"auth\":\"eDp5\"}},\"detachKeys\":\"y\"}",
        0644);
    assert_int_equal(unlinkat(dir, "config.json", 0), 0);
    assert_int_equal(symlinkat("kept.json", dir, "config.json"), 0);
    store("a.io", (struct credentials){.user = user, .identity_token = token}, true);
    content_is("kept.json",
               "{\"psFormat\":\"x\",\"auths\":{\"b.io\":{\"auth\":\"eDp5\"},\"a.io\":{\"auth\":"
               "\"bWU6\",\"identitytoken\":\"tok\"}},\"detachKeys\":\"y\"}");
    assert_int_equal(fstatat(dir, "config.json", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(fstatat(dir, "kept.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    found("a.io", NULL, "me - tok -");
    erase("a.io");
    erase("never.io");
    found("a.io", NULL, NOBODY);
    found("b.io", NULL, "x y - -");

    /* What cannot be read is not replaced. */
    _cleanup_credential_places_ struct credential_places p;
    _cleanup_free_ char *where = NULL, *text = NULL;
    places(&p);
    put("kept.json", "{broken", 0600);
    assert_int_equal(credentials_store(&p, "a.io", &mine, &where, NULL), -EINVAL);
    assert_int_equal(file_read(dir, "kept.json", 100, &text, NULL, NULL), 0);
    assert_string_equal(text, "{broken");
}

static void test_store_by_program(void **state)
{
    put("config.json", "{\"credsStore\":\"safe\",\"auths\":{\"a.io\":{\"auth\":\"b2xkOm9sZA==\"}}}",
        0600);
    put_program("safe", "cat >$1; case $1 in get) cat store;; esac");
    store("a.io", (struct credentials){.user = user, .password = password}, false);
    content_is("store", "{\"ServerURL\":\"a.io\",\"Username\":\"me\",\"Secret\":\"a:b\"}");
    content_is("config.json", "{\"credsStore\":\"safe\",\"auths\":{\"a.io\":{}}}");
    found("a.io", NULL, "me a:b - -");
    store("docker.io", (struct credentials){.user = user, .identity_token = token}, false);
    content_is("store",
               "{\"ServerURL\":\"https://index.docker.io/v1/\",\"Username\":\"<token>\",\"Secret\":"
               "\"tok\"}");
    erase("a.io");
    _cleanup_free_ char *erased = NULL;
    assert_int_equal(file_read(dir, "erase", 100, &erased, NULL, NULL), 0);
    assert_string_equal(erased, "a.io");
    content_is("config.json",
               "{\"credsStore\":\"safe\",\"auths\":{\"https://index.docker.io/v1/\":{}}}");

    put_program("safe", "cat >/dev/null; echo 'is locked'; exit 2");
    _cleanup_credential_places_ struct credential_places p;
    _cleanup_free_ char *where = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    const struct credentials mine = {.user = user, .password = password};
    places(&p);
    assert_int_equal(credentials_store(&p, "b.io", &mine, &where, &e), -EIO);
    assert_non_null(strstr(err_text(&e), "failed: is locked"));
    content_is("config.json",
               "{\"credsStore\":\"safe\",\"auths\":{\"https://index.docker.io/v1/\":{}}}");
}

static void test_places(void **state)
{
    _cleanup_credential_places_ struct credential_places p = {0}, named = {0}, plain = {0};
    setenv("HOME", "/h", 1);
    setenv("DOCKER_CONFIG", "/d", 1);
    setenv("XDG_RUNTIME_DIR", "/x", 1);
    unsetenv("REGISTRY_AUTH_FILE");
    assert_int_equal(credential_places_default(&p, NULL), 0);
    assert_int_equal(p.files.n, 3);
    assert_string_equal(p.files.v[0], "/d/config.json");
    assert_string_equal(p.files.v[1], "/x/containers/auth.json");
    assert_string_equal(p.files.v[2], "/h/.config/containers/auth.json");
    unsetenv("DOCKER_CONFIG");
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(credential_places_default(&plain, NULL), 0);
    assert_int_equal(plain.files.n, 2);
    assert_string_equal(plain.files.v[0], "/h/.docker/config.json");
    setenv("REGISTRY_AUTH_FILE", "/n", 1);
    assert_int_equal(credential_places_default(&named, NULL), 0);
    assert_int_equal(named.files.n, 1);
    assert_string_equal(named.files.v[0], "/n");
}

static void test_message(void **state)
{
    int fds[2];
    _cleanup_credentials_ struct credentials got = {0};
    const struct credentials sent = {.user = user, .password = password, .registry_token = token};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(credentials_send(&sent, fds[1], NULL), 0);
    fd_close(&fds[1]);
    assert_int_equal(credentials_receive(fds[0], &got, NULL), 0);
    fd_close(&fds[0]);
    assert_string_equal(got.user, user);
    assert_string_equal(got.password, password);
    assert_null(got.identity_token);
    assert_string_equal(got.registry_token, token);

    struct credentials none = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fd_write_all(fds[1], "{\"password\":\"s3cret", 19), 0);
    fd_close(&fds[1]);
    assert_int_equal(credentials_receive(fds[0], &none, &e), -EINVAL);
    fd_close(&fds[0]);
    assert_null(strstr(err_text(&e), "s3cret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_files, begin, end),
        cmocka_unit_test_setup_teardown(test_programs, begin, end),
        cmocka_unit_test_setup_teardown(test_slow_program, begin, end),
        cmocka_unit_test_setup_teardown(test_store, begin, end),
        cmocka_unit_test_setup_teardown(test_store_by_program, begin, end),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_message),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
