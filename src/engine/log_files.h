/*
 * The files of a container's log: "log" is written, "log.1" is the one before it, "log.2" older.
 *
 * They change their names while they are read. A reader holds the file that he is at by a shared
 * flock, and finds its neighbours by where it stands now: the writer only ever moves files up, the
 * oldest first, so a search from "log" upwards cannot miss one. What somebody holds, and all that
 * is newer, the writer keeps beyond the number of files that was asked for, up to a limit.
 */
#ifndef SKIFF_ENGINE_LOG_FILES_H
#define SKIFF_ENGINE_LOG_FILES_H

#include <stdbool.h>

/* Opens "log" (@number 0) or "log.@number" with @flags, never through a link. -errno. */
int log_files_open(int dir_fd, unsigned number, int flags);

/* Renames "log.@number" to the next number, in place of what has that. 0 or -errno. */
int log_files_shift(int dir_fd, unsigned number);

/* Deletes "log.@number" unless a reader holds it (-EBUSY) or @even_if_held. 0 or -errno. */
int log_files_delete(int dir_fd, unsigned number, bool even_if_held);

/* The highest number there is; 0 also when there is nothing. Negative errno. */
int log_files_highest(int dir_fd);

/* The newest and the oldest, held. -ENOENT when there is none. */
int log_files_newest(int dir_fd);
int log_files_oldest(int dir_fd);

/* The file after (newer than) and before the one that @fd holds, held too. -ENOENT: there is none
 * (yet). *ret_gap, which may be NULL, says that @fd's own file is deleted and others may be, too:
 * then the next is the oldest there is. */
int log_files_next(int dir_fd, int fd, bool *ret_gap);
int log_files_previous(int dir_fd, int fd);

#endif
