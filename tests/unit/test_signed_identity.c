#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/signed_identity.h"

#include "base/str.h"

#define DIGEST "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool matches(const char *identity, const char *name, const char *sign)
{
    _cleanup_json_ json_t *value = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (!identity)
        return signed_identity_matches(NULL, name, sign);
    if (json_parse(identity, strlen(identity), "identity", &value, &e) < 0 ||
        signed_identity_check(value, &e) < 0)
        fail_msg("%s", err_text(&e));
    return signed_identity_matches(value, name, sign);
}

static void each_kind(void **state)
{
    const char *exact = "{\"type\": \"matchExact\"}";
    const char *digest = "{\"type\": \"matchRepoDigestOrExact\"}";
    const char *repository = "{\"type\": \"matchRepository\"}";
    const char *reference = "{\"type\": \"exactReference\", \"dockerReference\": \"a.io/x:1\"}";
    const char *given = "{\"type\": \"exactRepository\", \"dockerRepository\": \"a.io/x\"}";
    const struct {
        const char *identity, *name, *sign;
        bool good;
    } cases[] = {
        {exact, "b.io/x/y:1", "b.io/x/y:1", true},
        {exact, "b.io/x/y:1", "b.io/x/y:2", false},
        {exact, "b.io/x/y:1", "b.io/x/y", false},
        {exact, "b.io/x/y:latest", "b.io/x/y", false},
        {exact, "b.io/x/y:1", "c.io/x/y:1", false},
        {exact, "b.io/x/y:1", "b.io/x/yy:1", false},
        {exact, "b.io/x/y" DIGEST, "b.io/x/y:1", false},
        {exact, "b.io/x/y" DIGEST, "b.io/x/y" DIGEST, true},
        {exact, "docker.io/library/x:1", "x:1", true},
        {digest, "b.io/x/y:1", "b.io/x/y:1", true},
        {digest, "b.io/x/y:1", "b.io/x/y:2", false},
        {digest, "b.io/x/y:1", "b.io/x/y" DIGEST, false},
        {digest, "b.io/x/y:latest", "b.io/x/y", false},
        {digest, "b.io/x/y" DIGEST, "b.io/x/y:2", true},
        {digest, "b.io/x/y" DIGEST, "b.io/x/y", false},
        {digest, "b.io/x/y" DIGEST, "b.io/x/z:1", false},
        {NULL, "b.io/x/y:1", "b.io/x/y:1", true},
        {NULL, "b.io/x/y:1", "b.io/x/y:2", false},
        {NULL, "b.io/x/y" DIGEST, "b.io/x/y:2", true},
        {NULL, "b.io/x/y:1", "", false},
        {NULL, "b.io/x/y:1", "B.io/X:1", false},
        {repository, "b.io/x/y:1", "b.io/x/y:2", true},
        {repository, "b.io/x/y:1", "b.io/x/y", true},
        {repository, "b.io/x/y" DIGEST, "b.io/x/y", true},
        {repository, "b.io/x/y:1", "b.io/x:1", false},
        {repository, "b.io/x/y:1", "b.io:5000/x/y:1", false},
        {repository, "b.io/x/y:1", "no name", false},
        {reference, "b.io/x/y:1", "a.io/x:1", true},
        {reference, "a.io/x:1", "a.io/x:1", true},
        {reference, "b.io/x/y:1", "b.io/x/y:1", false},
        {reference, "b.io/x/y:1", "a.io/x:2", false},
        {reference, "b.io/x/y:1", "a.io/x", false},
        {given, "b.io/x/y:1", "a.io/x:2", true},
        {given, "b.io/x/y:1", "a.io/x", true},
        {given, "b.io/x/y:1", "a.io/x/y:2", false},
        {given, "b.io/x/y:1", "b.io/x/y:1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (matches(cases[i].identity, cases[i].name, cases[i].sign) != cases[i].good)
            fail_msg("%s: \"%s\" signed as \"%s\"", cases[i].identity, cases[i].name,
                     cases[i].sign);
}

static void remapped(void **state)
{
    const char *host =
        "{\"type\": \"remapIdentity\", \"prefix\": \"m:50\", \"signedPrefix\": \"v.io\"}";
    const char *path =
        "{\"type\": \"remapIdentity\", \"prefix\": \"m:50/a/b\", \"signedPrefix\": \"v.io/c\"}";
    assert_true(matches(host, "m:50/x:1", "v.io/x:1"));
    assert_false(matches(host, "m:50/x:1", "v.io/x:2"));
    assert_false(matches(host, "m:50/x:1", "m:50/x:1"));
    assert_true(matches(host, "m:501/x:1", "m:501/x:1"));
    assert_false(matches(host, "m:501/x:1", "v.io1/x:1"));
    assert_true(matches(path, "m:50/a/b/x:1", "v.io/c/x:1"));
    assert_true(matches(path, "m:50/a/b:1", "v.io/c:1"));
    assert_true(matches(path, "m:50/a/bb:1", "m:50/a/bb:1"));
    assert_false(matches(path, "m:50/a/bb:1", "v.io/cb:1"));
    assert_true(matches(path, "m:50/a/b/x" DIGEST, "v.io/c/x:7"));
    assert_false(matches(path, "m:50/a/b/x" DIGEST, "v.io/c/y:7"));
    assert_false(matches(path, "m:50/a/b/x" DIGEST, "v.io/c/x"));
}

static void wrong_ones(void **state)
{
    static const char *const texts[] = {
        "1",
        "{}",
        "{\"type\": 1}",
        "{\"type\": \"matchAll\"}",
        "{\"type\": \"matchExact\", \"dockerReference\": \"a:1\"}",
        "{\"type\": \"exactReference\"}",
        "{\"type\": \"exactReference\", \"dockerReference\": 1}",
        "{\"type\": \"exactReference\", \"dockerReference\": \"a\"}",
        "{\"type\": \"exactReference\", \"dockerReference\": \"A:1\"}",
        "{\"type\": \"exactReference\", \"dockerRepository\": \"a\"}",
        "{\"type\": \"exactRepository\", \"dockerRepository\": \"a b\"}",
        "{\"type\": \"exactRepository\", \"dockerRepository\": \"a\", \"more\": 1}",
        "{\"type\": \"remapIdentity\", \"prefix\": \"a.io\"}",
        "{\"type\": \"remapIdentity\", \"prefix\": \"\", \"signedPrefix\": \"b.io\"}",
        "{\"type\": \"remapIdentity\", \"prefix\": \"a.io\", \"signedPrefix\": \"b.io/x:1\"}",
        "{\"type\": \"remapIdentity\", \"prefix\": \"a.io/\", \"signedPrefix\": \"b.io\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_json_ json_t *value = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        _cleanup_err_ struct err e = ERR_INIT;
        if (signed_identity_check(value, &e) != -EINVAL)
            fail_msg("%s", texts[i]);
    }
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind),
        cmocka_unit_test(remapped),
        cmocka_unit_test(wrong_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
