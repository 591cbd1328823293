/*
 * --mount: fields as Docker's command line takes them, to an object of HostConfig.Mounts.
 */
#include "base/str.h"
#include "cli/fields.h"
#include "cli/request.h"

#include <string.h>

struct mount_words {
    const char *whole;
    char *copy;                    /* the fields, cut out of it, point here */
    json_t *volume, *bind, *tmpfs; /* VolumeOptions and so on; NULL until one is given */
    const char *type, *source, *target;
    bool read_only;
    struct err *e;
};

static void words_release(struct mount_words *m)
{
    free(m->copy);
    json_decref(m->volume);
    json_decref(m->bind);
    json_decref(m->tmpfs);
}

static int bad(struct mount_words *m, const char *why, const char *what)
{
    return err_set(m->e, EINVAL, "invalid argument \"%s\" for \"--mount\": %s%s%s%s", m->whole, why,
                   what ? " '" : "", what ? what : "", what ? "'" : "");
}

static int set(struct mount_words *m, json_t **options, const char *key, json_t *value)
{
    if (!*options)
        *options = json_object();
    return json_object_set_new(*options, key, value) < 0 ? err_nomem(m->e) : 0;
}

static int set_text(struct mount_words *m, json_t **options, const char *key, const char *text)
{
    json_t *j = json_string(text);
    return j ? set(m, options, key, j) : bad(m, "its value is not UTF-8", NULL);
}

/* The object @key of *options, made when it is missing; borrowed, NULL when memory ran out. */
static json_t *member(struct mount_words *m, json_t **options, const char *key)
{
    json_t *there = json_object_get(*options, key);
    if (!there && set(m, options, key, json_object()) == 0)
        there = json_object_get(*options, key);
    return there;
}

/* "KEY=VALUE" into the object @pairs, which may be NULL. */
static int set_pair(struct mount_words *m, json_t *pairs, const char *text)
{
    const char *value = strchrnul(text, '=');
    _cleanup_free_ char *key = strndup(text, (size_t)(value - text));
    if (!pairs || !key)
        return err_nomem(m->e);
    json_t *j = json_string(*value ? value + 1 : "");
    return j && json_object_set_new(pairs, key, j) == 0 ? 0
                                                        : bad(m, "its value is not UTF-8", NULL);
}

static int take_bool(struct mount_words *m, const char *key, const char *value, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    bool known = !value;
    *ret = !value;
    for (size_t i = 0; value && i < ARRAY_LEN(yes); i++) {
        *ret |= str_eq(value, yes[i]);
        known |= str_eq(value, yes[i]) || str_eq(value, no[i]);
    }
    return known ? 0 : bad(m, "invalid value for", key);
}

static int set_bool(struct mount_words *m, json_t **options, const char *key, const char *word,
                    const char *value)
{
    bool b;
    int r = take_bool(m, word, value, &b);
    return r == 0 ? set(m, options, key, json_boolean(b)) : r;
}

