/*
 * Files and folders, named by a folder's descriptor and a path below it.
 *
 * Nothing here knows what a file means. All descriptors are close-on-exec.
 */
#ifndef SKIFF_BASE_FILE_H
#define SKIFF_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads @fd to its end. *ret is NUL-terminated (the NUL is not counted) and the caller's to free.
 * -EFBIG when there are more than @limit bytes. @ret_len may be NULL. */
int fd_read_all(int fd, size_t limit, char **ret, size_t *ret_len);

/* Writes all of it, however many calls that takes. 0 or a negative errno. */
int fd_write_all(int fd, const void *bytes, size_t n);

/* The same from the offset @at on. */
int fd_write_all_at(int fd, const void *bytes, size_t n, off_t at);

/* Opens @path below @dirfd for reading, and reads it as fd_read_all does. Only a regular file or a
 * file of procfs or sysfs is read: a FIFO or a device cannot make it wait. */
int file_read(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len,
              struct err *e);

/* One write() into a file that exists (a cgroup's, procfs's). */
int file_write(int dirfd, const char *path, const char *text, struct err *e);

enum file_flags {
    FILE_SYNC = 1 << 0, /* on disk, its name too, before returning: for what a person was told */
};

/* Puts a new file in place of @path in one step (temporary, rename): a reader sees the old or the
 * new content, never half of one. On failure the old one is still there. */
int file_replace(int dirfd, const char *path, const void *bytes, size_t n, mode_t mode,
                 unsigned flags, struct err *e);

/* mkdir -p: makes what is missing of @path with @mode (not subject to umask). */
int dir_make(int dirfd, const char *path, mode_t mode, struct err *e);

/* Says that the folders in @dirfd have nothing to do with each other: ext4 then gives each of them
 * and what is in it a part of the disk of its own (ioctl_iflags(2), FS_TOPDIR_FL). File systems
 * that know no such thing are left as they are. */
void dir_spread(int dirfd);

/* rm -r below @dirfd, never following a link, never crossing onto another mount. A name that is
 * not there is success. Immune to folders being swapped underneath: descends by descriptors. */
int dir_remove(int dirfd, const char *name, struct err *e);

/* A fresh descriptor on a folder: O_PATH when @path_only, else readable. Negative errno. */
int dir_open(int dirfd, const char *path, bool path_only, struct err *e);

/* As many descriptors as this process may have: for trees that are deep. Not for one that starts
 * others, who would inherit the limit. */
void fd_raise_limit(void);

/* Opens /dev/null on those of the descriptors 0, 1 and 2 that our caller has closed: what is opened
 * later must not become anybody's standard stream. Once, first thing in main. */
void fd_open_standard(void);

#endif
