#include "image/policy.h"

#include "base/file.h"
#include "base/str.h"
#include "image/signed_identity.h"

#include <fcntl.h>
#include <string.h>

enum { POLICY_MAX = 1 << 20, REQUIREMENTS_MAX = 64, KEYS_MAX = 64 };

struct policy {
    json_t *value; /* checked */
    char *file;
};

void policy_free(struct policy *p)
{
    if (!p)
        return;
    json_decref(p->value);
    free(p->file);
    free(p);
}

/* ---- checking the file ---- */

/* What a signature may be compared with; one of them has to be there. Those that are only @known
 * would need a transparency log or an authority for certificates. */
static const struct key_source {
    const char *key;
    bool is_list, known_only;
} key_sources[] = {
    {"keyPath", false, false}, {"keyPaths", true, false}, {"keyData", false, false},
    {"keyDatas", true, false}, {"fulcio", false, true},   {"pki", false, true},
};
static const char *const log_keys[] = {"rekorPublicKeyPath", "rekorPublicKeyPaths",
                                       "rekorPublicKeyData", "rekorPublicKeyDatas"};

static bool is_text(const json_t *value)
{
    return json_is_string(value) && *json_string_value(value);
}

static bool is_list_of_text(json_t *list)
{
    size_t i, n = json_array_size(list);
    json_t *item;
    json_array_foreach (list, i, item)
        if (!is_text(item))
            return false;
    return n > 0 && n <= KEYS_MAX;
}

/* Counts what it knows in *known. */
static int check_keys(const json_t *requirement, size_t *known, struct err *e)
{
    size_t sources = 0;
    for (size_t i = 0; i < ARRAY_LEN(key_sources); i++) {
        const struct key_source *s = &key_sources[i];
        json_t *value = json_object_get(requirement, s->key);
        if (!value)
            continue;
        sources++;
        if (!s->known_only && !(s->is_list ? is_list_of_text(value) : is_text(value)))
            return err_set(e, EINVAL, "\"%s\" is no %s", s->key,
                           s->is_list ? "list of texts" : "text");
    }
    *known += sources;
    for (size_t i = 0; i < ARRAY_LEN(log_keys); i++)
        *known += json_object_get(requirement, log_keys[i]) != NULL;
    return sources == 1 ? 0
                        : err_set(e, EINVAL,
                                  "\"sigstoreSigned\" needs one of \"keyPath\", \"keyPaths\", "
                                  "\"keyData\" and \"keyDatas\"");
}

static int check_requirement(const json_t *requirement, struct err *e)
{
    const char *type = json_string_value(json_object_get(requirement, "type"));
    const json_t *identity = json_object_get(requirement, "signedIdentity");
    size_t known = 1;
    int r = 0;
    if (!type)
        return err_set(e, EINVAL, "a requirement has no \"type\"");
    if (str_eq(type, "sigstoreSigned")) {
        known += identity != NULL;
        r = check_keys(requirement, &known, e);
        if (r == 0 && identity)
            r = signed_identity_check(identity, e);
    } else if (!str_eq(type, "insecureAcceptAnything") && !str_eq(type, "reject")) {
        return 0;
    }
    if (r == 0 && json_object_size(requirement) != known)
        r = err_set(e, EINVAL, "a requirement \"%s\" has a key that is not known", type);
    return r;
}

