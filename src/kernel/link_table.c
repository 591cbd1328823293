#include "kernel/link_table.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void link_table_release(struct link_table *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->v[i].path);
    free(t->v);
    *t = (struct link_table){0};
}

/* Open addressing; there is always a free place. */
static struct link_entry *find(struct link_entry *v, size_t cap, dev_t dev, ino_t ino)
{
    uint64_t hash = ((uint64_t)ino + (uint64_t)dev) * 0x9E3779B97F4A7C15U;
    size_t i = (size_t)(hash >> 32) & (cap - 1);
    while (v[i].path && (v[i].dev != dev || v[i].ino != ino))
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static int grow(struct link_table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct link_entry *more = calloc(cap, sizeof(*more));
    if (!more)
        return -ENOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->v[i].path)
            *find(more, cap, t->v[i].dev, t->v[i].ino) = t->v[i];
    free(t->v);
    t->v = more;
    t->cap = cap;
    return 0;
}

const char *link_table_get(const struct link_table *t, const struct stat *st)
{
    return t->cap ? find(t->v, t->cap, st->st_dev, st->st_ino)->path : NULL;
}

int link_table_put(struct link_table *t, const struct stat *st, const char *path)
{
    if (t->n * 2 >= t->cap && grow(t) < 0)
        return -ENOMEM;
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    struct link_entry *entry = find(t->v, t->cap, st->st_dev, st->st_ino);
    t->n += !entry->path;
    free(entry->path);
    *entry = (struct link_entry){st->st_dev, st->st_ino, copy};
    return 0;
}
