#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/spec.h"

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
    if (str_eq(word, "bind") || str_eq(word, "rbind")) {
        m->bind = true;
        m->recursive = word[0] == 'r';
    } else if (str_eq(word, "tmpcopyup")) {
        m->copy_up = true;
    } else if (str_eq(word, "idmap")) {
        m->idmap = true;
    } else if (str_eq(word, "ridmap")) {
        m->idmap = m->ridmap = true;
    } else {
        return false;
    }
    return true;
}

/* Words that say what is so anyway. */
static bool is_default(const char *word)
{
    return str_eq(word, "defaults") || str_eq(word, "async") || str_eq(word, "loud") ||
           str_eq(word, "nomand") || str_eq(word, "notmpcopyup") || str_eq(word, "silent");
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
            is_default(word))
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

int spec_parse_mount(const json_t *entry, struct spec_mount *ret, struct err *e)
{
    struct spec_mount m = {
        .destination = json_str(entry, "destination"),
        .type = json_str(entry, "type"),
        .source = json_str(entry, "source"),
    };
    if (!m.destination || m.destination[0] == '\0')
        return err_set(e, EINVAL, "mounts: an entry has no destination");
    if (json_at(entry, "uidMappings") || json_at(entry, "gidMappings"))
        return err_set(e, ENOTSUP, "mounts: \"%s\": uidMappings are not supported", m.destination);

    int r = take_options(json_at(entry, "options"), &m, e);
    if (r < 0) {
        spec_mount_release(&m);
        return r;
    }
    if (str_eq(m.type, "bind") && !m.bind)
        m.bind = true;
    if (m.bind)
        m.type = NULL;
    if (m.bind && (!m.source || !*m.source))
        r = err_set(e, EINVAL, "mounts: \"%s\": a bind mount has no source", m.destination);
    else if (!m.bind && !m.type)
        r = err_set(e, EINVAL, "mounts: \"%s\": no type", m.destination);
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
    *m = (struct spec_mount){0};
}
