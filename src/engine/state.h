/*
 * What a container is doing: the kernel is asked first, then the file. A container whose lock is
 * free has no monitor, and so is not running, whatever its file says.
 *
 * The state is Docker's object "State", and beside it "NetworkSettings" while it runs.
 */
#ifndef SKIFF_ENGINE_STATE_H
#define SKIFF_ENGINE_STATE_H

#include "base/timestamp.h"
#include "engine/engine.h"

#include <stdint.h>
#include <sys/types.h>

/* Writes the state of a container that runs, for others to read: RUN/containers/ID/state.json. */
int state_write_running(const struct engine *en, const char *id, pid_t pid, const json_t *network,
                        struct err *e);

/* Writes how it ended into its own folder, and takes the running state away. */
int state_write_ended(const struct engine *en, const struct container_record *c, int exit_code,
                      bool oom_killed, const char *error, struct err *e);

/* How it ended may have found no room on the disk, and is then kept in the run folder: moves it
 * where it belongs once there is room. Returns 1 when it was kept there, else 0. */
int state_settle(const struct engine *en, const struct container_record *c);

/* A watched container has ended: its state is written, then what says that it runs goes, the lock
 * last. */
void record_end(const struct engine *en, struct container_record *c, int exit_code,
                bool oom_killed);

/* The whole document {"State": …, "NetworkSettings": …}; the caller's. A container whose monitor
 * was killed is found here: *ret_orphan (may be NULL) tells, and its state is "exited", 137. */
int state_read(const struct engine *en, const struct container_record *c, json_t **ret,
               bool *ret_orphan, struct err *e);

/* Its first process, if the container runs: 0 otherwise. */
pid_t state_pid(const json_t *state);

#endif
