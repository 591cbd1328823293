#include "engine/networks_private.h"

#include "base/file.h"
#include "base/options.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NETWORKS "networks"
#define SUFFIX   ".json"

enum { DOCUMENT_LIMIT = 1 << 20, ID_PREFIX_MIN = 1 };

const char *const networks_predefined[] = {"bridge", "host", "none", NULL};

void network_record_release(struct network_record *n)
{
    json_decref(n->document);
    fd_close(&n->fd);
    network_config_release(&n->config);
    *n = NETWORK_RECORD_INIT;
}

bool network_record_is_real(const struct network_record *n)
{
    return !str_eq(n->name, "host") && !str_eq(n->name, "none") &&
           !json_bool(n->document, "ConfigOnly", false);
}

static int not_found(const char *what, struct err *e)
{
    return err_set(e, ENOENT, "network %s not found", what);
}

/* ---- those without a file ---- */

/* "bridge" is 627269646765 and zeros, so that their short IDs can be told apart. */
static void predefined_id(const char *name, char ret[NETWORK_ID_LEN + 1])
{
    size_t n = 0;
    for (; name[n]; n++)
        snprintf(ret + 2 * n, 3, "%02x", (unsigned char)name[n]);
    memset(ret + 2 * n, '0', NETWORK_ID_LEN - 2 * n);
    ret[NETWORK_ID_LEN] = '\0';
}

void networks_usual_link(const char *id, char ret[16])
{
    char usual[NETWORK_ID_LEN + 1];
    predefined_id("bridge", usual);
    if (str_eq(id, usual))
        snprintf(ret, 16, "%s", NETWORK_DEFAULT_BRIDGE);
    else
        snprintf(ret, 16, "sk-%.10s", id);
}

static const char *predefined_driver(const char *name)
{
    return str_eq(name, "none") ? "null" : name;
}

static int fill_bridge(const struct engine *en, struct network_record *n, struct err *e)
{
    int there = network_default_look(&n->config, e), r = 0;
    if (there >= 0 && !n->config.subnet4.first.family) /* whoever attaches has one chosen */
        r = networks_avoid(en, &n->config, e);
    if (there <= 0 || r < 0)
        return there < 0 ? there : r;
    static const char *const options[][2] = {
        {"com.docker.network.bridge.default_bridge", "true"},
        {"com.docker.network.bridge.enable_icc", "true"},
        {"com.docker.network.bridge.enable_ip_masquerade", "true"},
        {"com.docker.network.bridge.name", NETWORK_DEFAULT_BRIDGE},
    };
    json_t *said = json_object_get(n->document, "Options");
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (json_object_set_new(said, options[i][0], json_string(options[i][1])) < 0)
            return err_nomem(e);
    return network_document_complete(n->document, &n->config) < 0 ? err_nomem(e) : 0;
}

static int open_predefined(const struct engine *en, const char *name, struct network_record *ret,
                           struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    char id[NETWORK_ID_LEN + 1];
    predefined_id(name, id);
    _cleanup_json_ json_t *request =
        json_pack("{s:s, s:s}", "Name", name, "Driver", predefined_driver(name));
    n.document = request ? network_document_new(request, id) : NULL;
    if (!n.document)
        return err_nomem(e);
    n.config = NETWORK_DEFAULT;
    int r = str_eq(name, "bridge") ? fill_bridge(en, &n, e) : 0;
    if (r < 0)
        return r;
    n.name = json_str(n.document, "Name");
    n.id = json_str(n.document, "Id");
    *ret = n;
    n = NETWORK_RECORD_INIT;
    return 0;
}

/* ---- those with one ---- */

int networks_folder(const struct engine *en, bool make, struct err *e)
{
    int fd = openat(en->root_fd, NETWORKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT || !make)
        return errno == ENOENT ? -ENOENT
                               : err_sys(e, errno, "cannot open \"%s/" NETWORKS "\"", en->root);
    int r = dir_make(en->root_fd, NETWORKS, 0700, e);
    return r < 0 ? r : dir_open(en->root_fd, NETWORKS, false, e);
}

static int read_document(int fd, struct network_record *n, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, errno, "cannot look at it");
    if (!S_ISREG(st.st_mode))
        return err_set(e, EBADMSG, "it is no regular file");
    int r = fd_read_all(fd, DOCUMENT_LIMIT, &text, &length);
    if (r < 0)
        return err_sys(e, -r, "cannot read it");
    r = json_parse(text, length, "it", &n->document, e);
    if (r == 0)
        r = network_document_read(n->document, &n->config, e);
    if (r == 0 && !*n->config.link)
        snprintf(n->config.link, sizeof(n->config.link), "sk-%.10s", n->config.id);
    return r;
}

static int open_file(const struct engine *en, int folder, const char *name,
                     struct network_record *ret, struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_free_ char *file = str_printf("%s" SUFFIX, name);
    if (!file)
        return err_nomem(e);
    n.fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (n.fd < 0)
        return errno == ENOENT ? not_found(name, e)
                               : err_sys(e, errno, "cannot open network \"%s\"", name);
    _cleanup_err_ struct err why = ERR_INIT;
    int r = read_document(n.fd, &n, &why);
    if (r == 0 && !str_eq(json_str(n.document, "Name"), name))
        r = err_set(&why, EBADMSG, "another's name stands in it");
    if (r < 0)
        return r == -ENOMEM ? err_nomem(e)
                            : err_set(e, EBADMSG, "network \"%s\": \"%s/" NETWORKS "/%s\": %s",
                                      name, en->root, file, err_text(&why));
    n.name = json_str(n.document, "Name");
    n.id = json_str(n.document, "Id");
    *ret = n;
    n = NETWORK_RECORD_INIT;
    return 0;
}

