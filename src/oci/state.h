/*
 * What skiff-oci keeps of a container between its commands: ROOT/ID/state.json, and the FIFO that
 * holds a created container back until it is started.
 *
 * Source: OCI runtime-spec runtime.md, "State". Whether it runs is asked of the kernel each time.
 */
#ifndef SKIFF_OCI_STATE_H
#define SKIFF_OCI_STATE_H

#include "base/json.h"

#include <stdint.h>
#include <sys/types.h>

struct state {
    char *id;
    int dir_fd; /* ROOT/ID */
    pid_t pid;
    uint64_t start_time; /* process_start_time of pid: names it for good */
    json_t *document;    /* state.json */
};
#define STATE_INIT ((struct state){.dir_fd = -EBADF})

/* Letters, digits and "_+-." and not "." or "..": what may be a folder's name. */
int state_check_id(const char *id, struct err *e);

/* Claims @id by making its folder: -EEXIST when it is taken. */
int state_claim(const char *root, const char *id, struct state *ret, struct err *e);

/* Opens what @id left: -ENOENT when there is no such container. */
int state_open(const char *root, const char *id, struct state *ret, struct err *e);

/* Writes state.json for the container's process @pid. */
int state_write(struct state *s, pid_t pid, const char *bundle, const char *cgroup_path,
                const json_t *annotations, struct err *e);

/* "creating", "created", "running" or "stopped". */
const char *state_status(const struct state *s);

/* Removes ROOT/ID. */
int state_remove(const char *root, const struct state *s, struct err *e);

void state_release(struct state *s);
#define _cleanup_state_ _cleanup_(state_release)

#endif
