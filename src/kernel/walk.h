/*
 * A walk through a folder tree by descriptors, in the order of the names, a folder before what is
 * in it.
 *
 * The tree may be somebody else's, who changes it meanwhile: no link is followed, each name is used
 * below the descriptor of its folder alone, what vanishes is passed over, and the names of a folder
 * are read once, when it is entered, so that nobody can make the walk endless by adding to it. Its
 * depth is bounded by the descriptors that the process may open, one a level.
 */
#ifndef SKIFF_KERNEL_WALK_H
#define SKIFF_KERNEL_WALK_H

#include "base/err.h"

#include <sys/stat.h>

struct walk_entry {
    int dir;          /* the folder it lies in */
    const char *name; /* in that folder: one component */
    const char *path; /* from the top: "a/b" */
    int fd;           /* a folder: open for reading; else -EBADF */
    struct stat st;   /* a folder's is that of @fd; of others by name, so they may have changed */
};

/* What a visitor may answer beside 0 and a negative errno, which ends the walk. */
enum { WALK_SKIP = 1 }; /* not into this folder */

struct walk {
    int (*visit)(void *data, const struct walk_entry *entry, struct err *e);
    /* A folder, after what is in it; not for one that was skipped. May be NULL. */
    int (*leave)(void *data, const struct walk_entry *entry, struct err *e);
    void *data;
};

/* Visits all that is below the folder @dir_fd (readable), not itself. */
int walk_folder(int dir_fd, const struct walk *w, struct err *e);

/* Stats @name in @dir; a folder is opened for that. The entry's path is its name, its descriptor
 * the caller's. -ENOENT: not there, or not for long. Tells nothing. */
int walk_open(int dir, const char *name, struct walk_entry *ret);

/* Opens the file of @entry for reading: a regular one that is the one that was visited, or -ENOENT.
 * Who may meet device nodes of a stranger's has his mount say nodev: then nothing is started by an
 * open in the moment in which a name is swapped. Tells nothing. */
int walk_open_file(const struct walk_entry *entry);

/* The target of the link @entry; the caller's to free. Negative errno. */
int walk_read_link(const struct walk_entry *entry, char **ret);

#endif
