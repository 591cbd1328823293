#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/spec.h"
#include "runtime/spec_get.h"

#include <linux/mount.h>
#include <string.h>

/* <sys/mount.h> clashes with <linux/mount.h> in glibc 2.36. */
enum {
    PROPAGATE_UNBINDABLE = 1 << 17,
    PROPAGATE_PRIVATE = 1 << 18,
    PROPAGATE_SLAVE = 1 << 19,
    PROPAGATE_SHARED = 1 << 20,
};

/* What a word of "options" does; all others are the file system's own. config.md, "Linux mount
 * options". A word "rX" does the same to all mounts below. */
static const struct attribute {
    const char *word;
    uint64_t set, clear;
} attributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, 0},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, 0},
    {"nostrictatime", 0, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

static const struct propagation {
    const char *word;
    uint64_t flag;
} propagations[] = {
    {"private", PROPAGATE_PRIVATE},
    {"shared", PROPAGATE_SHARED},
    {"slave", PROPAGATE_SLAVE},
    {"unbindable", PROPAGATE_UNBINDABLE},
};

/* What a mount is, rather than how. */
static const char *const kinds[] = {"bind", "rbind", "tmpcopyup", "idmap", "ridmap"};

/* Words that say what is so anyway. */
static const char *const defaults[] = {"async", "defaults", "loud", "nomand", "silent"};

/* Words that every file system takes, by the kernel (fs_context.c). */
static const char *const common[] = {"dirsync", "lazytime", "mand", "nolazytime", "sync"};

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(word, list[i]))
            return true;
    return false;
}

static int list_words(json_t *list, const char *prefix, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, json_sprintf("%s%s", prefix, words[i])) < 0)
            return -ENOMEM;
    return 0;
}

int spec_list_mount_words(json_t *list)
{
    int r = list_words(list, "", kinds, ARRAY_LEN(kinds));
    if (r == 0)
        r = list_words(list, "", defaults, ARRAY_LEN(defaults));
    if (r == 0)
        r = list_words(list, "", common, ARRAY_LEN(common));
    for (int i = 0; r == 0 && i < 2; i++) {
        const char *prefix = i ? "r" : "";
        for (size_t k = 0; r == 0 && k < ARRAY_LEN(attributes); k++)
            r = list_words(list, prefix, &attributes[k].word, 1);
        for (size_t k = 0; r == 0 && k < ARRAY_LEN(propagations); k++)
            r = list_words(list, prefix, &propagations[k].word, 1);
    }
    return r;
}

static bool take_attribute(const char *word, struct spec_mount *m)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        const struct attribute *a = &attributes[i];
        if (str_eq(word, a->word)) {
            m->set = (m->set & ~a->clear) | a->set;
            m->clear = (m->clear & ~a->set) | a->clear;
            return true;
        }
        if (word[0] == 'r' && str_eq(word + 1, a->word)) {
            m->set_below = (m->set_below & ~a->clear) | a->set;
            m->clear_below = (m->clear_below & ~a->set) | a->clear;
            return true;
        }
    }
    return false;
}

static bool take_propagation(const char *word, struct spec_mount *m)
{
    for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
        bool below = word[0] == 'r' && str_eq(word + 1, propagations[i].word);
        if (below || str_eq(word, propagations[i].word)) {
            m->propagation = propagations[i].flag;
            m->propagation_below = below;
            return true;
        }
    }
    return false;
}

static bool take_kind(const char *word, struct spec_mount *m)
{
    m->bind |= str_eq(word, "bind") || str_eq(word, "rbind");
    m->recursive |= str_eq(word, "rbind");
    m->copy_up |= str_eq(word, "tmpcopyup");
    m->idmap |= str_eq(word, "idmap") || str_eq(word, "ridmap");
    m->ridmap |= str_eq(word, "ridmap");
    return is_one_of(word, kinds, ARRAY_LEN(kinds));
}

static int add_data(const char *word, struct str *words, size_t *n, struct err *e)
{
    /* "key=value", or a flag; kept NUL-separated until the array can be made. */
    str_addn(words, word, strlen(word) + 1);
    (*n)++;
    return words->failed ? err_nomem(e) : 0;
}

static int make_data(struct spec_mount *m, struct str *words, size_t n, struct err *e)
{
    if (n == 0)
        return 0;
    m->data = calloc(n, sizeof(*m->data));
    m->words = str_steal(words);
    if (!m->data || !m->words)
        return err_nomem(e);
    char *word = m->words;
    for (size_t i = 0; i < n; i++) {
        char *next = word + strlen(word) + 1;
        char *equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        m->data[i] = (struct mount_option){word, equals ? equals + 1 : NULL};
        word = next;
    }
    m->n_data = n;
    return 0;
}

static int take_options(const json_t *options, struct spec_mount *m, struct err *e)
{
    _cleanup_str_ struct str data = {0};
    size_t n_data = 0, i;
    json_t *item;

    json_array_foreach (options, i, item) {
        const char *word = json_string_value(item);
        if (!word)
            return err_set(e, EINVAL, "mounts: \"%s\": an option is not a string", m->destination);
        if (take_kind(word, m) || take_attribute(word, m) || take_propagation(word, m) ||
            is_one_of(word, defaults, ARRAY_LEN(defaults)))
            continue;
        if (str_eq(word, "remount"))
            return err_set(e, ENOTSUP, "mounts: \"%s\": option \"remount\" is not supported",
                           m->destination);
        int r = add_data(word, &data, &n_data, e);
        if (r < 0)
            return r;
    }
    if (m->bind && n_data > 0)
        return err_set(e, EINVAL, "mounts: \"%s\": a bind mount does not take option \"%s\"",
                       m->destination, data.s);
    return make_data(m, &data, n_data, e);
}

static int parse(const json_t *entry, struct spec_mount *m, struct err *e)
{
    const char *destination;
    int r;
    if ((r = spec_get_string(entry, "destination", &destination, e)) < 0 ||
        (r = spec_get_string(entry, "type", &m->type, e)) < 0 ||
        (r = spec_get_string(entry, "source", &m->source, e)) < 0)
        return err_wrap(e, "mounts");
    if (!destination || !*destination)
        return err_set(e, EINVAL, "mounts: an entry has no destination");
    /* What is done for /proc and /dev must not depend on how they are written. */
    m->destination = m->place = path_clean(destination);
    if (!m->place)
        return err_nomem(e);
    if (json_array_size(json_at(entry, "uidMappings")) ||
        json_array_size(json_at(entry, "gidMappings")))
        return err_set(e, ENOTSUP, "mounts: \"%s\": uidMappings are not supported", destination);

    m->bind = str_eq(m->type, "bind");
    const json_t *options;
    size_t n;
    r = spec_get_array(entry, "options", &options, &n, e);
    if (r == 0)
        r = take_options(options, m, e);
    if (r < 0)
        return r;
    if (m->bind)
        m->type = NULL;
    if (m->bind && (!m->source || !*m->source))
        return err_set(e, EINVAL, "mounts: \"%s\": a bind mount has no source", m->destination);
    if (!m->bind && (!m->type || !*m->type))
        return err_set(e, EINVAL, "mounts: \"%s\": no type", m->destination);
    return 0;
}

int spec_parse_mount(const json_t *entry, struct spec_mount *ret, struct err *e)
{
    struct spec_mount m = {0};
    int r = parse(entry, &m, e);
    if (r < 0) {
        spec_mount_release(&m);
        return r;
    }
    *ret = m;
    return 0;
}

void spec_mount_release(struct spec_mount *m)
{
    free(m->data);
    free(m->words);
    free(m->place);
    *m = (struct spec_mount){0};
}
