#include "engine/volume_use.h"

#include "kernel/walk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* How many are locked at a time: a descriptor each. */
enum { BATCH = 128 };

static int add_user(json_t *users, const char *volume, const char *id)
{
    json_t *list = json_object_get(users, volume);
    if (!list) {
        list = json_array();
        if (json_object_set_new(users, volume, list) < 0)
            return -ENOMEM;
    }
    /* Mounted twice, it is one user. */
    size_t n = json_array_size(list);
    if (n > 0 && str_eq(json_string_value(json_array_get(list, n - 1)), id))
        return 0;
    return json_array_append_new(list, json_string(id)) < 0 ? -ENOMEM : 0;
}

static int add_container(json_t *users, const struct container_record *c)
{
    size_t i;
    json_t *m;
    int r = 0;
    json_array_foreach (json_object_get(c->document, "Mounts"), i, m) {
        const char *name = json_str(m, "Name");
        if (r == 0 && name && str_eq(json_str(m, "Type"), "volume"))
            r = add_user(users, name, c->id);
    }
    return r;
}

int volume_users(const struct engine *en, json_t **ret, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    _cleanup_json_ json_t *users = json_object();
    int r = users ? record_list(en, &ids, e) : err_nomem(e);
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        _cleanup_err_ struct err unread = ERR_INIT;
        r = record_open(en, ids.v[i], &c, &unread);
        if (r == 0)
            r = add_container(users, &c) < 0 ? err_nomem(e) : 0;
        else if (r == -ENOENT) /* gone, or not made yet: then it holds the locks of what it names */
            r = 0;
        else
            r = err_set(e, -r, "cannot tell which volumes are in use: %s", err_text(&unread));
    }
    if (r == 0)
        *ret = TAKE_PTR(users);
    return r;
}

static int in_use(const char *name, const json_t *ids, struct err *e)
{
    _cleanup_str_ struct str list = {0};
    size_t i;
    json_t *id;
    json_array_foreach (ids, i, id)
        str_addf(&list, "%s%s", i ? ", " : "", json_string_value(id));
    _cleanup_free_ char *text = str_steal(&list);
    return text ? err_set(e, EBUSY, "remove %s: volume is in use - [%s]", name, text)
                : err_nomem(e);
}

int volume_remove(const struct engine *en, const char *name, struct err *e)
{
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    _cleanup_json_ json_t *users = NULL;
    int r = volume_open(en, name, &v, e);
    if (r < 0)
        return r;
    r = volume_lock(en, &v, LOCK_EX);
    if (r == -ENOENT)
        return err_set(e, ENOENT, "get %s: no such volume", name);
    if (r < 0)
        return err_sys(e, -r, "cannot lock volume \"%s\"", name);
    r = volume_users(en, &users, e);
    if (r < 0)
        return r;
    const json_t *ids = json_object_get(users, name);
    return ids ? in_use(name, ids, e) : volume_remove_held(en, &v, e);
}

/* A file with several names counts in parts. */
static int add_size(void *data, const struct walk_entry *entry, struct err *e)
{
    (void)e;
    if (S_ISREG(entry->st.st_mode))
        *(long long *)data += entry->st.st_size / (long long)entry->st.st_nlink;
    return 0;
}

long long volume_size(const struct volume *v)
{
    long long bytes = 0;
    const struct walk w = {.visit = add_size, .data = &bytes};
    _cleanup_close_ int fd =
        openat(v->dir_fd, VOLUME_DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        walk_folder(fd, &w, NULL);
    return bytes;
}

/* Volumes that are held alone, all of them, so that one look at the documents is enough. */
struct batch {
    struct volume v[BATCH];
    size_t n;
};

static void batch_release(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        volume_release(&b->v[i]);
    b->n = 0;
}

/* Those that cannot be had now are being put to use, filled, or removed by somebody else. */
static void batch_add(const struct engine *en, struct batch *b, const char *name,
                      volume_wanted *wanted, const void *data)
{
    _cleanup_volume_ struct volume v = VOLUME_INIT;
    if (volume_open(en, name, &v, NULL) < 0 || !wanted(&v, data) ||
        volume_lock(en, &v, LOCK_EX | LOCK_NB) < 0)
        return;
    b->v[b->n++] = v;
    v = VOLUME_INIT;
}

static int batch_remove(const struct engine *en, struct batch *b, struct strv *ret_names,
                        long long *ret_bytes, struct err *e)
{
    _cleanup_json_ json_t *users = NULL;
    int first = b->n > 0 ? volume_users(en, &users, e) : 0;
    for (size_t i = 0; users && i < b->n; i++) {
        struct volume *v = &b->v[i];
        if (json_object_get(users, v->name))
            continue;
        long long bytes = ret_bytes ? volume_size(v) : 0;
        int r = volume_remove_held(en, v, first == 0 ? e : NULL);
        first = first < 0 ? first : r;
        if (r < 0)
            continue;
        if (ret_bytes)
            *ret_bytes += bytes;
        if (ret_names)
            strv_add(ret_names, v->name);
    }
    batch_release(b);
    return first;
}

int volume_prune(const struct engine *en, volume_wanted *wanted, const void *data,
                 struct strv *ret_names, long long *ret_bytes, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    volume_sweep(en);
    int r = volume_list(en, &names, e);
    if (r < 0)
        return r;
    struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return err_nomem(e);
    for (size_t i = 0; i < names.n; i++) {
        batch_add(en, b, names.v[i], wanted, data);
        if (b->n == BATCH || i + 1 == names.n) {
            int done = batch_remove(en, b, ret_names, ret_bytes, r == 0 ? e : NULL);
            r = r < 0 ? r : done;
        }
    }
    free(b);
    return r < 0 ? r : ret_names->failed ? err_nomem(e) : 0;
}

static bool is_anonymous(const struct volume *v, const void *data)
{
    (void)data;
    return volume_is_anonymous(v);
}

/* One that the request did not name: its Spec has no source, as Docker tells them. */
static bool belongs_to(const json_t *mount)
{
    const char *source = json_str(mount, "Spec.Source");
    return str_eq(json_str(mount, "Type"), "volume") && json_str(mount, "Name") &&
           (!source || !*source);
}

void volumes_forget(const struct engine *en, const json_t *document)
{
    struct batch *b = NULL;
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(document, "Mounts"), i, m) {
        if (!belongs_to(m))
            continue;
        if (!b && !(b = calloc(1, sizeof(*b))))
            return;
        batch_add(en, b, json_str(m, "Name"), is_anonymous, NULL);
        if (b->n == BATCH)
            batch_remove(en, b, NULL, NULL, NULL);
    }
    if (b)
        batch_remove(en, b, NULL, NULL, NULL);
    free(b);
}
