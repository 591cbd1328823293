/*
 * Who shares which namespace with whom: the table of namespaces turned round, a row a container, as
 * the kernel has it now.
 */
#ifndef SKIFF_ENGINE_SHARING_H
#define SKIFF_ENGINE_SHARING_H

#include "engine/engine.h"
#include "runtime/namespaces.h"

struct sharing_row {
    char id[ID_LEN + 1]; /* "" for the host's row */
    char *name;          /* "host", or the container's */
    char *exec;          /* the program of a process that was executed in it; NULL: its first */
    bool paused;         /* it is */
    pid_t pid;           /* its first process, or that one; the host's is our own */
    uint64_t inode[NS_KINDS];
};

struct sharing {
    struct sharing_row *rows; /* the host's first, then the oldest container first, each followed by
                               * what is executed in it */
    size_t n;
};

/* Looks at all running containers. */
int sharing_read(const struct engine *en, struct sharing *ret, struct err *e);
void sharing_release(struct sharing *s);
#define _cleanup_sharing_ _cleanup_(sharing_release)

/* The row that @row has the namespace from: the first with the same one, which is itself when it is
 * its own. */
size_t sharing_owner(const struct sharing *s, size_t row, enum namespace_kind kind);

#endif
