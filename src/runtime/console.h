/*
 * The container's terminal: a pair in the container's own devpts. The master end leaves the
 * container as a descriptor; the slave becomes the payload's controlling terminal.
 */
#ifndef SKIFF_RUNTIME_CONSOLE_H
#define SKIFF_RUNTIME_CONSOLE_H

#include "base/err.h"

#include <sys/types.h>

/* Opens a new pair in the devpts at /dev/pts below @root_fd. Both ends by descriptor alone: the
 * slave by TIOCGPTPEER (ioctl_tty(2), Linux 4.13), never by its name (CVE-2025-52565). */
int console_open(int root_fd, int *ret_master, int *ret_slave, struct err *e);

/* Sets the window's size; a zero is left as it is. */
int console_resize(int tty_fd, unsigned short rows, unsigned short columns);

/* Makes @slave the controlling terminal of the calling process, a session leader without one, and
 * its standard input, output and error. Gives it to @uid. */
int console_take(int slave, uid_t uid, struct err *e);

#endif
