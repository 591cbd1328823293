/* Names: each link leads to a container that bears it, and each container has its link. */
#include "engine/change_lock.h"
#include "engine/verify_private.h"

#include <fcntl.h>
#include <string.h>

#define KIND "name"

/* Where the link @name leads: an ID, or "". */
static void read_link(const struct engine *en, const char *name, char ret[ID_LEN + 1])
{
    char target[ID_LEN + 2];
    _cleanup_free_ char *path = str_printf("names/%s", name);
    ssize_t n = path ? readlinkat(en->root_fd, path, target, sizeof(target)) : -1;
    ret[0] = '\0';
    if (n != ID_LEN)
        return;
    target[n] = '\0';
    if (verify_is_id(target))
        memcpy(ret, target, ID_LEN + 1);
}

static int unlink_name(const struct engine *en, const char *name, char **ret_done, struct err *e)
{
    _cleanup_free_ char *path = str_printf("names/%s", name);
    if (!path)
        return err_nomem(e);
    if (unlinkat(en->root_fd, path, 0) < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot remove \"%s/%s\"", en->root, path);
    *ret_done = strdup("the link is removed");
    return *ret_done ? 0 : err_nomem(e);
}

static int repair_dangling(const struct verify *v, const struct verify_candidate *f,
                           char **ret_done, struct err *e)
{
    char id[ID_LEN + 1];
    read_link(v->en, f->subject, id);
    if (*id && faccessat(v->en->containers_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(e, EBUSY, "it leads to a container now");
    return unlink_name(v->en, f->subject, ret_done, e);
}

/* A second name of a container, whose document says another: its renaming was cut short. */
static int repair_second(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    char id[ID_LEN + 1];
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    read_link(v->en, f->subject, id);
    int r = record_open(v->en, id, &c, e);
    if (r < 0)
        return r;
    _cleanup_close_ int lock = change_lock(&c, e);
    r = lock < 0 ? lock : record_reload(&c, e);
    if (r < 0)
        return r;
    if (str_eq(record_name(&c), f->subject))
        return err_set(e, EBUSY, "it is the container's own now");
    return unlink_name(v->en, f->subject, ret_done, e);
}

static int repair_missing(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                          struct err *e)
{
    for (size_t i = 0; i < v->n_containers; i++) {
        const struct verify_container *known = &v->containers[i];
        if (!known->record.document || !str_eq(record_name(&known->record), f->subject))
            continue;
        _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
        int r = record_open(v->en, known->id, &c, e);
        if (r < 0)
            return r;
        _cleanup_close_ int lock = change_lock(&c, e);
        r = lock < 0 ? lock : record_reload(&c, e);
        if (r == 0 && !str_eq(record_name(&c), f->subject))
            r = err_set(e, EBUSY, "it has another name by now");
        if (r == 0)
            r = record_claim_name(v->en, &c, f->subject, e);
        if (r < 0)
            return r;
        *ret_done = strdup("the link is made");
        return *ret_done ? 0 : err_nomem(e);
    }
    return err_set(e, ENOENT, "no container has it by now");
}

static void look_at_link(struct verify *v, int dir_fd, const char *name)
{
    (void)dir_fd;
    char id[ID_LEN + 1];
    read_link(v->en, name, id);
    const struct verify_container *c = *id ? verify_find(v, id) : NULL;
    if (!*id)
        verify_add(v, KIND, name, repair_dangling, "it leads to no container's ID");
    else if (!c)
        verify_add(v, KIND, name, repair_dangling,
                   "it leads to container %.12s, which is not there", id);
    else if (c->record.document && !c->in_flux && !str_eq(record_name(&c->record), name))
        verify_add(v, KIND, name, repair_second,
                   "it leads to container %.12s, whose name is \"%s\"", id,
                   record_name(&c->record));
}

void verify_names(struct verify *v)
{
    verify_each(v, v->en->root_fd, "names", KIND, look_at_link);
    for (size_t i = 0; i < v->n_containers; i++) {
        const struct verify_container *c = &v->containers[i];
        if (!c->record.document || c->in_flux)
            continue;
        char id[ID_LEN + 1];
        const char *name = record_name(&c->record);
        read_link(v->en, name, id);
        if (str_eq(id, c->id))
            continue;
        bool taken = *id && verify_find(v, id);
        if (taken)
            verify_add(v, KIND, name, NULL,
                       "container %.12s bears it, and it leads to %.12s: rename one of them", c->id,
                       id);
        else
            verify_add(v, KIND, name, repair_missing, "container %.12s bears it, and has no link",
                       c->id);
    }
}
