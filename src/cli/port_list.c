#include "cli/port_list.h"

#include "base/str.h"

#include <stdint.h>
#include <string.h>

struct port {
    const char *ip; /* "": only exposed */
    long long inside, outside;
    const char *protocol; /* behind the slash of its key */
};

struct ports {
    struct port *v;
    size_t n;
    bool failed;
};

static void add(struct ports *all, const char *key, const char *ip, const char *outside)
{
    const char *slash = strchr(key, '/');
    _cleanup_free_ char *number = slash ? strndup(key, (size_t)(slash - key)) : NULL;
    struct port p = {.ip = ip, .protocol = slash ? slash + 1 : NULL};
    if (!slash || !number || str_to_int64(number, 0, 65535, &p.inside) < 0 ||
        (*ip && (!outside || str_to_int64(outside, 0, 65535, &p.outside) < 0)))
        return;
    struct port *more = reallocarray(all->v, all->n + 1, sizeof(*more));
    if (!more) {
        all->failed = true;
        return;
    }
    all->v = more;
    all->v[all->n++] = p;
}

static void collect(struct ports *all, const json_t *ports, const json_t *exposed)
{
    const char *key;
    json_t *list, *b;
    size_t i;
    json_object_foreach ((json_t *)(uintptr_t)ports, key, list) {
        json_array_foreach (list, i, b) {
            const char *ip = json_str(b, "HostIp"), *outside = json_str(b, "HostPort");
            bool own = outside && !*outside; /* at its own address alone */
            add(all, key, own ? "" : ip && *ip ? ip : "0.0.0.0", own ? NULL : outside);
        }
        if (json_array_size(list) == 0)
            add(all, key, "", NULL);
    }
    json_object_foreach ((json_t *)(uintptr_t)exposed, key, list)
        if (!json_object_get(ports, key))
            add(all, key, "", NULL);
}

/* What can be one range stands together: the same protocol and place. */
static int compare(const void *a, const void *b)
{
    const struct port *x = a, *y = b;
    int r = strcmp(x->ip, y->ip);
    if (r == 0)
        r = strcmp(x->protocol, y->protocol);
    if (r == 0)
        r = x->inside < y->inside ? -1 : x->inside > y->inside;
    return r ? r : x->outside < y->outside ? -1 : x->outside > y->outside;
}

/* Whether its number outside is its own, or there is none. */
static bool is_straight(const struct port *p)
{
    return !*p->ip || p->inside == p->outside;
}

static bool follows(const struct port *p, const struct port *next)
{
    return is_straight(p) && is_straight(next) && str_eq(p->ip, next->ip) &&
           str_eq(p->protocol, next->protocol) && next->inside == p->inside + 1;
}

static void print(struct str *out, const struct port *first, const struct port *last)
{
    const bool v6 = strchr(first->ip, ':') != NULL;
    str_add(out, out->len ? ", " : "");
    if (*first->ip) {
        str_addf(out, "%s%s%s:%lld", v6 ? "[" : "", first->ip, v6 ? "]" : "", first->outside);
        if (last != first)
            str_addf(out, "-%lld", last->outside);
        str_add(out, "->");
    }
    str_addf(out, "%lld", first->inside);
    if (last != first)
        str_addf(out, "-%lld", last->inside);
    str_addf(out, "/%s", first->protocol);
}

char *port_list(const json_t *ports, const json_t *exposed)
{
    struct ports all = {0};
    struct str out = {0};
    collect(&all, ports, exposed);
    if (all.n > 0)
        qsort(all.v, all.n, sizeof(*all.v), compare);
    /* Docker's: those that are moved to another number come last. */
    for (int moved = 0; moved < 2; moved++)
        for (size_t i = 0, last; i < all.n; i = last + 1) {
            for (last = i; last + 1 < all.n && follows(&all.v[last], &all.v[last + 1]);)
                last++;
            if (is_straight(&all.v[i]) == (moved == 0))
                print(&out, &all.v[i], &all.v[last]);
        }
    out.failed |= all.failed;
    free(all.v);
    return str_steal(&out);
}