int networks_list(const struct engine *en, struct strv *ret, struct err *e)
{
    int fd = networks_folder(en, false, e);
    if (fd == -ENOENT)
        return 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return fd < 0 ? fd : err_sys(e, errno, "cannot read \"%s/" NETWORKS "\"", en->root);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        size_t n = strlen(entry->d_name), suffix = strlen(SUFFIX);
        if (n <= suffix || !str_eq(entry->d_name + n - suffix, SUFFIX))
            continue;
        _cleanup_free_ char *name = strndup(entry->d_name, n - suffix);
        if (!name)
            return err_nomem(e);
        if (network_check_name(name, NULL) == 0)
            strv_add(ret, name);
    }
    return ret->failed ? err_nomem(e) : 0;
}

static int avoid(struct network_config *c, const struct ip_range *range)
{
    if (!range->first.family)
        return 0;
    struct ip_range *more = reallocarray(c->avoid, c->n_avoid + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    c->avoid = more;
    c->avoid[c->n_avoid++] = *range;
    return 0;
}

int networks_avoid(const struct engine *en, struct network_config *c, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    int r = networks_list(en, &names, e);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        if (networks_find(en, names.v[i], &n, NULL) == 0 &&
            (avoid(c, &n.config.subnet4) < 0 || avoid(c, &n.config.subnet6) < 0))
            r = err_nomem(e);
    }
    return r;
}

/* ---- finding one ---- */

static int open_name(const struct engine *en, const char *name, struct network_record *ret,
                     struct err *e)
{
    if (network_is_predefined(name))
        return open_predefined(en, name, ret, e);
    if (network_check_name(name, NULL) < 0) /* there cannot be one */
        return not_found(name, e);
    _cleanup_close_ int folder = networks_folder(en, false, e);
    if (folder < 0)
        return folder == -ENOENT ? not_found(name, e) : folder;
    return open_file(en, folder, name, ret, e);
}

static int all_names(const struct engine *en, struct strv *ret, struct err *e)
{
    for (const char *const *name = networks_predefined; *name; name++)
        strv_add(ret, *name);
    return networks_list(en, ret, e);
}

static int not_found_near(const char *what, const struct strv *names, struct err *e)
{
    const char *near = nearest_word(what, (const char *const *)names->v, names->n);
    return near ? err_set(e, ENOENT, "network %s not found: did you mean \"%s\"?", what, near)
                : not_found(what, e);
}

/* One whose file cannot be read has no ID. */
static int find_by_id(const struct engine *en, const char *what, struct network_record *ret,
                      struct err *e)
{
    _cleanup_network_record_ struct network_record found = NETWORK_RECORD_INIT;
    _cleanup_strv_ struct strv names = {0};
    int r = all_names(en, &names, e);
    size_t length = strlen(what);
    bool is_hex =
        length > 0 && length <= NETWORK_ID_LEN && strspn(what, "0123456789abcdef") == length;
    for (size_t i = 0; r == 0 && is_hex && i < names.n; i++) {
        _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
        r = open_name(en, names.v[i], &n, NULL);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r == 0 && str_after(n.id, what)) {
            if (found.document)
                return err_set(e, EINVAL,
                               "network %s is ambiguous (2 matches found based on ID prefix)",
                               what);
            found = n;
            n = NETWORK_RECORD_INIT;
        }
        r = 0;
    }
    if (r < 0)
        return r;
    if (!found.document)
        return not_found_near(what, &names, e);
    *ret = found;
    found = NETWORK_RECORD_INIT;
    return 0;
}

int networks_find(const struct engine *en, const char *what, struct network_record *ret,
                  struct err *e)
{
    _cleanup_err_ struct err by_name = ERR_INIT;
    int r = open_name(en, what, ret, &by_name);
    if (r == -ENOENT)
        return find_by_id(en, what, ret, e);
    return r < 0 ? err_set(e, -r, "%s", err_text(&by_name)) : r;
}

/* ---- the lock ---- */

int networks_lock(const struct engine *en, const struct network_record *n, int mode)
{
    _cleanup_free_ char *path = str_printf(NETWORKS "/%s" SUFFIX, n->name);
    struct stat named, held;
    if (!path)
        return -ENOMEM;
    while (flock(n->fd, mode) < 0)
        if (errno != EINTR)
            return -errno;
    if (fstatat(en->root_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0 || fstat(n->fd, &held) < 0)
        return -errno;
    return named.st_ino == held.st_ino && named.st_dev == held.st_dev ? 0 : -ENOENT;
}

int networks_hold(const struct engine *en, const char *name, struct network_record *ret,
                  struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    int r = open_name(en, name, &n, e);
    if (r < 0)
        return r;
    r = n.fd >= 0 ? networks_lock(en, &n, LOCK_SH) : 0;
    if (r < 0)
        return r == -ENOENT ? not_found(name, e)
                            : err_sys(e, -r, "cannot lock network \"%s\"", name);
    *ret = n;
    n = NETWORK_RECORD_INIT;
    return 0;
}

void networks_let_go(const struct network_record *n)
{
    if (n->fd >= 0)
        flock(n->fd, LOCK_UN);
}
