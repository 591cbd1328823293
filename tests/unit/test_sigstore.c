#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/public_key.h"
#include "image/sigstore_payload.h"

#include <string.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TYPE   "\"type\":\"cosign container image signature\""
#define IMAGE  "\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"}"
#define NAME   "\"identity\":{\"docker-reference\":\"a.io/b:1\"}"

static void what_is_signed(void **state)
{
    static const char *const good[] = {
        "{\"critical\":{" TYPE "," IMAGE "," NAME "},\"optional\":null}",
        "{\"critical\":{" TYPE "," IMAGE "," NAME "},\"optional\":{\"creator\":\"x\"}}",
        "{\"critical\":{" NAME "," IMAGE "," TYPE "}}",
        " {\"optional\":{},\"critical\":{" TYPE "," IMAGE "," NAME "}}\n",
    };
    static const char *const bad[] = {
        "",
        "1",
        "[]",
        "{}",
        "{\"critical\":null}",
        "{\"critical\":{" TYPE "," IMAGE "}}",
        "{\"critical\":{" TYPE "," NAME "}}",
        "{\"critical\":{" IMAGE "," NAME "}}",
        "{\"critical\":{\"type\":\"\"," IMAGE "," NAME "}}",
        "{\"critical\":{" TYPE "," TYPE "," IMAGE "," NAME "}}",
        "{\"critical\":{" TYPE "," IMAGE "," NAME ",\"more\":1}}",
        "{\"critical\":{" TYPE "," IMAGE "," NAME "},\"more\":1}",
        "{\"critical\":{" TYPE "," IMAGE "," NAME "},\"optional\":1}",
        "{\"critical\":{" TYPE "," IMAGE "," NAME "}}{}",
        "{\"critical\":{" TYPE "," NAME ",\"image\":{\"docker-manifest-digest\":\"sha256:12\"}}}",
        "{\"critical\":{" TYPE "," NAME ",\"image\":{\"docker-manifest-digest\":1}}}",
        "{\"critical\":{" TYPE "," NAME ",\"image\":\"" DIGEST "\"}}",
        "{\"critical\":{" TYPE "," IMAGE ",\"identity\":{\"docker-reference\":1}}}",
        "{\"critical\":{" TYPE "," IMAGE
        ",\"identity\":{\"docker-reference\":\"a\",\"more\":\"b\"}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_sigstore_payload_ struct sigstore_payload p = {0};
        _cleanup_err_ struct err e = ERR_INIT;
        if (sigstore_payload_parse(good[i], strlen(good[i]), &p, &e) < 0)
            fail_msg("%s: %s", good[i], err_text(&e));
        assert_string_equal(p.digest, DIGEST);
        assert_string_equal(p.name, "a.io/b:1");
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_sigstore_payload_ struct sigstore_payload p = {0};
        _cleanup_err_ struct err e = ERR_INIT;
        if (sigstore_payload_parse(bad[i], strlen(bad[i]), &p, &e) != -EBADMSG)
            fail_msg("%s", bad[i]);
        assert_null(p.value);
    }
}

/* Made with openssl(1). */
static const char key_ec[] =
    "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FF"
    "WU54enZFbDNrbGhaOVFtZnlLbEVDM0lGV2ZOSgoyS3EwTXBuZkJjelVndHBvbTk2MzZnR2RUZy90cG1pS3R5"
    "Nm55Z3JJdXRGb1cwZ3IvS3JwSGErS3N3PT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg==";
static const char key_ed25519[] =
    "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUNvd0JRWURLMlZ3QXlFQUdFY1JWQ0hPUndnMkxMS3ZFMjZ4"
    "NUw0dzJpbWU3YmVudTNRcy9IVk1zdHc9Ci0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo=";
static const char signed_ec[] =
    "MEQCH3viMIdFavQ+WD7J/gfZIvVpz2CYX7YPSGJuaJawnpsCIQC+uXN1CAFActfuw/L9Nx9F5KnxycmyU6x3"
    "Ex3vbGMeRQ==";
static const char signed_ed25519[] =
    "5GycBi8KOwfqBQgn/fbma3ubgGVlzrhqvNz618WsszYUIZr8KbbNsuU0o/WPKYwjQzKLtYKjQJNBxTdGCQ7w"
    "Bw==";
static const char text[] = "what is signed\n";

static void keys(void **state)
{
    _cleanup_public_key_ struct public_key *ec = NULL, *ed = NULL, *none = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    size_t n = strlen(text);
    assert_int_equal(public_key_decode(key_ec, "ec", &ec, &e), 0);
    assert_int_equal(public_key_decode(key_ed25519, "ed", &ed, &e), 0);
    assert_string_equal(public_key_name(ec), "ec");
    assert_true(public_key_verifies(ec, text, n, signed_ec));
    assert_true(public_key_verifies(ed, text, n, signed_ed25519));
    assert_false(public_key_verifies(ec, text, n, signed_ed25519));
    assert_false(public_key_verifies(ed, text, n, signed_ec));
    assert_false(public_key_verifies(ec, text, n - 1, signed_ec));
    assert_false(public_key_verifies(ed, text, n - 1, signed_ed25519));
    static const char *const broken[] = {"", "!", "YQ", "YQ==", "====", "YQ==YQ=="};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        assert_false(public_key_verifies(ec, text, n, broken[i]));
        assert_false(public_key_verifies(ed, text, n, broken[i]));
        assert_int_equal(public_key_decode(broken[i], "broken", &none, &e), -EINVAL);
    }
    assert_null(none);
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
