/*
 * Copying files and folders from one folder to another, both named by descriptors, as they are:
 * content with its holes, owners, modes, times, links that are shared, symbolic links, devices and
 * FIFOs, "user." attributes and capabilities. Sockets are left out: nobody would listen behind one.
 *
 * Either side may be a container's, or an image's, that changes it meanwhile: no link is followed
 * on either, no name is used twice for the same thing, and what has vanished is passed over. So
 * nothing is read, written or changed outside of the two folders.
 *
 * What stands at the destination: a folder onto a folder is filled, and its own owner, mode and
 * times stay as they are; a file gives way; a folder in place of something else, or the other way
 * round, is refused. A process that may meet device nodes of a stranger's has the source's mount
 * say nodev (walk.h), and its umask is 0 (node.h).
 */
#ifndef SKIFF_KERNEL_COPY_TREE_H
#define SKIFF_KERNEL_COPY_TREE_H

#include "kernel/walk.h"

#include <stdbool.h>
#include <stdint.h>

struct copy_options {
    /* Says who owns the copy of what is owned by *uid and *gid. Set-user-ID, set-group-ID and
     * access control lists are kept only where the owners are the same: they were another's. NULL:
     * all is kept. */
    void (*owner)(void *data, uid_t *uid, gid_t *gid);
    /* Whether the folder @entry is copied with what is in it: else an empty one is made. NULL: all
     * are. */
    bool (*enter)(void *data, const struct walk_entry *entry);
    /* Told after each entry. NULL: nobody. */
    void (*progress)(void *data, const struct walk_entry *entry);
    void *data;
};

/* Copies what is in the folder @from into the folder @to (both readable). */
int copy_folder(int from, int to, const struct copy_options *o, struct err *e);

/* Makes the folder @to look like @from: owner, mode, attributes, times. After copy_folder, which
 * changes its time. */
int copy_facts(int from, int to, const struct copy_options *o, struct err *e);

/* Copies the folder @from, with what is in it, as @as of the folder @to. */
int copy_folder_as(int from, int to, const char *as, const struct copy_options *o, struct err *e);

/* Copies @name of the folder @from as @as of the folder @to, with what is in it. -ENOENT: it is not
 * there. Both names are one component. */
int copy_node(int from, const char *name, int to, const char *as, const struct copy_options *o,
              struct err *e);

#endif
