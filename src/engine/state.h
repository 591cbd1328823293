/*
 * What a container is doing: the kernel is asked first, then the file. A container whose lock is
 * free has no monitor, and so is not running, whatever its file says.
 *
 * The document is {"State": Docker's object, "StartTime": the first process's, "RestartCount": …,
 * "StoppedByUser": …, "LogError": why its last output is not in its log}. Its "Status" is one of
 * created, running, paused, restarting, exited.
 */
#ifndef SKIFF_ENGINE_STATE_H
#define SKIFF_ENGINE_STATE_H

#include "base/timestamp.h"
#include "engine/engine.h"

#include <stdint.h>
#include <sys/types.h>

/* ---- for who watches it ---- */

/* The state of a container that runs since now, for the @restarts-th time by its policy. The
 * caller's. NULL when memory ran out. */
json_t *state_running(pid_t pid, unsigned restarts);

/* It is published before its first process has set itself up: while it says so nobody can join it
 * yet. Once the program is executed: state_started, and publish it again. */
bool state_is_starting(const json_t *state);
void state_started(json_t *state);

/* How a life ended. */
struct state_end {
    int exit_code;
    bool oom_killed;
    const char *error;  /* NULL: none */
    bool by_user;       /* a person stopped it */
    bool never_started; /* it is still "created": its first start failed */
};

/* The state between two lives: @last with its end, to be started again. NULL when memory ran out.
 */
json_t *state_restarting(const json_t *last, const struct state_end *end);

/* Shows it to others: RUN/containers/ID/state.json. The folder is made with the first one. */
int state_publish(const struct engine *en, const char *id, json_t *state, struct err *e);

/* Writes how it ended into its own folder; @last (may be NULL) is the state before. On a full disk
 * it is kept in the run folder and the failure returned. */
int state_write_ended(const struct engine *en, const struct container_record *c, const json_t *last,
                      const struct state_end *end, struct err *e);

/* A watched container has ended: its state is written, then what says that it runs goes, the lock
 * and the kernel's hold last. */
void record_end(const struct engine *en, struct container_record *c, const json_t *last,
                const struct state_end *end);

/* The same for one whose end is on disk already, or that never began: nothing is written. */
void record_leave(const struct engine *en, struct container_record *c);

/* ---- for who finds it ---- */

/* Who holds the watcher's lock: a process that lives, nobody any more, or there is none. A negative
 * errno when it cannot be known: what runs must not be taken for what does not. */
enum state_holder { HOLDER_NONE, HOLDER_ALIVE, HOLDER_KILLED };
int state_holder(const struct engine *en, const char *id, struct err *e);

/* How it ended may have found no room on the disk, and is then kept in the run folder: moves it
 * where it belongs once there is room. Returns 1 when it was kept there, else 0. */
int state_settle(const struct engine *en, const struct container_record *c);

/* What was last published, whoever lives or not. -ENOENT: nothing. */
int state_published(const struct engine *en, const char *id, json_t **ret, struct err *e);

/* The whole document, with "NetworkSettings" (network_settings.h); the caller's. A container whose
 * monitor was killed is found here: *ret_orphan (may be NULL) tells, and its state is "exited",
 * 137. */
int state_read(const struct engine *en, const struct container_record *c, json_t **ret,
               bool *ret_orphan, struct err *e);

/* Of that what lists show: how it does and since when, and nothing of its network. */
int state_read_brief(const struct engine *en, const struct container_record *c, json_t **ret,
                     struct err *e);

/* Its first process, if the container runs: 0 otherwise. */
pid_t state_pid(const json_t *state);

#endif
