/*
 * What others can know of an exec while it runs: RUN/containers/ID/execs/EXECID, a JSON object that
 * is locked (flock) by the process that looks after it, so that a free lock says that it was
 * killed, and the exec with it.
 *
 *     {"ID": …, "Pid": 4711, "StartTime": …, "Command": ["sh", "-c", "…"]}
 */
#ifndef SKIFF_ENGINE_EXEC_RECORD_H
#define SKIFF_ENGINE_EXEC_RECORD_H

#include "engine/engine.h"

struct exec_record {
    char id[ID_LEN + 1];
    int dir; /* the folder execs */
    int fd;  /* holds the lock */
};
#define EXEC_RECORD_INIT ((struct exec_record){.dir = -EBADF, .fd = -EBADF})

/* Makes the record of the process @pid that executes @args (NULL-terminated) in the container @id.
 * It appears whole and locked. -ESRCH: the container does not run any more. */
int exec_record_make(const struct engine *en, const char *id, pid_t pid, char *const *args,
                     struct exec_record *ret, struct err *e);

/* Takes it away, if it was made. */
void exec_record_remove(struct exec_record *r);

/* Those of the container @id that run now: a list of the objects above, the oldest first; the
 * caller's. What killed processes left is removed. */
int exec_records_read(const struct engine *en, const char *id, json_t **ret, struct err *e);

#endif
