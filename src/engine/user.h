/*
 * Users and groups by the files of an image: /etc/passwd and /etc/group inside a root file system,
 * read as the hostile text that they are (never by the C library, which would load code for it).
 */
#ifndef SKIFF_ENGINE_USER_H
#define SKIFF_ENGINE_USER_H

#include "base/err.h"

#include <jansson.h>
#include <sys/types.h>

struct user {
    uid_t uid;
    gid_t gid;
    char *home;    /* "/" when passwd has no line for the uid */
    gid_t *groups; /* supplementary, the primary one first */
    size_t n_groups;
};

/* Resolves Docker's "user", "uid", "user:group", "uid:gid" ("" is root), and the names and numbers
 * of the JSON list @group_add. Digits are always a number, whatever passwd calls by them
 * (CVE-2016-3697); above 2^31-1 they are refused (CVE-2024-40635). Without a group of its own the
 * user's supplementary groups are taken from /etc/group, and the primary group is one of them
 * (CVE-2022-36109). -EINVAL when a name is in no file. */
int user_resolve(int root_fd, const char *spec, const json_t *group_add, struct user *ret,
                 struct err *e);

void user_release(struct user *u);
#define _cleanup_user_ _cleanup_(user_release)

#endif
