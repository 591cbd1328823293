/*
 * The columns of `top`: those of ps(1), by the names that its option -o knows.
 */
#ifndef SKIFF_CLI_TOP_COLUMNS_H
#define SKIFF_CLI_TOP_COLUMNS_H

#include "base/str.h"
#include "kernel/process_info.h"

#include <stdbool.h>

/* What all rows share. */
struct top_machine {
    char *users, *groups;      /* the texts of passwd and group; owned */
    long ticks;                /* in a second */
    double now;                /* seconds after boot */
    long long boot;            /* seconds after 1970 */
    unsigned long long memory; /* bytes */
};

int top_machine_read(struct top_machine *ret, struct err *e);
void top_machine_release(struct top_machine *m);

struct top_column {
    const char *name;   /* as -o takes it */
    const char *header; /* what stands above it */
    void (*print)(const struct process_info *p, const struct top_machine *m, struct str *out);
};

/* The column of that name, or NULL. */
const struct top_column *top_column_find(const char *name, size_t n);

#endif
