#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/policy.h"

#include "base/str.h"

#include <string.h>

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ACCEPT "[{\"type\": \"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\": \"reject\"}]"

static int parse(const char *text, struct policy **ret, struct err *e)
{
    return policy_parse(text, strlen(text), "/etc/policy.json", ret, e);
}

/* The scope whose requirements count, behind its transport. */
static void assert_scope(const struct policy *p, const char *transport, const char *identity,
                         const char *expected)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct policy_rule rule = {0};
    assert_int_equal(policy_find(p, transport, identity, &rule, &e), 0);
    _cleanup_free_ char *found =
        str_printf("%s|%s", rule.transport ? rule.transport : "", rule.scope);
    assert_string_equal(found, expected);
    assert_non_null(rule.requirements);
    assert_string_equal(rule.file, "/etc/policy.json");
}

static void the_longest_scope_counts(void **state)
{
    _cleanup_policy_ struct policy *p = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    static const char *const scopes[] = {
        "docker.io/library/rust:1",
        ("docker.io/library/rust@sha256:" HEX),
        "docker.io/library/rust",
        "docker.io/library",
        "example.com:5000/a/b",
        "example.com:5000",
        "example.com",
        "*.example.com",
        "*.b.example.com",
        "[::1]:5000",
    };
    _cleanup_str_ struct str text = {0};
    str_add(&text, "{\"default\": " REJECT ", \"transports\": {\"docker\": {");
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        str_addf(&text, "%s\"%s\": " ACCEPT, i ? ", " : "", scopes[i]);
    str_add(&text, "}}}");
    assert_int_equal(parse(text.s, &p, &e), 0);
    static const char *const cases[][2] = {
        {"docker.io/library/rust:1", "docker|docker.io/library/rust:1"},
        {"docker.io/library/rust:2", "docker|docker.io/library/rust"},
        {"docker.io/library/rust@sha256:" HEX, "docker|docker.io/library/rust@sha256:" HEX},
        {"docker.io/library/rust2:1", "docker|docker.io/library"},
        {"docker.io/libraries/x:1", "|default"},
        {"docker.io/x:1", "|default"},
        {"example.com:5000/a/b:1", "docker|example.com:5000/a/b"},
        {"example.com:5000/a/b/c:1", "docker|example.com:5000/a/b"},
        {"example.com:5000/a/bc:1", "docker|example.com:5000"},
        {"example.com:5001/a/b:1", "|default"},
        {"example.com/a/b:1", "docker|example.com"},
        {"a.example.com/a:1", "docker|*.example.com"},
        {"a.example.com:5000/a:1", "docker|*.example.com"},
        {"a.b.example.com/a:1", "docker|*.b.example.com"},
        {"b.example.com/a:1", "docker|*.example.com"},
        {"aexample.com/a:1", "|default"},
        {"[::1]:5000/a/b:1", "docker|[::1]:5000"},
        {"localhost/a:1", "|default"},
        {"localhost:5000/a:1", "|default"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_scope(p, "docker", cases[i][0], cases[i][1]);
    assert_scope(p, "docker-daemon", "docker.io/library/rust:1", "|default");
}

static void a_transport_has_a_list_of_its_own(void **state)
{
    _cleanup_policy_ struct policy *p = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(parse("{\"default\": " REJECT ", \"transports\": {"
                           "\"docker\": {\"\": " ACCEPT ", \"docker.io\": " REJECT "},"
                           "\"docker-archive\": {\"\": " ACCEPT "},"
                           "\"dir\": {\"/a/b\": " ACCEPT "},"
                           "\"oci\": {\"\": " REJECT ", \"/a/b:1\": " ACCEPT ", \"/a\": " ACCEPT
                           "}}}",
                           &p, &e),
                     0);
    assert_scope(p, "docker", "example.com/a:1", "docker|");
    assert_scope(p, "docker", "docker.io/a/b:1", "docker|docker.io");
    assert_scope(p, "docker-archive", "", "docker-archive|");
    assert_scope(p, "docker-daemon", "docker.io/a/b:1", "|default");
    assert_scope(p, "oci", "/a/b:1", "oci|/a/b:1");
    assert_scope(p, "oci", "/a/b:2", "oci|/a");
    assert_scope(p, "oci", "/a/b", "oci|/a");
    assert_scope(p, "oci", "/ab", "oci|");
    assert_scope(p, "oci", "/", "oci|");
    assert_scope(p, "dir", "/a/b", "dir|/a/b");
    assert_scope(p, "dir", "/a/b/c", "dir|/a/b");
    assert_scope(p, "dir", "/a/b:c", "|default");
    assert_scope(p, "dir", "/a/b@c", "|default");
    assert_scope(p, "dir", "/a", "|default");
}

static void without_a_policy_everything_is_accepted(void **state)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct policy_rule rule = {0};
    assert_int_equal(policy_find(NULL, "docker", "docker.io/a/b:1", &rule, &e), 0);
    assert_null(rule.requirements);
    assert_int_equal(policy_admit(&rule, "docker.io/a/b:1", &e), 0);
}

static void assert_admits(const char *requirements, const char *refusal)
{
    _cleanup_policy_ struct policy *p = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char *text =
        str_printf("{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"docker.io\": [%s]}}}",
                   requirements);
    struct policy_rule rule = {0};
    if (parse(text, &p, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_int_equal(policy_find(p, "docker", "docker.io/a/b:1", &rule, &e), 0);
    assert_int_equal(policy_admit(&rule, "docker.io/a/b:1", &e), refusal ? -EPERM : 0);
    if (refusal && !strstr(err_text(&e), refusal))
        fail_msg("\"%s\" instead of \"%s\"", err_text(&e), refusal);
    assert_int_equal(policy_find(p, "docker", "example.com/a/b:1", &rule, &e), 0);
    assert_int_equal(policy_admit(&rule, "example.com/a/b:1", &e), 0);
}

static void what_signatures_cannot_come_with(void **state)
{
    _cleanup_policy_ struct policy *p = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(parse("{\"default\": [{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\"}], "
                           "\"transports\": {\"dir\": {\"/a\": " ACCEPT ", \"\": " REJECT "}}}",
                           &p, &e),
                     0);
    assert_int_equal(policy_admit_unsigned(NULL, "oci", "/a", &e), 0);
    assert_int_equal(policy_admit_unsigned(p, "dir", "/a/b", &e), 0);
    assert_int_equal(policy_admit_unsigned(p, "dir", "/b", &e), -EPERM);
    assert_non_null(strstr(err_text(&e), "says \"reject\" for all from \"dir\""));
    assert_int_equal(policy_admit_unsigned(p, "docker-archive", "", &e), -EPERM);
    assert_string_equal(err_text(&e), "an image from \"docker-archive\" is refused: "
                                      "\"/etc/policy.json\" asks for a signature by default, and "
                                      "those come from registries alone");
}

static void what_no_signature_can_help(void **state)
{
    const char *key = "{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\"}";
    _cleanup_free_ char *both = str_printf("%s, {\"type\": \"reject\"}", key);
    assert_admits(key, NULL);
    assert_admits("{\"type\": \"insecureAcceptAnything\"}", NULL);
    assert_admits("{\"type\": \"reject\"}", "says \"reject\" for \"docker.io\"");
    assert_admits(both, "says \"reject\" for \"docker.io\"");
    assert_admits("{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\"}",
                  "\"/etc/policy.json\" asks for \"signedBy\" for \"docker.io\", which is not "
                  "supported here");
    assert_admits("{\"type\": \"\"}", "asks for \"\"");
    assert_admits("{\"type\": \"sigstoreSigned\", \"pki\": {}}", "asks for \"pki\"");
    assert_admits("{\"type\": \"sigstoreSigned\", \"fulcio\": {}, \"rekorPublicKeyData\": 1}",
                  "asks for \"fulcio\"");
    assert_admits("{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\", \"rekorPublicKeyPaths\": 1}",
                  "asks for \"rekorPublicKeyPaths\"");
}

static void wrong_files(void **state)
{
    static const char *const lists[] = {
        "[]",
        "{}",
        "1",
        "null",
        "[1]",
        "[null]",
        "[{}]",
        "[{\"type\": 1}]",
        "[{\"type\": \"reject\", \"keyPath\": \"/k\"}]",
        "[{\"type\": \"sigstoreSigned\"}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"\"}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": [\"/k\"]}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPaths\": \"/k\"}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPaths\": []}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPaths\": [1]}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\", \"keyDatas\": [\"x\"]}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\", \"keytype\": 1}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\", \"signedIdentity\": null}]",
        "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"/k\", \"signedIdentity\": {}}]",
    };
    static const char *const forms[] = {
        "{\"default\": %s}",
        "{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"\": %s}}}",
        ("{\"default\": " ACCEPT ", \"transports\": {\"docker\": {\"\": " ACCEPT
         ", \"docker.io\": %s}}}"),
    };
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"transports\": {}}",
        "{\"default\": " ACCEPT ", \"transports\": []}",
        "{\"default\": " ACCEPT ", \"transports\": null}",
        "{\"default\": " ACCEPT ", \"transports\": {\"docker\": []}}",
        "{\"default\": " ACCEPT ", \"transport\": {}}",
        "{\"default\": " ACCEPT ", \"default\": " REJECT "}",
        "{\"default\": " ACCEPT ", \"transports\": {\"oci\": {\"a/b\": " ACCEPT "}}}",
        "{\"default\": " ACCEPT ", \"transports\": {\"dir\": {\"/\": " ACCEPT "}}}",
        "{\"default\": " ACCEPT "} {}",
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
            _cleanup_policy_ struct policy *p = NULL;
            _cleanup_err_ struct err e = ERR_INIT;
            const char *at = strstr(forms[k], "%s");
            _cleanup_free_ char *text =
                str_printf("%.*s%s%s", (int)(at - forms[k]), forms[k], lists[i], at + 2);
            assert_int_equal(parse(text, &p, &e), -EINVAL);
            assert_null(p);
            assert_non_null(strstr(err_text(&e), "\"/etc/policy.json\""));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_policy_ struct policy *p = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(parse(texts[i], &p, &e), -EINVAL);
        assert_non_null(strstr(err_text(&e), "/etc/policy.json"));
    }
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_scope_counts),
        cmocka_unit_test(a_transport_has_a_list_of_its_own),
        cmocka_unit_test(without_a_policy_everything_is_accepted),
        cmocka_unit_test(what_signatures_cannot_come_with),
        cmocka_unit_test(what_no_signature_can_help),
        cmocka_unit_test(wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
