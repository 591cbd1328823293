/*
 * A foreground run: carries the terminal's bytes and the caller's signals to the container until it
 * ends.
 */
#ifndef SKIFF_OCI_RELAY_H
#define SKIFF_OCI_RELAY_H

#include "base/err.h"

#include <sys/types.h>

/* Waits for child @pid, forwarding the signals that reach us. @console >= 0: copies between it and
 * our standard input and output, and follows our window's size. Returns the exit status (128+n for
 * a signal) once all output is written, or a negative errno. */
int relay_until_end(pid_t pid, int pidfd, int console, struct err *e);

#endif
