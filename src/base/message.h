/*
 * JSON values over a stream socket between two of our processes, each with a descriptor or without.
 *
 * On the wire: the text's length as four bytes, little end first, to which the descriptor is
 * attached (SCM_RIGHTS), and the text. The other end may be in a stranger's hands: lengths are
 * bounded, and descriptors that nobody asked for are closed.
 */
#ifndef SKIFF_BASE_MESSAGE_H
#define SKIFF_BASE_MESSAGE_H

#include "base/json.h"

enum { MESSAGE_MAX = 8 << 20 };

/* Sends @value, with a copy of @with_fd (-1: none). -EPIPE when nobody is there any more. */
int message_send(int socket_fd, const json_t *value, int with_fd, struct err *e);

/* Waits for the next one. Returns 1, or 0 at the end of the stream. *ret_fd (close-on-exec) is
 * -EBADF when none came; NULL: none is wanted. An object, or -EPROTO. */
int message_receive(int socket_fd, json_t **ret, int *ret_fd, struct err *e);

#endif
