#include "image/change.h"

#include "image/change_health.h"
#include "image/words.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

enum { INSTRUCTION_MAX = 64 << 10, PORTS_MAX = 65536 };

static int set_string(json_t *settings, const char *key, const char *value, struct err *e)
{
    json_t *s = json_string(value);
    if (!s)
        return err_set(e, EINVAL, "\"%s\" is not text in UTF-8", key);
    return json_object_set_new(settings, key, s) < 0 ? err_nomem(e) : 0;
}

/* The object @key of @settings, made if it is missing. */
static json_t *object_of(json_t *settings, const char *key)
{
    json_t *o = json_object_get(settings, key);
    if (json_is_object(o))
        return o;
    o = json_object();
    return json_object_set_new(settings, key, o) < 0 ? NULL : o;
}

/* Adds @key with an empty object to the set @set of @settings. */
static int add_to_set(json_t *settings, const char *set, const char *key, struct err *e)
{
    json_t *o = object_of(settings, set);
    if (!o)
        return err_nomem(e);
    return json_object_set_new(o, key, json_object()) < 0
               ? err_set(e, EINVAL, "\"%s\" cannot be kept: not text in UTF-8", set)
               : 0;
}

/* An array of strings in JSON, or NULL. */
static json_t *json_form(const char *text)
{
    size_t i;
    json_t *value;
    if (*text != '[')
        return NULL;
    json_t *array = json_loads(text, 0, NULL);
    json_array_foreach (array, i, value) {
        if (json_is_string(value))
            continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

static int set_command(json_t *settings, const char *key, const char *text, struct err *e)
{
    json_t *command = json_form(text);
    if (!command)
        command = json_pack("[s, s, s]", "/bin/sh", "-c", text);
    if (!command)
        return err_set(e, EINVAL, "the command is not text in UTF-8");
    return json_object_set_new(settings, key, command) < 0 ? err_nomem(e) : 0;
}

static int change_cmd(json_t *settings, const char *text, struct err *e)
{
    return set_command(settings, "Cmd", text, e);
}

static int change_entrypoint(json_t *settings, const char *text, struct err *e)
{
    return set_command(settings, "Entrypoint", text, e);
}

/* Sets NAME=value in the array "Env", in place of an older value. */
static int set_env(json_t *settings, const char *name, size_t n, const char *value, struct err *e)
{
    json_t *env = json_object_get(settings, "Env");
    size_t i;
    json_t *old;
    if (!json_is_array(env)) {
        env = json_array();
        if (json_object_set_new(settings, "Env", env) < 0)
            return err_nomem(e);
    }
    json_t *pair = json_sprintf("%.*s=%s", (int)n, name, value);
    if (!pair)
        return err_set(e, EINVAL, "\"%.*s\" is not text in UTF-8", (int)n, name);
    json_array_foreach (env, i, old) {
        const char *s = json_string_value(old);
        if (s && strncmp(s, name, n) == 0 && s[n] == '=')
            return json_array_set_new(env, i, pair) < 0 ? err_nomem(e) : 0;
    }
    return json_array_append_new(env, pair) < 0 ? err_nomem(e) : 0;
}

static int set_label(json_t *settings, const char *name, size_t n, const char *value, struct err *e)
{
    json_t *labels = object_of(settings, "Labels");
    _cleanup_free_ char *key = strndup(name, n);
    if (!labels || !key)
        return err_nomem(e);
    json_t *text = json_string(value);
    return !text || json_object_set_new(labels, key, text) < 0
               ? err_set(e, EINVAL, "label \"%s\" is not text in UTF-8", key)
               : 0;
}

typedef int set_pair_fn(json_t *settings, const char *name, size_t n, const char *value,
                        struct err *e);

/* "a=1 b=2", or the old form "a the rest". */
static int change_pairs(json_t *settings, const char *text, set_pair_fn *set, struct err *e)
{
    _cleanup_strv_ struct strv words = {0};
    _cleanup_json_ json_t *env = json_deep_copy(json_object_get(settings, "Env"));
    int r = words_split(text, env, &words, e);
    if (r < 0)
        return r;
    if (!strchr(words.v[0], '=')) {
        const char *rest = text + strcspn(text, " \t");
        rest += strspn(rest, " \t");
        _cleanup_free_ char *value = NULL;
        if (!*rest || !*words.v[0])
            return err_set(e, EINVAL, "must have two arguments");
        r = words_join(rest, env, &value, e);
        return r < 0 ? r : set(settings, words.v[0], strlen(words.v[0]), value, e);
    }
    for (size_t i = 0; i < words.n; i++) {
        const char *eq = strchr(words.v[i], '=');
        if (!eq || eq == words.v[i])
            return err_set(e, EINVAL, "cannot read \"%s\": must be of the form name=value",
                           words.v[i]);
        r = set(settings, words.v[i], (size_t)(eq - words.v[i]), eq + 1, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int change_env(json_t *settings, const char *text, struct err *e)
{
    return change_pairs(settings, text, set_env, e);
}

static int change_label(json_t *settings, const char *text, struct err *e)
{
    return change_pairs(settings, text, set_label, e);
}

/* "80", "80/udp", "8000-8010/tcp". */
static int expose_ports(json_t *settings, char *word, struct err *e)
{
    long long first, last;
    const char *shown = word;
    const char *protocol = "tcp";
    _cleanup_free_ char *copy = strdup(word);
    if (!copy)
        return err_nomem(e);
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash = '\0';
        protocol = slash + 1;
    }
    char *dash = strchr(copy, '-');
    if (dash)
        *dash = '\0';
    if (str_to_int64(copy, 0, PORTS_MAX - 1, &first) < 0 ||
        str_to_int64(dash ? dash + 1 : copy, first, PORTS_MAX - 1, &last) < 0 ||
        (strcasecmp(protocol, "tcp") != 0 && strcasecmp(protocol, "udp") != 0 &&
         strcasecmp(protocol, "sctp") != 0))
        return err_set(e, EINVAL, "invalid port \"%s\"", shown);
    for (char *p = slash ? slash + 1 : NULL; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    for (long long port = first; port <= last; port++) {
        char key[32];
        snprintf(key, sizeof(key), "%lld/%.4s", port, protocol);
        int r = add_to_set(settings, "ExposedPorts", key, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int change_expose(json_t *settings, const char *text, struct err *e)
{
    _cleanup_strv_ struct strv words = {0};
    int r = words_split(text, json_object_get(settings, "Env"), &words, e);
    for (size_t i = 0; r == 0 && i < words.n; i++)
        r = expose_ports(settings, words.v[i], e);
    return r;
}

static int change_volume(json_t *settings, const char *text, struct err *e)
{
    _cleanup_json_ json_t *array = json_form(text);
    _cleanup_strv_ struct strv words = {0};
    size_t i;
    json_t *value;
    json_array_foreach (array, i, value)
        strv_add(&words, json_string_value(value));
    int r = words.failed ? err_nomem(e) : 0;
    if (!array)
        r = words_split(text, json_object_get(settings, "Env"), &words, e);
    for (i = 0; r == 0 && i < words.n; i++)
        r = words.v[i][0] ? add_to_set(settings, "Volumes", words.v[i], e)
                          : err_set(e, EINVAL, "a volume cannot be an empty string");
    return r;
}

static int change_user(json_t *settings, const char *text, struct err *e)
{
    _cleanup_free_ char *user = NULL;
    int r = words_join(text, json_object_get(settings, "Env"), &user, e);
    return r < 0 ? r : set_string(settings, "User", user, e);
}

/* Adds the parts of @path to @clean, which begins with "/" and never leaves it. */
static void add_path(struct str *clean, const char *path)
{
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0) {
            while (clean->len > 0 && clean->s[--clean->len] != '/')
                ;
            if (clean->s)
                clean->s[clean->len] = '\0';
        } else if (n > 0 && !(n == 1 && *p == '.')) {
            str_add(clean, "/");
            str_addn(clean, p, n);
        }
        p += n + (p[n] == '/');
    }
}

static int change_workdir(json_t *settings, const char *text, struct err *e)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_str_ struct str clean = {0};
    const char *before = json_str(settings, "WorkingDir");
    int r = words_join(text, json_object_get(settings, "Env"), &path, e);
    if (r < 0)
        return r;
    if (*path != '/' && before)
        add_path(&clean, before);
    add_path(&clean, path);
    if (clean.failed)
        return err_nomem(e);
    return set_string(settings, "WorkingDir", clean.len > 0 ? clean.s : "/", e);
}

static bool is_signal(const char *text)
{
    long long number;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    const char *rt =
        strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0 ? name + 5 : NULL;
    if (str_to_int64(text, 1, SIGRTMAX, &number) == 0)
        return true;
    if (rt)
        return !*rt || ((*rt == '+' || *rt == '-') &&
                        str_to_int64(rt + 1, 0, SIGRTMAX - SIGRTMIN, &number) == 0);
    for (int s = 1; s < 32; s++)
        if (sigabbrev_np(s) && strcasecmp(sigabbrev_np(s), name) == 0)
            return true;
    return false;
}

static int change_stop_signal(json_t *settings, const char *text, struct err *e)
{
    _cleanup_free_ char *name = NULL;
    int r = words_join(text, json_object_get(settings, "Env"), &name, e);
    if (r < 0)
        return r;
    if (!is_signal(name))
        return err_set(e, EINVAL, "invalid signal: %s", name);
    return set_string(settings, "StopSignal", name, e);
}

static const struct {
    const char *name;
    int (*apply)(json_t *settings, const char *text, struct err *e);
} instructions[] = {
    {"CMD", change_cmd},
    {"ENTRYPOINT", change_entrypoint},
    {"ENV", change_env},
    {"EXPOSE", change_expose},
    {"HEALTHCHECK", change_health},
    {"LABEL", change_label},
    {"STOPSIGNAL", change_stop_signal},
    {"USER", change_user},
    {"VOLUME", change_volume},
    {"WORKDIR", change_workdir},
};

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 && *s != '\t')
            return true;
    return false;
}

/* @rest without the blanks at its end. */
static char *trimmed(const char *rest)
{
    rest += strspn(rest, " \t");
    size_t n = strlen(rest);
    while (n > 0 && (rest[n - 1] == ' ' || rest[n - 1] == '\t'))
        n--;
    return strndup(rest, n);
}

int change_apply(json_t *settings, const char *instruction, struct err *e)
{
    if (strlen(instruction) > INSTRUCTION_MAX)
        return err_set(e, EINVAL, "a change is longer than %d bytes", INSTRUCTION_MAX);
    if (has_control(instruction))
        return err_set(e, EINVAL, "a change must be one line");
    instruction += strspn(instruction, " \t");
    size_t n = strcspn(instruction, " \t");
    _cleanup_free_ char *rest = trimmed(instruction + n);
    if (!rest)
        return err_nomem(e);
    for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
        const char *name = instructions[i].name;
        if (strlen(name) != n || strncasecmp(instruction, name, n) != 0)
            continue;
        if (!*rest)
            return err_set(e, EINVAL, "%s requires at least one argument", name);
        int r = instructions[i].apply(settings, rest, e);
        return r < 0 ? err_wrap(e, "%s", name) : 0;
    }
    return err_set(e, EINVAL, "%.*s is not a valid change command", (int)(n > 64 ? 64 : n),
                   instruction);
}
