/*
 * Volumes: folders that belong to no container, and stay when one goes.
 *
 *     ROOT/volumes/NAME/volume.json  Name, Driver, CreatedAt, Labels, Options; Project with a quota
 *     ROOT/volumes/NAME/_data        what containers see; nobody else can get there (0701 above)
 *     ROOT/volumes/.new-…            one that is being made
 *
 * A volume appears whole: it is made under another name, and rename(2) to its own is the claim,
 * which fails when there is one.
 *
 * Used is a volume that stands in the "Mounts" of any container's document, running or not. Its
 * lock, a flock on its folder, lies between those who begin to use it and those who remove it:
 *
 *   user     takes it shared, sees that the folder still has its name, writes his document, lets go
 *   remover  takes it alone, sees the same, reads all documents, and takes the folder away if none
 *            names it
 *
 * So whoever is removed had no user, and whoever is used cannot have been removed in between. The
 * lock is held for moments, except by who fills the volume (volume_fill.h), and then alone.
 */
#ifndef SKIFF_ENGINE_VOLUME_H
#define SKIFF_ENGINE_VOLUME_H

#include "engine/engine.h"

#define VOLUME_DATA      "_data"
#define VOLUME_ANONYMOUS "com.docker.volume.anonymous" /* the label of those that nobody named */

struct volume {
    char *name;
    int dir_fd;       /* ROOT/volumes/NAME; the lock, where one is held, is this descriptor's */
    json_t *document; /* volume.json */
};
#define VOLUME_INIT ((struct volume){.dir_fd = -EBADF})

void volume_release(struct volume *v);
#define _cleanup_volume_ _cleanup_(volume_release)

/* What is asked of a new volume. */
struct volume_request {
    const char *name;   /* NULL: 64 hex digits, and the label of an anonymous one */
    const char *driver; /* NULL and "" are "local", the only one */
    json_t *labels;     /* objects of strings, or NULL; borrowed */
    json_t *options;
    bool sync;       /* on disk before returning */
    bool must_exist; /* -ENOENT when there is none */
};

/* Docker's: [a-zA-Z0-9][a-zA-Z0-9_.-]+. -EINVAL says what was wrong. */
int volume_check_name(const char *name, struct err *e);

/* Checks the options of the local driver: type, device, o, size. -EINVAL for others, or for some
 * without those that they need. */
int volume_check_options(const json_t *options, struct err *e);

/* Finds the volume of that name or makes it, and holds its lock shared: it cannot be removed until
 * *ret is released, and then only if no document names it. -EEXIST when there is one, and it was
 * made with other options than those asked for. */
int volume_use(const struct engine *en, const struct volume_request *q, struct volume *ret,
               struct err *e);

/* Opens without a lock. -ENOENT: "get NAME: no such volume". */
int volume_open(const struct engine *en, const char *name, struct volume *ret, struct err *e);

/* Takes the lock anew in @mode (LOCK_SH, LOCK_EX, with LOCK_NB). -ENOENT when the volume was
 * removed meanwhile, -EWOULDBLOCK when somebody else holds it. */
int volume_lock(const struct engine *en, const struct volume *v, int mode);

/* The names of all, in no order. */
int volume_list(const struct engine *en, struct strv *ret, struct err *e);

/* Where its data lies, as a path. Fresh; NULL when memory ran out. */
char *volume_mountpoint(const struct engine *en, const char *name);

/* Docker's GET /volumes/NAME; the caller's. NULL when memory ran out. */
json_t *volume_describe(const struct engine *en, const struct volume *v);

/* Whether it has the label of those that nobody named. */
bool volume_is_anonymous(const struct volume *v);

/* Takes away what those left who were killed while they made one. */
void volume_sweep(const struct engine *en);

/* Removes the volume, alone held and without users: out of sight by one rename, then its space. Its
 * quota's project is given back. */
int volume_remove_held(const struct engine *en, struct volume *v, struct err *e);

#endif
