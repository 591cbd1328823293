/*
 * Limits of disk space by project quotas: files of a folder belong to a project, a number, and the
 * file system counts and limits what a project has. ext4 and xfs have them.
 *
 * Source: ioctl_xfs_fsgetxattr(2), quotactl_fd(2), ext4(5) "prjquota", xfs(5).
 *
 * ROOT/projects/N is the claim of a project's number, a symbolic link to its owner, below ROOT.
 * Numbers are drawn at random and must not have anything yet, for others may use some of the same
 * file system. One whose owner is gone is collected when the next is claimed.
 */
#ifndef SKIFF_ENGINE_PROJECT_H
#define SKIFF_ENGINE_PROJECT_H

#include "engine/engine.h"

#include <stdint.h>

/* "10g", "512m": bytes, from 1 on. -EINVAL. */
int project_parse_size(const char *text, long long *ret, struct err *e);

/* Claims a project with at most @bytes for the still empty folder @dir_fd: all that is made in it
 * belongs to it. @owner is what is to have it, a path below ROOT, which need not be there until
 * *ret_hold (a descriptor, the caller's) is closed. -ENOTSUP: the file system has no such quotas,
 * and what to do about it. */
int project_claim(const struct engine *en, int dir_fd, const char *owner, long long bytes,
                  uint32_t *ret_id, int *ret_hold, struct err *e);

/* Puts one more empty folder into it. */
int project_join(int dir_fd, uint32_t id, struct err *e);

/* Gives it back, on the file system of @fd. */
void project_release(const struct engine *en, int fd, uint32_t id);

#endif
