/*
 * The engine: where images, networks and the runtime meet. This header is its ground: the two
 * folders that are its database, and a container's place in them.
 *
 *     ROOT/images, layers            image/'s
 *     ROOT/containers/ID/            config.json (an OCI bundle), container.json (Docker's inspect
 *                                    document without its state), state.json once it has ended,
 *                                    upper/ work/ rootfs/ hosts hostname resolv.conf
 *     ROOT/names/NAME                a symbolic link to the ID: the claim of a name
 *     ROOT/removed/ID                what is being deleted: out of sight, its space not given back
 *                                    yet
 *     ROOT/base/                      the layer below all images': mount points
 *     ROOT/cache/                    compiled filters
 *     RUN/locks/ID                   locked (flock) by whoever makes or watches the container, so
 *                                    a free lock says that its holder was killed
 *     RUN/containers/ID/state.json   the state while it lives
 *
 * What belongs to the machine and not to a root, such as the bridge and its leases, is network/'s.
 */
#ifndef SKIFF_ENGINE_ENGINE_H
#define SKIFF_ENGINE_ENGINE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>

enum { ID_LEN = 64, SHORT_ID_LEN = 12 };

struct engine {
    char *root, *run;    /* absolute paths */
    int root_fd, run_fd; /* their folders */
    int containers_fd;   /* ROOT/containers */
    const char *libexec; /* where skiff-init and skiff-image are; not owned */
};
#define ENGINE_INIT ((struct engine){.root_fd = -EBADF, .run_fd = -EBADF, .containers_fd = -EBADF})

/* Opens both folders, made with mode 0710 (0700 for RUN) when they are missing. -EACCES or -EPERM
 * say that root's rights are needed. @root and @run may be relative. */
int engine_open(const char *root, const char *run, struct engine *ret, struct err *e);
void engine_release(struct engine *en);
#define _cleanup_engine_ _cleanup_(engine_release)

/* A container as it is on disk. */
struct container_record {
    char id[ID_LEN + 1];
    int dir_fd;       /* ROOT/containers/ID */
    int lock_fd;      /* held lock, by whoever made it; -EBADF for readers */
    int hold_fd;      /* its folder once more: HOLD_LIFE and, until it runs, the change lock */
    int restart_fd;   /* and once more: HOLD_RESTART, in who restarts it */
    json_t *document; /* container.json: Docker's inspect fields but State, NetworkSettings */
};
#define CONTAINER_RECORD_INIT                                                                      \
    ((struct container_record){                                                                    \
        .dir_fd = -EBADF, .lock_fd = -EBADF, .hold_fd = -EBADF, .restart_fd = -EBADF})

/* A fresh ID: 64 random hexadecimal digits, and a NUL. */
int id_new(char ret[ID_LEN + 1], struct err *e);

/* Makes an empty record under a fresh ID, held and locked in every way. Nothing of it is seen by
 * others until its name is claimed and its document written. */
int record_new(const struct engine *en, struct container_record *ret, struct err *e);

/* Claims @name for it (checked: Docker's charset), or a free adjective_noun when NULL; the name is
 * written into the document as "/NAME". -EEXIST names who has it. */
int record_claim_name(const struct engine *en, struct container_record *c, const char *name,
                      struct err *e);

/* Writes container.json, and reads it again into memory nowhere: the document is @c's own. */
int record_save(struct container_record *c, bool sync, struct err *e);

/* Reads the document again, which others may have changed. */
int record_reload(struct container_record *c, struct err *e);

/* Takes the watcher's lock of a container that nobody watches. -EBUSY: somebody does. */
int record_watch(const struct engine *en, struct container_record *c, struct err *e);

/* Gives it back, and what else is held of it: nobody watches it now. */
void record_unwatch(const struct engine *en, struct container_record *c);

/* Takes @c another name (claimed at once; its old one goes when the document is written). */
int record_rename(const struct engine *en, struct container_record *c, const char *name,
                  struct err *e);

/* Opens by name, by ID or by a prefix of one ID. -ENOENT: none; -EINVAL: a prefix of several. */
int record_find(const struct engine *en, const char *what, struct container_record *ret,
                struct err *e);

/* The name that is nearest to @what, for those who were told that there is no such container; the
 * caller's to free, NULL when none is near enough. */
char *record_nearest(const struct engine *en, const char *what);

/* The same for a container whose document cannot be read, without it: to be removed. */
int record_find_broken(const struct engine *en, const char *what, struct container_record *ret,
                       struct err *e);

/* Opens by whole ID. */
int record_open(const struct engine *en, const char *id, struct container_record *ret,
                struct err *e);

/* The same with those members alone of its document that @keys names (json_read_some), beside what
 * every document has: to be looked at, never to be saved. */
int record_open_some(const struct engine *en, const char *id, const char *const keys[],
                     struct container_record *ret, struct err *e);

/* Takes it away: its folder (into ROOT/removed, by one rename), its name, its run-time folder, and
 * the lock last. From then on there is no such container, and only its disk space is left. */
int record_hide(const struct engine *en, struct container_record *c, struct err *e);

/* Gives that space back; that of its log not while somebody reads it (HOLD_LOG): he does it then.
 */
int record_sweep(const struct engine *en, const char *id, struct err *e);

/* Both. */
int record_remove(const struct engine *en, struct container_record *c, struct err *e);

/* The same for what is found in ROOT/removed: whoever took it away was killed, or is at it. */
int record_resume_removal(const struct engine *en, const char *id, struct err *e);

void record_release(struct container_record *c);
#define _cleanup_record_ _cleanup_(record_release)

/* The name without its slash. */
const char *record_name(const struct container_record *c);

/* The IDs of all containers, in no order. */
int record_list(const struct engine *en, struct strv *ret, struct err *e);

#endif
