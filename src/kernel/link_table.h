/*
 * Which files with several names were met before, and under which name first.
 */
#ifndef SKIFF_KERNEL_LINK_TABLE_H
#define SKIFF_KERNEL_LINK_TABLE_H

#include <stddef.h>
#include <sys/stat.h>

struct link_table {
    struct link_entry {
        dev_t dev;
        ino_t ino;
        char *path; /* NULL: free */
    } * v;
    size_t n, cap;
};

void link_table_release(struct link_table *t);

/* Whether @st is of something that may be met again: no folder, and more than one name. */
static inline int link_table_wants(const struct stat *st)
{
    return !S_ISDIR(st->st_mode) && st->st_nlink > 1;
}

/* The path it was met under; NULL: it was not. Valid until the next link_table_put. */
const char *link_table_get(const struct link_table *t, const struct stat *st);

/* Notes down a copy of @path; what was noted before is forgotten. 0 or -ENOMEM. */
int link_table_put(struct link_table *t, const struct stat *st, const char *path);

#endif