static int take_recursive(struct mount_words *m, const char *value)
{
    static const struct {
        const char *word, *key;
    } known[] = {
        {"enabled", NULL},
        {"disabled", "NonRecursive"},
        {"writable", "ReadOnlyNonRecursive"},
        {"readonly", "ReadOnlyForceRecursive"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(value, known[i].word))
            return known[i].key ? set(m, &m->bind, known[i].key, json_true()) : 0;
    return bad(m, "bind-recursive must be enabled, disabled, writable or readonly, not", value);
}

static int take_size(struct mount_words *m, const char *value)
{
    long long bytes = 0;
    int r = parse_bytes("--mount tmpfs-size", value, &bytes, m->e);
    return r == 0 ? set(m, &m->tmpfs, "SizeBytes", json_integer(bytes)) : r;
}

static int take_mode(struct mount_words *m, const char *value)
{
    char *end;
    unsigned long mode = strtoul(value, &end, 8);
    if (!*value || *end || value[strspn(value, "01234567")] || mode > 07777)
        return bad(m, "invalid value for tmpfs-mode:", value);
    return set(m, &m->tmpfs, "Mode", json_integer((json_int_t)mode));
}

/* A key without a value, or with one that may be left out. 1: it is none of these. */
static int take_flag(struct mount_words *m, const char *key, const char *value)
{
    if (str_eq(key, "readonly") || str_eq(key, "ro"))
        return take_bool(m, key, value, &m->read_only);
    if (str_eq(key, "volume-nocopy"))
        return set_bool(m, &m->volume, "NoCopy", key, value);
    if (str_eq(key, "bind-nonrecursive"))
        return set_bool(m, &m->bind, "NonRecursive", key, value);
    if (str_eq(key, "bind-create-src"))
        return set_bool(m, &m->bind, "CreateMountpoint", key, value);
    return 1;
}

static int take_text(struct mount_words *m, const char *key, const char *value)
{
    const char **text = str_eq(key, "type")                           ? &m->type
                        : str_eq(key, "source") || str_eq(key, "src") ? &m->source
                        : str_eq(key, "target") || str_eq(key, "destination") || str_eq(key, "dst")
                            ? &m->target
                            : NULL;
    if (text) {
        *text = value;
        return 0;
    }
    if (str_eq(key, "consistency"))
        return 0;
    if (str_eq(key, "bind-propagation"))
        return set_text(m, &m->bind, "Propagation", value);
    if (str_eq(key, "bind-recursive"))
        return take_recursive(m, value);
    if (str_eq(key, "volume-subpath"))
        return set_text(m, &m->volume, "Subpath", value);
    if (str_eq(key, "volume-label"))
        return set_pair(m, member(m, &m->volume, "Labels"), value);
    bool driven = str_eq(key, "volume-driver") || str_eq(key, "volume-opt");
    json_t *driver = driven ? member(m, &m->volume, "DriverConfig") : NULL;
    if (driven && !driver)
        return err_nomem(m->e);
    if (str_eq(key, "volume-driver"))
        return set_text(m, &driver, "Name", value);
    if (str_eq(key, "volume-opt"))
        return set_pair(m, member(m, &driver, "Options"), value);
    if (str_eq(key, "tmpfs-size"))
        return take_size(m, value);
    if (str_eq(key, "tmpfs-mode"))
        return take_mode(m, value);
    return bad(m, "unexpected key", key);
}

static int take_field(struct mount_words *m, char *field)
{
    char *value = strchr(field, '=');
    if (value)
        *value++ = '\0';
    int r = take_flag(m, field, value);
    if (r != 1)
        return r;
    if (!value)
        return bad(m, "invalid field, must be a key=value pair:", field);
    return take_text(m, field, value);
}

static int check(struct mount_words *m)
{
    const struct {
        const char *type;
        const json_t *options;
    } groups[] = {{"volume", m->volume}, {"bind", m->bind}, {"tmpfs", m->tmpfs}};
    bool known = false;
    if (!m->target || !*m->target)
        return bad(m, "target is required", NULL);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        known |= str_eq(m->type, groups[i].type);
        if (groups[i].options && !str_eq(m->type, groups[i].type))
            return err_set(m->e, EINVAL, "cannot mix '%s-*' options with mount type '%s'",
                           groups[i].type, m->type);
    }
    if (!known)
        return err_set(m->e, EINVAL, "mount type unknown: \"%s\": it is volume, bind or tmpfs",
                       m->type);
    if (str_eq(m->type, "bind") && (!m->source || !*m->source))
        return err_set(m->e, EINVAL,
                       "invalid mount config for type \"bind\": field Source must not be empty");
    if (str_eq(m->type, "tmpfs") && m->source)
        return err_set(m->e, EINVAL,
                       "invalid mount config for type \"tmpfs\": field Source must not be "
                       "specified");
    if (json_object_get(m->bind, "ReadOnlyForceRecursive") && !m->read_only)
        return err_set(m->e, EINVAL,
                       "option 'bind-recursive=readonly' requires 'readonly' to be specified in "
                       "conjunction");
    return 0;
}

static int build(struct mount_words *m, json_t **ret)
{
    bool bind = str_eq(m->type, "bind");
    _cleanup_free_ char *source = bind ? absolute_source(m->source) : NULL;
    if (bind && !source)
        return err_sys(m->e, errno, "cannot tell the working directory");
    *ret = json_pack("{s:s, s:s*, s:s, s:b, s:O*, s:O*, s:O*}", "Type", m->type, "Source",
                     bind ? source : m->source, "Target", m->target, "ReadOnly", m->read_only,
                     "BindOptions", m->bind, "VolumeOptions", m->volume, "TmpfsOptions", m->tmpfs);
    return *ret ? 0 : bad(m, "its value is not UTF-8", NULL);
}

int parse_mount(const char *text, json_t **ret, struct err *e)
{
    _cleanup_(words_release) struct mount_words m = {.whole = text, .type = "volume", .e = e};
    m.copy = strdup(text);
    if (!m.copy)
        return err_nomem(e);
    int r = 0;
    for (char *at = m.copy; r == 0 && at;) {
        char *field = field_next(&at);
        r = field ? take_field(&m, field) : bad(&m, "its quotes do not match", NULL);
    }
    if (r == 0)
        r = check(&m);
    return r == 0 ? build(&m, ret) : r;
}
