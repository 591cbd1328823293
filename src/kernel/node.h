/*
 * Making one file, folder, link or device in a folder that is named by a descriptor.
 *
 * What stands there already under the name gives way, as later entries of an archive win; only a
 * folder onto a folder stays. The folder may be somebody else's who swaps names meanwhile: nothing
 * is followed, and facts are set on a descriptor or on the name itself.
 */
#ifndef SKIFF_KERNEL_NODE_H
#define SKIFF_KERNEL_NODE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

struct node {
    int dirfd;        /* the folder it lies in; the caller's */
    const char *name; /* in that folder: one component, neither "." nor ".." */
    mode_t mode;      /* permissions, with set-user-ID and the like */
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    bool alone;    /* nobody else can see the folder, no folder of it passes on a group or an access
                    * list, and the umask is 0: what is made gets its mode at once, and an owner only
                    * when it is another than root */
    bool replaced; /* set when something had to give way */
    bool was_whiteout; /* and that was an overlay whiteout */
    bool has_mode;     /* set when it was made with its owner and mode */
};

/* Each of them: 0 or a negative errno. */

/* A folder of mode 0700, or the one that is there (*ret_made is false); *ret_fd is open for
 * reading.
 */
int node_open_dir(struct node *n, bool *ret_made, int *ret_fd);

/* An empty file; *ret_fd is open for writing. Owner, mode and times come with node_finish. */
int node_make_file(struct node *n, int *ret_fd);

/* Owner, mode, times of an open file or folder: after its content, which would take them back. */
int node_finish(const struct node *n, int fd);

/* A folder, with owner and mode; *ret_fd is open for reading. */
int node_make_dir(struct node *n, int *ret_fd);

int node_make_symlink(struct node *n, const char *target);

/* A device, FIFO or socket: @type is S_IFCHR and the like. The process's umask must be 0: the mode
 * of what has only a name cannot be changed without a chance that it is another's by then; so
 * set-user-ID and set-group-ID are lost unless @alone. */
int node_make_special(struct node *n, mode_t type, dev_t dev);

/* Another name for what is called @name in @dirfd. -EISDIR for a folder. */
int node_make_link(struct node *n, int dirfd, const char *name);

/* Removes what has the name, if anything has. */
int node_make_way(struct node *n);

/* Marks the name as deleted below, unless this layer has it itself: then a folder is to be opaque
 * (*ret_opaque), and of anything else nothing below can be seen anyway. */
int node_make_whiteout(struct node *n, bool *ret_opaque);

#endif
