/*
 * What skiff-oci keeps of a container between its commands: ROOT/ID/state.json, and the gate, a
 * FIFO that holds a created container back until it is started.
 *
 * The folder is locked (flock) while its container is made, so that one who finds it can tell a
 * container that is being made from what a killed maker left. Whether it runs is asked of the
 * kernel each time. Source: OCI runtime-spec runtime.md, "State".
 */
#ifndef SKIFF_OCI_STATE_H
#define SKIFF_OCI_STATE_H

#include "base/json.h"

#include <stdint.h>
#include <sys/types.h>

struct state {
    char *id;
    int dir_fd;          /* ROOT/ID */
    pid_t pid;           /* 0: none */
    uint64_t start_time; /* process_start_time of pid: names it for good */
    json_t *document;    /* what is, or is to be, in state.json; NULL: there is none */
};
#define STATE_INIT ((struct state){.dir_fd = -EBADF})

/* Letters, digits and "_+-." and not "." or "..": what may be a folder's name. */
int state_check_id(const char *id, struct err *e);

/* Claims @id by making its folder, and locks it: -EEXIST when it is taken. */
int state_claim(const char *root, const char *id, struct state *ret, struct err *e);

/* Lets go of state_claim's lock: the container is made. */
void state_settle(struct state *s);

/* Opens what @id left: -ENOENT when there is no such container. */
int state_open(const char *root, const char *id, struct state *ret, struct err *e);

/* Notes the control group before it is made: whoever finds that we were killed in the middle can
 * take it away. */
int state_note_cgroup(const struct state *s, const char *path, struct err *e);

/* The control group that was noted, the caller's to free; NULL: none was. */
char *state_cgroup(const struct state *s);

/* Sets up what state_write writes, and what hooks read. @annotations and @hooks may be NULL. */
int state_describe(struct state *s, const char *bundle, const json_t *annotations,
                   const json_t *hooks, struct err *e);

/* Writes state.json for the container's process @pid. */
int state_write(struct state *s, pid_t pid, struct err *e);

/* Makes the gate; returns a descriptor that holds it open on both sides. */
int state_make_gate(const struct state *s, struct err *e);

/* Lets the container through, once: from then on it counts as running. Waits until its program is
 * executed, or its first process is gone. */
int state_open_gate(const struct state *s, struct err *e);

/* "creating", "created", "running" or "stopped". */
const char *state_status(const struct state *s);

/* Removes ROOT/ID. */
int state_remove(const char *root, const struct state *s, struct err *e);

void state_release(struct state *s);
#define _cleanup_state_ _cleanup_(state_release)

#endif
