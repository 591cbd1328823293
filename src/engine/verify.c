#include "engine/verify.h"

#include "base/loop.h"
#include "engine/reap.h"
#include "engine/verify_private.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum {
    LOOK_AGAIN_MS = 200,
    PATIENCE_MS = 1000,
    KERNEL_PATIENCE_MS = 3000, /* namespaces and control groups go in their own time */
    LONGEST_MS = 5000,         /* where there is always something new */
};

/* The order of looking: a container's own facts first. */
static const struct part {
    void (*look)(struct verify *v);
    unsigned patience_ms, flag;
} parts[] = {
    {verify_containers, PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_names, PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_run, PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_groups, KERNEL_PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_mounts, PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_cables, KERNEL_PATIENCE_MS, VERIFY_NETWORKS},
    {verify_networks, PATIENCE_MS, VERIFY_NETWORKS},
    {verify_cni, PATIENCE_MS, VERIFY_NETWORKS},
    {verify_volumes, PATIENCE_MS, VERIFY_VOLUMES},
    {verify_files, PATIENCE_MS, VERIFY_CONTAINERS},
    {verify_images, PATIENCE_MS, VERIFY_IMAGES},
};

/* ---- what was found ---- */

void verify_add(struct verify *v, const char *kind, const char *subject, verify_repair *repair,
                const char *fmt, ...)
{
    char *problem = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&problem, fmt, args) < 0)
        problem = NULL;
    va_end(args);
    char *copy = strdup(subject);
    struct verify_candidate *more = reallocarray(v->v, v->n + 1, sizeof(*more));
    if (more)
        v->v = more;
    if (!more || !copy || !problem) {
        free(copy);
        free(problem);
        v->failed = true;
        return;
    }
    v->v[v->n++] = (struct verify_candidate){
        .kind = kind, .subject = copy, .problem = problem, .repair = repair};
}

static void candidates_free(struct verify_candidate *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].subject);
        free(list[i].problem);
    }
    free(list);
}

static void containers_free(struct verify *v)
{
    for (size_t i = 0; i < v->n_containers; i++) {
        record_release(&v->containers[i].record);
        err_release(&v->containers[i].unread);
        json_decref(v->containers[i].published);
    }
    free(v->containers);
    v->containers = NULL;
    v->n_containers = 0;
}

static void verify_release(struct verify *v)
{
    candidates_free(v->v, v->n);
    containers_free(v);
    *v = (struct verify){0};
}

bool verify_is_id(const char *text)
{
    return strlen(text) == ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

const struct verify_container *verify_find(const struct verify *v, const char *id)
{
    for (size_t i = 0; i < v->n_containers; i++)
        if (str_eq(v->containers[i].id, id))
            return &v->containers[i];
    return NULL;
}

void verify_each(struct verify *v, int dir_fd, const char *path, const char *kind,
                 verify_entry *each)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!dir && errno != ENOENT)
        verify_add(v, kind, path, NULL, "the folder cannot be read: %s", strerrordesc_np(errno));
    while (dir && (entry = readdir(dir)))
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            each(v, fd, entry->d_name);
}

int verify_reap(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                struct err *e)
{
    (void)f;
    int r = reap_orphans(v->en, e);
    if (r < 0)
        return r;
    *ret_done = strdup("put right as every command does that lists containers");
    return *ret_done ? 0 : err_nomem(e);
}

/* ---- looking ---- */

static int read_container(const struct engine *en, const char *id, struct verify_container *c,
                          struct err *e)
{
    memcpy(c->id, id, ID_LEN + 1);
    c->record = CONTAINER_RECORD_INIT;
    int holder = state_holder(en, id, e);
    if (holder < 0)
        return holder;
    c->holder = (enum state_holder)holder;
    int r = record_open(en, id, &c->record, &c->unread);
    if (r == -ENOMEM)
        return err_nomem(e);
    if (r < 0)
        memcpy(c->record.id, id, ID_LEN + 1);
    state_published(en, id, &c->published, NULL);
    c->running = c->holder == HOLDER_ALIVE && json_bool(c->published, "State.Running", false);
    c->in_flux = c->holder == HOLDER_ALIVE && !c->running;
    return 0;
}