static int check_list(json_t *list, struct err *e)
{
    size_t i, n = json_array_size(list);
    json_t *requirement;
    if (n == 0 || n > REQUIREMENTS_MAX)
        return err_set(e, EINVAL, "it is no list of one to %d requirements", REQUIREMENTS_MAX);
    json_array_foreach (list, i, requirement) {
        int r = check_requirement(requirement, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The scopes of folders are whole paths: others would silently cover nothing. */
static int check_scope(const char *transport, const char *scope, struct err *e)
{
    bool folder = str_eq(transport, "oci") || str_eq(transport, "dir");
    if (folder && *scope && (*scope != '/' || !scope[1]))
        return err_set(e, EINVAL, "a scope of \"%s\" is the path of a folder, from \"/\" on",
                       transport);
    return 0;
}

static int check_transport(const char *transport, json_t *scopes, struct err *e)
{
    const char *scope;
    json_t *list;
    if (!json_is_object(scopes))
        return err_set(e, EINVAL, "the transport \"%.100s\" is no object", transport);
    json_object_foreach (scopes, scope, list) {
        int r = check_scope(transport, scope, e);
        if (r == 0)
            r = check_list(list, e);
        if (r < 0)
            return err_wrap(e, "transport \"%.100s\", scope \"%.300s\"", transport, scope);
    }
    return 0;
}

static int check(json_t *value, struct err *e)
{
    json_t *transports = json_object_get(value, "transports"), *scopes;
    json_t *otherwise = json_object_get(value, "default");
    const char *transport;
    if (!json_is_object(value))
        return err_set(e, EINVAL, "not a JSON object");
    if (!otherwise)
        return err_set(e, EINVAL, "\"default\" is missing");
    if (json_object_size(value) != 1U + (transports != NULL))
        return err_set(e, EINVAL, "a key that is neither \"default\" nor \"transports\"");
    int r = check_list(otherwise, e);
    if (r < 0)
        return err_wrap(e, "\"default\"");
    if (transports && !json_is_object(transports))
        return err_set(e, EINVAL, "\"transports\" is no object");
    json_object_foreach (transports, transport, scopes) {
        r = check_transport(transport, scopes, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int policy_parse(const char *text, size_t n, const char *path, struct policy **ret, struct err *e)
{
    _cleanup_policy_ struct policy *p = calloc(1, sizeof(*p));
    if (!p || !(p->file = strdup(path)))
        return err_nomem(e);
    int r = json_parse(text, n, path, &p->value, e);
    if (r < 0)
        return r;
    r = check(p->value, e);
    if (r < 0)
        return err_wrap(e, "\"%s\"", path);
    *ret = TAKE_PTR(p);
    return 0;
}

int policy_read(struct policy **ret, struct err *e)
{
    const char *home = getenv("HOME");
    _cleanup_free_ char *own =
        str_printf("%s/.config/containers/policy.json", home && *home ? home : "/root");
    if (!own)
        return err_nomem(e);
    const char *const places[] = {own, "/etc/containers/policy.json"};
    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        int r = file_read(AT_FDCWD, places[i], POLICY_MAX, &text, &n, e);
        if (r == 0)
            return policy_parse(text, n, places[i], ret, e);
        if (r != -ENOENT)
            return r;
        err_release(e);
    }
    return 0;
}

/* ---- finding what counts ---- */

static bool found(json_t *scopes, const char *scope, struct policy_rule *ret)
{
    void *entry = json_object_iter_at(scopes, scope);
    if (!entry)
        return false;
    ret->scope = json_object_iter_key(entry);
    ret->requirements = json_object_iter_value(entry);
    return true;
}

/* "*.example.com" for "a.b.example.com:80", the longest first. @host is written over. */
static bool find_wildcard(json_t *scopes, char *host, struct policy_rule *ret)
{
    host[strcspn(host, ":")] = '\0';
    for (char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (dot == host)
            continue;
        dot[-1] = '*';
        if (found(scopes, dot - 1, ret))
            return true;
    }
    return false;
}

/* Where what is behind a path or a repository's name begins. */
static char *find_tag(const char *transport, char *identity)
{
    char *slash = strrchr(identity, '/');
    if (*identity == '/')
        return str_eq(transport, "oci") ? strchr(identity, ':') : NULL;
    return slash ? strpbrk(slash, "@:") : NULL;
}

/* @identity, then without its tag or digest, then each folder or name above: of paths not "/"
 * itself, of names the registry's host, and its domains. @identity is written over. */
static bool find_above(json_t *scopes, const char *transport, char *identity,
                       struct policy_rule *ret)
{
    char *end = find_tag(transport, identity);
    bool is_path = *identity == '/';
    while (*identity) {
        if (found(scopes, identity, ret))
            return true;
        if (!end)
            end = strrchr(identity, '/');
        if (!end)
            return !is_path && find_wildcard(scopes, identity, ret);
        *end = '\0';
        end = NULL;
    }
    return false;
}

int policy_find(const struct policy *p, const char *transport, const char *identity,
                struct policy_rule *ret, struct err *e)
{
    _cleanup_free_ char *copy = strdup(identity);
    *ret = (struct policy_rule){0};
    if (!copy)
        return err_nomem(e);
    if (!p)
        return 0;
    json_t *scopes = json_object_get(json_object_get(p->value, "transports"), transport);
    ret->file = p->file;
    if (find_above(scopes, transport, copy, ret) || found(scopes, "", ret)) {
        ret->transport = json_object_iter_key(
            json_object_iter_at(json_object_get(p->value, "transports"), transport));
        return 0;
    }
    ret->scope = "default";
    ret->requirements = json_object_get(p->value, "default");
    return 0;
}

char *policy_scope_words(const struct policy_rule *rule)
{
    if (!rule->transport)
        return strdup("by default");
    return *rule->scope ? str_printf("for \"%s\"", rule->scope)
                        : str_printf("for all from \"%s\"", rule->transport);
}

/* The name of what nobody here can check; NULL: all of it can be. */
static const char *not_known(const json_t *requirement)
{
    const char *type = json_str(requirement, "type");
    if (!str_eq(type, "sigstoreSigned"))
        return str_eq(type, "insecureAcceptAnything") || str_eq(type, "reject") ? NULL : type;
    for (size_t i = 0; i < ARRAY_LEN(key_sources); i++)
        if (key_sources[i].known_only && json_object_get(requirement, key_sources[i].key))
            return key_sources[i].key;
    for (size_t i = 0; i < ARRAY_LEN(log_keys); i++)
        if (json_object_get(requirement, log_keys[i]))
            return log_keys[i];
    return NULL;
}

/* @shown: what is let in, or not. */
static int admit(const struct policy_rule *rule, const char *shown, struct err *e)
{
    size_t i;
    json_t *requirement;
    _cleanup_free_ char *where = policy_scope_words(rule);
    if (!where)
        return err_nomem(e);
    json_array_foreach (rule->requirements, i, requirement) {
        const char *strange = not_known(requirement);
        if (str_eq(json_str(requirement, "type"), "reject"))
            return err_set(e, EPERM,
                           "%s is refused: \"%s\" says \"reject\" %s; to have it, give it "
                           "another requirement there",
                           shown, rule->file, where);
        if (strange)
            return err_set(e, EPERM,
                           "%s is refused: \"%s\" asks for \"%.100s\" %s, which is not "
                           "supported here; \"sigstoreSigned\" with a public key is",
                           shown, rule->file, strange, where);
    }
    return 0;
}

int policy_admit(const struct policy_rule *rule, const char *identity, struct err *e)
{
    _cleanup_free_ char *shown = str_printf("\"%s\"", identity);
    return shown ? admit(rule, shown, e) : err_nomem(e);
}

int policy_admit_unsigned(const struct policy *p, const char *transport, const char *identity,
                          struct err *e)
{
    size_t i;
    json_t *requirement;
    struct policy_rule rule = {0};
    _cleanup_free_ char *shown = *identity ? str_printf("\"%s:%s\"", transport, identity)
                                           : str_printf("an image from \"%s\"", transport);
    if (!shown)
        return err_nomem(e);
    int r = policy_find(p, transport, identity, &rule, e);
    if (r == 0)
        r = admit(&rule, shown, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *where = policy_scope_words(&rule);
    if (!where)
        return err_nomem(e);
    json_array_foreach (rule.requirements, i, requirement)
        if (str_eq(json_str(requirement, "type"), "sigstoreSigned"))
            return err_set(e, EPERM,
                           "%s is refused: \"%s\" asks for a signature %s, and those come from "
                           "registries alone",
                           shown, rule.file, where);
    return 0;
}
