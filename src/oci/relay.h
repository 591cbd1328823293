/*
 * A foreground run: carries the terminal's bytes and the caller's signals to the container until it
 * ends.
 */
#ifndef SKIFF_OCI_RELAY_H
#define SKIFF_OCI_RELAY_H

#include "base/err.h"

#include <sys/types.h>

/* Blocks the caller's signals, but those that a fault raises, and returns a signalfd of them. */
int relay_block_signals(struct err *e);

/* Waits for child @pid, forwarding what comes from @signals (relay_block_signals). @console >= 0:
 * copies between it and our standard input and output, and follows our window's size. Returns the
 * exit status (128+n for a signal) once all output is written, or a negative errno. */
int relay_until_end(pid_t pid, int pidfd, int signals, int console, struct err *e);

#endif