static int read_containers(struct verify *v, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(v->en, &ids, e);
    if (r < 0)
        return r;
    v->containers = calloc(ids.n + 1, sizeof(*v->containers));
    if (!v->containers)
        return err_nomem(e);
    for (size_t i = 0; r == 0 && i < ids.n; i++)
        r = read_container(v->en, ids.v[i], &v->containers[v->n_containers++], e);
    return r;
}

static int look(struct verify *v, struct err *e)
{
    int r = read_containers(v, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
        size_t before = v->n;
        if (v->flags & parts[i].flag)
            parts[i].look(v);
        for (size_t at = before; at < v->n; at++)
            v->v[at].patience_ms = parts[i].patience_ms;
    }
    return r < 0 || !v->failed ? r : err_nomem(e);
}

static const struct verify_candidate *same_in(const struct verify_candidate *list, size_t n,
                                              const struct verify_candidate *f)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].kind == f->kind && str_eq(list[i].subject, f->subject) &&
            str_eq(list[i].problem, f->problem))
            return &list[i];
    return NULL;
}

static bool is_sure(const struct verify_candidate *f, unsigned long long now)
{
    return now - f->since_ms >= f->patience_ms;
}

/* Looks until all that is found has been found for long enough, or nothing is. */
static int look_patiently(struct verify *v, unsigned long long *ret_end, struct err *e)
{
    const unsigned long long began = loop_now_ms();
    struct verify_candidate *last = NULL;
    size_t n_last = 0;
    int r;
    for (;;) {
        *v = (struct verify){.en = v->en, .flags = v->flags};
        unsigned long long now = loop_now_ms();
        r = look(v, e);
        bool sure = true;
        for (size_t i = 0; i < v->n; i++) {
            const struct verify_candidate *seen = same_in(last, n_last, &v->v[i]);
            v->v[i].since_ms = seen ? seen->since_ms : now;
            sure &= is_sure(&v->v[i], now);
        }
        candidates_free(last, n_last);
        *ret_end = now;
        if (r < 0 || sure || now - began >= LONGEST_MS)
            return r;
        last = TAKE_PTR(v->v);
        n_last = TAKE(v->n, 0);
        containers_free(v);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
    }
}

/* ---- telling ---- */

static void repair(const struct verify *v, const struct verify_candidate *f,
                   struct verify_finding *told)
{
    _cleanup_err_ struct err e = ERR_INIT;
    int r = f->repair(v, f, &told->outcome, &e);
    told->repaired = r == 0;
    if (r < 0)
        told->outcome = str_printf("cannot be repaired: %s", err_text(&e));
}

static int report(struct verify *v, unsigned long long now, struct verify_report *ret,
                  struct err *e)
{
    ret->v = calloc(v->n + 1, sizeof(*ret->v));
    if (!ret->v)
        return err_nomem(e);
    for (size_t i = 0; i < v->n; i++) {
        struct verify_candidate *f = &v->v[i];
        if (!is_sure(f, now))
            continue;
        struct verify_finding *told = &ret->v[ret->n++];
        told->kind = f->kind;
        told->repairable = f->repair != NULL;
        if (f->repair && (v->flags & VERIFY_REPAIR))
            repair(v, f, told);
        told->subject = TAKE_PTR(f->subject);
        told->problem = TAKE_PTR(f->problem);
    }
    ret->containers = v->n_containers;
    for (size_t i = 0; i < v->n_containers; i++)
        ret->running += v->containers[i].running;
    ret->volumes = v->n_volumes;
    ret->images = v->n_images;
    return 0;
}

int verify(const struct engine *en, unsigned flags, struct verify_report *ret, struct err *e)
{
    _cleanup_(verify_release) struct verify v = {
        .en = en, .flags = flags & VERIFY_ALL ? flags : flags | VERIFY_ALL};
    _cleanup_verify_report_ struct verify_report told = {0};
    unsigned long long end = 0;
    int r = look_patiently(&v, &end, e);
    if (r == 0 && (flags & VERIFY_BLOBS))
        verify_blobs(&v);
    if (r == 0)
        r = v.failed ? err_nomem(e) : report(&v, end, &told, e);
    if (r == 0)
        *ret = TAKE(told, (struct verify_report){0});
    return r;
}

void verify_report_release(struct verify_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].subject);
        free(r->v[i].problem);
        free(r->v[i].outcome);
    }
    free(r->v);
    *r = (struct verify_report){0};
}
