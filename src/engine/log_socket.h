/*
 * Datagrams to a daemon of the machine that may be slow, stuck or gone, and is not waited for: a
 * daemon that takes nothing for a twentieth of a second gets the next message when it takes one
 * again, and what comes meanwhile is lost.
 */
#ifndef SKIFF_ENGINE_LOG_SOCKET_H
#define SKIFF_ENGINE_LOG_SOCKET_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct log_socket {
    int fd;
    char *path; /* owned */
    int error;  /* a positive errno while messages are lost */
    uint64_t lost;
};

int log_socket_open(struct log_socket *s, const char *path, struct err *e);
void log_socket_close(struct log_socket *s);

/* Sends one message: 0; -EMSGSIZE (and -ENOBUFS) when it is too big for one; else a negative errno,
 * and it is lost. */
int log_socket_send(struct log_socket *s, const struct msghdr *message);

#endif
