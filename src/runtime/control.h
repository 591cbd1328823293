/*
 * The wire between a container's init, while it sets itself up, and the process that made it: one
 * SOCK_SEQPACKET pair, one message a packet. What init says ends with READY or FAILED; an end
 * of file before either means that init was killed, never that all is well.
 *
 * The peer may be half inside a container: what arrives is checked for size and kind.
 */
#ifndef SKIFF_RUNTIME_CONTROL_H
#define SKIFF_RUNTIME_CONTROL_H

#include "base/err.h"

#include <stdint.h>

enum control_kind {
    CONTROL_PID = 1, /* stage: the container's first process is `number` */
    CONTROL_CONSOLE, /* init: the terminal's master end comes with this message */
    CONTROL_HOOKS,  /* init: its namespaces and mounts are there; waits for the hooks' CONTROL_GO */
    CONTROL_READY,  /* init: all is set up; waits for CONTROL_GO */
    CONTROL_FAILED, /* init: the step of `number` failed, with errno and story; init is ending */
    CONTROL_GO,     /* maker: go on; after HOOKS, `number` is init's PID as the maker sees it */
};

/* Where a start failed: decides the exit status that a person sees. */
enum control_step {
    STEP_SETUP = 0, /* the container could not be made */
    STEP_EXEC,      /* it could, but its program cannot be executed */
};

enum { CONTROL_TEXT_MAX = 4096 };

struct control_message {
    enum control_kind kind;
    int number;                  /* a PID or a step, by kind */
    int code;                    /* a positive errno for FAILED */
    char text[CONTROL_TEXT_MAX]; /* NUL-terminated */
    int fd;                      /* the receiver's to close; -EBADF when none came */
};

/* A connected pair, close-on-exec. */
int control_pair(int ret_fds[2]);

/* Sends one message; @fd -1 sends none along. @text may be NULL and is cut to size. 0 or -errno. */
int control_send(int sock, enum control_kind kind, int number, int code, const char *text, int fd);

/* The failure that a CONTROL_FAILED tells: its negative errno, with the story. */
int control_failure(const struct control_message *m, struct err *e);

/* Waits for one message. 1 when one came, 0 at the end of file, -EBADMSG for one that is none. */
int control_receive(int sock, struct control_message *ret);

#endif
