/*
 * Where the caller of `create` wants the terminal: a Unix socket that gets its master end.
 *
 * Source: runc, docs/terminals.md, "Detached".
 */
#ifndef SKIFF_OCI_CONSOLE_SOCKET_H
#define SKIFF_OCI_CONSOLE_SOCKET_H

#include "base/err.h"

/* Connects to the socket @path and sends @master along with one message. */
int console_socket_send(const char *path, int master, struct err *e);

#endif
