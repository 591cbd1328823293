/*
 * libFuzzer target: any text as policy.json. What is accepted has requirements for every image,
 * none of them empty, and what it refuses it refuses again.
 */
#include "image/policy.h"

#include "base/str.h"
#include "image/signed_identity.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A rule that a signature could meet: of a kind that is known. */
static void check_identities(const struct policy_rule *rule, const char *name)
{
    size_t i;
    const json_t *requirement;
    json_array_foreach (rule->requirements, i, requirement) {
        const json_t *identity = json_object_get(requirement, "signedIdentity");
        if (str_eq(json_str(requirement, "type"), "reject"))
            abort();
        if (identity && signed_identity_check(identity, NULL) < 0)
            abort();
        /* Nothing matches what is no name. */
        if (signed_identity_matches(identity, name, "no name"))
            abort();
        (void)signed_identity_matches(identity, name, name);
        (void)signed_identity_matches(identity, name, "a.io/b/c:1");
    }
}

static bool needs_signature(const struct policy_rule *rule)
{
    size_t i;
    const json_t *requirement;
    json_array_foreach (rule->requirements, i, requirement)
        if (!str_eq(json_str(requirement, "type"), "insecureAcceptAnything"))
            return true;
    return false;
}

static void ask(const struct policy *p, const char *transport, const char *identity)
{
    struct policy_rule rule = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (policy_find(p, transport, identity, &rule, &e) < 0 ||
        json_array_size(rule.requirements) < 1)
        abort();
    _cleanup_free_ char *words = policy_scope_words(&rule);
    if (!words || !rule.file || !rule.scope)
        abort();
    /* No scope but the general ones covers what does not begin with it. */
    if (rule.transport && *rule.scope && *rule.scope != '*' && !str_after(identity, rule.scope))
        abort();
    bool admitted = policy_admit(&rule, identity, &e) == 0;
    if (admitted)
        check_identities(&rule, identity);
    if (policy_admit_unsigned(p, transport, identity, &e) == 0 &&
        (!admitted || needs_signature(&rule)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {
        "docker.io/library/rust:latest", "a.b.example.com:5000/a/b:1", "a.io/b:1", "[::1]:80/a:1",
        "a.io/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    static const char *const paths[] = {"/a/b:1", "/a", "/", ""};
    _cleanup_policy_ struct policy *p = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (policy_parse((const char *)data, size, "fuzz", &p, &e) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ask(p, "docker", names[i]);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask(p, "oci", paths[i]);
        ask(p, "dir", paths[i]);
    }
    return 0;
}
