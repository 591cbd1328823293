/*
 * The two ends of a copy, as `docker cp` takes them: what SRC and DST mean, by what stands there.
 *
 * A path is looked up once, and is a descriptor from then on. In a container "/" is its root, links
 * are followed inside of it, and a path that does not begin with a slash begins there too.
 *
 * Source: docs.docker.com/reference/cli/docker/container/cp, "Extended description".
 */
#ifndef SKIFF_ENGINE_COPY_PATH_H
#define SKIFF_ENGINE_COPY_PATH_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* One side. */
struct copy_side {
    int root;         /* a container's root folder; AT_FDCWD: the host */
    const char *name; /* of the container, for messages; NULL: the host */
};

struct copy_source {
    int folder;    /* a folder, readable; -EBADF: something else */
    int dir;       /* the folder it lies in; -EBADF where only its content is meant */
    char *name;    /* in there */
    char *base;    /* what it is called in a folder that it is copied into */
    bool contents; /* SRC/. : what is in the folder, not the folder */
    struct stat st;
};
#define COPY_SOURCE_INIT ((struct copy_source){.folder = -EBADF, .dir = -EBADF})

/* With @follow a link at the end of the path is followed too. -ENOENT in Docker's words. */
int copy_source_find(const struct copy_side *side, const char *path, bool follow,
                     struct copy_source *ret, struct err *e);
void copy_source_release(struct copy_source *s);

struct copy_target {
    int dir;    /* the folder to copy into, readable */
    char *name; /* what the copy is called there; NULL: the content of the source goes there */
};
#define COPY_TARGET_INIT ((struct copy_target){.dir = -EBADF})

/* Where the source goes. -ENOENT: a folder that must be there is not; -ENOTDIR: a folder would have
 * to take the place of a file. */
int copy_target_find(const struct copy_side *side, const char *path,
                     const struct copy_source *source, struct copy_target *ret, struct err *e);

/* The folder @path, for an archive to be unpacked in. */
int copy_target_folder(const struct copy_side *side, const char *path, struct copy_target *ret,
                       struct err *e);
void copy_target_release(struct copy_target *t);

/* Splits "CONTAINER:PATH". *ret_container is NULL for a path of the host (absolute, or beginning
 * with
 * ".", or without a colon), else the caller's; *ret_path points into @arg. */
int copy_argument(const char *arg, char **ret_container, const char **ret_path);

/* @path from "/" on, without "." and empty parts, and without what ".." takes back, by its letters
 * alone; a slash, or "/.", at its end stays, for it says that a folder is meant. Fresh; NULL: out
 * of memory. Pure. */
char *copy_path_clean(const char *path);

/* The same, below the working directory on the host. */
char *copy_path_absolute(const struct copy_side *side, const char *path);

#endif
