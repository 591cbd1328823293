/*
 * Exec: one more process in a running container (runtime/exec.h), by Docker's rules.
 *
 * No monitor takes part. Whoever calls forks a tender, which makes the process, is its parent, owns
 * its pipes or the terminal's master end, carries its streams to the one client, and tells how it
 * ended. So any number run at a time, and none can hold up another, or the container.
 *
 *     caller                                 its tender (a child)
 *     exec_launch: may it, as whom ── fork ─► makes it, keeps a record while it runs
 *     client_carry                ◄─ frames ► carries
 *
 * When the tender is killed, so is the process. When the client ends, or is killed, it goes on.
 */
#ifndef SKIFF_ENGINE_EXEC_H
#define SKIFF_ENGINE_EXEC_H

#include "engine/engine.h"

#include <sys/types.h>

struct exec_request {
    char *const *args;   /* NULL-terminated */
    const json_t *env;   /* a list: "NAME=VALUE", or "NAME" to take one away; may be NULL */
    const char *user;    /* NULL: the container's */
    const char *workdir; /* NULL: the container's */
    bool privileged;     /* all capabilities */
    bool tty;
    bool open_stdin;              /* its input is a pipe or the terminal, and not the null device */
    bool detach;                  /* its output is nobody's */
    unsigned short rows, columns; /* of the terminal; 0: not known */
    int terminal; /* the caller's own, to be given back as it was if he is killed; -1: none */
};

/* Starts it in the container of @c. Returns the socket to the tender (frame.h; client.h): a STARTED
 * or FAILED frame comes first, and an exit status last. -ESRCH and -EPERM, with Docker's words:
 * the container is not running, or paused. */
int exec_launch(const struct engine *en, const struct container_record *c,
                const struct exec_request *request, struct err *e);

/* The same for a monitor that looks after its container by itself (health checks): it is not made
 * to wait. */
struct exec_probe {
    pid_t pid; /* a child of the caller, who waits for it: it ends as the process does, 0 to 255, */
    int pidfd; /* can be waited for here */
    int leash; /* once this is closed the process is killed, and @pid ends */
    int output; /* what it writes, standard output and error together; also why it could not be
                 * executed, the status being 125 to 127 then */
};
int exec_probe_start(const struct engine *en, const struct container_record *c,
                     const struct exec_request *request, struct exec_probe *ret, struct err *e);

#endif
