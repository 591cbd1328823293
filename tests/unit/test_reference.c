#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/reference.h"

#include "base/str.h"

#include <string.h>

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void full_is(const char *text, const char *want)
{
    _cleanup_reference_ struct reference r = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (reference_parse(text, &r, &e) < 0)
        fail_msg("\"%s\": %s", text, err_text(&e));
    _cleanup_free_ char *full = reference_full(&r);
    assert_string_equal(full, want);
    assert_true(reference_is_full(full));
    assert_int_equal(reference_is_full(text), str_eq(text, want));
}

static void refused(const char *text, const char *story)
{
    struct reference r = {(char *)1, NULL, NULL, NULL};
    _cleanup_err_ struct err e = ERR_INIT;
    if (reference_parse(text, &r, &e) != -EINVAL)
        fail_msg("\"%s\" was taken", text);
    if (!strstr(err_text(&e), story))
        fail_msg("\"%s\": \"%s\" instead of \"%s\"", text, err_text(&e), story);
    assert_ptr_equal(r.domain, (char *)1); /* untouched on failure */
    assert_false(reference_is_full(text));
}

static void test_defaults(void **state)
{
    full_is("rust", "docker.io/library/rust:latest");
    full_is("rust:1.80", "docker.io/library/rust:1.80");
    full_is("a/b", "docker.io/a/b:latest");
    full_is("docker.io/rust", "docker.io/library/rust:latest");
    full_is("index.docker.io/rust", "docker.io/library/rust:latest");
    full_is("docker.io/library/rust:latest", "docker.io/library/rust:latest");
    full_is("rust@" DIGEST, "docker.io/library/rust@" DIGEST);
    full_is("rust:1@" DIGEST, "docker.io/library/rust:1@" DIGEST);
}

static void test_domains(void **state)
{
    full_is("ghcr.io/a/b:1", "ghcr.io/a/b:1");
    full_is("localhost/a", "localhost/a:latest");
    full_is("localhost:5000/a", "localhost:5000/a:latest");
    full_is("localhost:5000", "docker.io/library/localhost:5000");
    full_is("[::1]:5000/a/b", "[::1]:5000/a/b:latest");
    full_is("Example/a", "Example/a:latest");
    full_is("my-host.example.org:80/x/y/z:t", "my-host.example.org:80/x/y/z:t");
    refused("-a.b/c", "invalid reference format");
    refused("a..b/c", "invalid reference format");
    refused("a.b:x/c", "invalid reference format");
    refused("a.b:/c", "invalid reference format");
    refused("[::1/c", "invalid reference format");
    refused("[]:1/c", "invalid reference format");
}

static void test_paths(void **state)
{
    full_is("a_b", "docker.io/library/a_b:latest");
    full_is("a__b", "docker.io/library/a__b:latest");
    full_is("a.b", "docker.io/library/a.b:latest");
    full_is("a---b", "docker.io/library/a---b:latest");
    refused("", "invalid reference format");
    refused("a___b", "invalid reference format");
    refused("a..b", "invalid reference format");
    refused("-a", "invalid reference format");
    refused("a-", "invalid reference format");
    refused("a//b", "invalid reference format");
    refused("/a", "invalid reference format");
    refused("a/", "invalid reference format");
    refused("../a", "invalid reference format");
    refused("a/../../b", "invalid reference format");
    refused("a b", "invalid reference format");
    refused("a\n", "\\x0a");
    refused("caf\xc3\xa9", "invalid reference format");
    refused("Rust", "repository name (library/Rust) must be lowercase");
    refused("a/B", "must be lowercase");
    refused(HEX, "cannot specify 64-byte hexadecimal strings");
}

static void test_tags_and_digests(void **state)
{
    full_is("a:_x.Y-1", "docker.io/library/a:_x.Y-1");
    refused("a:", "invalid reference format");
    refused("a:.x", "invalid reference format");
    refused("a:-x", "invalid reference format");
    refused("a:x/y", "invalid reference format");
    refused("a@", "invalid reference format");
    refused("a@sha256:12", "invalid reference format");
    refused("a@" DIGEST "0", "invalid reference format");
    refused("a@sha512:" HEX HEX, "invalid reference format");
    refused("a@" DIGEST "@" DIGEST, "invalid reference format");
    refused("@" DIGEST, "invalid reference format");
    refused(":tag", "invalid reference format");
}

static void test_lengths(void **state)
{
    char text[700], want[800];
    memset(text, 'a', sizeof(text));
    text[255 - strlen("docker.io/library/")] = '\0';
    snprintf(want, sizeof(want), "docker.io/library/%s:latest", text);
    full_is(text, want);
    text[strlen(text)] = 'a';
    text[256 - strlen("docker.io/library/")] = '\0';
    refused(text, "must not be more than 255");

    memset(text, 't', sizeof(text));
    text[0] = 'a';
    text[1] = ':';
    text[2 + 128] = '\0';
    snprintf(want, sizeof(want), "docker.io/library/%s", text);
    full_is(text, want);
    text[2 + 128] = 't';
    text[2 + 129] = '\0';
    refused(text, "invalid reference format");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refused(text, "longer than");
}

static void test_digest(void **state)
{
    assert_true(digest_is_valid(DIGEST));
    assert_false(digest_is_valid(NULL));
    assert_false(digest_is_valid(""));
    assert_false(digest_is_valid(HEX));
    assert_false(digest_is_valid("sha256:"));
    assert_false(
        digest_is_valid("sha256:../../../../../../../../../../../../../../../../etc/passwd012"));
    assert_false(
        digest_is_valid("sha256:"
                        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_false(digest_is_valid(DIGEST "0"));
    assert_false(digest_is_valid(DIGEST "\n"));
}

static void test_short(void **state)
{
    assert_string_equal(reference_short("docker.io/library/rust:latest"), "rust:latest");
    assert_string_equal(reference_short("docker.io/a/b:1"), "a/b:1");
    assert_string_equal(reference_short("ghcr.io/library/b:1"), "ghcr.io/library/b:1");
    assert_string_equal(reference_short("docker.io/library/a/b:1"), "library/a/b:1");
}

static void test_claim(void **state)
{
    _cleanup_free_ char *full = NULL;
    assert_int_equal(reference_claim("x:1", &full, NULL), 0);
    assert_string_equal(full, "docker.io/library/x:1");
    char *untouched = NULL;
    assert_int_equal(reference_claim("host", &untouched, NULL), -EINVAL);
    assert_int_equal(reference_claim("docker.io/library/host:latest", &untouched, NULL), -EINVAL);
    assert_int_equal(reference_claim("x@" DIGEST, &untouched, NULL), -EINVAL);
    assert_null(untouched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_domains),
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_tags_and_digests),
        cmocka_unit_test(test_lengths),  cmocka_unit_test(test_digest),
        cmocka_unit_test(test_short),    cmocka_unit_test(test_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
